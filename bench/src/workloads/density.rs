//! The sum of many log densities with its gradient in value and parameters.

use super::{Outcome, key};
use crate::meter::Meter;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{ParamId, Params, Tape, Var};
use probity_distributions::{Distribution, Gamma, Laplace, LogNormal, Normal, StudentT};
use serde::Deserialize;
use std::hint::black_box;

/// A family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Value, loc, scale.
    Normal,
    /// Value, loc, scale.
    LogNormal,
    /// Value, degrees of freedom, loc, scale.
    StudentT,
    /// Value, concentration, rate.
    Gamma,
    /// Value, loc, scale.
    Laplace,
}

/// Every entry has its own value and its own parameters; single precision.
#[derive(Clone, Debug, Deserialize)]
pub struct Density {
    /// The family.
    pub family: Family,
    /// Entries.
    pub entries: usize,
}

impl Family {
    /// The columns that it takes, and for each whether it must be positive.
    pub fn arguments(self) -> &'static [(&'static str, bool)] {
        match self {
            Family::Normal | Family::Laplace => &[("value", false), ("loc", false), ("scale", true)],
            Family::LogNormal => &[("value", true), ("loc", false), ("scale", true)],
            Family::StudentT => &[("value", false), ("df", true), ("loc", false), ("scale", true)],
            Family::Gamma => &[("value", true), ("concentration", true), ("rate", true)],
        }
    }

    fn log_prob_sum<'t>(self, arg: impl Fn(usize) -> Var<'t, f32>) -> Var<'t, f32> {
        match self {
            Family::Normal => Normal::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::LogNormal => LogNormal::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::StudentT => StudentT::new(arg(1), arg(2), arg(3)).log_prob_sum(arg(0)),
            Family::Gamma => Gamma::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::Laplace => Laplace::new(arg(1), arg(2)).log_prob_sum(arg(0)),
        }
    }
}

impl Density {
    pub(super) fn run(&self, meter: &mut Meter) -> Outcome {
        let mut params = Params::<f32>::new();
        let ids: Vec<ParamId> = self
            .family
            .arguments()
            .iter()
            .map(|(name, positive)| {
                let mut x = DMatrix::zeros(self.entries, 1);
                fill_normal(key(name), 0, x.as_mut_slice());
                // Between 0.5 and about 10, where such parameters are.
                if *positive {
                    x.apply(|x: &mut f32| *x = 0.5 + *x * *x);
                }
                params.add(*name, &x)
            })
            .collect();
        let mut tape = Tape::new();
        meter.calls(|| {
            tape.reset();
            tape.bind(&params);
            let sum = self.family.log_prob_sum(|i| tape.param(&params, ids[i]));
            black_box(tape.backward(sum).params());
            Ok(())
        })
    }
}
