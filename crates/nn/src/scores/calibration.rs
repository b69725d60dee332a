//! The gap between confidence and accuracy of class probabilities.

use crate::prediction::{PredictionError, check_labels};
use probity_autodiff::nalgebra::DMatrix;
use std::ops::Range;

/// Inputs of like confidence: how sure the predictions were, and how often they were right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationBin {
    /// Number of inputs.
    pub count: usize,
    /// Share of them whose most probable class is their label; NaN in an empty bin.
    pub accuracy: f64,
    /// Their mean probability of the most probable class; NaN in an empty bin.
    pub confidence: f64,
}

impl CalibrationBin {
    /// From the confidence of every input in it, and whether it was right.
    fn of(inputs: &[(f64, bool)]) -> Self {
        let count = inputs.len();
        Self {
            count,
            accuracy: inputs.iter().filter(|input| input.1).count() as f64 / count as f64,
            confidence: inputs.iter().map(|input| input.0).sum::<f64>() / count as f64,
        }
    }

    fn gap(&self) -> f64 {
        (self.accuracy - self.confidence).abs()
    }
}

/// How inputs are put into bins by a probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binning {
    /// So many bins of equal width, `(j / bins, (j + 1) / bins]`.
    EqualWidth(usize),
    /// So many bins of equally many inputs; where that does not go up, the first hold one more.
    /// Also called adaptive.
    EqualMass(usize),
}

impl Binning {
    fn bins(self) -> usize {
        match self {
            Binning::EqualWidth(bins) | Binning::EqualMass(bins) => bins,
        }
    }

    /// The bins of inputs that are sorted by their probability.
    fn of(self, inputs: &[(f64, bool)]) -> Vec<CalibrationBin> {
        match self {
            Binning::EqualWidth(bins) => {
                let edges = (0..=bins).map(|j| j as f64 / bins as f64);
                let mut ends: Vec<usize> =
                    edges.map(|edge| inputs.partition_point(|input| input.0 <= edge)).collect();
                // Probabilities that rounding made larger than 1, or that are 0 for one class
                // alone, still belong to a bin.
                (ends[0], ends[bins]) = (0, inputs.len());
                ends.windows(2).map(|w| CalibrationBin::of(&inputs[w[0]..w[1]])).collect()
            }
            Binning::EqualMass(bins) => {
                let (each, more) = (inputs.len() / bins, inputs.len() % bins);
                let range =
                    |j: usize| -> Range<usize> { j * each + j.min(more)..(j + 1) * each + (j + 1).min(more) };
                (0..bins).map(|j| CalibrationBin::of(&inputs[range(j)])).collect()
            }
        }
    }
}

/// The class-wise calibration error: for every class, the mean over inputs of the gap between its
/// frequency and its probability in their bin; then the mean over classes. Unlike the error of the
/// most probable class alone it sees all probabilities.
///
/// With [equal width](Binning::EqualWidth) it is the static, with [equal mass](Binning::EqualMass)
/// the adaptive calibration error.
///
/// # Errors
/// If the labels do not fit the rows and columns of `probs`, or without bins.
///
/// Source: Nixon, Dusenberry, Zhang, Jerfel, Tran 2019, "Measuring calibration in deep learning",
/// section 3.
pub fn class_wise_calibration_error(
    probs: &DMatrix<f64>,
    labels: &[usize],
    binning: Binning,
) -> Result<f64, PredictionError> {
    check_labels(probs, labels)?;
    check_bins(binning.bins())?;
    let of_class = |class: usize| {
        let inputs = labels.iter().enumerate().map(|(i, label)| (probs[(i, class)], *label == class));
        let mut inputs: Vec<(f64, bool)> = inputs.collect();
        inputs.sort_by(|a, b| a.0.total_cmp(&b.0));
        calibration_error(&binning.of(&inputs))
    };
    Ok((0..probs.ncols()).map(of_class).sum::<f64>() / probs.ncols() as f64)
}

/// There are bins.
pub(super) fn check_bins(bins: usize) -> Result<(), PredictionError> {
    if bins == 0 { Err(PredictionError::NoBins) } else { Ok(()) }
}

/// The reliability diagram in `bins` bins of equal width, `(j / bins, (j + 1) / bins]`.
///
/// The confidence of an input is the probability of its most probable class (of equal ones, the
/// first).
///
/// # Errors
/// If the labels do not fit the rows and columns of `probs`, or without bins.
///
/// Source: Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks".
pub fn calibration_bins(
    probs: &DMatrix<f64>,
    labels: &[usize],
    bins: usize,
) -> Result<Vec<CalibrationBin>, PredictionError> {
    Ok(Binning::EqualWidth(bins).of(&sorted_by_confidence(probs, labels, bins)?))
}

/// The reliability diagram in `bins` bins of equally many inputs; where that does not go up, the
/// first hold one more.
///
/// # Errors
/// If the labels do not fit the rows and columns of `probs`, or without bins.
///
/// Source: Nixon, Dusenberry, Zhang, Jerfel, Tran 2019, "Measuring calibration in deep learning".
pub fn calibration_bins_equal_mass(
    probs: &DMatrix<f64>,
    labels: &[usize],
    bins: usize,
) -> Result<Vec<CalibrationBin>, PredictionError> {
    Ok(Binning::EqualMass(bins).of(&sorted_by_confidence(probs, labels, bins)?))
}

/// The expected calibration error (ECE): the mean over inputs of the gap between accuracy and
/// confidence of their bin.
///
/// It depends on the bins and is biased upwards for few inputs; compare only with the same bins and
/// as many inputs.
pub fn calibration_error(bins: &[CalibrationBin]) -> f64 {
    let total: usize = bins.iter().map(|bin| bin.count).sum();
    let filled = bins.iter().filter(|bin| bin.count > 0);
    filled.map(|bin| bin.gap() * bin.count as f64).sum::<f64>() / total as f64
}

/// The maximum calibration error (MCE): the largest gap between accuracy and confidence of a bin;
/// NaN if all are empty.
pub fn max_calibration_error(bins: &[CalibrationBin]) -> f64 {
    bins.iter().filter(|bin| bin.count > 0).map(CalibrationBin::gap).fold(f64::NAN, f64::max)
}

/// Confidence and success of every input, the least confident first (stable).
fn sorted_by_confidence(
    probs: &DMatrix<f64>,
    labels: &[usize],
    bins: usize,
) -> Result<Vec<(f64, bool)>, PredictionError> {
    check_labels(probs, labels)?;
    check_bins(bins)?;
    let tops = labels.iter().enumerate().map(|(i, &label)| {
        let class = most_probable(probs, i);
        (probs[(i, class)], class == label)
    });
    let mut inputs: Vec<(f64, bool)> = tops.collect();
    inputs.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(inputs)
}

/// The most probable class of row `i`; of equal ones, the first.
pub(crate) fn most_probable(probs: &DMatrix<f64>, i: usize) -> usize {
    (1..probs.ncols()).fold(0, |best, k| if probs[(i, k)] > probs[(i, best)] { k } else { best })
}
