//! The last layer in closed form, on the features of a net at its mode.

use super::ascent::setting;
use super::{Ascent, Inferred, LinearMap, Method, Problem};
use crate::error::{Error, Result};
use crate::noise::Noise;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::{fill_normal, uniform_at};
use probity_vi::Target;
use serde::{Deserialize, Serialize};

/// The exact posterior of the last linear map of a net with Gaussian noise, given all other
/// weights, which are points at the mode: Bayesian linear regression on the net's features.
///
/// Given the noise and the scale of the prior it is a Gaussian in closed form. An unknown constant
/// noise has its own posterior, which is one-dimensional once the weights are integrated out; it is
/// drawn from a grid. So weights and noise are independent a priori, as the net says, and not as
/// conjugacy would have it. A noise that depends on the inputs stays as it is at the mode; unknown
/// scales of priors are set by the marginal likelihood.
///
/// *Source*: Bishop 2006, "Pattern recognition and machine learning", sections 3.3 and 3.5; on a
/// net: Snoek et al. 2015, "Scalable Bayesian optimization using deep neural networks".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BayesianLastLayer {
    /// The ascent to the mode.
    pub ascent: Ascent,
    /// Rounds of the EM algorithm for unknown scales.
    pub rounds: usize,
    /// Draws.
    pub draws: usize,
    /// The seed of the start and the draws.
    pub seed: u64,
}

impl Default for BayesianLastLayer {
    fn default() -> Self {
        Self { ascent: Ascent::default(), rounds: 20, draws: 300, seed: 0 }
    }
}

impl Method for BayesianLastLayer {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let Some((noise, unit)) = problem.gaussian() else {
            return Err(Error::Network("the closed form of the last layer needs a Gaussian head".into()));
        };
        if problem.is_streamed() {
            return Err(Error::Network("the closed form of the last layer needs all rows in memory".into()));
        }
        if self.draws == 0 {
            return Err(setting("draws", "at least one is needed".into()));
        }
        let key = Key::new(self.seed);
        let mode = self.ascent.climb(problem, key.fold_in(0))?;
        let mut u = mode.u;
        let features = Features::of(problem, &u, noise)?;
        // The noise in standard units where it is known.
        let known = match noise {
            Noise::Fixed(sd) => Some((sd / unit).ln()),
            Noise::FixedShare(share) => Some(share.ln()),
            // In the features.
            Noise::InputDependent => Some(0.0),
            Noise::Learned => None,
        };
        let rounds = if problem.scales().is_empty() { 0 } else { self.rounds };
        for _ in 0..rounds {
            let line = Line::of(problem, &features, &u)?;
            let at = known.unwrap_or_else(|| line.noise(problem, &u).map_or(0.0, |grid| grid.mode()));
            let mut variances = vec![0.0; u.len()];
            line.set(at, &features.coordinates, &mut u, &mut variances);
            problem.scales().maximize(&mut u, Some(&variances));
        }
        let line = Line::of(problem, &features, &u)?;
        let grid = match known {
            Some(_) => None,
            None => Some(line.noise(problem, &u)?),
        };
        let mut points = Vec::with_capacity(self.draws * u.len());
        for draw in 0..self.draws {
            let key = key.fold_in_str("draws").fold_in(draw as u64);
            let mut point = u.clone();
            let noise = match (&grid, known) {
                (Some(grid), _) => grid.draw(uniform_at(key, 0)),
                (None, known) => known.unwrap_or(0.0),
            };
            if grid.is_some() {
                point[problem.head().start] = noise;
            }
            line.draw(noise, key.fold_in(1), &features.coordinates, &mut point);
            points.extend(point);
        }
        Ok(Inferred::of_draws(points).gradients(mode.gradients))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

/// What the last map sees.
struct Features {
    /// Of the mean: its weights and its bias.
    coordinates: Vec<usize>,
    /// Rows × coordinates, each row divided by its noise where that is known row by row.
    matrix: DMatrix<f64>,
    /// The targets, likewise.
    targets: DVector<f64>,
}

impl Features {
    fn of(problem: &Problem<'_>, u: &[f64], noise: Noise) -> Result<Self> {
        let map: LinearMap = problem.last_map()?;
        // Of the first output, which is the mean.
        let coordinates: Vec<usize> = map.coordinates()[..map.rows()].to_vec();
        let (d, k) = (u.len(), problem.outputs());
        let mut matrix = DMatrix::zeros(problem.rows(), coordinates.len());
        problem.visit_jacobians(u, |piece| {
            for (i, row) in piece.rows.clone().enumerate() {
                let own = &piece.derivatives[i * k * d..][..d];
                coordinates.iter().enumerate().for_each(|(j, at)| matrix[(row, j)] = own[*at]);
            }
            Ok(())
        })?;
        let mut targets = problem.targets().column(0).into_owned();
        if noise == Noise::InputDependent {
            let information = problem.information(&problem.outputs_at(u)?, u)?;
            for (row, h) in information.iter().enumerate() {
                // The information of a mean is the inverse of the variance.
                let root = h[(0, 0)].sqrt();
                matrix.row_mut(row).scale_mut(root);
                targets[row] *= root;
            }
        }
        Ok(Self { coordinates, matrix, targets })
    }
}

/// Bayesian linear regression in the coordinates in which prior and likelihood are diagonal.
struct Line {
    rows: f64,
    /// From these coordinates to the weights.
    vectors: DMatrix<f64>,
    /// The precisions that the data add at a noise of 1; that of the prior is 1.
    values: DVector<f64>,
    /// The products with the targets.
    projected: DVector<f64>,
    /// The sum of the squares of the targets.
    squares: f64,
}

impl Line {
    fn of(problem: &Problem<'_>, features: &Features, u: &[f64]) -> Result<Self> {
        let precisions = problem.prior_precisions(u)?;
        let scale = features.coordinates.iter().map(|i| precisions[*i].sqrt().recip());
        let scale = DVector::from_iterator(features.coordinates.len(), scale);
        if scale.iter().any(|s| !s.is_finite()) {
            return Err(Error::Network("the last layer needs Normal priors".into()));
        }
        let scale = DMatrix::from_diagonal(&scale);
        let scaled = &features.matrix * &scale;
        let eigen = scaled.tr_mul(&scaled).symmetric_eigen();
        Ok(Self {
            rows: features.targets.len() as f64,
            projected: eigen.eigenvectors.tr_mul(&scaled.tr_mul(&features.targets)),
            vectors: scale * eigen.eigenvectors,
            values: eigen.eigenvalues.map(|x| x.max(0.0)),
            squares: features.targets.norm_squared(),
        })
    }

