//! Standardisation of columns, part of the model and saved with it.

use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// The mean and standard deviation of every column of the training data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations (divisor n); 1 for a constant column.
    pub sd: Vec<f64>,
}

impl Standardizer {
    /// Of this data.
    pub fn of(x: &DMatrix<f64>) -> Self {
        let n = x.nrows().max(1) as f64;
        let mut standardizer = Self { mean: Vec::new(), sd: Vec::new() };
        for column in x.column_iter() {
            let mean = column.iter().sum::<f64>() / n;
            let sd = (column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
            standardizer.mean.push(mean);
            standardizer.sd.push(if sd > 0.0 { sd } else { 1.0 });
        }
        standardizer
    }

    /// Leaves data as they are.
    pub fn identity(columns: usize) -> Self {
        Self { mean: vec![0.0; columns], sd: vec![1.0; columns] }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// `(x - mean) / sd`, column by column.
    pub fn apply(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(x.nrows(), x.ncols(), |i, j| (x[(i, j)] - self.mean[j]) / self.sd[j])
    }
}
