//! Pathfinder: Gaussians along paths of L-BFGS, the best of each, and draws from all by importance.

mod inverse_hessian;
mod path;

pub use path::PathFailure;

use crate::diagnostics::{Psis, log_mean_exp, log_sum_exp, psis};
use crate::error::{Error, Result};
use crate::linalg::{Factor, LowRank};
use crate::method::{Method, Problem, nothing_yet};
use crate::optim::{Ended, Lbfgs};
use crate::target::{AnyTarget, Target};
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_autodiff::{Key, parallel_map_mut};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::ControlFlow;

/// The settings of multi-path Pathfinder.
///
/// Every path climbs by L-BFGS to a mode, has a Gaussian at every point with the inverse Hessian
/// that the steps imply, and keeps the one with the highest ELBO. The draws of all paths are those
/// of a mixture, are weighted by Pareto-smoothed ratios to the target, and drawn again.
///
/// The same seed gives the same bits for any number of threads; paths run on all of them.
///
/// ```
/// use probity_vi::{LogDensity, pathfinder::Pathfinder};
///
/// let normal = LogDensity::new(2, |u: &[f64], g: &mut [f64]| {
///     (g[0], g[1]) = (-(u[0] - 3.0), -100.0 * u[1]);
///     -0.5 * (u[0] - 3.0).powi(2) - 50.0 * u[1].powi(2)
/// });
/// let found = Pathfinder::new().run(&normal, &[])?;
/// assert!(found.psis.is_reliable(), "{:?}", found.psis);
/// assert!((found.best().mean[0] - 3.0).abs() < 0.1);
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// *Source*: Zhang, Carpenter, Gelman, Vehtari 2022, "Pathfinder: parallel quasi-Newton variational
/// inference". There a draw is weighted by the Gaussian of its own path; here by the mixture of
/// all, whose weights vary less (Owen, Zhou 2000, "Safe and effective importance sampling").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pathfinder {
    paths: usize,
    retries: usize,
    radius: f64,
    elbo_draws: usize,
    draws: usize,
    seed: u64,
    lbfgs: Lbfgs,
}

impl Default for Pathfinder {
    fn default() -> Self {
        let lbfgs = Lbfgs::new();
        Self { paths: 4, retries: 5, radius: 2.0, elbo_draws: 25, draws: 1000, seed: 0, lbfgs }
    }
}

/// The Gaussian of one path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathFit {
    /// Its mean.
    pub mean: Vec<f64>,
    /// Its covariance.
    pub covariance: LowRank,
    /// Its ELBO, with the few draws by which it was chosen: somewhat too high therefore.
    pub elbo: f64,
    /// After how many iterations it was found.
    pub iteration: usize,
    /// Iterations of the whole path.
    pub iterations: usize,
    /// Why the path ended.
    pub ended: Ended,
}

/// A try that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The path.
    pub path: usize,
    /// Its try, from 0.
    pub attempt: usize,
    /// Why.
    pub reason: PathFailure,
}

/// What Pathfinder found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The number of coordinates, d.
    pub dim: usize,
    /// Draws by importance, d entries each. They are draws of the target as far as the weights are
    /// reliable, and without weights (k̂ is NaN) the proposals themselves.
    pub draws: Vec<f64>,
    /// The draws of the mixture of all paths, path after path, d entries each.
    pub proposals: Vec<f64>,
    /// ln p − ln q of every proposal, q the mixture.
    pub log_ratios: Vec<f64>,
    /// Their smoothed weights, and the shape of their tail.
    pub psis: Psis,
    /// The Gaussians.
    pub paths: Vec<PathFit>,
    /// What failed on the way.
    pub failures: Vec<Failed>,
    /// Gradients in all.
    pub gradients: usize,
}

impl Found {
    /// The path with the highest ELBO.
    pub fn best(&self) -> &PathFit {
        let better = |a: &'_ PathFit, b: &PathFit| a.elbo > b.elbo;
        self.paths.iter().skip(1).fold(&self.paths[0], |best, p| if better(p, best) { p } else { best })
    }

    /// The logarithm of the mean weight: an estimate of the log evidence, as good as the weights
    /// are.
    pub fn log_evidence(&self) -> f64 {
        log_mean_exp(self.log_ratios.iter().copied())
    }
}

