//! Gaussian approximations that are solved for, not stepped towards: fixed draws make the ELBO a smooth function.

mod draws;
mod newton;
mod path;
mod solve;

pub(crate) use draws::fixed_draws;
pub(crate) use solve::{Outcome, Settings, solve};

use probity_autodiff::nalgebra::{DMatrix, DVector};

/// Which covariances a Gaussian may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covariance {
    /// Diagonal: the mean field.
    Diagonal,
    /// Any: full rank.
    Full,
}

/// A Gaussian distribution on d unconstrained numbers, `u = mean + factor z` with z standard normal.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// The mean, d.
    pub mean: DVector<f64>,
    /// A square root of the covariance, d × d: the covariance is `factor factorᵀ`.
    pub factor: DMatrix<f64>,
}

impl Gaussian {
    /// With a diagonal covariance.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn diagonal(mean: &[f64], sd: &[f64]) -> Self {
        assert_eq!(mean.len(), sd.len(), "Gaussian: a mean and a standard deviation for every coordinate");
        let factor = DMatrix::from_diagonal(&DVector::from_column_slice(sd));
        Self { mean: DVector::from_column_slice(mean), factor }
    }

    /// The number of coordinates.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The standard deviation of every coordinate.
    pub fn sd(&self) -> DVector<f64> {
        DVector::from_iterator(self.dim(), self.factor.row_iter().map(|row| row.norm()))
    }

    /// The logarithm of the determinant of the factor.
    pub(crate) fn log_det(&self) -> f64 {
        // A square root of a covariance is triangular, diagonal or a product of such with rotations.
        self.factor.clone().lu().u().diagonal().iter().map(|x| x.abs().ln()).sum()
    }
}
