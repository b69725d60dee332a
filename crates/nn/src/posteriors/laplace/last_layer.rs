//! The Laplace approximation of the last layer.

use super::{LaplaceSettings, of_weights};
use crate::error::Result;
use crate::posteriors::{Inferred, Method, Problem};
use serde::{Deserialize, Serialize};

/// A Gaussian with any covariance over the weights of the last linear map; all others are points at
/// the mode.
///
/// *Source*: Kristiadi, Hein, Hennig 2020, "Being Bayesian, even just a bit, fixes overconfidence
/// in ReLU networks".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastLayerLaplace {
    /// The settings.
    pub settings: LaplaceSettings,
}

impl Method for LastLayerLaplace {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        of_weights(problem, &self.settings, problem.last_map()?.coordinates())
    }

    fn seed(&self) -> u64 {
        self.settings.seed
    }
}
