//! Draws of a model's sites, and their summaries.

use crate::layout::SiteKind;
use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Draws of the sites of a model: latent variables, deterministic sites, and data drawn anew.
///
/// Reading them from a file fails unless every site has as many values as the draws of its shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Draws {
    pub(crate) sites: Vec<SiteDraws>,
    pub(crate) n: usize,
}

/// What a file holds.
#[derive(Deserialize)]
struct Unchecked {
    sites: Vec<SiteDraws>,
    n: usize,
}

impl TryFrom<Unchecked> for Draws {
    type Error = String;

    fn try_from(Unchecked { sites, n }: Unchecked) -> Result<Self, String> {
        for SiteDraws { name, shape, values, .. } in &sites {
            let (rows, cols) = *shape;
            let want = rows.checked_mul(cols).and_then(|size| size.checked_mul(n));
            if want != Some(values.len()) {
                let got = values.len();
                return Err(format!("site {name:?} has {got} values for {n} draws of {rows} × {cols}"));
            }
        }
        Ok(Self { sites, n })
    }
}

/// Draws of one site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteDraws {
    /// The site's name.
    pub name: String,
    /// What it is.
    pub kind: SiteKind,
    /// Rows and columns of one draw.
    pub shape: (usize, usize),
    /// Draw after draw, each column by column.
    #[serde(with = "probity_autodiff::serde_float")]
    pub values: Vec<f64>,
}

impl SiteDraws {
    /// The number of draws.
    pub fn len(&self) -> usize {
        self.values.len() / self.size().max(1)
    }

    /// Whether there are no draws.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn size(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    /// Draw number `i`.
    ///
    /// # Panics
    /// If there are fewer draws.
    pub fn draw(&self, i: usize) -> DMatrix<f64> {
        let n = self.size();
        DMatrix::from_column_slice(self.shape.0, self.shape.1, &self.values[i * n..(i + 1) * n])
    }

    /// All draws of entry `e`, counted column by column.
    pub fn entry(&self, e: usize) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().skip(e).step_by(self.size().max(1)).copied()
    }

    fn per_entry(&self, f: impl Fn(usize) -> f64) -> DMatrix<f64> {
        DMatrix::from_iterator(self.shape.0, self.shape.1, (0..self.size()).map(f))
    }

    /// The mean of every entry.
    pub fn mean(&self) -> DMatrix<f64> {
        self.per_entry(|e| self.entry(e).sum::<f64>() / self.len() as f64)
    }

    /// The standard deviation of every entry (n - 1); NaN for one draw.
    pub fn sd(&self) -> DMatrix<f64> {
        let mean = self.mean();
        let n = self.len() as f64;
        self.per_entry(|e| (self.entry(e).map(|x| (x - mean[e]).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
    }

    /// The quantile of every entry, interpolated between order statistics (type 7 of Hyndman, Fan 1996).
    pub fn quantile(&self, p: f64) -> DMatrix<f64> {
        self.per_entry(|e| {
            let mut sorted: Vec<f64> = self.entry(e).collect();
            sorted.sort_by(f64::total_cmp);
            quantile_of_sorted(&sorted, p)
        })
    }
}

/// The quantile of sorted numbers; NaN for none.
pub(crate) fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = p.clamp(0.0, 1.0) * last as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(last);
    let (below, above, part) = (sorted[low], sorted[high], at - low as f64);
    let gap = above - below;
    if gap.is_finite() {
        below + gap * part
    } else if below == above || part == 0.0 {
        below
    } else {
        // The difference overflows, or one of the two is infinite.
        below * (1.0 - part) + above * part
    }
}

impl Draws {
    /// The number of draws.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are no draws.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// All sites.
    pub fn sites(&self) -> &[SiteDraws] {
        &self.sites
    }

    /// The site of this name.
    pub fn get(&self, name: &str) -> Option<&SiteDraws> {
        self.sites.iter().find(|s| s.name == name)
    }

    /// Mean, standard deviation and quantiles of every entry of every latent and deterministic site.
    pub fn summary(&self) -> Summary {
        let mut rows = Vec::new();
        for site in self.sites.iter().filter(|s| s.kind != SiteKind::Observed) {
            let (mean, sd) = (site.mean(), site.sd());
            let [low, middle, high] = [0.05, 0.5, 0.95].map(|p| site.quantile(p));
            for e in 0..site.size() {
                let name = match site.shape {
                    (1, 1) => site.name.clone(),
                    (_, 1) | (1, _) => format!("{}[{e}]", site.name),
                    (r, _) => format!("{}[{}, {}]", site.name, e % r, e / r),
                };
                let quantiles = (low[e], middle[e], high[e]);
                rows.push(SummaryRow { name, mean: mean[e], sd: sd[e], quantiles });
            }
        }
        Summary { rows }
    }
}

impl std::ops::Index<&str> for Draws {
    type Output = SiteDraws;

    /// The site of this name.
    ///
    /// # Panics
    /// If there is none; the message lists the names.
    fn index(&self, name: &str) -> &SiteDraws {
        match self.get(name) {
            Some(site) => site,
            None => {
                let names: Vec<_> = self.sites.iter().map(|s| s.name.as_str()).collect();
                panic!("no site {name:?} among the draws; there are: {}", names.join(", "))
            }
        }
    }
}

/// One number's posterior in figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// The site, with the position of the entry.
    pub name: String,
    /// Mean.
    #[serde(with = "probity_autodiff::serde_float")]
    pub mean: f64,
    /// Standard deviation.
    #[serde(with = "probity_autodiff::serde_float")]
    pub sd: f64,
    /// The 5 %, 50 % and 95 % quantiles.
    #[serde(with = "probity_autodiff::serde_float")]
    pub quantiles: (f64, f64, f64),
}

/// A table of posterior figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its rows, in the order of the sites.
    pub rows: Vec<SummaryRow>,
}

impl Summary {
    /// Rows shown when printed.
    const SHOWN: usize = 40;
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.rows[..self.rows.len().min(Self::SHOWN)];
        let width = shown.iter().map(|r| r.name.chars().count()).max().unwrap_or(4).max(4);
        writeln!(
            f,
            "{:width$} {:>10} {:>10} {:>10} {:>10} {:>10}",
            "site", "mean", "sd", "5 %", "50 %", "95 %"
        )?;
        for SummaryRow { name, mean, sd, quantiles: (a, b, c) } in shown {
            writeln!(f, "{name:width$} {mean:>10.4} {sd:>10.4} {a:>10.4} {b:>10.4} {c:>10.4}")?;
        }
        if shown.len() < self.rows.len() {
            writeln!(f, "... and {} more", self.rows.len() - shown.len())?;
        }
        Ok(())
    }
}
