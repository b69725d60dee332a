//! What can be wrong with predictions, or with the outcomes that they are compared with.

use probity_autodiff::nalgebra::DMatrix;

/// Draws that are no prediction, or outcomes that do not fit it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PredictionError {
    /// A prediction without a single draw.
    #[error("a prediction needs at least one posterior draw")]
    NoDraws,
    /// A matrix has another shape than the rest.
    #[error("{what} must be {} x {}, not {} x {}", want.0, want.1, got.0, got.1)]
    Shape {
        /// The matrix.
        what: &'static str,
        /// Rows and columns that fit.
        want: (usize, usize),
        /// Rows and columns that were given.
        got: (usize, usize),
    },
    /// An entry is out of its range.
    #[error("{what} must be {want}, but draw {draw} has {got} at input {input}")]
    Entry {
        /// What the entry is.
        what: &'static str,
        /// Its range, in words.
        want: &'static str,
        /// The draw, from 0.
        draw: usize,
        /// The input, from 0.
        input: usize,
        /// The entry.
        got: f64,
    },
    /// There are more or fewer outcomes than inputs.
    #[error("{got} outcomes for {want} predicted inputs")]
    Length {
        /// Number of inputs.
        want: usize,
        /// Number of outcomes.
        got: usize,
    },
    /// A label is no class.
    #[error("label {got} of input {input} is not below the number of classes, {classes}")]
    Label {
        /// The input, from 0.
        input: usize,
        /// The label.
        got: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A level of an interval is no probability.
    #[error("the level of an interval must be between 0 and 1, not {got}")]
    Level {
        /// The level.
        got: f64,
    },
    /// Calibration was asked for in no bins.
    #[error("calibration needs at least one bin")]
    NoBins,
}

/// One outcome per input.
pub(crate) fn check_length(want: usize, got: usize) -> Result<(), PredictionError> {
    if want == got { Ok(()) } else { Err(PredictionError::Length { want, got }) }
}

/// A probability.
pub(crate) fn check_level(level: f64) -> Result<(), PredictionError> {
    if (0.0..=1.0).contains(&level) { Ok(()) } else { Err(PredictionError::Level { got: level }) }
}

/// One label per row of `probs`, below the number of its columns.
pub(crate) fn check_labels(probs: &DMatrix<f64>, labels: &[usize]) -> Result<(), PredictionError> {
    let (n, classes) = probs.shape();
    check_length(n, labels.len())?;
    match labels.iter().position(|&label| label >= classes) {
        Some(input) => Err(PredictionError::Label { input, got: labels[input], classes }),
        None => Ok(()),
    }
}
