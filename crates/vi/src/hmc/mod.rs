//! Hamiltonian Monte Carlo of fixed length: from many starts at once, to see what an exact kernel
//! does to the draws of a guide ([`Hmc`]), and as chains from the ascent on, with updates of
//! another kind between the transitions ([`Chains`]).

mod chains;
mod group;
mod walk;

pub use chains::{Between, ChainRun, Chains, ChainsState, Runs, Stage};

use crate::error::{Error, Result};
use crate::linalg::{Covariance, Factor};
use crate::method::{Method, Problem, nothing_yet, step_each};
use crate::target::Target;
use group::{Group, Scratch};
use probity_autodiff::{Key, parallel_map_mut};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Points that move together: their gradients are computed in one call. Not a setting, because a
/// target may round differently in calls of different length, and bits must not depend on the
/// number of threads.
const TOGETHER: usize = 64;

/// The settings of a short run of Hamiltonian Monte Carlo from many starts.
///
/// The kernel leaves the target as it is. So exact draws stay exact draws, and a statistic of draws
/// of a guide that moves is one that the guide has wrong.
///
/// ```
/// use probity_autodiff::{Key, random::fill_normal};
/// use probity_vi::{LogDensity, hmc::Hmc, linalg::Covariance};
///
/// let normal = LogDensity::new(1, |u: &[f64], gradient: &mut [f64]| {
///     gradient[0] = -u[0];
///     -0.5 * u[0] * u[0]
/// });
/// // Draws of a guide that is half as wide as the target.
/// let mut draws = vec![0.0; 1000];
/// fill_normal(Key::new(1), 0, &mut draws);
/// draws.iter_mut().for_each(|u| *u *= 0.5);
/// let moved = Hmc::new().transitions(3).run(&normal, &draws, &Covariance::identity(1))?;
/// let variance = moved.points.iter().map(|u| u * u).sum::<f64>() / 1000.0;
/// assert!(variance > 0.8);
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// *Source*: Neal 2011, "MCMC using Hamiltonian dynamics", section 3.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hmc {
    step_size: f64,
    leapfrogs: usize,
    transitions: usize,
    jitter: f64,
    seed: u64,
    metric: Option<Covariance>,
}

impl Default for Hmc {
    fn default() -> Self {
        Self { step_size: 0.25, leapfrogs: 6, transitions: 1, jitter: 0.2, seed: 0, metric: None }
    }
}

/// Where the points are after the transitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// d entries for every start, in their order.
    #[serde(with = "probity_autodiff::serde_float")]
    pub points: Vec<f64>,
    /// The target's value there.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_density: Vec<f64>,
    /// The mean acceptance probability of every start's transitions.
    #[serde(with = "probity_autodiff::serde_float")]
    pub acceptance: Vec<f64>,
    /// How many proposals of every start were accepted.
    pub accepted: Vec<usize>,
    /// Proposals with a log density that is not finite, or an energy higher by more than 1000.
    pub divergences: usize,
    /// Gradients in all.
    pub gradients: usize,
}

impl Moved {
    /// The mean acceptance probability of all starts.
    pub fn mean_acceptance(&self) -> f64 {
        crate::diagnostics::mean(&self.acceptance)
    }
}

impl Hmc {
    /// One transition of six leapfrog steps of 0.25 in units of the metric, which for a Gaussian
    /// target is a quarter of a period: a fresh draw.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length of a leapfrog step, in units of the metric.
    pub fn step_size(mut self, step: f64) -> Self {
        self.step_size = step;
        self
    }

    /// Leapfrog steps of a transition.
    pub fn leapfrogs(mut self, leapfrogs: usize) -> Self {
        self.leapfrogs = leapfrogs;
        self
    }

    /// Transitions.
    pub fn transitions(mut self, transitions: usize) -> Self {
        self.transitions = transitions;
        self
    }

    /// Every transition of every point has a step of its own, up to this part larger or smaller, so
    /// that no period of the target repeats itself.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The seed of all random numbers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The metric where the transitions are taken as a [`Method`]; the one that is given to
    /// [`run`](Hmc::run) goes before it. Default: the identity.
    pub fn metric(mut self, metric: Covariance) -> Self {
        self.metric = Some(metric);
        self
    }

