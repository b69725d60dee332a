//! Low rank and diagonal, layer by layer.

use super::super::ascent::setting;
use super::block::Block;
use super::{GaussianSettings, fit};
use crate::error::Result;
use crate::posteriors::{Inferred, Method, Problem};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use serde::{Deserialize, Serialize};

/// For every linear map a Gaussian with covariance `D² + F Fᵀ`, with a diagonal D and a few columns
/// in F.
///
/// *Source*: Ong, Nott, Smith 2018, "Gaussian variational approximation with a factor covariance
/// structure"; layer by layer: Tomczak, Swaroop, Turner 2020, "Efficient low rank Gaussian
/// variational inference for neural networks".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LowRankVi {
    /// The columns of F.
    pub rank: usize,
    /// The settings.
    pub settings: GaussianSettings,
}

impl Default for LowRankVi {
    fn default() -> Self {
        Self { rank: 4, settings: GaussianSettings::default() }
    }
}

impl Method for LowRankVi {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        if self.rank == 0 {
            return Err(setting("rank", "at least one column is needed".into()));
        }
        let block = |coordinates: Vec<usize>| -> Box<dyn Block> {
            Box::new(LowRank { rank: self.rank.min(coordinates.len()), coordinates })
        };
        let blocks = problem.linear_maps().into_iter().map(|map| block(map.coordinates()));
        fit(problem, &self.settings, blocks.collect())
    }

    fn seed(&self) -> u64 {
        self.settings.seed
    }
}

/// Parameters: the logarithms of D, then F column by column.
struct LowRank {
    coordinates: Vec<usize>,
    rank: usize,
}

impl LowRank {
    /// D and F.
    fn parts<'a>(&self, params: &'a [f64]) -> (Vec<f64>, &'a [f64]) {
        let (logs, factor) = params.split_at(self.coordinates.len());
        (logs.iter().map(|l| l.exp()).collect(), factor)
    }
}

impl Block for LowRank {
    fn coordinates(&self) -> &[usize] {
        &self.coordinates
    }
    fn parameters(&self) -> usize {
        self.coordinates.len() * (1 + self.rank)
    }
    fn noise(&self) -> usize {
        self.coordinates.len() + self.rank
    }
    fn start(&self, scale: f64, key: Key, params: &mut [f64]) {
        let (logs, factor) = params.split_at_mut(self.coordinates.len());
        logs.fill(scale.ln());
        // Not all alike, so that columns find directions of their own.
        fill_normal(key, 0, factor);
        factor.iter_mut().for_each(|f| *f *= 0.1 * scale);
    }
    fn add(&self, params: &[f64], z: &[f64], u: &mut [f64]) {
        let n = self.coordinates.len();
        let (scale, factor) = self.parts(params);
        let (own, common) = z.split_at(n);
        for (i, at) in self.coordinates.iter().enumerate() {
            let shared: f64 = common.iter().enumerate().map(|(k, z)| factor[k * n + i] * z).sum();
            u[*at] += scale[i] * own[i] + shared;
        }
    }
    fn accumulate(&self, params: &[f64], z: &[f64], gradient: &[f64], to: &mut [f64]) {
        let n = self.coordinates.len();
        let (scale, _) = self.parts(params);
        let (own, common) = z.split_at(n);
        for (i, at) in self.coordinates.iter().enumerate() {
            to[i] += gradient[*at] * own[i] * scale[i];
            common.iter().enumerate().for_each(|(k, z)| to[n + k * n + i] += gradient[*at] * z);
        }
    }
    /// Of ½ ln det Σ by Woodbury's formula: `Σ⁻¹ F = D⁻² F C⁻¹` with `C = 1 + Fᵀ D⁻² F`.
    fn entropy(&self, params: &[f64], to: &mut [f64]) {
        let (n, r) = (self.coordinates.len(), self.rank);
        let (scale, factor) = self.parts(params);
        let scaled = DMatrix::from_fn(n, r, |i, k| factor[k * n + i] / scale[i]);
        let middle = scaled.tr_mul(&scaled) + DMatrix::identity(r, r);
        let Some(middle) = middle.cholesky() else { return };
        // D⁻¹ F C⁻¹.
        let solved = middle.solve(&scaled.transpose()).transpose();
        for i in 0..n {
            let explained: f64 = (0..r).map(|k| solved[(i, k)] * scaled[(i, k)]).sum();
            to[i] += 1.0 - explained;
            (0..r).for_each(|k| to[n + k * n + i] += solved[(i, k)] / scale[i]);
        }
    }
    fn variances(&self, params: &[f64], to: &mut [f64]) {
        let n = self.coordinates.len();
        let (scale, factor) = self.parts(params);
        for (i, at) in self.coordinates.iter().enumerate() {
            let shared: f64 = (0..self.rank).map(|k| factor[k * n + i].powi(2)).sum();
            to[*at] = scale[i] * scale[i] + shared;
        }
    }
}
