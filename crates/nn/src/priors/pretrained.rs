//! Priors around the weights of a net that was trained before.

use super::{LayerPrior, Weights};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::Normal;
use probity_vi::{Error, Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Normal weights around those of another net, where the guide starts as well, with standard
/// deviations in proportion to their sizes.
///
/// Made for a whole net by [`Mlp::from_pretrained`](crate::Mlp::from_pretrained).
///
/// *Source*: Krishnan, Subedar, Tickoo 2020, "Specifying weight priors in Bayesian deep neural
/// networks with empirical Bayes" (MOPED), equations 8 and 9.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pretrained {
    /// The weights of the other net.
    pub weights: Arc<DMatrix<f64>>,
    /// The standard deviation of the prior.
    pub sd: f64,
    /// The standard deviation with which the guide starts, as a share of a weight's size.
    pub share: f64,
}

impl Pretrained {
    /// Around these weights (inputs × outputs), with this standard deviation; the guide starts with
    /// a tenth of each weight.
    pub fn new(weights: DMatrix<f64>, sd: f64) -> Self {
        Self { weights: Arc::new(weights), sd, share: 0.1 }
    }
}

impl LayerPrior for Pretrained {
    type Family<'t, T: Scalar> = Normal<Var<'t, T>>;

    /// # Errors
    /// If the weights are of another shape.
    fn weights<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        shape: (usize, usize),
    ) -> Result<Weights<Self::Family<'t, T>, Var<'t, T>>> {
        let (rows, cols) = self.weights.shape();
        if (rows, cols) != shape {
            let (inputs, outputs) = shape;
            return Err(Error::model(format!(
                "{name}: the pretrained weights are {rows} × {cols}, those of the layer {inputs} × {outputs}"
            )));
        }
        let around = s.data(self.weights.as_ref());
        Ok(Normal::new(around, self.sd).into())
    }

    fn start(&self, _: (usize, usize)) -> Option<Init> {
        let loc = Start::Values(self.weights.iter().copied().collect());
        Some(Init { loc, scale: ScaleStart::ShareOfLoc(self.share, 1e-3) })
    }
}
