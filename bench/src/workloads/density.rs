//! The sum of many log densities with its gradient in value and parameters.

use super::{Outcome, key};
use crate::meter::Meter;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{ParamId, Params, Tape, Var};
use probity_distributions::{
    Beta, Cauchy, Distribution, Gamma, Gumbel, InverseGamma, Laplace, LogNormal, Normal, StudentT, Weibull,
};
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
    /// Value, both concentrations.
    Beta,
    /// Value, concentration, scale.
    InverseGamma,
    /// Value, concentration, scale.
    Weibull,
    /// Value, loc, scale.
    Cauchy,
    /// Value, loc, scale.
    Gumbel,
}

/// What the numbers of a column are made of standard normal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The numbers themselves.
    Real,
    /// `½ + z²`: from ½ to about 10, where positive parameters are.
    Positive,
    /// `1 / (1 + e⁻ᶻ)`.
    Unit,
}
use Range::{Positive, Real, Unit};

/// Every entry has its own value and its own parameters; single precision.
#[derive(Clone, Debug, Deserialize)]
pub struct Density {
    /// The family.
    pub family: Family,
    /// Entries.
    pub entries: usize,
}

impl Family {
    /// The columns that it takes.
    pub fn arguments(self) -> &'static [(&'static str, Range)] {
        match self {
            Family::Normal | Family::Laplace | Family::Cauchy | Family::Gumbel => {
                &[("value", Real), ("loc", Real), ("scale", Positive)]
            }
            Family::LogNormal => &[("value", Positive), ("loc", Real), ("scale", Positive)],
            Family::StudentT => &[("value", Real), ("df", Positive), ("loc", Real), ("scale", Positive)],
            Family::Gamma => &[("value", Positive), ("concentration", Positive), ("rate", Positive)],
            Family::Beta => &[("value", Unit), ("concentration1", Positive), ("concentration0", Positive)],
            Family::InverseGamma | Family::Weibull => {
                &[("value", Positive), ("concentration", Positive), ("scale", Positive)]
            }
        }
    }

    fn log_prob_sum<'t>(self, arg: impl Fn(usize) -> Var<'t, f32>) -> Var<'t, f32> {
        match self {
            Family::Normal => Normal::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::LogNormal => LogNormal::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::StudentT => StudentT::new(arg(1), arg(2), arg(3)).log_prob_sum(arg(0)),
            Family::Gamma => Gamma::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::Laplace => Laplace::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::Beta => Beta::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::InverseGamma => InverseGamma::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::Weibull => Weibull::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::Cauchy => Cauchy::new(arg(1), arg(2)).log_prob_sum(arg(0)),
            Family::Gumbel => Gumbel::new(arg(1), arg(2)).log_prob_sum(arg(0)),
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
            .map(|(name, range)| {
                let mut x = DMatrix::zeros(self.entries, 1);
                fill_normal(key(name), 0, x.as_mut_slice());
                x.apply(|x: &mut f32| {
                    *x = match range {
                        Real => *x,
                        Positive => 0.5 + *x * *x,
                        Unit => 1.0 / (1.0 + (-*x).exp()),
                    }
                });
                params.add(*name, &x)
            })
            .collect();
        let mut tape = Tape::new();
        meter.calls(|| {
            tape.reset();
            tape.bind(&params);
            let sum = self.family.log_prob_sum(|i| tape.param(&params, ids[i]));
            black_box(tape.backward(sum).params());
            black_box(sum.item());
            Ok(())
        })
    }
}
