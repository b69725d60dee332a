//! A diagonal factor.

use super::Factor;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Σ = diag(σ)²: independent entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagonal {
    scale: Vec<f64>,
}

impl Diagonal {
    /// From standard deviations.
    ///
    /// # Errors
    /// If one is not positive and finite.
    pub fn new(scale: Vec<f64>) -> Result<Self> {
        match scale.iter().position(|s| !(*s > 0.0 && s.is_finite())) {
            None => Ok(Self { scale }),
            Some(i) => {
                let problem = format!("entry {i} is {}, but scales are positive and finite", scale[i]);
                Err(Error::Setting { setting: "scale", problem })
            }
        }
    }

    /// From variances.
    ///
    /// # Errors
    /// As [`new`](Diagonal::new).
    pub fn from_variances(variances: &[f64]) -> Result<Self> {
        Self::new(variances.iter().map(|v| v.sqrt()).collect())
    }

    /// All standard deviations 1.
    pub fn identity(dim: usize) -> Self {
        Self { scale: vec![1.0; dim] }
    }

    /// The standard deviations.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    fn each(&self, x: &mut [f64], f: impl Fn(&mut f64, f64)) {
        assert_eq!(x.len(), self.scale.len(), "entries of a vector and of its covariance");
        x.iter_mut().zip(&self.scale).for_each(|(x, s)| f(x, *s));
    }
}

impl Factor for Diagonal {
    fn dim(&self) -> usize {
        self.scale.len()
    }

    fn log_det(&self) -> f64 {
        2.0 * self.scale.iter().map(|s| s.ln()).sum::<f64>()
    }

    fn unwhiten(&self, x: &mut [f64]) {
        self.each(x, |x, s| *x *= s);
    }

    fn whiten(&self, x: &mut [f64]) {
        self.each(x, |x, s| *x /= s);
    }

    fn unwhiten_transposed(&self, g: &mut [f64]) {
        self.unwhiten(g);
    }

    fn whiten_transposed(&self, g: &mut [f64]) {
        self.whiten(g);
    }
}