/// A line for every path, and one on the weights.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.paths.iter().enumerate() {
            let (elbo, iteration, all) = (p.elbo, p.iteration, p.iterations);
            writeln!(f, "path {i}: ELBO {elbo:.3} at iteration {iteration} of {all}, {:?}", p.ended)?;
        }
        for failed in &self.failures {
            writeln!(f, "path {}, try {}, failed: {}", failed.path, failed.attempt, failed.reason)?;
        }
        let (k, ess, n) = (self.psis.k_hat, self.psis.ess, self.log_ratios.len());
        write!(f, "k̂ {k:.2}, ess {ess:.0} of {n} draws, {} gradients", self.gradients)
    }
}

impl Pathfinder {
    /// Four paths with 25 draws for every ELBO, and 1000 draws.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of paths.
    pub fn paths(mut self, paths: usize) -> Self {
        self.paths = paths;
        self
    }

    /// How often a path that failed starts anew.
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Random starts are within this distance in every coordinate.
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// Draws for the ELBO of every Gaussian.
    pub fn elbo_draws(mut self, draws: usize) -> Self {
        self.elbo_draws = draws;
        self
    }

    /// Draws of the mixture, as equally many of every path as is possible, and draws by importance.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// The seed of all random numbers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The settings of the climb.
    pub fn lbfgs(mut self, lbfgs: Lbfgs) -> Self {
        self.lbfgs = lbfgs;
        self
    }

    /// Runs all paths. `starts` has d entries for each; paths without one, and new tries, start at
    /// random around one of them, or around 0 if there is none.
    ///
    /// # Errors
    /// If a setting cannot be used, if every try of every path failed (with the first reason), and
    /// for errors of the target.
    pub fn run<T: Target>(&self, target: &T, starts: &[f64]) -> Result<Found> {
        self.complete(Problem::new(target, starts))
    }

    fn key(&self) -> Key {
        Key::new(self.seed).fold_in_str("pathfinder")
    }

    /// All tries of one path.
    fn tries(&self, target: &mut AnyTarget<'_>, path: usize, starts: &[f64]) -> Result<Tries> {
        let (d, key) = (target.dim(), self.key());
        let given = starts.len() / d;
        let mut tries = Tries { fit: None, failures: Vec::new(), gradients: 0 };
        for attempt in 0..=self.retries {
            let key = key.fold_in(path as u64).fold_in(attempt as u64);
            let mut start = vec![0.0; d];
            if attempt > 0 || path >= given {
                fill_uniform(key, 0, &mut start);
                start.iter_mut().for_each(|x| *x = self.radius * (2.0 * *x - 1.0));
            }
            if given > 0 {
                let around = path % given * d;
                start.iter_mut().zip(&starts[around..]).for_each(|(x, s)| *x += s);
            }
            let (fit, gradients) = self.path(target, &start, key)?;
            tries.gradients += gradients;
            match fit {
                Ok(fit) => {
                    tries.fit = Some(fit);
                    break;
                }
                Err(reason) => tries.failures.push(Failed { path, attempt, reason }),
            }
        }
        Ok(tries)
    }

    /// Draws of the mixture with their log ratios; −∞ where the target is not finite.
    fn proposals(&self, target: &mut AnyTarget<'_>, paths: &[PathFit]) -> Result<(Vec<f64>, Vec<f64>)> {
        let (d, n) = (target.dim(), self.draws);
        let mut points = vec![0.0; n * d];
        fill_normal(self.key().fold_in_str("draws"), 0, &mut points);
        // Draw i is of path i P / n: runs of equal length, up to one.
        for (i, x) in points.chunks_exact_mut(d).enumerate() {
            let path = &paths[i * paths.len() / n];
            path::draw(&path.mean, &path.covariance, x);
        }
        let mut counts = vec![0_usize; paths.len()];
        (0..n).for_each(|i| counts[i * paths.len() / n] += 1);
        let (mut values, mut gradients) = (vec![0.0; n], vec![0.0; n * d]);
        target.gradients(&points, &mut values, &mut gradients)?;
        let mut scratch = vec![0.0; d];
        let mut log_mixture = |x: &[f64]| {
            let mut log_q = |path: &PathFit, count: usize| {
                scratch.copy_from_slice(x);
                scratch.iter_mut().zip(&path.mean).for_each(|(x, m)| *x -= m);
                path.covariance.log_density(&mut scratch) + (count as f64 / n as f64).ln()
            };
            let each: Vec<f64> = paths.iter().zip(&counts).map(|(p, c)| log_q(p, *c)).collect();
            log_sum_exp(each.into_iter())
        };
        let ratio = |(x, value): (&[f64], &f64)| {
            if value.is_finite() { value - log_mixture(x) } else { f64::NEG_INFINITY }
        };
        let log_ratios = points.chunks_exact(d).zip(&values).map(ratio).collect();
        Ok((points, log_ratios))
    }

