//! Chains that climb to a mode first and then walk, with other updates between the transitions.

use super::walk::Walk;
use crate::error::{Error, Result};
use crate::method::{Method, Problem, finish_each, nothing_yet, step_each};
use crate::target::{AnyTarget, Target};
use probity_autodiff::{Key, parallel_map_mut};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{ControlFlow, Range};

/// Where a chain is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// On its way to a mode, with this part of the steps done, between 0 and 1.
    Ascent(f64),
    /// Walking.
    Walk,
}

/// What else happens to the coordinates: draws of some of them given all others (Gibbs steps),
/// which trajectories do not move.
///
/// Scales of hierarchical priors are such coordinates: along a trajectory they would make the
/// stiffness of all weights below them change, and the steps small; given the weights they are
/// numbers with a simple density each.
///
/// *Source*: Neal 1996, "Bayesian learning for neural networks", section 3.1.
pub trait Between: Sync {
    /// The coordinates that only [`update`](Between::update) changes.
    fn held(&self) -> Vec<Range<usize>>;

    /// Changes coordinates so that the distribution of all of them is left as it is. In the ascent,
    /// which is no chain, it may do more.
    fn update(&self, u: &mut [f64], stage: Stage, key: Key);
}

/// Nothing between the transitions.
impl Between for () {
    fn held(&self) -> Vec<Range<usize>> {
        Vec::new()
    }
    fn update(&self, _: &mut [f64], _: Stage, _: Key) {}
}

/// The settings of chains for targets of hundreds or thousands of coordinates with many modes, such
/// as the weights of a network.
///
/// Every chain climbs from its own start by Adam, learns a diagonal metric and a step size, and
/// then walks by Hamiltonian transitions of a given length. The metric begins as the size of the
/// rows of the Hessian at the end of the ascent, by differences of gradients along random
/// directions, and then comes from draws and gradients of the warm-up.
///
/// The same seed gives the same bits for any number of threads; chains run on all of them.
///
/// *Source*: Neal 2011, "MCMC using Hamiltonian dynamics"; of the metric: Seyboldt et al. 2024.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chains {
    /// How many chains.
    pub chains: usize,
    /// Steps of the ascent.
    pub ascent: usize,
    /// The rate of Adam in its first half; in the second it falls to nothing as a cosine does.
    pub rate: f64,
    /// Transitions before the draws.
    pub warmup: usize,
    /// Draws of every chain, one a transition.
    pub draws: usize,
    /// The most leapfrog steps of a transition, on average.
    pub leapfrogs: usize,
    /// The length of a trajectory in units of the metric, on average, if that takes fewer steps.
    pub length: f64,
    /// The mean acceptance to which the step size is adapted.
    pub acceptance: f64,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Default for Chains {
    fn default() -> Self {
        Self {
            chains: 4,
            ascent: 1000,
            rate: 0.02,
            warmup: 60,
            draws: 60,
            leapfrogs: 40,
            length: 1.5,
            acceptance: 0.8,
            seed: 0,
        }
    }
}

/// All chains of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs {
    /// The number of coordinates, d.
    pub dim: usize,
    /// The chains.
    pub chains: Vec<ChainRun>,
}

/// One chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainRun {
    /// d numbers for every draw.
    pub draws: Vec<f64>,
    /// The log density at every draw.
    pub log_density: Vec<f64>,
    /// The mean acceptance of the draws.
    pub acceptance: f64,
    /// Draws whose trajectory ended where the energy was higher by more than 1000, or not finite.
    pub divergences: usize,
    /// The step size, in units of the metric.
    pub step_size: f64,
    /// Gradients in all.
    pub gradients: usize,
}

impl Runs {
    /// All draws, one chain after the other, d numbers each.
    pub fn draws(&self) -> Vec<f64> {
        self.chains.iter().flat_map(|c| &c.draws).copied().collect()
    }

    /// Gradients of all chains.
    pub fn gradients(&self) -> usize {
        self.chains.iter().map(|c| c.gradients).sum()
    }
}

