//! The site table: what the first run of a model found.

use crate::error::{Error, Result};
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_autodiff::{Key, Real};
use probity_distributions::KlMethod;
use serde::{Deserialize, Serialize};
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Transform {
    /// Not at all.
    Identity,
    /// By the exponential function.
    Exp,
    /// By a scaled logistic function.
    Interval,
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
    /// From unconstrained numbers to the support.
    pub transform: Transform,
    /// The first entry in the flat unconstrained vector (latent variables only).
    pub offset: usize,
    /// Where a guide starts.
    pub init: Init,
    /// How the KL divergence from the guide to the prior is computed, once a guide has run.
    pub kl: Option<KlMethod>,
    /// Whether a fit that draws the outputs of linear maps had to draw the weights, for want of this site's exact KL.
    #[serde(default)]
    pub(crate) weights_drawn: bool,
}

impl Site {
    /// The number of entries.
    pub fn size(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    /// Where a guide's mean starts, entry by entry.
    pub(crate) fn start(&self, key: Key) -> Result<Vec<f64>> {
        self.init.loc.numbers(self.size(), key).ok_or_else(|| Error::Setting {
            setting: "init",
            problem: format!("site {:?} has {} entries, its start another number", self.name, self.size()),
        })
    }
}

impl Site {
    /// The standard deviation with which a guide starts, entry by entry.
    pub(crate) fn start_scale(&self, key: Key) -> Vec<f64> {
        match self.init.scale {
            ScaleStart::Constant(scale) => vec![scale; self.size()],
            ScaleStart::SoftplusUniform(low, high) => {
                let rho = Start::Uniform(low, high).numbers(self.size(), key).unwrap_or_default();
                rho.into_iter().map(Real::softplus).collect()
            }
        }
    }
}

/// The sites of a model in the order of their visits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    pub(crate) sites: Vec<Site>,
    pub(crate) dim: usize,
}

impl Layout {
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

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.sites.iter().map(|s| s.name.chars().count()).max().unwrap_or(4).max(4);
        writeln!(f, "{:width$}  kind           shape        family              KL", "site")?;
        for s in &self.sites {
            let kl = s.kl.map_or(String::new(), |k| k.to_string());
            let shape = format!("{} × {}", s.shape.0, s.shape.1);
            let kind = format!("{:?}", s.kind).to_lowercase();
            writeln!(f, "{:width$}  {kind:13}  {shape:11}  {:18}  {kl}", s.name, s.family)?;
        }
        Ok(())
    }
}
