//! Temperature scaling of class probabilities.

use crate::prediction::{PredictionError, check_labels};
use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// A temperature T: probabilities become `pₖ^(1/T)`, scaled to the sum 1. Above 1 they are less
/// sure. The most probable class stays the same.
///
/// Source: Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks", section
/// 4.2. Here the logits are the logarithms of the predictive probabilities, the means of the draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperature(pub f64);

/// Inverse temperatures are sought between this and its inverse.
const COLDEST: f64 = 1e3;

/// A probability of 0 counts as this one: no power of 0 is anything else.
const LEAST: f64 = f64::MIN_POSITIVE;

impl Temperature {
    /// The temperature at which the labels of held-out rows are most probable. `probs`: n x k.
    ///
    /// The log score is concave in 1 / T; its derivative is brought to 0 by halving. If it grows on
    /// and on (all labels have the largest probability, or none), the result is at the end of the
    /// range, 10⁻³ or 10³, or where the score no longer changes; it is 1 if it never does.
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::recalibration::Temperature;
    /// // Says .9, is right in 3 of 4 cases.
    /// let probs = DMatrix::from_fn(4, 2, |_, k| [0.9, 0.1][k]);
    /// let t = Temperature::of(&probs, &[0, 0, 0, 1])?;
    /// assert!((t.apply(&probs)[(0, 0)] - 0.75).abs() < 1e-12 && t.0 > 1.0);
    /// # Ok::<(), probity_nn::prediction::PredictionError>(())
    /// ```
    ///
    /// # Errors
    /// Unless there is one label per row, below the number of classes.
    pub fn of(probs: &DMatrix<f64>, labels: &[usize]) -> Result<Self, PredictionError> {
        check_labels(probs, labels)?;
        let logits = probs.map(|p| p.max(LEAST).ln());
        // The derivative of the log score: by how much the logit of the label is above the mean
        // one, summed so that it keeps its sign when all the others are improbable.
        let slope = |inverse: f64| -> f64 {
            let p = powers(&logits, inverse);
            let above = |i: usize, label: usize, k: usize| p[(i, k)] * (logits[(i, label)] - logits[(i, k)]);
            let row = |(i, label): (usize, &usize)| (0..p.ncols()).map(|k| above(i, *label, k)).sum::<f64>();
            labels.iter().enumerate().map(row).sum()
        };
        let (mut low, mut high) = (-COLDEST.ln(), COLDEST.ln());
        if slope(low.exp()) == 0.0 && slope(high.exp()) == 0.0 {
            return Ok(Self(1.0));
        }
        while high - low > 1e-14 * (1.0 + low.abs()) {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if slope(middle.exp()) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(Self((-0.5 * (low + high)).exp()))
    }

    /// The probabilities at this temperature; n x k.
    pub fn apply(&self, probs: &DMatrix<f64>) -> DMatrix<f64> {
        powers(&probs.map(|p| p.max(LEAST).ln()), 1.0 / self.0)
    }
}

/// The softmax of the logits times `inverse`.
fn powers(logits: &DMatrix<f64>, inverse: f64) -> DMatrix<f64> {
    let mut p = logits * inverse;
    for mut row in p.row_iter_mut() {
        let top = row.max();
        row.apply(|v| *v = (*v - top).exp());
        let sum = row.sum();
        row /= sum;
    }
    p
}
