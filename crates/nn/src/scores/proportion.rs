//! A count out of a number of trials, with its exact confidence interval.

use probity_autodiff::math::beta_inc::beta_inc_inv;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `hits` out of `of` trials, such as a coverage or an accuracy.
///
/// ```
/// use probity_nn::scores::Proportion;
/// let covered = Proportion { hits: 90, of: 100 };
/// assert_eq!(covered.rate(), 0.9);
/// let (low, high) = covered.interval(0.95);
/// assert!((low - 0.8238).abs() < 1e-4 && (high - 0.9510).abs() < 1e-4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proportion {
    /// Trials that succeeded.
    pub hits: usize,
    /// All trials.
    pub of: usize,
}

impl Proportion {
    /// The observed rate, 0 to 1; NaN without trials.
    pub fn rate(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// An interval that holds the true rate with at least the probability `confidence`, for
    /// independent trials.
    ///
    /// NaN unless `0 < confidence < 1`; all of [0, 1] without trials.
    ///
    /// Source: Clopper and Pearson 1934, "The use of confidence or fiducial limits".
    pub fn interval(self, confidence: f64) -> (f64, f64) {
        let tail = (1.0 - confidence) / 2.0;
        if !(tail > 0.0 && tail < 0.5) {
            return (f64::NAN, f64::NAN);
        }
        // The upper limit is one minus the lower limit of the misses, so it keeps its digits near
        // 1.
        let limit = |hits: usize, misses: usize| match hits {
            0 => (0.0, 1.0),
            _ => beta_inc_inv(hits as f64, misses as f64 + 1.0, tail),
        };
        let misses = self.of.saturating_sub(self.hits);
        (limit(self.hits, misses).0, limit(misses, self.hits).1)
    }
}

impl fmt::Display for Proportion {
    /// `0.900 (0.824 to 0.951)`, with the 95% interval.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.interval(0.95);
        write!(f, "{:.3} ({low:.3} to {high:.3})", self.rate())
    }
}
