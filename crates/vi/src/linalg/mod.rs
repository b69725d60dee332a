//! Covariances by their factors: Σ = A Aᵀ with an A of known structure, on plain slices.
//!
//! [`Diagonal`], [`Dense`] and [`LowRank`] are used alike, by the trait [`Factor`], for Gaussians
//! of a guide, for Pathfinder and for the metric of a sampler; [`Covariance`] is any of them, as
//! data.

mod dense;
mod diagonal;
mod low_rank;

pub use dense::Dense;
pub use diagonal::Diagonal;
pub use low_rank::LowRank;

use crate::error::Result;
use serde::{Deserialize, Serialize};

/// The inner product.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A regular d × d factor A of a covariance Σ = A Aᵀ.
///
/// # Panics
/// All methods, if a slice has not d entries.
pub trait Factor {
    /// d.
    fn dim(&self) -> usize;

    /// ln det Σ.
    fn log_det(&self) -> f64;

    /// x = A x: standard normal numbers become draws with covariance Σ.
    fn unwhiten(&self, x: &mut [f64]);

    /// x = A⁻¹ x, the inverse of [`unwhiten`](Factor::unwhiten).
    fn whiten(&self, x: &mut [f64]);

    /// g = Aᵀ g: a gradient with respect to A x becomes the one with respect to x.
    fn unwhiten_transposed(&self, g: &mut [f64]);

    /// g = A⁻ᵀ g, the inverse of [`unwhiten_transposed`](Factor::unwhiten_transposed).
    fn whiten_transposed(&self, g: &mut [f64]);

    /// x = Σ x.
    fn multiply(&self, x: &mut [f64]) {
        self.unwhiten_transposed(x);
        self.unwhiten(x);
    }

    /// x = Σ⁻¹ x.
    fn solve(&self, x: &mut [f64]) {
        self.whiten(x);
        self.whiten_transposed(x);
    }

    /// ln N(mean + `x`; mean, Σ), the density of a Gaussian at a distance from its mean. `x` is
    /// used as scratch.
    fn log_density(&self, x: &mut [f64]) -> f64 {
        self.whiten(x);
        let squares: f64 = x.iter().map(|x| x * x).sum();
        -0.5 * (squares + self.log_det() + self.dim() as f64 * std::f64::consts::TAU.ln())
    }

    /// Σ itself, d × d.
    fn to_matrix(&self) -> Vec<f64> {
        let d = self.dim();
        let mut matrix = vec![0.0; d * d];
        for (i, column) in matrix.chunks_exact_mut(d.max(1)).enumerate() {
            column[i] = 1.0;
            self.multiply(column);
        }
        matrix
    }

    /// The d variances.
    fn variances(&self) -> Vec<f64> {
        let d = self.dim();
        let mut row = vec![0.0; d];
        let variance = |i: usize| {
            row.fill(0.0);
            row[i] = 1.0;
            self.unwhiten_transposed(&mut row);
            row.iter().map(|x| x * x).sum()
        };
        (0..d).map(variance).collect()
    }
}

/// A covariance of one of the structures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Covariance {
    /// Independent entries.
    Diagonal(Diagonal),
    /// Any covariance.
    Dense(Dense),
    /// Independent entries changed in a few directions.
    LowRank(LowRank),
}

impl Covariance {
    /// The identity.
    pub fn identity(dim: usize) -> Self {
        Self::Diagonal(Diagonal::identity(dim))
    }

    /// With these variances, at least one of them.
    ///
    /// # Errors
    /// If one is not positive and finite.
    pub fn diagonal(variances: &[f64]) -> Result<Self> {
        Diagonal::from_variances(variances).map(Self::Diagonal)
    }

    /// A d × d covariance, of which the lower triangle is read.
    ///
    /// # Errors
    /// If it is not positive definite.
    pub fn dense(dim: usize, matrix: &[f64]) -> Result<Self> {
        Dense::from_matrix(dim, matrix).map(Self::Dense)
    }

    fn factor(&self) -> &dyn Factor {
        match self {
            Self::Diagonal(f) => f,
            Self::Dense(f) => f,
            Self::LowRank(f) => f,
        }
    }
}

impl Factor for Covariance {
    fn dim(&self) -> usize {
        self.factor().dim()
    }

    fn log_det(&self) -> f64 {
        self.factor().log_det()
    }

    fn unwhiten(&self, x: &mut [f64]) {
        self.factor().unwhiten(x);
    }

    fn whiten(&self, x: &mut [f64]) {
        self.factor().whiten(x);
    }

    fn unwhiten_transposed(&self, g: &mut [f64]) {
        self.factor().unwhiten_transposed(g);
    }

    fn whiten_transposed(&self, g: &mut [f64]) {
        self.factor().whiten_transposed(g);
    }
}
