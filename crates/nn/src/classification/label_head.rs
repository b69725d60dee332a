//! The labels of a classification as a head.

use crate::error::Result;
use crate::heads::{BernoulliHead, CategoricalHead, Head, Parameters, Probabilities};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_vi::Scope;

/// The site of its parameters.
pub(super) const LOGITS: &str = "parameters.logits";

/// With two classes one log-odds, with more one logit each, as
/// [`Classification`](super::Classification) has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum LabelHead {
    Two(BernoulliHead),
    More(CategoricalHead),
}

impl LabelHead {
    pub(super) fn of(classes: usize) -> Self {
        if classes == 2 { Self::Two(BernoulliHead) } else { Self::More(CategoricalHead::new(classes)) }
    }
}

/// The method of the one or the other.
macro_rules! either {
    ($own:expr, $method:ident($($argument:expr),*)) => {
        match $own {
            LabelHead::Two(head) => head.$method($($argument),*),
            LabelHead::More(head) => head.$method($($argument),*),
        }
    };
}

impl Head for LabelHead {
    type Row = Probabilities;

    fn outputs(&self) -> usize {
        either!(self, outputs())
    }
    fn check(&self, y: &DMatrix<f64>) -> Result {
        either!(self, check(y))
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        units: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>> {
        either!(self, parameters(s, outputs, units))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        parameters: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        either!(self, observe(s, parameters, y))
    }
    fn row(&self, parameters: &[f64], units: &Standardizer) -> Self::Row {
        either!(self, row(parameters, units))
    }
}
