//! One chain: warm-up and draws.

use super::Nuts;
use super::hamiltonian::{Hamiltonian, State};
use super::samples::Chain;
use super::step_size::{DualAveraging, first_guess};
use super::tree::Tree;
use super::warmup::{Moments, Windows};
use crate::error::{Error, Result};
use crate::linalg::Covariance;
use crate::target::AnyTarget;
use probity_autodiff::Key;

impl Nuts {
    /// A chain from `start`, with the random numbers of `key`.
    pub(super) fn chain(&self, target: &mut AnyTarget<'_>, start: &[f64], key: Key) -> Result<Chain> {
        let d = start.len();
        let metric = self.metric.clone().unwrap_or_else(|| Covariance::identity(d));
        let mut h = Hamiltonian::new(target, metric, start);
        let mut state = State::default();
        state.at.z = vec![0.0; d];
        state.at.gradient = vec![0.0; d];
        h.evaluate(&mut state.at)?;
        if !(state.at.value.is_finite() && state.at.gradient.iter().all(|g| g.is_finite())) {
            let problem =
                format!("the log density is {} there, or its gradient is not finite", state.at.value);
            return Err(Error::Setting { setting: "starts", problem });
        }
        let mut tree = Tree::default();
        let step_size = self.warm_up(&mut h, &mut state, &mut tree, key.fold_in(0))?;

        let warmup_gradients = h.gradients;
        let mut chain = Chain {
            draws: Vec::with_capacity(self.draws * d),
            log_density: Vec::with_capacity(self.draws),
            transitions: Vec::with_capacity(self.draws),
            step_size,
            metric: h.metric.clone(),
            warmup_gradients,
            gradients: 0,
        };
        let key = key.fold_in(1);
        for i in 0..self.draws {
            let transition =
                tree.transition(&mut h, &mut state, step_size, self.max_depth, key.fold_in(i as u64))?;
            chain.draws.extend_from_slice(h.position(&state.at.z));
            chain.log_density.push(state.at.value);
            chain.transitions.push(transition);
        }
        chain.gradients = h.gradients - warmup_gradients;
        Ok(chain)
    }

    /// Adapts step size and metric, and gives the step size.
    fn warm_up(
        &self,
        h: &mut Hamiltonian<'_, '_>,
        state: &mut State,
        tree: &mut Tree,
        key: Key,
    ) -> Result<f64> {
        if self.warmup == 0 {
            return Ok(self.step_size);
        }
        let windows = Windows::new(self.warmup, self.learn);
        let guesses = key.fold_in_str("step size");
        let mut step = first_guess(h, state, self.step_size, guesses)?;
        let mut averaging = DualAveraging::new(self.acceptance, step);
        let mut moments = Moments::new(self.learn, h.dim());
        for i in 0..self.warmup {
            let transition =
                tree.transition(h, state, averaging.step(), self.max_depth, key.fold_in(i as u64))?;
            averaging.learn(transition.acceptance);
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
                step = first_guess(h, state, averaging.mean(), guesses.fold_in(i as u64))?;
                averaging = DualAveraging::new(self.acceptance, step);
            }
        }
        Ok(averaging.mean())
    }
}
