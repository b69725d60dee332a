//! Yes or no.

use super::{Head, Parameters, Probabilities};
use crate::error::{Error, Result};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Real, Scalar, Var};
use probity_distributions::Bernoulli;
use probity_vi::Scope;
use serde::{Deserialize, Serialize};

/// A target that is 0 or 1: the output is the log-odds of 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BernoulliHead;

/// Checks labels below `classes`.
pub(crate) fn check_classes(y: &DMatrix<f64>, classes: usize) -> Result {
    let is_class = |y: f64| y >= 0.0 && y < classes as f64 && y.fract() == 0.0;
    match y.iter().position(|y| !is_class(*y)) {
        Some(row) => Err(Error::Data(format!(
            "target in row {row} is {}, and none of the classes 0 to {}",
            y[row],
            classes.saturating_sub(1)
        ))),
        None => Ok(()),
    }
}

impl Head for BernoulliHead {
    type Row = Probabilities;

    fn outputs(&self) -> usize {
        1
    }
    fn check(&self, y: &DMatrix<f64>) -> Result {
        check_classes(y, 2)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        _: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>> {
        Ok(Parameters::of([("logits", outputs)]))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        s.observe("y", Bernoulli::<Var<'t, T>>::from_logits(p.get(0)), y)
    }
    fn row(&self, p: &[f64], _: &Standardizer) -> Self::Row {
        Probabilities(vec![(-p[0]).sigmoid(), p[0].sigmoid()])
    }
}
