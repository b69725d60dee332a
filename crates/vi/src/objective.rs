//! Which gradient of the ELBO stochastic steps follow.

use serde::{Deserialize, Serialize};

/// The objective of steps along stochastic gradients. All have the ELBO as their value, and the
/// same expected gradient; they differ in its noise.
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
}
