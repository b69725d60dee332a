//! Batch and match: a full-rank Gaussian whose scores match those of the target at its own draws.

mod iteration;
#[cfg(test)]
mod tests;
mod update;

use crate::diagnostics::{Psis, psis};
use crate::error::{Error, Result};
use crate::gaussian::Gaussian;
use crate::ladder::Evaluator;
use crate::linalg::{Dense, Factor};
use crate::method::{Method, Problem, start_of};
use crate::optim::Lbfgs;
use crate::pathfinder::Pathfinder;
use crate::target::Target;
use iteration::Iteration;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::fill_normal;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::ControlFlow;

/// The settings of batch and match.
///
/// Variational inference without an ELBO and without a rate: at a batch of draws of the Gaussian
/// `q` the gradients of the target are taken, and `q` becomes, in closed form, the Gaussian whose
/// scores `∇ ln q` are closest to them, with a penalty for leaving the old one. On a Gaussian
/// target it tends to the exact one batch by batch, whatever the condition number. At rest
/// `E ∇ ln p = 0` and `E ∇ ln p ∇ ln pᵀ = Σ⁻¹` under `q`, which for other targets is not the
/// Gaussian of the highest ELBO.
///
/// It begins with the best Gaussian on a path of L-BFGS ([`Pathfinder`]). The batches are
/// antithetic, stratified, and whitened where they have 2 d draws or more; where steps go back
/// and forth they grow, and the penalty with them. It ends where a batch that was not used yet
/// moves no mean and no standard deviation by more than the tolerance, or after so many gradients.
///
/// ```
/// use probity_vi::{LogDensity, batch_and_match::BatchAndMatch};
///
/// let normal = LogDensity::new(2, |u: &[f64], g: &mut [f64]| {
///     (g[0], g[1]) = (-(u[0] - 3.0), -1e6 * u[1]);
///     -0.5 * (u[0] - 3.0).powi(2) - 5e5 * u[1].powi(2)
/// });
/// let matched = BatchAndMatch::new().run(&normal)?;
/// assert!(matched.at_rest && matched.psis.is_reliable());
/// assert!((matched.mean[0] - 3.0).abs() < 1e-6);
/// // To the tolerance that it ends with, and better.
/// assert!((matched.sd()[1] / 1e-3 - 1.0).abs() < 0.01);
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// *Source*: Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei, Saul 2024, "Batch and match:
/// black-box variational inference with a score-based divergence", algorithm 1; for batches of one
/// draw Modi, Gower, Margossian, Yao, Blei, Saul 2023, "Variational inference with Gaussian score
/// matching". There draws are independent, and the penalty follows a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchAndMatch {
    start: Option<(Vec<f64>, Vec<f64>)>,
    batch: Option<usize>,
    tolerance: f64,
    gradients: usize,
    draws: usize,
    seed: u64,
}

impl Default for BatchAndMatch {
    fn default() -> Self {
        Self { start: None, batch: None, tolerance: 0.05, gradients: 100_000, draws: 1000, seed: 0 }
    }
}

/// What batch and match found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matched {
    /// The mean, d.
    pub mean: Vec<f64>,
    /// The covariance, d × d.
    pub covariance: Dense,
    /// Whether the last batch moved no mean and no standard deviation by more than the tolerance.
    pub at_rest: bool,
    /// By how much it moved one: a mean in its standard deviations, or the logarithm of a standard
    /// deviation.
    #[serde(with = "probity_autodiff::serde_float")]
    pub movement: f64,
    /// Whether the path of L-BFGS gave a Gaussian to begin with; if not, the start itself was.
    pub from_path: bool,
    /// Batches.
    pub iterations: usize,
    /// Draws of the last one.
    pub batch: usize,
    /// Gradients in all.
    pub gradients: usize,
    /// Draws of the Gaussian, d entries each.
    pub draws: Vec<f64>,
    /// ln p − ln q of every draw.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_ratios: Vec<f64>,
    /// The importance weights of the draws, and the shape of their tail, which says what the
    /// Gaussian is worth.
    pub psis: Psis,
}

impl Matched {
    /// The standard deviations, d.
    pub fn sd(&self) -> Vec<f64> {
        self.covariance.variances().into_iter().map(f64::sqrt).collect()
    }

    /// The ELBO, up to the constant of an unnormalised target, by the draws.
    pub fn elbo(&self) -> f64 {
        crate::diagnostics::mean(&self.log_ratios)
    }
}

