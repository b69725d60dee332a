//! Draws of a model's sites, and their summaries.

use crate::dims::{Dimension, entry_name};
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
    /// What its rows and columns are, if they have names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dims: Vec<Dimension>,
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

    /// The name of entry `e`, counted column by column: `alpha[3]`, `alpha[county=Aitkin]`.
    pub fn entry_name(&self, e: usize) -> String {
        entry_name(&self.name, self.shape, &self.dims, e)
    }

    /// The entry of this label along the only dimension, or along the first of two (then the first
    /// column).
    pub fn position(&self, label: &str) -> Option<usize> {
        self.dims.first()?.coords.iter().position(|c| c == label)
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

    /// The quantile of every entry, interpolated between order statistics (type 7 of Hyndman, Fan
    /// 1996).
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

    /// Mean, standard deviation and quantiles of every entry of every latent and deterministic
    /// site.
    pub fn summary(&self) -> Summary {
        self.summary_of(usize::MAX)
    }

    /// As `summary`, of the first entries of every site.
    pub(crate) fn summary_of(&self, first: usize) -> Summary {
        let (mut rows, mut left_out) = (Vec::new(), Vec::new());
        for site in self.sites.iter().filter(|s| s.kind != SiteKind::Observed) {
            let shown = site.size().min(first);
            for e in 0..shown {
                let name = site.entry_name(e);
                let mut sorted: Vec<f64> = site.entry(e).collect();
                let n = sorted.len() as f64;
                let mean = sorted.iter().sum::<f64>() / n;
                let sd = (sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
                sorted.sort_by(f64::total_cmp);
                let [low, middle, high] = [0.05, 0.5, 0.95].map(|p| quantile_of_sorted(&sorted, p));
                rows.push(SummaryRow { name, mean, sd, quantiles: (low, middle, high) });
            }
            if shown < site.size() {
                left_out.push((rows.len(), site.name.clone(), site.size() - shown));
            }
        }
        Summary { rows, left_out }
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its rows, in the order of the sites.
    pub rows: Vec<SummaryRow>,
    /// After so many rows, the sites of which only the first entries are in the table, and how many
    /// are not.
    #[serde(default)]
    left_out: Vec<(usize, String, usize)>,
}

impl Summary {
    /// Rows that are shown whole when printed.
    pub(crate) const SHOWN: usize = 40;
    /// The entries that are shown of every site where there are more.
    pub(crate) const FIRST: usize = 8;

    /// The site of a row: its name without the position of the entry.
    fn site(row: &SummaryRow) -> &str {
        if row.name.ends_with(']') {
            row.name.split_once('[').map_or(&row.name, |(site, _)| site)
        } else {
            &row.name
        }
    }
}

/// A number in four significant digits: as it is where that takes little room, else with an
/// exponent.
pub(crate) fn significant(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    // After rounding: 9.9999 has one digit more.
    let exponent =
        format!("{size:.3e}").split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    match exponent {
        -3..=5 => format!("{x:.*}", (3 - exponent).clamp(0, 6) as usize),
        _ => format!("{x:.3e}"),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.rows.len() <= Self::SHOWN;
        // The rows to show, and where rows are left out how many of which site.
        let (mut shown, mut gaps) = (Vec::new(), self.left_out.clone());
        let mut start = 0;
        while start < self.rows.len() {
            let site = Self::site(&self.rows[start]);
            let same = self.rows[start..].iter().take_while(|r| Self::site(r) == site).count();
            let first = if whole { same } else { same.min(Self::FIRST) };
            shown.extend(start..start + first);
            if first < same {
                match gaps.iter_mut().find(|(after, ..)| *after == start + same) {
                    Some((after, _, more)) => {
                        *more += same - first;
                        *after = start + first;
                    }
                    None => gaps.push((start + first, site.to_string(), same - first)),
                }
            }
            start += same;
        }
        let width = shown.iter().map(|r| self.rows[*r].name.chars().count()).max().unwrap_or(4).max(4);
        let [mean, sd, low, middle, high] = ["mean", "sd", "5 %", "50 %", "95 %"];
        writeln!(f, "{:width$} {mean:>10} {sd:>10} {low:>10} {middle:>10} {high:>10}", "site")?;
        for row in shown {
            let SummaryRow { name, mean, sd, quantiles: (a, b, c) } = &self.rows[row];
            let [mean, sd, a, b, c] = [mean, sd, a, b, c].map(|x| significant(*x));
            writeln!(f, "{name:width$} {mean:>10} {sd:>10} {a:>10} {b:>10} {c:>10}")?;
            if let Some((_, site, more)) = gaps.iter().find(|(after, ..)| *after == row + 1) {
                writeln!(f, "... and {more} more of {site}")?;
            }
        }
        Ok(())
    }
}