impl Chains {
    /// Runs all chains, the i-th from `start(key)` with a key of its own.
    ///
    /// # Errors
    /// If a setting cannot be used, if the target is not finite where an ascent ends, and for
    /// errors of the target.
    pub fn run<T: Target>(
        &self,
        target: &T,
        start: impl Fn(Key) -> Result<Vec<f64>> + Sync,
        between: &dyn Between,
    ) -> Result<Runs> {
        let mut state = self.init_with(AnyTarget::new(target.clone()), &|_, key| start(key), between)?;
        self.finish(&mut state)?;
        self.output(state)
    }

    /// As [`init`](Method::init), with a start of every chain by its number and its key, and with
    /// updates between the transitions. Not compiled for every target.
    ///
    /// # Errors
    /// If a setting cannot be used, if the target is not finite where a chain without an ascent
    /// starts, and for errors of the target and of `start`.
    pub fn init_with<'t>(
        &self,
        target: AnyTarget<'t>,
        start: &(dyn Fn(usize, Key) -> Result<Vec<f64>> + Sync),
        between: &'t dyn Between,
    ) -> Result<ChainsState<'t>> {
        let no = |setting, problem: &str| Err(Error::Setting { setting, problem: problem.to_owned() });
        if self.chains == 0 || self.draws == 0 {
            return no("chains", "at least one chain and one draw are needed");
        }
        if !(self.acceptance > 0.0 && self.acceptance < 1.0) {
            return no("acceptance", "it is not between 0 and 1");
        }
        if self.leapfrogs == 0 || !(self.length > 0.0 && self.rate > 0.0) {
            return no("length", "steps, length and rate are positive");
        }
        let key = Key::new(self.seed).fold_in_str("chains");
        let chain = |c| (c, Walk::new(self, target.clone(), between, key.fold_in(c as u64)));
        let mut chains: Vec<_> = (0..self.chains).map(chain).collect();
        let begin = |(c, walk): &mut (usize, Walk<'t>)| walk.begin(self, |key| start(*c, key));
        parallel_map_mut(&mut chains, begin).into_iter().collect::<Result<()>>()?;
        Ok(ChainsState { dim: target.dim(), chains: chains.into_iter().map(|(_, walk)| walk).collect() })
    }
}

/// A step is one of every chain: of the ascent, or a transition of the warm-up or for a draw. The
/// starts, of which there is at least one, are taken in turn, and nothing is between the
/// transitions.
impl<'t> Method<Problem<'t>> for Chains {
    type State = ChainsState<'t>;
    type Output = Runs;

    fn init(&self, Problem { target, starts }: Problem<'t>) -> Result<ChainsState<'t>> {
        let d = target.dim();
        if d == 0 || starts.is_empty() || !starts.len().is_multiple_of(d) {
            let problem = format!("{} numbers for a target of dimension {d}", starts.len());
            return Err(Error::Setting { setting: "starts", problem });
        }
        let start = |c: usize, _| Ok(starts[c % (starts.len() / d) * d..][..d].to_vec());
        self.init_with(target, &start, &())
    }

    fn step(&self, state: &mut ChainsState<'t>) -> Result<ControlFlow<()>> {
        step_each(&mut state.chains, |chain| chain.step(self))
    }

    /// Every chain by itself.
    fn finish(&self, state: &mut ChainsState<'t>) -> Result {
        finish_each(&mut state.chains, |chain| chain.step(self))
    }

    /// The draws so far.
    fn output(&self, state: ChainsState<'t>) -> Result<Runs> {
        let draws = state.draws();
        if draws == 0 {
            return nothing_yet("the chains have no draw");
        }
        Ok(Runs { dim: state.dim, chains: state.chains.into_iter().map(|c| c.output(self, draws)).collect() })
    }
}

/// A run of [`Chains`] between two steps.
#[derive(Clone)]
pub struct ChainsState<'t> {
    dim: usize,
    chains: Vec<Walk<'t>>,
}

impl ChainsState<'_> {
    /// The draws that every chain has so far.
    pub fn draws(&self) -> usize {
        self.chains.iter().map(Walk::draws).min().unwrap_or(0)
    }
}

impl fmt::Debug for ChainsState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainsState")
            .field("dim", &self.dim)
            .field("draws", &self.draws())
            .finish_non_exhaustive()
    }
}
