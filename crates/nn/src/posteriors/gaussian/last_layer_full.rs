//! The last layer with all its correlations, the rest independent.

use super::dense::Dense;
use super::{GaussianSettings, fit};
use crate::error::Result;
use crate::posteriors::{Inferred, Method, Problem};
use serde::{Deserialize, Serialize};

/// A Gaussian of any covariance over the weights of the last linear map, and an independent one for
/// every other weight.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastLayerFullVi {
    /// The settings.
    pub settings: GaussianSettings,
}

impl Method for LastLayerFullVi {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let last = problem.last_map()?.coordinates();
        fit(problem, &self.settings, vec![Box::new(Dense::new(last))])
    }

    fn seed(&self) -> u64 {
        self.settings.seed
    }
}
