//! How calibrated predictions are: coverage, probability integral transforms, rejection.

use super::error::check_length;
use super::{ClassificationPrediction, PredictionError, RegressionPrediction, root_mean_square};
use crate::scores::{
    Binning, BrierParts, CoverageTable, PitHistogram, QuantileCalibration, RejectionCurve, auroc,
    brier_parts, class_wise_calibration_error,
};

/// The levels at which quantiles are compared with outcomes.
const LEVELS: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

impl RegressionPrediction {
    /// How many outcomes the central intervals of 50, 80, 90 and 95 % hold, with the sampling error
    /// and the mean widths. On held-out rows it says whether to believe the intervals.
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::prediction::RegressionPrediction;
    /// let prediction = RegressionPrediction::new(DMatrix::zeros(1, 3), DMatrix::from_element(1, 1, 1.0))?;
    /// println!("{}", prediction.coverage_table(&[0.1, -0.4, 3.0])?);
    /// # Ok::<(), probity_nn::prediction::PredictionError>(())
    /// ```
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn coverage_table(&self, y: &[f64]) -> Result<CoverageTable, PredictionError> {
        check_length(self.inputs(), y.len())?;
        Ok(CoverageTable::new(&CoverageTable::LEVELS, |level| {
            let intervals = self.interval(level);
            let inside = y.iter().zip(&intervals).map(|(y, (low, high))| low <= y && y <= high);
            (inside.collect(), intervals.iter().map(|(low, high)| high - low).collect())
        }))
    }

    /// The histogram of the [probability integral transforms](Self::pit) in `bins` bins.
    ///
    /// # Errors
    /// Unless there is one outcome per input, or without bins.
    pub fn pit_histogram(&self, y: &[f64], bins: usize) -> Result<PitHistogram, PredictionError> {
        PitHistogram::new(&self.pit(y)?, bins)
    }

    /// How far the nine deciles are from the shares of outcomes below them.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn quantile_calibration(&self, y: &[f64]) -> Result<QuantileCalibration, PredictionError> {
        Ok(QuantileCalibration::new(&self.pit(y)?, &LEVELS))
    }

    /// The root of the mean predictive variance, in the units of the target: of two calibrated
    /// predictions, the sharper one says more.
    ///
    /// Source: Gneiting, Balabdaoui, Raftery 2007, "Probabilistic forecasts, calibration and
    /// sharpness".
    pub fn sharpness(&self) -> f64 {
        root_mean_square(self.sd().iter().copied())
    }

    /// How well the epistemic standard deviation tells `outside`, predictions at inputs of another
    /// kind, from these: see [`auroc`].
    pub fn auroc(&self, outside: &Self) -> f64 {
        auroc(&self.epistemic_sd(), &outside.epistemic_sd())
    }
}

impl ClassificationPrediction {
    /// Brier's score in parts, by `bins` bins of equal width; see [`brier_parts`].
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes; without bins.
    pub fn brier_parts(&self, labels: &[usize], bins: usize) -> Result<BrierParts, PredictionError> {
        brier_parts(self.probs(), labels, bins)
    }

    /// The calibration error of all classes; see [`class_wise_calibration_error`].
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes; without bins.
    pub fn class_wise_ece(&self, labels: &[usize], binning: Binning) -> Result<f64, PredictionError> {
        class_wise_calibration_error(self.probs(), labels, binning)
    }

    /// The share of wrong classes among the inputs that are left when those of the largest
    /// predictive entropy are rejected.
    ///
    /// # Errors
    /// Unless there is one label per input, and an input.
    pub fn rejection(&self, labels: &[usize]) -> Result<RejectionCurve, PredictionError> {
        RejectionCurve::of_classes(&self.predictive_entropy(), &self.class(), labels)
    }

    /// How well the predictive entropy tells `outside`, predictions at inputs of another kind, from
    /// these: see [`auroc`].
    pub fn auroc(&self, outside: &Self) -> f64 {
        auroc(&self.predictive_entropy(), &outside.predictive_entropy())
    }
}
