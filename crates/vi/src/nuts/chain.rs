//! One chain on its way: warm-up and draws.

use super::Nuts;
use super::hamiltonian::{Hamiltonian, State};
use super::samples::{Chain, Transition};
use super::step_size::{DualAveraging, first_guess};
use super::tree::Tree;
use super::warmup::{Moments, Windows};
use crate::error::{Error, Result};
use crate::linalg::Covariance;
use crate::method::ROOM;
use crate::target::AnyTarget;
use probity_autodiff::Key;
use std::ops::ControlFlow;

/// A chain between two transitions.
#[derive(Clone, Debug)]
pub(super) struct Walk<'t> {
    h: Hamiltonian<'t>,
    state: State,
    tree: Tree,
    key: Key,
    /// Transitions so far, with those of the warm-up.
    transitions: usize,
    /// What is learned in the warm-up, until it is over.
    learning: Option<Learning>,
    /// The draws so far, with what the warm-up learned for them.
    pub(super) chain: Chain,
}

/// What the warm-up learns.
#[derive(Clone, Debug)]
struct Learning {
    windows: Windows,
    averaging: DualAveraging,
    moments: Moments,
}

impl<'t> Walk<'t> {
    /// A chain from `start` with the random numbers of `key`, still to [begin](Walk::begin).
    pub(super) fn new(nuts: &Nuts, target: AnyTarget<'t>, start: &[f64], key: Key) -> Self {
        let d = start.len();
        let metric = nuts.metric.clone().unwrap_or_else(|| Covariance::identity(d));
        let mut state = State::default();
        state.at.z = vec![0.0; d];
        state.at.gradient = vec![0.0; d];
        let chain = Chain {
            draws: Vec::with_capacity(nuts.draws.saturating_mul(d).min(ROOM)),
            log_density: Vec::with_capacity(nuts.draws.min(ROOM)),
            transitions: Vec::with_capacity(nuts.draws.min(ROOM)),
            step_size: nuts.step_size,
            metric: metric.clone(),
            warmup_gradients: 0,
            gradients: 0,
        };
        let h = Hamiltonian::new(target, metric, start);
        Self { h, state, tree: Tree::default(), key, transitions: 0, learning: None, chain }
    }

    /// Looks at the target where the chain starts.
    pub(super) fn begin(&mut self, nuts: &Nuts) -> Result {
        let Self { h, state, .. } = self;
        h.evaluate(&mut state.at)?;
        if !(state.at.value.is_finite() && state.at.gradient.iter().all(|g| g.is_finite())) {
            let problem =
                format!("the log density is {} there, or its gradient is not finite", state.at.value);
            return Err(Error::Setting { setting: "starts", problem });
        }
        if nuts.warmup > 0 {
            let key = self.key.fold_in(0).fold_in_str("step size");
            let step = first_guess(h, state, nuts.step_size, key)?;
            self.learning = Some(Learning {
                windows: Windows::new(nuts.warmup, nuts.learn),
                averaging: DualAveraging::new(nuts.acceptance, step),
                moments: Moments::new(nuts.learn, h.dim()),
            });
        }
        self.chain.warmup_gradients = h.gradients;
        Ok(())
    }

    /// The next transition, of the warm-up or for a draw.
    pub(super) fn step(&mut self, nuts: &Nuts) -> Result<ControlFlow<()>> {
        if let Some(learning) = &mut self.learning {
            learning.step(nuts, &mut self.h, &mut self.state, &mut self.tree, self.transitions, self.key)?;
            self.transitions += 1;
            if self.transitions == nuts.warmup {
                self.chain.step_size = learning.averaging.mean();
                self.chain.metric = self.h.metric.clone();
                self.learning = None;
            }
            self.chain.warmup_gradients = self.h.gradients;
        } else if self.draws() < nuts.draws {
            let (key, step) = (self.key.fold_in(1).fold_in(self.draws() as u64), self.chain.step_size);
            let Self { h, state, tree, chain, .. } = self;
            let transition = tree.transition(h, state, step, nuts.max_depth, key)?;
            chain.draws.extend_from_slice(h.position(&state.at.z));
            chain.log_density.push(state.at.value);
            chain.transitions.push(transition);
            chain.gradients = h.gradients - chain.warmup_gradients;
            self.transitions += 1;
        }
        let more = self.learning.is_some() || self.draws() < nuts.draws;
        Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    pub(super) fn draws(&self) -> usize {
        self.chain.log_density.len()
    }

    /// Transitions of the warm-up so far, if it is not over.
    pub(super) fn warming_up(&self) -> Option<usize> {
        self.learning.as_ref().map(|_| self.transitions)
    }
}

impl Learning {
    /// Transition `i` of the warm-up, which adapts step size and metric.
    fn step(
        &mut self,
        nuts: &Nuts,
        h: &mut Hamiltonian<'_>,
        state: &mut State,
        tree: &mut Tree,
        i: usize,
        key: Key,
    ) -> Result {
        let Self { windows, averaging, moments } = self;
        let key = key.fold_in(0);
        let Transition { acceptance, .. } =
            tree.transition(h, state, averaging.step(), nuts.max_depth, key.fold_in(i as u64))?;
        averaging.learn(acceptance);
        if i >= windows.first && windows.ends.last().is_some_and(|end| i < *end) {
            let (u, gradient) = h.position_and_gradient(&state.at);
            moments.add(u, gradient);
        }
        if windows.ends.contains(&(i + 1)) {
            // A chain that did not move says nothing: the metric stays.
            if let Ok(metric) = moments.metric(&h.metric) {
                h.change_metric(metric, &mut state.at);
            }
            moments.clear();
            let key = key.fold_in_str("step size").fold_in(i as u64);
            let step = first_guess(h, state, averaging.mean(), key)?;
            *averaging = DualAveraging::new(nuts.acceptance, step);
        }
        Ok(())
    }
}
