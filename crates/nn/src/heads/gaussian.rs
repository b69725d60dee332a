//! Gaussian noise.

use super::{Head, Parameters, Univariate};
use crate::noise::Noise;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::Normal;
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A Gaussian around the output, with any [`Noise`]. With the same net, data and fit it has the
/// same posterior as [`Regression`](crate::Regression), bit for bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GaussianHead {
    /// The noise.
    pub noise: Noise,
}

impl GaussianHead {
    /// With this noise.
    pub fn new(noise: Noise) -> Self {
        Self { noise }
    }
}

impl Head for GaussianHead {
    type Row = Univariate<Normal>;

    fn outputs(&self) -> usize {
        self.noise.outputs()
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::of(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        units: &Standardizer,
    ) -> Result<Parameters<'t, T>> {
        let (mean, sd) = self.noise.split(s, outputs, units.sd[0])?;
        Ok(Parameters::of([("mean", mean), ("sd", sd)]))
    }
    fn observe<'t, T: Scalar>(&self, s: &mut Scope<'t, T>, p: &Parameters<'t, T>, y: Var<'t, T>) -> Result {
        s.observe("y", Normal::new(p.get(0), p.get(1)), y)
    }
    fn late_outputs(&self) -> Range<usize> {
        self.noise.late_outputs()
    }
    fn gaussian_noise(&self) -> Option<Noise> {
        Some(self.noise)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        let (mean, sd) = (units.mean[0], units.sd[0]);
        Univariate(Normal::new(mean + sd * p[0], sd * p[1]))
    }
}
