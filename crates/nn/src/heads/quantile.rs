//! One quantile.

use super::{Head, Parameters, Univariate};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{AsymmetricLaplace, HalfNormal};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// The quantile of one level: an asymmetric Laplace distribution whose log density is the loss of
/// quantile regression, around the output, with an unknown scale (site `noise`, prior half-Normal
/// with the scale of the targets).
///
/// The quantile at an input is the mode of the row,
/// `prediction.functional(|row| row.0.loc)`; the rest of the distribution is a means to it and no
/// model of the targets.
///
/// *Source*: Yu, Moyeed 2001, "Bayesian quantile regression".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantileHead {
    /// The level, between 0 and 1.
    pub level: f64,
}

impl QuantileHead {
    /// Of this level.
    pub fn new(level: f64) -> Self {
        Self { level }
    }
}

impl Head for QuantileHead {
    type Row = Univariate<AsymmetricLaplace>;

    fn outputs(&self) -> usize {
        1
    }
    fn check(&self, _: &DMatrix<f64>) -> crate::Result {
        if self.level > 0.0 && self.level < 1.0 {
            return Ok(());
        }
        Err(crate::Error::Network(format!("the level of a quantile is between 0 and 1, not {}", self.level)))
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::of(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> Result<Parameters<'t, T>> {
        let init = || Init { loc: Start::Constant(-1.2), scale: ScaleStart::Constant(0.05) };
        let scale = s.sample_from("noise", HalfNormal::new(1.0), init)?;
        Ok(Parameters::of([("quantile", outputs), ("scale", scale)]))
    }
    fn observe<'t, T: Scalar>(&self, s: &mut Scope<'t, T>, p: &Parameters<'t, T>, y: Var<'t, T>) -> Result {
        let row = AsymmetricLaplace::<Var<'t, T>>::from_quantile(p.get(0), p.get(1), self.level);
        s.observe("y", row, y)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        let (mean, sd) = (units.mean[0], units.sd[0]);
        Univariate(AsymmetricLaplace::from_quantile(mean + sd * p[0], sd * p[1], self.level))
    }
}
