//! Which lower bound, and which gradient of it, stochastic steps follow.

use serde::{Deserialize, Serialize};

/// The objective of steps along stochastic gradients.
///
/// The first two have the ELBO as their value, and the same expected gradient; they differ in its
/// noise. The importance-weighted bound is another, tighter bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Objective {
    /// The ELBO, with divergences and entropies in closed form where there are any, and else `ln q`
    /// at the draw.
    #[default]
    Elbo,
    /// The path derivative, "sticking the landing": `ln q` at the draw, and of its gradient only
    /// the part that goes through the draw. The other part, the score `∂ ln q(u; φ) / ∂φ` at a
    /// fixed u, has mean 0 and is left out. What is left has no variance where the guide is the
    /// posterior; far from it the variance may be larger than that of [`Elbo`](Objective::Elbo).
    ///
    /// The guide must know its density at any point
    /// ([`BoundGuide::log_prob`](crate::BoundGuide::log_prob)), as all do that have a density. All
    /// sites are drawn jointly: no divergence of a site is in closed form, and maps are not drawn
    /// by local reparameterisation.
    ///
    /// *Source*: Roeder, Wu, Duvenaud 2017, "Sticking the landing: simple, lower-variance gradient
    /// estimators for variational inference".
    PathDerivative,
    /// The importance-weighted bound of the evidence, `E ln (1/K) Σₖ p(x, uₖ) / q(uₖ)` with K
    /// independent draws: the ELBO for K = 1, rising with K to the log evidence. It asks of the
    /// guide to cover the posterior rather than to lie inside it, so that the guide is a better
    /// proposal for importance weights, and wider where it cannot have the posterior's shape. Its
    /// own moments are not those of the posterior, and for K > 1 the fit has no verdict.
    ///
    /// A step takes whole terms of the bound: [`Fit::draws`](crate::Fit::draws) is rounded up to a
    /// multiple of K. Every step runs the model twice forward, once for the weights.
    ///
    /// The gradient is the doubly reparameterised one, whose noise does not outgrow it for large K,
    /// where the guide knows its density at any point
    /// ([`BoundGuide::log_prob`](crate::BoundGuide::log_prob)), as all guides here do; without, it
    /// is the gradient of the bound as it is. All sites are drawn jointly, and the guide must have
    /// a density. [`Mixture`](crate::Mixture) is an error: its draws are stratified, and a term of
    /// stratified draws does not notice a component that lies where there is no mass.
    /// [`Posterior::bound`](crate::Posterior::bound) is the value.
    ///
    /// *Source*: Burda, Grosse, Salakhutdinov 2016, "Importance weighted autoencoders", equation 8;
    /// Tucker, Lawson, Gu, Maddison 2019, "Doubly reparameterized gradient estimators for Monte
    /// Carlo objectives", equation 8.
    ImportanceWeighted {
        /// K, the draws of every term of the bound; at least 1.
        draws: usize,
    },
}

impl Objective {
    /// How many draws make one term of the objective.
    pub(crate) fn group(self) -> usize {
        match self {
            Self::ImportanceWeighted { draws } => draws.max(1),
            Self::Elbo | Self::PathDerivative => 1,
        }
    }

    /// Whether all sites are drawn at once, with `ln q` at the draw.
    pub(crate) fn is_joint(self) -> bool {
        self != Self::Elbo
    }
}
