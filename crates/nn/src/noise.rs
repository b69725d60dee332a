//! The noise of a regression.

use probity_autodiff::{Scalar, Var, formula};
use probity_distributions::HalfNormal;
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// What is assumed of the noise in the targets. All of it is Gaussian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Noise {
    /// One known standard deviation, in the target's units.
    Fixed(f64),
    /// One known standard deviation, as a share of the standard deviation of the targets that are
    /// learned from.
    FixedShare(f64),
    /// One unknown standard deviation with a posterior of its own. Prior: half-Normal with the
    /// scale of the targets.
    #[default]
    Learned,
    /// A standard deviation that depends on the inputs: the network has a second output.
    InputDependent,
}

/// The smallest noise of `InputDependent`, relative to the spread of the targets: without it, a net
/// that meets a point exactly would have infinite density there.
const FLOOR: f64 = 1e-3;

impl Noise {
    /// The outputs that the network needs for one target.
    pub fn outputs(self) -> usize {
        if self == Noise::InputDependent { 2 } else { 1 }
    }

    /// Mean (n × 1) and standard deviation (n × 1 or 1 × 1) of the standardised target, from the
    /// network's outputs.
    pub(crate) fn split<'t, T: Scalar>(
        self,
        s: &mut Scope<'t, T>,
        out: Var<'t, T>,
        target_sd: f64,
    ) -> Result<(Var<'t, T>, Var<'t, T>)> {
        match self {
            Noise::Fixed(sd) => Ok((out, Var::from(sd / target_sd))),
            Noise::FixedShare(share) => Ok((out, Var::from(share))),
            Noise::Learned => {
                // Starts between "all signal" and "all noise"; ln 0.3.
                let init = || Init { loc: Start::Constant(-1.2), scale: ScaleStart::Constant(0.05) };
                let sd = s.sample_from("noise", HalfNormal::new(1.0), init)?;
                Ok((out, sd))
            }
            Noise::InputDependent => {
                let sd = Var::map(formula!(|a| (a - 1.0).softplus() + FLOOR), [out.cols(1..2)]);
                Ok((out.cols(0..1), sd))
            }
        }
    }
}
