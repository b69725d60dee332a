//! Weights that are drawn as a whole, by the layers whose rows share them in several places.

use super::WeightInit;
use crate::priors::LayerPrior;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{Distribution, Support};
use probity_vi::{Result, Scope};

/// Weights of this shape (inputs × outputs): a latent variable under the prior, or a parameter
/// without one. `inputs` is the number of terms that make an output.
pub(super) fn weights<'t, T: Scalar, P: LayerPrior>(
    s: &mut Scope<'t, T>,
    (name, prior_name): (&str, &str),
    prior: Option<&P>,
    (init, inputs): (WeightInit, usize),
    shape: (usize, usize),
) -> Result<Var<'t, T>> {
    let start = || init.weight(inputs);
    let Some(prior) = prior else { return s.param_from(name, shape, start().loc, Support::Real) };
    let drawn = prior.weights(s, prior_name, shape)?;
    let w = s.sample_from(name, drawn.family.shaped(shape.0, shape.1), || {
        prior.start(shape).unwrap_or_else(start)
    })?;
    Ok(drawn.factor.map_or(w, |factor| w * factor))
}

/// A vector of biases (1 × outputs), as [`weights`].
pub(super) fn biases<'t, T: Scalar, P: LayerPrior>(
    s: &mut Scope<'t, T>,
    names: (&str, &str),
    prior: Option<&P>,
    (init, inputs): (WeightInit, usize),
    outputs: usize,
) -> Result<Var<'t, T>> {
    let (name, prior_name) = names;
    let Some(prior) = prior else {
        return s.param_from(name, (1, outputs), init.bias(inputs).loc, Support::Real);
    };
    let drawn = prior.weights(s, prior_name, (1, outputs))?;
    let b = s.sample_from(name, drawn.family.shaped(1, outputs), || {
        prior.start((1, outputs)).unwrap_or_else(|| init.bias(inputs))
    })?;
    Ok(drawn.factor.map_or(b, |factor| b * factor))
}

/// The constructors that layers with weights and biases have in common.
macro_rules! with_priors {
    ($layer:ident $([$more:ident])? { $($field:ident),* $(,)? }) => {
        impl<$($more,)? P, B> $layer<$($more,)? P, B> {
            /// With these priors, of any type.
            pub fn with_priors<Q: $crate::LayerPrior, R: $crate::LayerPrior>(
                self,
                weight: Q,
                bias: R,
            ) -> $layer<$($more,)? Q, R> {
                let Self { $($field,)* .. } = self;
                $layer { $($field,)* weight_prior: Some(weight), bias_prior: Some(bias) }
            }

            /// With point estimates instead of a posterior.
            pub fn point(mut self) -> Self {
                (self.weight_prior, self.bias_prior) = (None, None);
                self
            }

            /// With this start.
            pub fn init(mut self, init: $crate::WeightInit) -> Self {
                self.init = init;
                self
            }
        }
    };
}
pub(super) use with_priors;
