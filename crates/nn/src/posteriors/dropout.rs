//! Monte Carlo dropout.

use super::{Ascent, Inferred, Method, Problem};
use crate::error::{Error, Result};
use crate::layers::Mlp;
use probity_autodiff::Key;
use serde::{Deserialize, Serialize};

/// Monte Carlo dropout: point weights, found with another mask in every step, and predictions with
/// a mask for every draw.
///
/// A [`Regression`](crate::Regression) or [`Classification`](crate::Classification) without dropout
/// gets it after every hidden layer, with this rate. Any other network has its
/// [`Dropout`](crate::Dropout) layers where they belong, or an [`Mlp`](crate::Mlp) with
/// [`dropout`](crate::Mlp::dropout); the weights' priors are what the paper has as weight decay.
///
/// *Source*: Gal, Ghahramani 2016, "Dropout as a Bayesian approximation".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct McDropout {
    /// The rate, for a network without one.
    pub rate: f64,
    /// The ascent.
    pub ascent: Ascent,
    /// The seed of the start and of the masks.
    pub seed: u64,
}

impl Default for McDropout {
    fn default() -> Self {
        Self { rate: 0.05, ascent: Ascent { steps: 4000, rate: 0.01, ..Ascent::default() }, seed: 0 }
    }
}

impl Method for McDropout {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        if !problem.is_random() {
            return Err(Error::Network("it has no dropout; see `Mlp::dropout` and `Dropout`".into()));
        }
        let found = self.ascent.climb(problem, Key::new(self.seed).fold_in(0))?;
        Ok(Inferred::of_draws(found.u).gradients(found.gradients))
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn prepare(&self, net: &mut Mlp) {
        if net.dropout == 0.0 {
            net.dropout = self.rate;
        }
    }
}