    /// Moves all points: `starts` has d entries for each. A start where the target is not finite
    /// moves as soon as a proposal is finite.
    ///
    /// # Errors
    /// If a setting or a size cannot be used, and for errors of the target.
    pub fn run<T: Target>(&self, target: &T, starts: &[f64], metric: &Covariance) -> Result<Moved> {
        let mut state = self.begin(Problem::new(target, starts), metric.clone())?;
        self.finish(&mut state)?;
        self.output(state)
    }

    fn key(&self) -> Key {
        Key::new(self.seed).fold_in_str("hmc")
    }

    fn begin<'t>(&self, Problem { target, starts }: Problem<'t>, metric: Covariance) -> Result<HmcState<'t>> {
        let d = target.dim();
        let no = |setting, problem: String| Err(Error::Setting { setting, problem });
        if d == 0 || !starts.len().is_multiple_of(d) {
            return no("starts", format!("{} numbers for a target of dimension {d}", starts.len()));
        }
        if metric.dim() != d {
            return no("metric", format!("of dimension {}, but the target has {d}", metric.dim()));
        }
        if !(self.step_size > 0.0 && self.step_size.is_finite() && (0.0..1.0).contains(&self.jitter)) {
            return no("step_size", format!("{} with jitter {}", self.step_size, self.jitter));
        }
        if starts.iter().any(|x| !x.is_finite()) {
            return no("starts", "a number is not finite".to_owned());
        }
        let groups = starts.chunks(TOGETHER * d).enumerate();
        let mut groups: Vec<_> =
            groups.map(|(g, points)| Group::new(g * TOGETHER, target.clone(), points)).collect();
        parallel_map_mut(&mut groups, Group::begin).into_iter().collect::<Result<()>>()?;
        Ok(HmcState { metric, groups })
    }
}

/// A step is one transition of every point; the starts are the points.
impl<'t> Method<Problem<'t>> for Hmc {
    type State = HmcState<'t>;
    type Output = Moved;

    fn init(&self, problem: Problem<'t>) -> Result<HmcState<'t>> {
        let identity = || Covariance::identity(problem.target.dim());
        let metric = self.metric.clone().unwrap_or_else(identity);
        self.begin(problem, metric)
    }

    fn step(&self, HmcState { metric, groups }: &mut HmcState<'t>) -> Result<ControlFlow<()>> {
        step_each(groups, |group| group.step(self, metric, &mut Scratch::default()))
    }

    /// Every group of points by itself.
    fn finish(&self, HmcState { metric, groups }: &mut HmcState<'t>) -> Result {
        let to_the_end = |group: &mut Group<'t>| {
            let mut scratch = Scratch::default();
            while group.step(self, metric, &mut scratch)?.is_continue() {}
            Ok(())
        };
        parallel_map_mut(groups, to_the_end).into_iter().collect()
    }

    /// The points after the transitions so far.
    fn output(&self, HmcState { groups, .. }: HmcState<'t>) -> Result<Moved> {
        if self.transitions > 0 && groups.iter().any(|group| group.transitions == 0) {
            return nothing_yet("no transition was made");
        }
        let mut moved = Moved {
            points: Vec::with_capacity(groups.iter().map(|group| group.points.len()).sum()),
            log_density: Vec::new(),
            acceptance: Vec::new(),
            accepted: Vec::new(),
            divergences: 0,
            gradients: 0,
        };
        for group in groups {
            let n = group.transitions as f64;
            moved.points.extend(group.points);
            moved.log_density.extend(group.values);
            moved.acceptance.extend(group.acceptance.iter().map(|a| a / n));
            moved.accepted.extend(group.accepted);
            moved.divergences += group.divergences;
            moved.gradients += group.gradients_done;
        }
        Ok(moved)
    }
}

/// A run of [`Hmc`] between two steps.
#[derive(Clone, Debug)]
pub struct HmcState<'t> {
    metric: Covariance,
    groups: Vec<Group<'t>>,
}

impl HmcState<'_> {
    /// Where the points are now, d entries each.
    pub fn points(&self) -> Vec<f64> {
        self.groups.iter().flat_map(|group| &group.points).copied().collect()
    }
}
