//! The Cholesky factor of any covariance.

use super::{Factor, dot};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Σ = L Lᵀ with a lower triangular L.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    dim: usize,
    /// L column by column, d × d, with zeros above the diagonal.
    lower: Vec<f64>,
}

impl Dense {
    /// The factor of a d × d covariance, column by column (or row by row: only the lower triangle
    /// is read, and the whole is symmetric).
    ///
    /// Each pivot loses digits by cancellation; a pivot that is within rounding of 0 of its
    /// variance counts as not positive. Units do not matter: only correlations do.
    ///
    /// *Source*: Golub, Van Loan 2013, "Matrix computations", algorithm 4.2.1.
    ///
    /// # Errors
    /// If the matrix is not positive definite or not finite, or has not d² entries.
    pub fn from_matrix(dim: usize, matrix: &[f64]) -> Result<Self> {
        let problem = |problem: String| Error::Setting { setting: "covariance", problem };
        if matrix.len() != dim * dim {
            return Err(problem(format!("{} entries, not {dim} × {dim}", matrix.len())));
        }
        let mut lower = matrix.to_vec();
        for j in 0..dim {
            let (before, rest) = lower.split_at_mut(j * dim);
            let column = &mut rest[..dim];
            let variance = column[j];
            for earlier in before.chunks_exact(dim) {
                let factor = earlier[j];
                column[j..].iter_mut().zip(&earlier[j..]).for_each(|(c, e)| *c -= factor * e);
            }
            let pivot = column[j];
            if !(pivot > f64::EPSILON * variance && pivot.is_finite()) {
                return Err(problem(format!("not positive definite: pivot {j} of {dim} is {pivot}")));
            }
            let root = pivot.sqrt();
            column[j] = root;
            column[..j].fill(0.0);
            column[j + 1..].iter_mut().for_each(|c| *c /= root);
        }
        if lower.iter().any(|x| !x.is_finite()) {
            return Err(problem("an entry is not finite".to_owned()));
        }
        Ok(Self { dim, lower })
    }

    /// From a lower triangular factor, column by column; what stands above the diagonal counts as
    /// 0.
    ///
    /// # Errors
    /// If it is not finite, has a diagonal entry that is not positive, or has not d² entries.
    pub fn from_lower(dim: usize, mut lower: Vec<f64>) -> Result<Self> {
        let problem = |problem: String| Error::Setting { setting: "factor", problem };
        if lower.len() != dim * dim {
            return Err(problem(format!("{} entries, not {dim} × {dim}", lower.len())));
        }
        for j in 0..dim {
            lower[j * dim..j * dim + j].fill(0.0);
            if !(lower[j * dim + j] > 0.0) {
                return Err(problem(format!("diagonal entry {j} is {}", lower[j * dim + j])));
            }
        }
        if lower.iter().any(|x| !x.is_finite()) {
            return Err(problem("an entry is not finite".to_owned()));
        }
        Ok(Self { dim, lower })
    }

    /// L, column by column, with zeros above the diagonal.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// Column j from the diagonal on.
    fn column(&self, j: usize) -> &[f64] {
        &self.lower[j * self.dim + j..(j + 1) * self.dim]
    }

    fn check(&self, x: &[f64]) {
        assert_eq!(x.len(), self.dim, "entries of a vector and of its covariance");
    }
}

impl Factor for Dense {
    fn dim(&self) -> usize {
        self.dim
    }

    fn log_det(&self) -> f64 {
        2.0 * (0..self.dim).map(|j| self.column(j)[0].ln()).sum::<f64>()
    }

    fn unwhiten(&self, x: &mut [f64]) {
        self.check(x);
        for j in (0..self.dim).rev() {
            let z = std::mem::take(&mut x[j]);
            x[j..].iter_mut().zip(self.column(j)).for_each(|(x, l)| *x += l * z);
        }
    }

    fn whiten(&self, x: &mut [f64]) {
        self.check(x);
        for j in 0..self.dim {
            let column = self.column(j);
            x[j] /= column[0];
            let z = x[j];
            x[j + 1..].iter_mut().zip(&column[1..]).for_each(|(x, l)| *x -= l * z);
        }
    }

    fn unwhiten_transposed(&self, g: &mut [f64]) {
        self.check(g);
        for j in 0..self.dim {
            g[j] = dot(&g[j..], self.column(j));
        }
    }

    fn whiten_transposed(&self, g: &mut [f64]) {
        self.check(g);
        for j in (0..self.dim).rev() {
            let column = self.column(j);
            g[j] = (g[j] - dot(&g[j + 1..], &column[1..])) / column[0];
        }
    }
}
