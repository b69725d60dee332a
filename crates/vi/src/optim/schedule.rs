//! How the rate changes over the steps.

use serde::{Deserialize, Serialize};

/// A factor on the rate, as a function of the fraction of the steps that are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Schedule {
    /// 1 throughout.
    #[default]
    Constant,
    /// Half a cosine from 1 to `end`. Source: Loshchilov, Hutter 2017.
    Cosine {
        /// The last factor.
        end: f64,
    },
    /// Geometric from 1 to `end`.
    Exponential {
        /// The last factor.
        end: f64,
    },
    /// 1, and after the fraction `hold` half a cosine to `end`.
    HoldThenCosine {
        /// The fraction of the steps with factor 1.
        hold: f64,
        /// The last factor.
        end: f64,
    },
}

impl Schedule {
    /// Whether all factors are numbers of 0 or more.
    pub(crate) fn is_valid(self) -> bool {
        let factor = |x: f64| (0.0..f64::INFINITY).contains(&x);
        match self {
            Schedule::Constant => true,
            Schedule::Cosine { end } => factor(end),
            Schedule::Exponential { end } => factor(end) && end > 0.0,
            Schedule::HoldThenCosine { hold, end } => factor(end) && (0.0..=1.0).contains(&hold),
        }
    }

    /// The factor when the fraction `done` (0 to 1) of the steps is done.
    pub fn factor(self, done: f64) -> f64 {
        let cosine = |x: f64, end: f64| end + (1.0 - end) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos());
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine { end } => cosine(done, end),
            Schedule::Exponential { end } => end.powf(done),
            Schedule::HoldThenCosine { hold, end } => cosine(((done - hold) / (1.0 - hold)).max(0.0), end),
        }
    }
}
