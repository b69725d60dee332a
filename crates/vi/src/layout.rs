//! The site table: what the first run of a model found.

use crate::dims::Dimension;
use crate::error::{Error, Result};
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_autodiff::{Key, ParamId, Params, Real, Scalar, Segment};
use probity_distributions::KlMethod;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// What a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SiteKind {
    /// A latent variable, inferred.
    Latent,
    /// A parameter without a prior, optimised.
    Param,
    /// Data.
    Observed,
    /// A function of other sites, recorded.
    Deterministic,
}

/// How unconstrained numbers are carried into a site's support.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Transform {
    /// Not at all.
    Identity,
    /// By the exponential function.
    Exp,
    /// By a scaled logistic function.
    Interval,
    /// By the exponential function, counted up from a limit.
    Above,
    /// By the exponential function, counted down from a limit.
    Below,
    /// By the map of a support of this name, such as the simplex.
    Mapped(String),
    /// The values are discrete.
    None,
}

/// Where a guide starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Init {
    /// The mean of the unconstrained variable.
    pub loc: Start,
    /// Its standard deviation.
    pub scale: ScaleStart,
}

impl Default for Init {
    /// Mean 0 with a little noise, standard deviation 0.1.
    fn default() -> Self {
        Self { loc: Start::Normal(0.0, 0.1), scale: ScaleStart::Constant(0.1) }
    }
}

/// Initial numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Start {
    /// All equal.
    Constant(f64),
    /// Uniform between two limits.
    Uniform(f64, f64),
    /// Normal with this mean and standard deviation.
    Normal(f64, f64),
    /// These, column by column.
    Values(Vec<f64>),
}

impl Start {
    /// `n` numbers; none if a list of another length was given.
    pub(crate) fn numbers(&self, n: usize, key: Key) -> Option<Vec<f64>> {
        let mut x = vec![0.0; n];
        match self {
            Start::Constant(c) => x.fill(*c),
            Start::Uniform(low, high) => {
                fill_uniform(key, 0, &mut x);
                x.iter_mut().for_each(|u| *u = low + (high - low) * *u);
            }
            Start::Normal(mean, sd) => {
                fill_normal(key, 0, &mut x);
                x.iter_mut().for_each(|z| *z = mean + sd * *z);
            }
            Start::Values(values) if values.len() == n => x.copy_from_slice(values),
            Start::Values(_) => return None,
        }
        Some(x)
    }
}

/// Initial standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ScaleStart {
    /// All equal.
    Constant(f64),
    /// `softplus(ρ)` with ρ uniform between two limits.
    SoftplusUniform(f64, f64),
    /// This share of the size of the [given](Start::Values) mean, and at least the second number.
    /// Source: Krishnan, Subedar, Tickoo 2020, "Specifying weight priors in Bayesian deep neural
    /// networks with empirical Bayes", equation 9.
    ShareOfLoc(f64, f64),
}

/// A site of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The name, with the names of the enclosing scopes before it.
    pub name: String,
    /// What it is.
    pub kind: SiteKind,
    /// The distribution's family; empty for parameters and deterministic sites.
    pub family: String,
    /// Rows and columns.
    pub shape: (usize, usize),
    /// What its rows and columns are, if they have names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dims: Vec<Dimension>,
    /// From unconstrained numbers to the support.
    pub transform: Transform,
    /// The first entry in the flat unconstrained vector (latent variables only).
    pub offset: usize,
    /// Rows and columns of the unconstrained numbers, if they differ from those of the values.
    #[serde(default)]
    pub(crate) unconstrained: Option<(usize, usize)>,
    /// Where a guide starts.
    pub init: Init,
    /// How the KL divergence from the guide to the prior is computed, once a guide has run.
    pub kl: Option<KlMethod>,
    /// Whether a fit that draws the outputs of linear maps had to draw the weights, for want of
    /// this site's exact KL.
    #[serde(default)]
    pub(crate) weights_drawn: bool,
}

impl Site {
    /// The number of entries.
    pub fn size(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    /// Rows and columns of the unconstrained numbers: a row of 3 probabilities has 2 of them.
    pub fn unconstrained_shape(&self) -> (usize, usize) {
        self.unconstrained.unwrap_or(self.shape)
    }

    /// The number of unconstrained numbers.
    pub fn dim(&self) -> usize {
        let (rows, cols) = self.unconstrained_shape();
        rows * cols
    }

    /// Where a guide's mean starts, number by number.
    pub(crate) fn start(&self, key: Key) -> Result<Vec<f64>> {
        self.init.loc.numbers(self.dim(), key).ok_or_else(|| Error::Setting {
            setting: "init",
            problem: format!(
                "site {:?} has {} unconstrained entries, its start another number",
                self.name,
                self.dim()
            ),
        })
    }
}

impl Site {
    /// The standard deviation with which a guide starts, number by number.
    pub(crate) fn start_scale(&self, key: Key) -> Vec<f64> {
        match self.init.scale {
            ScaleStart::Constant(scale) => vec![scale; self.dim()],
            ScaleStart::ShareOfLoc(share, least) => {
                let loc = self.init.loc.numbers(self.dim(), key).unwrap_or_default();
                loc.into_iter().map(|loc| (share * loc.abs()).max(least)).collect()
            }
            ScaleStart::SoftplusUniform(low, high) => {
                let rho = Start::Uniform(low, high).numbers(self.dim(), key).unwrap_or_default();
                rho.into_iter().map(Real::softplus).collect()
            }
        }
    }
}

/// The sites of a model in the order of their visits.
///
/// Reading it from a file fails unless names are distinct, and offsets and dimension are those of
/// the latent sites one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Layout {
    pub(crate) sites: Vec<Site>,
    pub(crate) dim: usize,
}

