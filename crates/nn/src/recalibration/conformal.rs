//! Split-conformal intervals and sets: whatever the net says, they hold the outcome of a new row
//! like the held-out ones with at least the probability that was asked for.

use crate::prediction::{PredictionError, RegressionPrediction, check_labels, check_length, check_level};
use probity_autodiff::nalgebra::DMatrix;

/// The score that is exceeded by at most `1 - level` of what is like the scores: the
/// `⌈(n + 1) level⌉`-th smallest of n, infinite if there are not so many.
///
/// Source: Vovk, Gammerman, Shafer 2005, "Algorithmic learning in a random world"; Lei, G'Sell,
/// Rinaldo, Tibshirani, Wasserman 2018, "Distribution-free predictive inference for regression",
/// theorem 2.
fn threshold(scores: impl Iterator<Item = f64>, level: f64) -> f64 {
    // What has no score conforms to nothing.
    let mut scores: Vec<f64> = scores.map(|s| if s.is_nan() { f64::INFINITY } else { s }).collect();
    scores.sort_unstable_by(f64::total_cmp);
    // A rank that rounding made larger than a whole number is not the next one.
    let rank = ((scores.len() + 1) as f64 * level - 1e-9).ceil().max(1.0) as usize;
    scores.get(rank - 1).copied().unwrap_or(f64::INFINITY)
}

/// Central intervals of a regression, widened or narrowed by the same amount everywhere so that
/// they hold the outcome of a new row with at least the probability `level`, if the held-out rows
/// and the new one are exchangeable. At most `1 / (n + 1)` more if no two scores are equal.
///
/// The score of a held-out row is how far its outcome is outside the predicted interval, in units
/// of the predicted standard deviation, negative inside it.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::prediction::RegressionPrediction;
/// use probity_nn::recalibration::ConformalIntervals;
/// let prediction = RegressionPrediction::new(DMatrix::zeros(1, 99), DMatrix::from_element(1, 1, 1.0))?;
/// let held_out: Vec<f64> = (1..100).map(|i| i as f64 / 10.0).collect();
/// let ninety = ConformalIntervals::of(&prediction, &held_out, 0.9)?;
/// assert!((ninety.interval(&prediction)[0].1 - 9.0).abs() < 1e-12); // the 90th of 99
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
///
/// Source: Romano, Patterson, Candès 2019, "Conformalized quantile regression", theorem 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConformalIntervals {
    /// The probability of the intervals.
    pub level: f64,
    /// By how many predicted standard deviations they go beyond the central intervals.
    pub wider: f64,
}

impl ConformalIntervals {
    /// Learned from predictions at held-out inputs and their outcomes.
    ///
    /// # Errors
    /// Unless there is one outcome per input and the level is between 0 and 1.
    pub fn of(prediction: &RegressionPrediction, y: &[f64], level: f64) -> Result<Self, PredictionError> {
        check_length(prediction.inputs(), y.len())?;
        check_level(level)?;
        let ends = prediction.interval(level).into_iter().zip(prediction.sd());
        let scores = ends.zip(y).map(|(((low, high), sd), y)| (low - y).max(y - high) / sd);
        Ok(Self { level, wider: threshold(scores, level) })
    }

    /// The intervals at new inputs; infinite if there were too few held-out rows for the level.
    pub fn interval(&self, prediction: &RegressionPrediction) -> Vec<(f64, f64)> {
        let ends = prediction.interval(self.level).into_iter().zip(prediction.sd());
        let moved = |((low, high), sd): ((f64, f64), f64)| {
            let (low, high) = (low - self.wider * sd, high + self.wider * sd);
            // A narrowed interval may vanish, but not turn over.
            if low <= high { (low, high) } else { (0.5 * (low + high), 0.5 * (low + high)) }
        };
        ends.map(moved).collect()
    }
}

/// What a set of classes is built by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetScore {
    /// One minus the probability of the class: the smallest sets on average. Source: Sadinle, Lei,
    /// Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error levels".
    Probability,
    /// The probability of all classes that are at least as probable: larger sets where inputs are
    /// harder. Source: Romano, Sesia, Candès 2020, "Classification with valid and adaptive
    /// coverage", without randomisation.
    Adaptive,
}

/// Sets of classes that hold the label of a new row with at least the probability `level`, if the
/// held-out rows and the new one are exchangeable.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::recalibration::{ConformalClasses, SetScore};
/// let probs = DMatrix::from_fn(9, 3, |_, k| [0.6, 0.3, 0.1][k]);
/// let labels = [0, 0, 0, 0, 0, 1, 1, 1, 2];
/// let sets = ConformalClasses::of(&probs, &labels, 0.8, SetScore::Probability)?;
/// assert_eq!(sets.sets(&probs)[0], [0, 1]);
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConformalClasses {
    /// The probability of the sets.
    pub level: f64,
    /// What they are built by.
    pub score: SetScore,
    /// The largest score of a class that is in a set.
    pub threshold: f64,
}

impl ConformalClasses {
    /// Learned from predictive probabilities at held-out inputs (n x k) and their labels.
    ///
    /// # Errors
    /// Unless there is one label per row, below the number of classes, and the level is between 0
    /// and 1.
    pub fn of(
        probs: &DMatrix<f64>,
        labels: &[usize],
        level: f64,
        score: SetScore,
    ) -> Result<Self, PredictionError> {
        check_labels(probs, labels)?;
        check_level(level)?;
        let scores = labels.iter().enumerate().map(|(i, label)| score.of(probs, i, *label));
        Ok(Self { level, score, threshold: threshold(scores, level) })
    }

    /// The classes at every row of new probabilities (n x k), the smallest number first; all
    /// classes if there were too few held-out rows for the level. A set may be empty.
    pub fn sets(&self, probs: &DMatrix<f64>) -> Vec<Vec<usize>> {
        let inside = |i: usize, class: &usize| self.score.of(probs, i, *class) <= self.threshold;
        (0..probs.nrows()).map(|i| (0..probs.ncols()).filter(|k| inside(i, k)).collect()).collect()
    }
}

impl SetScore {
    fn of(self, probs: &DMatrix<f64>, row: usize, class: usize) -> f64 {
        let p = probs[(row, class)];
        match self {
            SetScore::Probability => 1.0 - p,
            SetScore::Adaptive => probs.row(row).iter().filter(|q| **q >= p).sum(),
        }
    }
}
