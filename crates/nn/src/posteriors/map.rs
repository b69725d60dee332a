//! The mode of the weights' density.

use super::{Ascent, Inferred, Method, Problem};
use crate::error::Result;
use probity_autodiff::Key;
use serde::{Deserialize, Serialize};

/// Point weights at a mode of the posterior (maximum a posteriori). Predictions have no epistemic
/// part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Map {
    /// The ascent.
    pub ascent: Ascent,
    /// The seed of the start.
    pub seed: u64,
}

impl Method for Map {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let mode = self.ascent.climb(problem, Key::new(self.seed).fold_in(0))?;
        Ok(Inferred::of_draws(mode.u).gradients(mode.gradients))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}
