//! The No-U-Turn sampler: draws of a target that need no guide, for what a guide cannot say.
//!
//! [`Nuts`] has the settings, [`Nuts::run`] gives [`Samples`], whose table says whether to believe
//! them.

mod chain;
mod hamiltonian;
mod samples;
pub(crate) mod step_size;
mod tree;
pub(crate) mod warmup;

pub use samples::{Chain, Samples, Transition};

use crate::error::{Error, Result};
use crate::linalg::{Covariance, Factor};
use crate::method::{Method, Problem, finish_each, nothing_yet, step_each};
use crate::target::Target;
use chain::Walk;
use probity_autodiff::{Key, parallel_map_mut};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// What is learned of the metric (the inverse of the mass matrix) in the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricKind {
    /// Nothing: it stays as it is given.
    Fixed,
    /// The variances.
    Diagonal,
    /// The covariance: for up to some hundred dimensions, and more draws than dimensions.
    Dense,
}

/// The settings of the No-U-Turn sampler: multinomial draws from trajectories, dual averaging of
/// the step size, and a metric learned in windows.
///
/// The same seed gives the same bits for any number of threads; chains run on all of them.
///
/// ```
/// use probity_vi::LogDensity;
/// use probity_vi::nuts::Nuts;
///
/// let normal = LogDensity::new(2, |u: &[f64], gradient: &mut [f64]| {
///     gradient.iter_mut().zip(u).for_each(|(g, u)| *g = -u);
///     -0.5 * u.iter().map(|u| u * u).sum::<f64>()
/// });
/// let samples = Nuts::new().warmup(300).draws(500).run(&normal, &[0.5, -0.5])?;
/// assert!(samples.r_hat().iter().all(|r| *r < 1.05));
/// println!("{samples}");
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// *Source*: Hoffman, Gelman 2014, "The No-U-Turn sampler"; Betancourt 2017, "A conceptual
/// introduction to Hamiltonian Monte Carlo".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nuts {
    chains: usize,
    warmup: usize,
    draws: usize,
    seed: u64,
    acceptance: f64,
    max_depth: usize,
    learn: MetricKind,
    metric: Option<Covariance>,
    step_size: f64,
}

impl Default for Nuts {
    fn default() -> Self {
        Self {
            chains: 4,
            warmup: 1000,
            draws: 1000,
            seed: 0,
            acceptance: 0.8,
            max_depth: 10,
            learn: MetricKind::Diagonal,
            metric: None,
            step_size: 1.0,
        }
    }
}

impl Nuts {
    /// Four chains of 1000 draws after 1000 of warm-up, with a diagonal metric learned from the
    /// identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// From what a guide knows: its covariance is the metric, which stays as it is, and 200
    /// transitions of warm-up are for the step size alone. The guide's draws are the starts in
    /// [`run`](Nuts::run).
    pub fn from_metric(metric: Covariance) -> Self {
        Self::new().metric(metric).learn(MetricKind::Fixed).warmup(200)
    }

    /// The number of chains.
    pub fn chains(mut self, chains: usize) -> Self {
        self.chains = chains;
        self
    }

    /// The transitions of every chain before its draws.
    pub fn warmup(mut self, warmup: usize) -> Self {
        self.warmup = warmup;
        self
    }

    /// The draws of every chain.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// The seed of all random numbers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The mean acceptance along trajectories that the step size is adapted to, between 0 and 1.
    /// Higher: smaller steps, and fewer divergences.
    pub fn acceptance(mut self, acceptance: f64) -> Self {
        self.acceptance = acceptance;
        self
    }