    /// The precisions and the means of the coordinates given the logarithm of the noise.
    fn given(&self, log_noise: f64) -> impl Iterator<Item = (f64, f64)> {
        let weight = (-2.0 * log_noise).exp();
        self.values.iter().zip(&self.projected).map(move |(value, product)| {
            let precision = 1.0 + weight * value;
            (precision, weight * product / precision)
        })
    }

    /// The log density of the targets given the logarithm of the noise, without the weights.
    fn log_marginal(&self, log_noise: f64) -> f64 {
        let weight = (-2.0 * log_noise).exp();
        let fitted = self.given(log_noise).zip(&self.projected);
        let terms: f64 =
            fitted.map(|((precision, mean), product)| 0.5 * (weight * mean * product - precision.ln())).sum();
        terms - self.rows * log_noise - 0.5 * weight * self.squares
    }

    /// Mean and variances of the weights given the noise.
    fn set(&self, log_noise: f64, coordinates: &[usize], u: &mut [f64], variances: &mut [f64]) {
        let (precisions, means): (Vec<f64>, Vec<f64>) = self.given(log_noise).unzip();
        let mean = &self.vectors * DVector::from_vec(means);
        for (i, at) in coordinates.iter().enumerate() {
            u[*at] = mean[i];
            let squares = self.vectors.row(i);
            variances[*at] = squares.iter().zip(&precisions).map(|(v, p)| v * v / p).sum();
        }
    }

    /// A draw of the weights given the noise.
    fn draw(&self, log_noise: f64, key: Key, coordinates: &[usize], u: &mut [f64]) {
        let mut z = vec![0.0; coordinates.len()];
        fill_normal(key, 0, &mut z);
        let each = self.given(log_noise).zip(&z).map(|((precision, mean), z)| mean + z / precision.sqrt());
        let w = &self.vectors * DVector::from_iterator(z.len(), each);
        coordinates.iter().zip(w.iter()).for_each(|(at, w)| u[*at] = *w);
    }

    /// The posterior of the logarithm of the noise on a grid, weights integrated out.
    fn noise(&self, problem: &Problem<'_>, u: &[f64]) -> Result<Grid> {
        let at = problem.head().start;
        let (mut prior, mut gradient) = (problem.prior(), vec![0.0; u.len()]);
        let mut density = |log_noise: f64| -> Result<f64> {
            let mut point = u.to_vec();
            point[at] = log_noise;
            Ok(self.log_marginal(log_noise) + prior.gradient(&point, &mut gradient)?)
        };
        // A wide grid, and then one as narrow as the posterior is.
        let wide = Grid::of((-9.0, 4.0), &mut density)?;
        let half = 10.0 / (2.0 * self.rows).sqrt();
        let centre = wide.mode();
        Grid::of((centre - half - wide.step, centre + half + wide.step), &mut density)
    }
}

/// A density on a line by its values on a grid.
struct Grid {
    from: f64,
    step: f64,
    /// Probabilities of the cells.
    shares: Vec<f64>,
}

impl Grid {
    fn of((from, to): (f64, f64), log_density: &mut dyn FnMut(f64) -> Result<f64>) -> Result<Self> {
        const CELLS: usize = 400;
        let step = (to - from) / CELLS as f64;
        let middle = |i: usize| from + (i as f64 + 0.5) * step;
        let logs: Vec<f64> = (0..CELLS).map(|i| log_density(middle(i))).collect::<Result<_>>()?;
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = logs.iter().map(|l| (l - top).exp()).collect();
        let total: f64 = shares.iter().sum();
        Ok(Self { from, step, shares: shares.into_iter().map(|s| s / total).collect() })
    }

    fn mode(&self) -> f64 {
        let all = self.shares.iter().enumerate();
        let best = all.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
        self.from + (best as f64 + 0.5) * self.step
    }

    /// The quantile of a uniform number.
    fn draw(&self, mut uniform: f64) -> f64 {
        for (i, share) in self.shares.iter().enumerate() {
            if uniform < *share {
                return self.from + (i as f64 + uniform / share) * self.step;
            }
            uniform -= share;
        }
        self.mode()
    }
}