/// A line on the end, and one on the weights.
impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iterations, batch, gradients, movement, .. } = self;
        let rest = if self.at_rest { "at rest" } else { "not at rest" };
        writeln!(f, "{rest} after {iterations} batches, the last of {batch} draws, {gradients} gradients")?;
        writeln!(f, "the last batch moved a mean or a standard deviation by {movement:.3} of one")?;
        let (k, ess, n, elbo) = (self.psis.k_hat, self.psis.ess, self.log_ratios.len(), self.elbo());
        write!(f, "k̂ {k:.2}, ess {ess:.0} of {n} draws, ELBO {elbo:.3}")
    }
}

impl BatchAndMatch {
    /// The most draws of a batch.
    const LARGEST: usize = 8192;

    /// From a standard normal start.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to begin: a mean and a standard deviation for every coordinate, roughly those within
    /// which the target is expected. Default: zeros and ones.
    pub fn start(mut self, mean: &[f64], sd: &[f64]) -> Self {
        self.start = Some((mean.to_vec(), sd.to_vec()));
        self
    }

    /// Draws of the first batches; an odd number is rounded up. Default: twice the number of
    /// coordinates, at least 32. Fewer than twice their number cannot be whitened, and lead to the
    /// same Gaussian in more batches.
    pub fn batch(mut self, draws: usize) -> Self {
        self.batch = Some(draws);
        self
    }

    /// By how much a batch may move a mean, in its standard deviations, and the logarithm of a
    /// standard deviation. Default 0.05.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// After how many gradients to end in any case, with the batch that is under way. Default
    /// 100 000.
    pub fn gradients(mut self, gradients: usize) -> Self {
        self.gradients = gradients;
        self
    }

    /// Draws of the result. Default 1000.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// The seed of all random numbers: same seed, same bits, for any number of threads.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Fits the Gaussian.
    ///
    /// # Errors
    /// If a setting cannot be used, if the target is finite nowhere near the start, and for errors
    /// of the target.
    pub fn run<T: Target>(&self, target: &T) -> Result<Matched> {
        self.complete(Problem::new(target, &[]))
    }

    fn check(&self, mean: &[f64], sd: &[f64]) -> Result {
        let no = |setting, problem: String| Err(Error::Setting { setting, problem });
        if mean.iter().any(|m| !m.is_finite()) || sd.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
            return no("start", "means must be finite, standard deviations positive and finite".to_owned());
        }
        if self.batch == Some(0) || self.draws == 0 {
            return no("draws", "at least one draw is needed".to_owned());
        }
        if !(self.tolerance > 0.0) {
            return no("tolerance", format!("{} is not greater than 0", self.tolerance));
        }
        Ok(())
    }

    fn key(&self) -> Key {
        Key::new(self.seed).fold_in_str("batch and match")
    }

    /// The best Gaussian on a path of L-BFGS from the start, or the start itself.
    fn begin(&self, evaluator: &mut Evaluator<'_>, mean: &[f64], sd: &[f64]) -> Result<(Gaussian, bool)> {
        let d = mean.len();
        let (mut value, mut gradient) = ([0.0], vec![0.0; d]);
        evaluator.gradients(mean, &mut value, &mut gradient)?;
        let pathfinder = Pathfinder::new()
            .paths(1)
            .elbo_draws(10)
            .draws(1)
            .seed(self.seed)
            .lbfgs(Lbfgs::new().iterations(60));
        match pathfinder.run(evaluator.target(), mean) {
            Ok(found) => {
                evaluator.evaluations += found.gradients;
                let best = found.best();
                let covariance = Dense::from_matrix(d, &best.covariance.to_matrix());
                if let Ok(covariance) = covariance {
                    let factor = DMatrix::from_column_slice(d, d, covariance.lower());
                    return Ok((Gaussian { mean: DVector::from_column_slice(&best.mean), factor }, true));
                }
            }
            // No path: the start may do.
            Err(Error::Setting { setting: "starts", .. }) => {}
            Err(error) => return Err(error),
        }
        if !value[0].is_finite() {
            let problem = "the density is not finite there, nor on any path from near it".to_owned();
            return Err(Error::Setting { setting: "start", problem });
        }
        Ok((Gaussian::diagonal(mean, sd), false))
    }

    /// Draws of the result, and their log ratios; −∞ where the target is not finite.
    fn draw(
        &self,
        evaluator: &mut Evaluator<'_>,
        mean: &[f64],
        covariance: &Dense,
        key: Key,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let d = mean.len();
        let mut points = vec![0.0; self.draws * d];
        fill_normal(key, 0, &mut points);
        let constant = 0.5 * (covariance.log_det() + d as f64 * std::f64::consts::TAU.ln());
        let mut draw = |x: &mut [f64]| {
            let squares: f64 = x.iter().map(|x| x * x).sum();
            covariance.unwhiten(x);
            x.iter_mut().zip(mean).for_each(|(x, m)| *x += m);
            -0.5 * squares - constant
        };
        let log_q: Vec<f64> = points.chunks_exact_mut(d).map(&mut draw).collect();
        let values = evaluator.values(&points)?;
        Ok((points, values.iter().zip(log_q).map(|(p, q)| p - q).collect()))
    }
}

