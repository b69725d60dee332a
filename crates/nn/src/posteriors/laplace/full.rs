//! The Laplace approximation of all weights.

use super::super::ascent::setting;
use super::{LaplaceSettings, of_weights};
use crate::error::Result;
use crate::posteriors::{Inferred, Method, Problem};
use serde::{Deserialize, Serialize};

/// A Gaussian with any covariance over all weights: for nets of up to 3000 weights w, as its memory
/// is w² numbers and its time w³ operations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FullLaplace {
    /// The settings.
    pub settings: LaplaceSettings,
}

impl FullLaplace {
    /// The most weights.
    pub const MOST: usize = 3000;
}

impl Method for FullLaplace {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let weights = problem.weights();
        if weights.len() > Self::MOST {
            let problem = format!("{} weights, of at most {}", weights.len(), Self::MOST);
            return Err(setting("full Laplace", problem));
        }
        of_weights(problem, &self.settings, weights)
    }

    fn seed(&self) -> u64 {
        self.settings.seed
    }
}