/// What a file holds.
#[derive(Deserialize)]
struct Unchecked {
    sites: Vec<Site>,
    dim: usize,
}

impl TryFrom<Unchecked> for Layout {
    type Error = String;

    fn try_from(Unchecked { sites, dim }: Unchecked) -> std::result::Result<Self, String> {
        let mut names = HashSet::new();
        let mut end = 0_usize;
        for site @ Site { name, kind, offset, .. } in &sites {
            if !names.insert(name) {
                return Err(format!("two sites have the name {name:?}"));
            }
            if *offset != end {
                return Err(format!(
                    "site {name:?} begins at {offset}, the latent sites before it end at {end}"
                ));
            }
            let shape = site.unconstrained_shape();
            let size = shape.0.checked_mul(shape.1);
            let latent = |size| if *kind == SiteKind::Latent { size } else { 0 };
            let next = size.and_then(|size| end.checked_add(latent(size)));
            end = next.ok_or_else(|| format!("site {name:?} is {} × {}", shape.0, shape.1))?;
        }
        if end != dim {
            return Err(format!("the dimension is {dim}, but the latent sites have {end} entries"));
        }
        Ok(Self { sites, dim })
    }
}

impl Layout {
    /// The point where a [guide](crate::Guide) with this key would start, d unconstrained numbers.
    ///
    /// # Errors
    /// If a site's start does not fit its shape.
    pub fn start(&self, key: Key) -> Result<Vec<f64>> {
        Ok(self.start_moments(key)?.0)
    }

    /// The means and the standard deviations with which guides start, in the order of the layout.
    pub(crate) fn start_moments(&self, key: Key) -> Result<(Vec<f64>, Vec<f64>)> {
        let (mut mean, mut sd) = (Vec::with_capacity(self.dim), Vec::with_capacity(self.dim));
        for (i, site) in self.sites.iter().enumerate().filter(|(_, site)| site.kind == SiteKind::Latent) {
            let key = key.fold_in(i as u64);
            mean.extend(site.start(key.fold_in(0))?);
            sd.extend(site.start_scale(key.fold_in(1)));
        }
        Ok((mean, sd))
    }

    /// Whether a fit with the sites `self` can be used with a model that visits the sites `found`:
    /// in number, order, names, kinds, families and supports all of them, in shape the latent ones
    /// and the parameters (data may have other rows).
    pub(crate) fn check_same_as(&self, found: &Layout) -> Result {
        for (i, site) in found.sites.iter().enumerate() {
            let changed = |problem| Err(Error::ModelChanged { site: site.name.clone(), problem });
            let Some(old) = self.sites.get(i) else {
                return changed("the saved fit does not have it".into());
            };
            let Site { name, kind, family, shape, transform, unconstrained, .. } = old;
            if (name, kind, family, transform) != (&site.name, &site.kind, &site.family, &site.transform) {
                return changed(format!("the saved fit has {name:?} ({kind:?} {family}) here"));
            }
            let own = matches!(kind, SiteKind::Latent | SiteKind::Param);
            if own && (*shape != site.shape || *unconstrained != site.unconstrained) {
                let (rows, cols) = site.shape;
                return changed(format!("it is {rows} × {cols}, in the saved fit {} × {}", shape.0, shape.1));
            }
        }
        match self.sites.get(found.sites.len()) {
            Some(more) => {
                let problem = "the saved fit has it, but the model does not visit it".into();
                Err(Error::ModelChanged { site: more.name.clone(), problem })
            }
            None => Ok(()),
        }
    }

    /// All sites.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The number of unconstrained latent numbers.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The site of this name.
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|s| s.name == name)
    }

    /// The latent sites.
    pub fn latent(&self) -> impl Iterator<Item = &Site> {
        self.sites.iter().filter(|s| s.kind == SiteKind::Latent)
    }
}

/// Parameters of a given shape by name.
pub(crate) trait FindShaped {
    /// The segment of this name, which must have this shape.
    fn find_shaped(&self, name: &str, shape: (usize, usize)) -> Result<ParamId>;
}

impl<T: Scalar> FindShaped for Params<T> {
    fn find_shaped(&self, name: &str, shape: (usize, usize)) -> Result<ParamId> {
        let unfit = |problem| Error::Setting { setting: "params", problem };
        let id = self.find(name).ok_or_else(|| unfit(format!("there is no segment {name:?}")))?;
        let Segment { rows, cols, .. } = self.segment(id);
        if (*rows, *cols) != shape {
            let problem = format!("segment {name:?} is {rows} × {cols}, its site {} × {}", shape.0, shape.1);
            return Err(unfit(problem));
        }
        Ok(id)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.sites.iter().map(|s| s.name.chars().count()).max().unwrap_or(4).max(4);
        writeln!(f, "{:width$}  kind           shape        family              KL", "site")?;
        for s in &self.sites {
            let kl = s.kl.map_or(String::new(), |k| k.to_string());
            let mut shape = format!("{} × {}", s.shape.0, s.shape.1);
            if !s.dims.is_empty() {
                let names: Vec<_> = s.dims.iter().map(|d| d.name.as_str()).collect();
                shape = format!("{shape} ({})", names.join(", "));
            }
            let kind = format!("{:?}", s.kind).to_lowercase();
            writeln!(f, "{:width$}  {kind:13}  {shape:11}  {:18}  {kl}", s.name, s.family)?;
        }
        Ok(())
    }
}
