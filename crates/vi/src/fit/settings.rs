//! The settings of a fit that are data.

use super::Steps;
use crate::kl_weight::KlWeight;
use crate::ladder::Ladder;
use crate::objective::Objective;
use crate::scope::Estimator;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// All settings of a [`Fit`](super::Fit) that are numbers and choices; its methods of the same
/// names set and document them. What is missing in a file has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub(super) steps: Option<Steps>,
    pub(super) draws: usize,
    pub(super) seed: u64,
    /// The most gradients before chains are no longer made longer.
    pub(super) budget: usize,
    pub(super) estimator: Estimator,
    pub(super) objective: Objective,
    pub(super) kl_weight: KlWeight,
    pub(super) scale_rate: f64,
    pub(super) clip: Option<f64>,
    pub(super) minibatch: Option<usize>,
    pub(super) shuffle: bool,
    pub(super) loss_scale: f64,
    pub(super) elbo_draws: usize,
    pub(super) history_every: usize,
    pub(super) time_limit: Option<Duration>,
    /// The most unconstrained numbers for which chains stand.
    pub(super) sample_up_to: usize,
    /// Whether a fit by stochastic gradients is checked.
    pub(super) checked: bool,
    /// From how many places a mode is looked for; how many fits by stochastic gradients are made.
    pub(super) starts: Option<usize>,
    /// Something was set that only makes sense for steps by stochastic gradients.
    pub(super) stochastic: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: None,
            draws: 8,
            seed: 0,
            budget: Ladder::BUDGET,
            estimator: Estimator::WeightSpace,
            objective: Objective::Elbo,
            kl_weight: KlWeight::Full,
            scale_rate: 1.0,
            clip: None,
            minibatch: None,
            shuffle: true,
            loss_scale: 1.0,
            elbo_draws: 1000,
            history_every: 1,
            time_limit: None,
            sample_up_to: 5000,
            checked: true,
            starts: None,
            stochastic: false,
        }
    }
}
