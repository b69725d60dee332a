//! Counts.

use super::{Head, Parameters, Univariate};
use crate::error::{Error, Result};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::Poisson;
use probity_vi::Scope;
use serde::{Deserialize, Serialize};

/// Poisson counts: the output is the logarithm of the rate, less that of the mean of all counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoissonHead;

/// Checks counts.
pub(super) fn check_counts(y: &DMatrix<f64>) -> Result {
    match y.iter().position(|y| !(*y >= 0.0 && y.fract() == 0.0)) {
        Some(row) => Err(Error::Data(format!("target in row {row} is {}, and no count", y[row]))),
        None => Ok(()),
    }
}

/// The logarithm of the mean of all counts as the origin.
pub(super) fn log_mean(y: &DMatrix<f64>) -> Standardizer {
    // Half a count more, so that all may be 0.
    let mean = (y.sum() + 0.5) / y.len().max(1) as f64;
    Standardizer { mean: vec![mean.ln()], sd: vec![1.0] }
}

impl Head for PoissonHead {
    type Row = Univariate<Poisson>;

    fn outputs(&self) -> usize {
        1
    }
    fn check(&self, y: &DMatrix<f64>) -> Result {
        check_counts(y)
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        log_mean(y)
    }
    fn scaled(&self, y: &DMatrix<f64>, _: &Standardizer) -> DMatrix<f64> {
        y.clone()
    }
    fn parameters<'t, T: Scalar>(
        &self,
        _: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        units: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>> {
        Ok(Parameters::of([("log_rate", outputs + units.mean[0])]))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        s.observe("y", Poisson::new(p.get(0).exp()), y)
    }
    fn row(&self, p: &[f64], _: &Standardizer) -> Self::Row {
        Univariate(Poisson::new(p[0].exp()))
    }
}