/// A step is a batch. One start, if it is given, stands for the mean of [`BatchAndMatch::start`].
impl<'t> Method<Problem<'t>> for BatchAndMatch {
    type State = BatchAndMatchState<'t>;
    type Output = Matched;

    fn init(&self, Problem { target, starts }: Problem<'t>) -> Result<BatchAndMatchState<'t>> {
        let mut evaluator = Evaluator::of(target);
        let d = evaluator.dim();
        let (mean, sd) = start_of(self.start.as_ref(), &starts, d)?;
        self.check(&mean, &sd)?;
        let (start, from_path) = self.begin(&mut evaluator, &mean, &sd)?;
        let limit = self.gradients.saturating_add(evaluator.evaluations);
        let iteration = Iteration::new(start, self.batch.unwrap_or((2 * d).max(32)).div_ceil(2).max(1));
        Ok(BatchAndMatchState { evaluator, iteration, from_path, limit, at_rest: false, astray: false })
    }

    fn step(&self, state: &mut BatchAndMatchState<'t>) -> Result<ControlFlow<()>> {
        let BatchAndMatchState { evaluator, iteration, limit, .. } = state;
        if !state.at_rest && !state.astray && evaluator.evaluations < *limit {
            let batch = iteration.batch(evaluator, self.key().fold_in(iteration.iterations as u64))?;
            if let Some((z, scores)) = batch {
                state.at_rest = iteration.movement <= self.tolerance;
                if !iteration.advance(&z, &scores, (*limit / 8).clamp(2, Self::LARGEST) / 2) {
                    (state.at_rest, state.astray) = (false, true);
                }
            }
        }
        let more = !state.at_rest && !state.astray && state.evaluator.evaluations < state.limit;
        Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// There is a Gaussian from the start on, which draws are taken of and weighted.
    fn output(
        &self,
        BatchAndMatchState { mut evaluator, iteration, from_path, at_rest, .. }: BatchAndMatchState<'t>,
    ) -> Result<Matched> {
        let Iteration { gaussian, movement, iterations, pairs, .. } = iteration;
        let covariance = gaussian.cholesky()?;
        let mean = gaussian.mean.as_slice().to_vec();
        let key = self.key().fold_in_str("draws");
        let (draws, log_ratios) = self.draw(&mut evaluator, &mean, &covariance, key)?;
        Ok(Matched {
            psis: psis(&log_ratios, 1.0),
            mean,
            covariance,
            at_rest,
            movement,
            from_path,
            iterations,
            batch: 2 * pairs,
            gradients: evaluator.evaluations,
            draws,
            log_ratios,
        })
    }
}

/// A run of [`BatchAndMatch`] between two steps.
#[derive(Debug)]
pub struct BatchAndMatchState<'t> {
    evaluator: Evaluator<'t>,
    iteration: Iteration,
    /// Whether the path of L-BFGS gave a Gaussian.
    from_path: bool,
    /// The most gradients.
    limit: usize,
    at_rest: bool,
    /// Whether the last batch asked for a step that is not finite.
    astray: bool,
}

impl BatchAndMatchState<'_> {
    /// The Gaussian so far.
    pub fn gaussian(&self) -> &Gaussian {
        &self.iteration.gaussian
    }

    /// How far the last batch moved a mean or a standard deviation, as [`Matched::movement`];
    /// infinite before the first one.
    pub fn movement(&self) -> f64 {
        self.iteration.movement
    }

    /// Gradients so far.
    pub fn gradients(&self) -> usize {
        self.evaluator.evaluations
    }
}
