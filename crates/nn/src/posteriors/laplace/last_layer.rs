//! The Laplace approximation of the last layer.

use super::{Dense, LaplaceSettings, gauss_newton, laplace};
use crate::error::Result;
use crate::posteriors::{Inferred, Method, Problem};
use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// A Gaussian with any covariance over the weights of the last linear map; all others are points at
/// the mode.
///
/// *Source*: Kristiadi, Hein, Hennig 2020, "Being Bayesian, even just a bit, fixes overconfidence in
/// ReLU networks".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastLayerLaplace {
    /// The settings.
    pub settings: LaplaceSettings,
}

impl Method for LastLayerLaplace {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let weights = problem.last_map()?.coordinates();
        laplace(problem, &self.settings, &|u, outputs, precisions| {
            let prior = weights.iter().map(|w| precisions[*w]);
            let prior = DMatrix::from_diagonal(&prior.collect::<Vec<_>>().into());
            let precision = gauss_newton(problem, u, outputs, &weights)? + prior;
            Ok(Box::new(Dense::new(weights.clone(), precision)?))
        })
    }

    fn seed(&self) -> u64 {
        self.settings.seed
    }
}
