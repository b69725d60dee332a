//! Typed predictions: posterior draws at new inputs, what they say, and how well they said it.

mod calibration;
mod classification;
mod error;
mod mixture;
mod regression;
mod typed;

pub use classification::{ClassificationPrediction, ClassificationScores};
pub use error::PredictionError;
pub(crate) use error::{check_labels, check_length, check_level};
pub(crate) use mixture::student_t_scale;
pub use regression::{RegressionPrediction, RegressionScores};
pub use typed::Prediction;
pub(crate) use typed::{bisect, matrix};

/// The mean of the entries, exact where they are all equal; NaN of none.
///
/// Adding up differences from the first entry keeps the digits of draws that lie close together far
/// from 0.
fn mean(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let first = x.clone().next().filter(|x| x.is_finite()).unwrap_or(0.0);
    let (count, sum) = x.clone().fold((0.0, 0.0), |(count, sum), x| (count + 1.0, sum + (x - first)));
    let mean = first + sum / count;
    if count == 0.0 || mean.is_finite() || !x.clone().all(f64::is_finite) {
        return mean;
    }
    // The sum overflowed, the mean does not.
    x.map(|x| x / count).sum()
}

/// `√ mean x²`, without overflow or underflow of the squares; NaN of none.
fn root_mean_square(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = x.clone().map(f64::abs).fold(0.0, f64::max);
    if !(largest > 0.0 && largest < f64::INFINITY) {
        return mean(x.map(f64::abs));
    }
    largest * mean(x.map(|x| (x / largest) * (x / largest))).sqrt()
}