    /// Draws with replacement by their weights.
    fn resample(&self, d: usize, proposals: &[f64], psis: &Psis) -> Vec<f64> {
        if psis.k_hat.is_nan() {
            return proposals.to_vec();
        }
        let mut sum = 0.0;
        let cumulative: Vec<f64> = psis
            .weights()
            .iter()
            .map(|w| {
                sum += w;
                sum
            })
            .collect();
        let mut uniform = vec![0.0; self.draws];
        fill_uniform(self.key().fold_in_str("resample"), 0, &mut uniform);
        let last = cumulative.len() - 1;
        let pick = |u: &f64| cumulative.partition_point(|c| *c <= u * sum).min(last);
        uniform.iter().flat_map(|u| &proposals[pick(u) * d..][..d]).copied().collect()
    }
}

/// A step is a path, with all its tries.
impl<'t> Method<Problem<'t>> for Pathfinder {
    type State = PathfinderState<'t>;
    type Output = Found;

    fn init(&self, Problem { target, starts }: Problem<'t>) -> Result<PathfinderState<'t>> {
        let d = target.dim();
        let no = |setting, problem: String| Err(Error::Setting { setting, problem });
        if self.paths == 0 || self.elbo_draws == 0 || self.draws == 0 {
            return no("paths", "at least one path and one draw are needed".to_owned());
        }
        if d == 0 || !starts.len().is_multiple_of(d) {
            return no("starts", format!("{} numbers for a target of dimension {d}", starts.len()));
        }
        if !(self.radius >= 0.0 && self.radius.is_finite()) {
            return no("radius", format!("{} is not a distance", self.radius));
        }
        Ok(PathfinderState { target, starts, done: Vec::new() })
    }

    fn step(&self, state: &mut PathfinderState<'t>) -> Result<ControlFlow<()>> {
        let next = state.done.len();
        if next < self.paths {
            state.done.push(self.tries(&mut state.target.clone(), next, &state.starts)?);
        }
        Ok(if next + 1 < self.paths { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// Paths in parallel.
    fn finish(&self, PathfinderState { target, starts, done }: &mut PathfinderState<'t>) -> Result {
        let mut targets: Vec<_> = (done.len()..self.paths).map(|path| (path, target.clone())).collect();
        for tries in parallel_map_mut(&mut targets, |(path, target)| self.tries(target, *path, starts)) {
            done.push(tries?);
        }
        Ok(())
    }

    /// The mixture of the paths so far, with its draws and their weights.
    fn output(&self, PathfinderState { mut target, done, .. }: PathfinderState<'t>) -> Result<Found> {
        if done.is_empty() {
            return nothing_yet("no path was climbed");
        }
        let (mut paths, mut failures, mut gradients) = (Vec::new(), Vec::new(), 0);
        for tries in done {
            paths.extend(tries.fit);
            failures.extend(tries.failures);
            gradients += tries.gradients;
        }
        if paths.is_empty() {
            let first = failures.first().map_or(String::new(), |f: &Failed| f.reason.to_string());
            let problem = format!("all {} tries failed; the first: {first}", failures.len());
            return Err(Error::Setting { setting: "starts", problem });
        }
        let (proposals, log_ratios) = self.proposals(&mut target, &paths)?;
        gradients += self.draws;
        let psis = psis(&log_ratios, 1.0);
        let d = target.dim();
        let draws = self.resample(d, &proposals, &psis);
        Ok(Found { dim: d, draws, proposals, log_ratios, psis, paths, failures, gradients })
    }
}

/// A run of [`Pathfinder`] between two steps.
#[derive(Clone, Debug)]
pub struct PathfinderState<'t> {
    target: AnyTarget<'t>,
    starts: Vec<f64>,
    /// What the paths so far gave.
    done: Vec<Tries>,
}

impl PathfinderState<'_> {
    /// The Gaussians of the paths so far that gave one.
    pub fn paths(&self) -> impl Iterator<Item = &PathFit> {
        self.done.iter().filter_map(|tries| tries.fit.as_ref())
    }
}

/// What the tries of one path gave.
#[derive(Clone, Debug)]
struct Tries {
    fit: Option<PathFit>,
    failures: Vec<Failed>,
    gradients: usize,
}