    /// A trajectory has at most 2^`depth` − 1 steps.
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth;
        self
    }

    /// What is learned of the metric.
    pub fn learn(mut self, kind: MetricKind) -> Self {
        self.learn = kind;
        self
    }

    /// The first metric: a guess of the covariance of the target.
    pub fn metric(mut self, metric: Covariance) -> Self {
        self.metric = Some(metric);
        self
    }

    /// The first step size, in units of the metric. It counts without a warm-up; with one it is
    /// where the search begins.
    pub fn step_size(mut self, step: f64) -> Self {
        self.step_size = step;
        self
    }

    /// Runs all chains. `starts` holds d entries for each, one after the other; if there are fewer
    /// starts than chains, they are taken in turn.
    ///
    /// # Errors
    /// If a setting cannot be used, if the target is not finite at a start, and for errors of the
    /// target.
    pub fn run<T: Target>(&self, target: &T, starts: &[f64]) -> Result<Samples> {
        self.complete(Problem::new(target, starts))
    }

    fn check(&self, d: usize, starts: &[f64]) -> Result {
        let no = |setting, problem: String| Err(Error::Setting { setting, problem });
        if self.chains == 0 {
            return no("chains", "at least one is needed".to_owned());
        }
        if !(self.acceptance > 0.0 && self.acceptance < 1.0) {
            return no("acceptance", format!("{} is not between 0 and 1", self.acceptance));
        }
        if self.max_depth == 0 || self.max_depth > 30 {
            return no("max_depth", format!("{} is not between 1 and 30", self.max_depth));
        }
        if !(self.step_size > 0.0 && self.step_size.is_finite()) {
            return no("step_size", format!("{} is not positive and finite", self.step_size));
        }
        if d == 0 || starts.is_empty() || !starts.len().is_multiple_of(d) {
            return no("starts", format!("{} numbers for a target of dimension {d}", starts.len()));
        }
        match self.metric.as_ref().map(Factor::dim) {
            Some(m) if m != d => no("metric", format!("of dimension {m}, but the target has {d}")),
            _ => Ok(()),
        }
    }
}

/// A step is one transition of every chain, first those of the warm-up.
impl<'t> Method<Problem<'t>> for Nuts {
    type State = NutsState<'t>;
    type Output = Samples;

    fn init(&self, Problem { target, starts }: Problem<'t>) -> Result<NutsState<'t>> {
        let d = target.dim();
        self.check(d, &starts)?;
        let key = Key::new(self.seed).fold_in_str("nuts");
        let chain = |c: usize| {
            let start = c % (starts.len() / d) * d;
            Walk::new(self, target.clone(), &starts[start..start + d], key.fold_in(c as u64))
        };
        let mut chains: Vec<_> = (0..self.chains).map(chain).collect();
        parallel_map_mut(&mut chains, |chain| chain.begin(self)).into_iter().collect::<Result<()>>()?;
        Ok(NutsState { dim: d, chains })
    }

    fn step(&self, state: &mut NutsState<'t>) -> Result<ControlFlow<()>> {
        step_each(&mut state.chains, |chain| chain.step(self))
    }

    /// Every chain by itself.
    fn finish(&self, state: &mut NutsState<'t>) -> Result {
        finish_each(&mut state.chains, |chain| chain.step(self))
    }

    /// The draws so far.
    fn output(&self, state: NutsState<'t>) -> Result<Samples> {
        let n = state.draws();
        if n == 0 && self.draws > 0 {
            let warmed = state.chains.first().and_then(Walk::warming_up).unwrap_or(self.warmup);
            return nothing_yet(format!("no draw after {warmed} of {} transitions of warm-up", self.warmup));
        }
        let dim = state.dim;
        let chain = |walk: Walk<'t>| {
            // As many of all of them, also where one chain met an error on its way.
            let mut chain = walk.chain;
            chain.draws.truncate(n * dim);
            chain.log_density.truncate(n);
            chain.transitions.truncate(n);
            chain
        };
        Ok(Samples { dim, chains: state.chains.into_iter().map(chain).collect() })
    }
}

/// A run of [`Nuts`] between two steps.
#[derive(Clone, Debug)]
pub struct NutsState<'t> {
    dim: usize,
    chains: Vec<Walk<'t>>,
}

impl NutsState<'_> {
    /// The draws that every chain has so far; none in the warm-up.
    pub fn draws(&self) -> usize {
        self.chains.iter().map(Walk::draws).min().unwrap_or(0)
    }

    /// What every chain has so far, with the step size and the metric of its draws.
    pub fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().map(|walk| &walk.chain)
    }
}
