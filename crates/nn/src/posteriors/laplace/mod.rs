//! Laplace approximations: a Gaussian at a mode, with the curvature of the generalised Gauss-Newton
//! matrix; predictions of the net linearised there.

mod full;
mod kronecker;
mod last_layer;

pub use full::FullLaplace;
pub use kronecker::KroneckerLaplace;
pub use last_layer::LastLayerLaplace;

use super::{Ascent, Inferred, Problem};
use crate::error::{Error, Result};
use crate::noise::Noise;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use probity_autodiff::random::fill_normal;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What the Laplace approximations have in common.
///
/// The curvature of the likelihood is the generalised Gauss-Newton matrix `Σ Jᵢᵀ Hᵢ Jᵢ`, with the
/// derivatives J of the outputs by the weights and the [information](Problem::information) H of the
/// head; that of the priors is their own. What the head samples, such as the noise, is a block by
/// itself, with the curvature of the log joint density: in families of a location and a scale the
/// two are independent in the Fisher information.
///
/// [Unknown scales](crate::PriorScale::Hyper) of priors and a constant Gaussian noise that is
/// learned are set by the marginal likelihood, in turn with the weights: at a mode of all, weights
/// that fit the noise would make it too small. Priors without an unknown scale stay as they are.
///
/// *Source*: MacKay 1992, "A practical Bayesian framework for backpropagation networks"; Immer et
/// al. 2021, "Scalable marginal likelihood estimation for model selection in deep learning"; of the
/// noise Tipping 2001, section 2.3 (EM).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaplaceSettings {
    /// The ascent to the mode.
    pub ascent: Ascent,
    /// Rounds of setting the unknown scales and climbing again.
    pub rounds: usize,
    /// Steps of an ascent between two rounds.
    pub steps: usize,
    /// Draws.
    pub draws: usize,
    /// The seed of the start and the draws.
    pub seed: u64,
}

impl Default for LaplaceSettings {
    fn default() -> Self {
        Self { ascent: Ascent::default(), rounds: 6, steps: 200, draws: 300, seed: 0 }
    }
}

/// A Gaussian around a mode.
trait Around {
    /// The variances of its coordinates, written to those of all.
    fn variances(&self, to: &mut [f64]);

    /// Adds a draw of it, without its mean, by standard normal numbers that `noise` gives.
    fn add(&self, key: Key, u: &mut [f64]);
}

/// Makes the Gaussian at a point from the outputs of all rows and the precisions of the priors
/// there.
type Expand<'a> = dyn Fn(&[f64], &[f64], &[f64]) -> Result<Box<dyn Around>> + 'a;

/// The approximation whose Gaussian at a point `around` makes.
fn laplace(problem: &Problem<'_>, settings: &LaplaceSettings, around: &Expand<'_>) -> Result<Inferred> {
    let LaplaceSettings { ascent, rounds, steps, draws, seed } = settings;
    let key = Key::new(*seed);
    let mut mode = ascent.climb(problem, key.fold_in(0))?;
    let gaussian = |u: &[f64]| -> Result<(Box<dyn Around>, Vec<f64>)> {
        let (outputs, precisions) = (problem.outputs_at(u)?, problem.prior_precisions(u)?);
        Ok((around(u, &outputs, &precisions)?, outputs))
    };
    let noise: Vec<usize> = match problem.gaussian() {
        Some((Noise::Learned, _)) => problem.head().collect(),
        _ => Vec::new(),
    };
    let rounds = if problem.scales().is_empty() && noise.is_empty() { 0 } else { *rounds };
    for round in 0..rounds {
        let mut variances = vec![0.0; problem.dim()];
        let (around, outputs) = gaussian(&mode.u)?;
        around.variances(&mut variances);
        if let [noise] = noise[..] {
            let precisions = problem.prior_precisions(&mode.u)?;
            // How many weights the data determine.
            let both = variances.iter().zip(&precisions).filter(|(v, _)| **v > 0.0);
            let effective: f64 = both.map(|(v, p)| (1.0 - v * p).max(0.0)).sum();
            let all = problem.targets();
            let of_rows: f64 = all.iter().zip(&outputs).map(|(y, f)| (y - f) * (y - f)).sum();
            let squares = problem.weight() * of_rows;
            let expected = squares + (2.0 * mode.u[noise]).exp() * effective;
            mode.u[noise] = 0.5 * best_noise(problem.rows(), expected).ln();
        }
        problem.scales().maximize(&mut mode.u, Some(&variances));
        let again = Ascent { steps: *steps, rate: 0.25 * ascent.rate, ..ascent.clone() };
        let next = again.from(problem, mode.u, key.fold_in(1 + round as u64), &noise)?;
        mode = super::Climbed { u: next.u, gradients: mode.gradients + next.gradients };
    }
    let (around, outputs) = gaussian(&mode.u)?;
    let head = Dense::of_head(problem, &outputs, &mode.u)?;
    let (d, key) = (problem.dim(), key.fold_in_str("draws"));
    let mut points = Vec::with_capacity(draws * d);
    for draw in 0..*draws {
        let key = key.fold_in(draw as u64);
        let mut u = mode.u.clone();
        around.add(key.fold_in(0), &mut u);
        head.add(key.fold_in(1), &mut u);
        points.extend(u);
    }
    Ok(Inferred::of_draws(points).gradients(mode.gradients).linear_at(mode.u))
}

