//! Nets at modes, each from a start of its own.

use super::ascent::setting;
use super::{Ascent, Climbed, Inferred, Method, Problem};
use crate::error::Result;
use probity_autodiff::{Key, parallel_map};
use serde::{Deserialize, Serialize};

/// Several nets, each at the mode to which its own start leads, with equal weights.
///
/// Members are fitted in parallel on all cores; the same seed gives the same bits for any number of
/// threads.
///
/// *Source*: Lakshminarayanan, Pritzel, Blundell 2017, "Simple and scalable predictive uncertainty
/// estimation using deep ensembles"; without adversarial examples, and with the priors of the net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeepEnsemble {
    /// The number of nets.
    pub members: usize,
    /// The ascent of each.
    pub ascent: Ascent,
    /// The seed of the starts.
    pub seed: u64,
}

impl Default for DeepEnsemble {
    fn default() -> Self {
        Self { members: 10, ascent: Ascent::default(), seed: 0 }
    }
}

impl Method for DeepEnsemble {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let members = climb_all(problem, &self.ascent, self.members, Key::new(self.seed))?;
        let gradients = members.iter().map(|m| m.gradients).sum();
        let points = members.into_iter().flat_map(|m| m.u).collect();
        Ok(Inferred::of_draws(points).chains(self.members).gradients(gradients))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

/// Ascents from so many starts, on all cores.
pub(super) fn climb_all(
    problem: &Problem<'_>,
    ascent: &Ascent,
    members: usize,
    key: Key,
) -> Result<Vec<Climbed>> {
    if members == 0 {
        return Err(setting("members", "at least one is needed".into()));
    }
    let climb = |member: usize| ascent.climb(problem, key.fold_in(member as u64));
    if problem.is_streamed() {
        // Members take the minibatches one after the other.
        return (0..members).map(climb).collect();
    }
    parallel_map(members, climb).into_iter().collect()
}
