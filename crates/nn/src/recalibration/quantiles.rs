//! Recalibration of a regression's quantiles.

use crate::prediction::{PredictionError, RegressionPrediction};

/// A map of probabilities, learned on held-out rows, after which a level holds what it says: the
/// distribution function of the probability integral transforms, straight between them.
///
/// With n transforms `u₁ ≤ … ≤ uₙ` it goes through (0, 0), `(uᵢ, i / (n + 1))` and (1, 1), which is
/// rising, so that no isotonic regression is left to do.
///
/// Of predictions by other heads, a map is [of their transforms](QuantileMap::of_pit), and
/// `prediction.quantile(map.invert(p))` are their recalibrated quantiles.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::prediction::RegressionPrediction;
/// use probity_nn::recalibration::QuantileMap;
/// // Standard normal predictions of outcomes that spread half as far.
/// let held_out: Vec<f64> = (1..200).map(|i| 0.5 * probity_autodiff::Real::ndtri(i as f64 / 200.0)).collect();
/// let prediction = RegressionPrediction::new(DMatrix::zeros(1, 199), DMatrix::from_element(1, 1, 1.0))?;
/// let map = QuantileMap::of(&prediction, &held_out)?;
/// let (low, high) = map.interval(&prediction, 0.9)[0];
/// assert!((high - 0.5 * 1.645).abs() < 0.01 && (low + high).abs() < 0.01);
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
///
/// Source: Kuleshov, Fenner, Ermon 2018, "Accurate uncertainties for deep learning using calibrated
/// regression", algorithm 1.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileMap {
    /// Rising.
    pit: Vec<f64>,
}

impl QuantileMap {
    /// Learned from predictions at held-out inputs and their outcomes.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn of(prediction: &RegressionPrediction, y: &[f64]) -> Result<Self, PredictionError> {
        Ok(Self::of_pit(prediction.pit(y)?))
    }

    /// Learned from probability integral transforms; NaNs are left out.
    pub fn of_pit(mut pit: Vec<f64>) -> Self {
        pit.retain(|u| !u.is_nan());
        pit.sort_unstable_by(f64::total_cmp);
        Self { pit }
    }

    /// The recalibrated probability of what the net gives the probability `p`: its distribution
    /// function at an outcome, recalibrated.
    pub fn apply(&self, p: f64) -> f64 {
        let at = self.pit.partition_point(|u| *u <= p);
        let ((u0, r0), (u1, r1)) = (self.knot(at), self.knot(at + 1));
        if u1 > u0 { (r0 + (r1 - r0) * ((p - u0) / (u1 - u0))).clamp(0.0, 1.0) } else { r1 }
    }

    /// The probability that the net gives to what has the probability `p`: its quantile at the
    /// result is the recalibrated quantile of `p`. The result is NaN unless `0 <= p <= 1`.
    pub fn invert(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        let at = (p * (self.pit.len() + 1) as f64).min(self.pit.len() as f64);
        let below = at.floor() as usize;
        let ((u0, r0), (u1, r1)) = (self.knot(below), self.knot(below + 1));
        u0 + (u1 - u0) * ((p - r0) / (r1 - r0)).clamp(0.0, 1.0)
    }

    /// The recalibrated quantiles of new predictions, in the units of the target.
    pub fn quantile(&self, prediction: &RegressionPrediction, p: f64) -> Vec<f64> {
        prediction.quantile(self.invert(p))
    }

    /// The recalibrated central intervals of new predictions.
    pub fn interval(&self, prediction: &RegressionPrediction, level: f64) -> Vec<(f64, f64)> {
        let tail = (1.0 - level) / 2.0;
        self.quantile(prediction, tail).into_iter().zip(self.quantile(prediction, 1.0 - tail)).collect()
    }

    /// Point number `i` of the map: (0, 0) first, then those of the transforms, (1, 1) last.
    fn knot(&self, i: usize) -> (f64, f64) {
        let n = self.pit.len();
        match i {
            0 => (0.0, 0.0),
            i if i <= n => (self.pit[i - 1], i as f64 / (n + 1) as f64),
            _ => (1.0, 1.0),
        }
    }
}
