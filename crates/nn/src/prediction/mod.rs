//! interim
use probity_autodiff::nalgebra::DMatrix;
/// interim
#[derive(Debug, thiserror::Error)]
#[error("interim")]
pub struct PredictionError;
/// interim
#[derive(Debug)]
pub struct RegressionPrediction {
    /// m
    pub means: DMatrix<f64>,
    /// s
    pub sds: DMatrix<f64>,
}
impl RegressionPrediction {
    /// new
    pub fn new(means: DMatrix<f64>, sds: DMatrix<f64>) -> Result<Self, PredictionError> {
        Ok(Self { means, sds })
    }
}
