//! The noise of a regression.

use probity_autodiff::{Scalar, Var, formula};
use probity_distributions::{Gamma, HalfNormal, Normal, StudentT};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// What is assumed of the spread of the noise in the targets: its standard deviation, or with
/// [Student-t tails](Tails::StudentT) its scale.
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

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Noise::Fixed(_) | Noise::FixedShare(_) => "known",
            Noise::Learned => "constant",
            Noise::InputDependent => "depends on the inputs",
        })
    }
}

/// What is assumed of the shape of the noise around the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Tails {
    /// Gaussian noise.
    #[default]
    Gaussian,
    /// Student-t noise with ν > 2 unknown degrees of freedom, so that it has a variance; ν - 2 has
    /// the prior Gamma(2, 0.1). A few targets far from the rest do not move the mean.
    ///
    /// *Source* of the prior: Juárez, Steel 2010, "Model-based clustering of non-Gaussian panel
    /// data based on skew-t distributions", there of ν itself.
    StudentT,
}

impl fmt::Display for Tails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Tails::Gaussian => "Gaussian",
            Tails::StudentT => "Student-t",
        })
    }
}

/// The smallest noise of `InputDependent`, relative to the spread of the targets: without it, a net
/// that meets a point exactly would have infinite density there.
pub(crate) const FLOOR: f64 = 1e-3;

impl Noise {
    /// The outputs that the network needs for one target.
    pub fn outputs(self) -> usize {
        if self == Noise::InputDependent { 2 } else { 1 }
    }

    /// The outputs whose weights stay 0 in the first half of an ascent, so that what the mean can
    /// explain is not taken for noise.
    pub(crate) fn late_outputs(self) -> Range<usize> {
        if self == Noise::InputDependent { 1..2 } else { 0..0 }
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

/// The distribution of every row's standardised target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowNoise<'t, T: Scalar> {
    /// n × 1.
    pub(crate) mean: Var<'t, T>,
    /// The scale, n × 1 or 1 × 1; of Gaussian noise the standard deviation.
    pub(crate) scale: Var<'t, T>,
    /// The degrees of freedom of Student-t noise.
    pub(crate) df: Option<Var<'t, T>>,
}

impl<'t, T: Scalar> RowNoise<'t, T> {
    /// From the network's outputs.
    pub(crate) fn new(
        (noise, tails): (Noise, Tails),
        s: &mut Scope<'t, T>,
        out: Var<'t, T>,
        target_sd: f64,
    ) -> Result<Self> {
        let (mean, scale) = noise.split(s, out, target_sd)?;
        let df = match tails {
            Tails::Gaussian => None,
            Tails::StudentT => {
                let init = || Init { loc: Start::Constant(1.8), scale: ScaleStart::Constant(0.05) };
                Some(s.sample_from("df_above_two", Gamma::new(2.0, 0.1), init)? + 2.0)
            }
        };
        Ok(Self { mean, scale, df })
    }

    /// The standard deviation.
    pub(crate) fn sd(&self) -> Var<'t, T> {
        let wider = formula!(|scale, df| scale * (df / (df - 2.0)).sqrt());
        self.df.map_or(self.scale, |df| Var::map(wider, [self.scale, df]))
    }

    /// Observes targets with it.
    pub(crate) fn observe(&self, s: &mut Scope<'t, T>, y: Var<'t, T>) -> Result {
        match self.df {
            None => s.observe("y", Normal::new(self.mean, self.scale), y),
            Some(df) => s.observe("y", StudentT::new(df, self.mean, self.scale), y),
        }
    }
}
