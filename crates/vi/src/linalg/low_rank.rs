//! A diagonal covariance that is changed in a few directions.

use super::{Diagonal, Factor};
use crate::error::{Error, Result};
use probity_autodiff::nalgebra::{DMatrix, DVector, SymmetricEigen};
use serde::{Deserialize, Serialize};

/// Σ = S (I + Q diag(λ) Qᵀ) S with S = diag(σ), r orthonormal columns Q, and λ > −1. All costs are
/// proportional to d r.
///
/// The factor is A = S (I + Q diag(√(1 + λ) − 1) Qᵀ).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LowRank {
    scale: Diagonal,
    /// Q, column by column.
    directions: Vec<f64>,
    /// √(1 + λ).
    stretch: Vec<f64>,
}

impl LowRank {
    /// diag(σ)² + B M Bᵀ, with B d × k column by column, and M k × k and symmetric, of which the
    /// lower triangle is read.
    ///
    /// *Source*: the thin QR decomposition of diag(σ)⁻¹ B = Q R and the eigenvalues of R M Rᵀ, as
    /// in Zhang, Carpenter, Gelman, Vehtari 2022, "Pathfinder", algorithm 4.
    ///
    /// # Errors
    /// If the sum is not positive definite, if a number is not finite, or if sizes do not fit.
    pub fn from_update(scale: Vec<f64>, columns: &[f64], middle: &[f64]) -> Result<Self> {
        let problem = |problem: &str| Error::Setting { setting: "covariance", problem: problem.to_owned() };
        let scale = Diagonal::new(scale)?;
        let d = scale.dim();
        let k = columns.len().checked_div(d).unwrap_or(0);
        if columns.len() != d * k || middle.len() != k * k {
            return Err(problem("sizes do not fit"));
        }
        if columns.iter().chain(middle).any(|x| !x.is_finite()) {
            return Err(problem("an entry is not finite"));
        }
        if k == 0 {
            return Ok(Self { scale, directions: Vec::new(), stretch: Vec::new() });
        }
        let mut scaled = columns.to_vec();
        scaled.chunks_exact_mut(d).for_each(|c| scale.whiten(c));
        // Columns to unit length: rounding of Q then does not depend on their units.
        let norms: Vec<f64> = scaled.chunks_exact(d).map(norm).collect();
        for (column, norm) in scaled.chunks_exact_mut(d).zip(&norms) {
            column.iter_mut().for_each(|x| *x = if *norm > 0.0 { *x / norm } else { 0.0 });
        }
        let middle = DMatrix::from_fn(k, k, |i, j| middle[i.min(j) * k + i.max(j)] * norms[i] * norms[j]);
        let (q, r) = DMatrix::from_vec(d, k, scaled).qr().unpack();
        let small = &r * middle * r.transpose();
        if small.iter().any(|x| !x.is_finite()) {
            return Err(problem("an entry is not finite"));
        }
        let Some(eigen) = SymmetricEigen::try_new(small, f64::EPSILON, 1000) else {
            return Err(problem("no eigenvalues were found"));
        };
        Self::from_directions(scale, q * eigen.eigenvectors, eigen.eigenvalues)
    }

    /// diag(σ)² + F Fᵀ, with F d × k column by column.
    ///
    /// # Errors
    /// As [`from_update`](LowRank::from_update).
    pub fn from_factor(scale: Vec<f64>, factor: &[f64]) -> Result<Self> {
        let k = factor.len().checked_div(scale.len()).unwrap_or(0);
        let identity: Vec<f64> = (0..k * k).map(|i| f64::from(u8::from(i % (k + 1) == 0))).collect();
        Self::from_update(scale, factor, &identity)
    }

    fn from_directions(scale: Diagonal, q: DMatrix<f64>, lambda: DVector<f64>) -> Result<Self> {
        if let Some(l) = lambda.iter().find(|l| !(1.0 + **l > 0.0)) {
            let problem = format!("not positive definite: an eigenvalue of the scaled matrix is {}", 1.0 + l);
            return Err(Error::Setting { setting: "covariance", problem });
        }
        let stretch = lambda.iter().map(|l| (1.0 + l).sqrt()).collect();
        Ok(Self { scale, directions: q.as_slice().to_vec(), stretch })
    }

    /// The number of directions, r.
    pub fn rank(&self) -> usize {
        self.stretch.len()
    }

    /// The standard deviations σ before the change.
    pub fn scale(&self) -> &[f64] {
        self.scale.scale()
    }

    /// x + Q diag(f(√(1 + λ)) − 1) Qᵀ x. Directions are orthonormal, so one after the other is all
    /// at once.
    fn stretch(&self, x: &mut [f64], f: impl Fn(f64) -> f64) {
        for (q, &s) in self.directions.chunks_exact(self.dim().max(1)).zip(&self.stretch) {
            let by = (f(s) - 1.0) * q.iter().zip(&*x).map(|(q, x)| q * x).sum::<f64>();
            x.iter_mut().zip(q).for_each(|(x, q)| *x += by * q);
        }
    }
}

fn norm(x: &[f64]) -> f64 {
    let max = x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    if max > 0.0 { max * x.iter().map(|x| (x / max).powi(2)).sum::<f64>().sqrt() } else { 0.0 }
}

impl Factor for LowRank {
    fn dim(&self) -> usize {
        self.scale.dim()
    }

    fn log_det(&self) -> f64 {
        self.scale.log_det() + 2.0 * self.stretch.iter().map(|s| s.ln()).sum::<f64>()
    }

    fn unwhiten(&self, x: &mut [f64]) {
        self.stretch(x, |s| s);
        self.scale.unwhiten(x);
    }

    fn whiten(&self, x: &mut [f64]) {
        self.scale.whiten(x);
        self.stretch(x, |s| 1.0 / s);
    }

    fn unwhiten_transposed(&self, g: &mut [f64]) {
        self.scale.unwhiten(g);
        self.stretch(g, |s| s);
    }

    fn whiten_transposed(&self, g: &mut [f64]) {
        self.stretch(g, |s| 1.0 / s);
        self.scale.whiten(g);
    }
}