/// The variance v of the noise at which `-½ n ln v - ½ squares / v` and the prior, half-Normal with
/// scale 1 as a density of the logarithm, are largest together: `v² + (n - 1) v = squares`.
fn best_noise(rows: usize, squares: f64) -> f64 {
    let n = rows as f64 - 1.0;
    2.0 * squares / (n + (n * n + 4.0 * squares).sqrt())
}

/// A Gaussian of any covariance over some coordinates.
struct Dense {
    coordinates: Vec<usize>,
    precision: Cholesky<f64, Dyn>,
}

impl Dense {
    fn new(coordinates: Vec<usize>, precision: DMatrix<f64>) -> Result<Self> {
        match precision.cholesky() {
            Some(precision) => Ok(Self { coordinates, precision }),
            None => Err(Error::Network(
                "the curvature at the mode is not positive definite: a weight has neither data nor a prior"
                    .into(),
            )),
        }
    }

    /// Of what the head samples.
    fn of_head(problem: &Problem<'_>, outputs: &[f64], u: &[f64]) -> Result<Self> {
        let head: Range<usize> = problem.head();
        let curvature = problem.head_curvature(outputs, u)?;
        Self::new(head.collect(), curvature)
    }
}

impl Around for Dense {
    fn variances(&self, to: &mut [f64]) {
        let covariance = self.precision.inverse();
        self.coordinates.iter().enumerate().for_each(|(i, at)| to[*at] = covariance[(i, i)]);
    }

    fn add(&self, key: Key, u: &mut [f64]) {
        let mut z = DVector::zeros(self.coordinates.len());
        fill_normal(key, 0, z.as_mut_slice());
        // With precision L Lᵀ, L⁻ᵀ z has its inverse as covariance. The diagonal is positive.
        let l = self.precision.l_dirty();
        for i in (0..z.len()).rev() {
            let below: f64 = (i + 1..z.len()).map(|j| l[(j, i)] * z[j]).sum();
            z[i] = (z[i] - below) / l[(i, i)];
        }
        self.coordinates.iter().zip(z.iter()).for_each(|(at, z)| u[*at] += z);
    }
}

/// The Gaussian of these weights in full covariance, the others at the mode.
fn of_weights(problem: &Problem<'_>, settings: &LaplaceSettings, weights: Vec<usize>) -> Result<Inferred> {
    laplace(problem, settings, &|u, outputs, precisions| {
        let prior: Vec<f64> = weights.iter().map(|w| precisions[*w]).collect();
        let prior = DMatrix::from_diagonal(&prior.into());
        let precision = gauss_newton(problem, u, outputs, &weights)? + prior;
        Ok(Box::new(Dense::new(weights.clone(), precision)?))
    })
}

/// `Σ Jᵢᵀ Hᵢ Jᵢ` over the rows, for these coordinates.
fn gauss_newton(
    problem: &Problem<'_>,
    u: &[f64],
    outputs: &[f64],
    coordinates: &[usize],
) -> Result<DMatrix<f64>> {
    let information = problem.information(outputs, u)?;
    let (d, k) = (u.len(), problem.outputs());
    let mut sum = DMatrix::zeros(coordinates.len(), coordinates.len());
    problem.visit_jacobians(u, |piece| {
        let count = piece.outputs.len();
        let of = |i: usize, column: usize| piece.derivatives[column * d + coordinates[i]];
        let jacobians = DMatrix::from_fn(coordinates.len(), count, of);
        let mut weighted = DMatrix::zeros(count, coordinates.len());
        for (i, row) in piece.rows.clone().enumerate() {
            let own = jacobians.columns(i * k, k);
            weighted.rows_mut(i * k, k).copy_from(&(&information[row] * own.transpose()));
        }
        sum.gemm(1.0, &jacobians, &weighted, 1.0);
        Ok(())
    })?;
    Ok(sum)
}
