//! Brier's score, and the parts that it is the sum of.

use super::calibration::check_bins;
use crate::prediction::{PredictionError, check_labels};
use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Brier's score of class probabilities (n x k, a row per input): the mean of
/// `Σ (pₖ - 1[label = k])²`.
///
/// 0 is perfect, 2 the worst; for two classes it is twice the squared error of one probability.
///
/// # Errors
/// If the labels do not fit the rows and columns of `probs`.
///
/// Source: Brier 1950, "Verification of forecasts expressed in terms of probability".
pub fn brier(probs: &DMatrix<f64>, labels: &[usize]) -> Result<f64, PredictionError> {
    check_labels(probs, labels)?;
    let error = |i: usize, k: usize| probs[(i, k)] - if labels[i] == k { 1.0 } else { 0.0 };
    let row = |i: usize| (0..probs.ncols()).map(|k| error(i, k) * error(i, k)).sum::<f64>();
    Ok((0..labels.len()).map(row).sum::<f64>() / labels.len() as f64)
}

/// The parts of Brier's score: it is
/// `reliability - resolution + uncertainty + within`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrierParts {
    /// How far the observed frequency of a class is from its mean probability, bin by bin: what
    /// recalibration could take away. Smaller is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub reliability: f64,
    /// How far the frequencies of the bins are from that of all inputs: what the inputs say about
    /// the classes. Larger is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub resolution: f64,
    /// The score of predicting the frequencies of all inputs everywhere, which no prediction
    /// changes.
    #[serde(with = "probity_autodiff::serde_float")]
    pub uncertainty: f64,
    /// What differs within bins: the variance of the probabilities, less twice their covariance
    /// with the outcomes. 0 if all probabilities in a bin are equal.
    #[serde(with = "probity_autodiff::serde_float")]
    pub within: f64,
}

impl BrierParts {
    /// Brier's score.
    pub fn score(&self) -> f64 {
        self.reliability - self.resolution + self.uncertainty + self.within
    }
}

impl fmt::Display for BrierParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reliability, resolution, uncertainty, within } = self;
        write!(
            f,
            "Brier score {:.5} = reliability {reliability:.5} - resolution {resolution:.5} + uncertainty \
             {uncertainty:.5} + within bins {within:.5}",
            self.score()
        )
    }
}

/// The parts of Brier's score, with the probabilities of every class in `bins` bins of equal width.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::scores::{brier, brier_parts};
/// let probs = DMatrix::from_row_slice(4, 2, &[0.9, 0.1, 0.9, 0.1, 0.2, 0.8, 0.2, 0.8]);
/// let parts = brier_parts(&probs, &[0, 0, 1, 0], 10)?;
/// assert!((parts.score() - brier(&probs, &[0, 0, 1, 0])?).abs() < 1e-15);
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
///
/// # Errors
/// If the labels do not fit the rows and columns of `probs`, or without bins.
///
/// Source: Murphy 1973, "A new vector partition of the probability score"; the part within bins:
/// Stephenson, Coelho, Jolliffe 2008, "Two extra components in the Brier score decomposition".
pub fn brier_parts(
    probs: &DMatrix<f64>,
    labels: &[usize],
    bins: usize,
) -> Result<BrierParts, PredictionError> {
    check_labels(probs, labels)?;
    check_bins(bins)?;
    let n = labels.len() as f64;
    let mut parts = BrierParts { reliability: 0.0, resolution: 0.0, uncertainty: 0.0, within: 0.0 };
    for (class, column) in probs.column_iter().enumerate() {
        let outcome = |i: usize| if labels[i] == class { 1.0 } else { 0.0 };
        let base = (0..labels.len()).map(outcome).sum::<f64>() / n;
        parts.uncertainty += base * (1.0 - base);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); bins];
        for (i, p) in column.iter().enumerate() {
            members[((p * bins as f64) as usize).min(bins - 1)].push(i);
        }
        for members in members.iter().filter(|m| !m.is_empty()) {
            let count = members.len() as f64;
            let mean = |f: &dyn Fn(usize) -> f64| members.iter().map(|i| f(*i)).sum::<f64>() / count;
            let (p, o) = (mean(&|i| column[i]), mean(&outcome));
            parts.reliability += count / n * (p - o) * (p - o);
            parts.resolution += count / n * (o - base) * (o - base);
            let spread = mean(&|i| (column[i] - p) * ((column[i] - p) - 2.0 * (outcome(i) - o)));
            parts.within += count / n * spread;
        }
    }
    Ok(parts)
}
