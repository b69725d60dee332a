//! One of several classes.

use super::bernoulli::check_classes;
use super::{Head, Parameters, Probabilities};
use crate::error::Result;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::Categorical;
use probity_vi::Scope;
use serde::{Deserialize, Serialize};

/// A class 0 .. `classes`: the outputs are unnormalised logarithms of the probabilities. For more
/// than two classes it has the same posterior as [`Classification`](crate::Classification), whose
/// predictions have a residual far from the data in addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoricalHead {
    /// The number of classes.
    pub classes: usize,
}

impl CategoricalHead {
    /// Of so many classes.
    pub fn new(classes: usize) -> Self {
        Self { classes }
    }
}

impl Head for CategoricalHead {
    type Row = Probabilities;

    fn outputs(&self) -> usize {
        self.classes
    }
    fn check(&self, y: &DMatrix<f64>) -> Result {
        check_classes(y, self.classes)
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
        s.observe("y", Categorical::new(p.get(0)), y)
    }
    fn row(&self, p: &[f64], _: &Standardizer) -> Self::Row {
        Probabilities::of_logits(p)
    }
}
