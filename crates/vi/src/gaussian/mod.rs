//! Gaussian approximations that are solved for, not stepped towards.
//!
//! With the draws held fixed the ELBO of a Gaussian is a smooth function of its mean and
//! covariance, and its optimum is found by Newton steps ([`ascent`]): first for a full covariance
//! ([`full_rank`]), in whose coordinates every problem is well conditioned, then, if it is wanted,
//! for a diagonal one ([`mean_field`]). A path towards the mode ([`path`]) finds the start. More
//! draws follow until an independent set of them agrees ([`solve`](solve::solve)).
//!
//! Source: Giordano, Ingram, Broderick 2024, "Black box variational inference with a deterministic
//! objective" (fixed draws); Khan, Rue 2023, "The Bayesian learning rule" (Newton steps as natural
//! gradients of a Gaussian).

mod ascent;
mod curvature;
mod draws;
mod full_rank;
mod mean_field;
mod path;
mod solve;
#[cfg(test)]
mod tests;

pub(crate) use curvature::{DIFFERENCE, Peak, peak};
pub(crate) use draws::fixed_draws;
pub(crate) use solve::{Outcome, Settings, Watch, solve};

use crate::error::Result;
use crate::linalg::Dense;
use probity_autodiff::nalgebra::{DMatrix, DVector};

/// Computes log densities and gradients: of points, one after the other, to values and gradients.
pub(crate) type Evaluate<'a> = dyn FnMut(&[f64], &mut [f64], &mut [f64]) -> Result + 'a;

/// Which covariances a Gaussian may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covariance {
    /// Diagonal: the mean field.
    Diagonal,
    /// Any: full rank.
    Full,
}

/// A Gaussian distribution on d unconstrained numbers, `u = mean + factor z` with z standard
/// normal.
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

    /// The number of coordinates, d.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The standard deviation of every coordinate, d.
    pub fn sd(&self) -> DVector<f64> {
        DVector::from_iterator(self.dim(), self.factor.row_iter().map(|row| row.norm()))
    }

    /// The lower triangular factor of the covariance.
    ///
    /// # Errors
    /// If the covariance is singular or not finite.
    pub(crate) fn cholesky(&self) -> Result<Dense> {
        // factor factorᵀ = (QR)ᵀ(QR) = RᵀR, of the transposed factor: no square is formed.
        let mut lower = self.factor.transpose().qr().r().transpose();
        for j in 0..self.dim() {
            if lower[(j, j)] < 0.0 {
                lower.column_mut(j).neg_mut();
            }
        }
        Dense::from_lower(self.dim(), lower.as_slice().to_vec())
    }

    /// The points of standard normal draws, d × n.
    pub(crate) fn points(&self, z: &DMatrix<f64>) -> DMatrix<f64> {
        let mut u = &self.factor * z;
        u.column_iter_mut().for_each(|mut u| u += &self.mean);
        u
    }
}

/// Log densities and gradients at the points of fixed draws, averaged.
#[derive(Clone, Debug)]
struct Averages {
    /// `E ln p(u)`.
    value: f64,
    /// The largest of the values that were averaged, by its size: rounding grows with it.
    largest: f64,
    /// `E ∇ln p(u)`, d.
    gradient: DVector<f64>,
    /// The gradients themselves, d × n.
    gradients: DMatrix<f64>,
}

impl Averages {
    /// None where the density or its gradient is not finite at some draw.
    fn new(gaussian: &Gaussian, z: &DMatrix<f64>, evaluate: &mut Evaluate<'_>) -> Result<Option<Self>> {
        let u = gaussian.points(z);
        let (mut values, mut gradients) = (vec![0.0; z.ncols()], DMatrix::zeros(z.nrows(), z.ncols()));
        evaluate(u.as_slice(), &mut values, gradients.as_mut_slice())?;
        let share = 1.0 / z.ncols() as f64;
        let value = values.iter().map(|v| v * share).sum::<f64>();
        let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let gradient = gradients.column_sum() * share;
        let finite = value.is_finite() && gradients.iter().all(|g| g.is_finite());
        Ok(finite.then_some(Self { value, largest, gradient, gradients }))
    }
}
