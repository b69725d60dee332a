//! Matrix-normal: a covariance of rows times one of columns.

use super::block::Block;
use super::{GaussianSettings, fit};
use crate::error::Result;
use crate::posteriors::{Inferred, LinearMap, Method, Problem};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// For every linear map, biases included, a matrix-normal Gaussian: the covariance of two weights
/// is that of their inputs times that of their outputs, each of any form.
///
/// *Source*: Louizos, Welling 2016, "Structured and efficient variational deep learning with matrix
/// Gaussian posteriors".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatrixNormalVi {
    /// The settings.
    pub settings: GaussianSettings,
}

impl Method for MatrixNormalVi {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let maps = problem.linear_maps();
        let blocks = maps.iter().map(|map| -> Box<dyn Block> { Box::new(MatrixNormal::new(map)) });
        fit(problem, &self.settings, blocks.collect())
    }

    fn seed(&self) -> u64 {
        self.settings.seed
    }
}

/// `A Z Bᵀ` with lower triangular A (rows) and B (columns), which are the parameters, one square
/// after the other; on their diagonals stand logarithms.
struct MatrixNormal {
    coordinates: Vec<usize>,
    rows: usize,
    columns: usize,
}

impl MatrixNormal {
    fn new(map: &LinearMap) -> Self {
        Self { coordinates: map.coordinates(), rows: map.rows(), columns: map.outputs }
    }

    fn factors(&self, params: &[f64]) -> [DMatrix<f64>; 2] {
        let (a, b) = params.split_at(self.rows * self.rows);
        [(self.rows, a), (self.columns, b)].map(|(n, x)| {
            DMatrix::from_fn(n, n, |i, j| match i.cmp(&j) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => x[j * n + j].exp(),
                std::cmp::Ordering::Greater => x[j * n + i],
            })
        })
    }
}

impl Block for MatrixNormal {
    fn coordinates(&self) -> &[usize] {
        &self.coordinates
    }
    fn parameters(&self) -> usize {
        self.rows * self.rows + self.columns * self.columns
    }
    fn noise(&self) -> usize {
        self.rows * self.columns
    }
    fn start(&self, scale: f64, _: Key, params: &mut [f64]) {
        params.fill(0.0);
        let (a, b) = params.split_at_mut(self.rows * self.rows);
        for (n, x) in [(self.rows, a), (self.columns, b)] {
            (0..n).for_each(|i| x[i * n + i] = 0.5 * scale.ln());
        }
    }
    fn add(&self, params: &[f64], z: &[f64], u: &mut [f64]) {
        let [a, b] = self.factors(params);
        let moved = a * DMatrix::from_column_slice(self.rows, self.columns, z) * b.transpose();
        self.coordinates.iter().zip(moved.iter()).for_each(|(at, m)| u[*at] += m);
    }
    fn accumulate(&self, params: &[f64], z: &[f64], gradient: &[f64], to: &mut [f64]) {
        let [a, b] = self.factors(params);
        let z = DMatrix::from_column_slice(self.rows, self.columns, z);
        let own = self.coordinates.iter().map(|at| gradient[*at]);
        let g = DMatrix::from_iterator(self.rows, self.columns, own);
        let slopes = [&g * &b * z.transpose(), g.tr_mul(&a) * &z];
        let (to_a, to_b) = to.split_at_mut(self.rows * self.rows);
        for ((slope, factor), to) in slopes.iter().zip([&a, &b]).zip([to_a, to_b]) {
            let n = factor.nrows();
            for j in 0..n {
                to[j * n + j] += slope[(j, j)] * factor[(j, j)];
                (j + 1..n).for_each(|i| to[j * n + i] += slope[(i, j)]);
            }
        }
    }
    fn entropy(&self, _: &[f64], to: &mut [f64]) {
        let (a, b) = to.split_at_mut(self.rows * self.rows);
        for (n, others, x) in [(self.rows, self.columns, a), (self.columns, self.rows, b)] {
            (0..n).for_each(|i| x[i * n + i] += others as f64);
        }
    }
    fn variances(&self, params: &[f64], to: &mut [f64]) {
        let [a, b] =
            self.factors(params).map(|m| m.row_iter().map(|r| r.norm_squared()).collect::<Vec<f64>>());
        let each = self.coordinates.iter().enumerate();
        each.for_each(|(i, at)| to[*at] = a[i % self.rows] * b[i / self.rows]);
    }
}
