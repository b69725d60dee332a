//! Chains over the weights: Hamiltonian ones of fixed length, and the No-U-Turn sampler.

use super::deep_ensemble::climb_all;
use super::{Ascent, Inferred, Method, Problem};
use crate::error::Result;
use probity_autodiff::Key;
use probity_vi::hmc::Chains;
use probity_vi::ladder::Stands;
use probity_vi::nuts::{MetricKind, Nuts};
use serde::{Deserialize, Serialize};

/// What [`Regression::sample`](crate::Regression::sample) does, for any network, without a verdict.
impl Method for Chains {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let start = |key: Key| problem.layout().start(key);
        let runs = self.run(&problem.target(), start, problem.scales())?;
        let found = Inferred::of_draws(runs.draws()).stands(Stands::Hamiltonian);
        Ok(found.chains(runs.chains.len()).gradients(runs.gradients()))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

/// The No-U-Turn sampler, for small nets: each chain from a mode of its own, with a diagonal metric
/// that is learned in the warm-up. Unknown scales of priors are coordinates like all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NutsChains {
    /// The ascents to the modes.
    pub ascent: Ascent,
    /// The number of chains.
    pub chains: usize,
    /// Transitions of every chain before its draws.
    pub warmup: usize,
    /// Draws of every chain.
    pub draws: usize,
    /// A trajectory has at most 2 to this power steps, less one.
    pub depth: usize,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Default for NutsChains {
    fn default() -> Self {
        Self { ascent: Ascent::default(), chains: 4, warmup: 200, draws: 100, depth: 6, seed: 0 }
    }
}

impl Method for NutsChains {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let modes = climb_all(problem, &self.ascent, self.chains, Key::new(self.seed))?;
        let climbed: usize = modes.iter().map(|m| m.gradients).sum();
        let starts: Vec<f64> = modes.into_iter().flat_map(|m| m.u).collect();
        let nuts = Nuts::new().chains(self.chains).warmup(self.warmup).draws(self.draws);
        let nuts = nuts.max_depth(self.depth).learn(MetricKind::Diagonal).seed(self.seed);
        // Weights at a mode are stiff; the search of the step size begins there.
        let samples = nuts.step_size(0.01).run(&problem.target(), &starts)?;
        let found = Inferred::of_draws(samples.draws()).stands(Stands::Chains);
        Ok(found.chains(self.chains).gradients(climbed + samples.gradients()))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}
