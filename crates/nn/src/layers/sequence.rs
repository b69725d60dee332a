//! What recurrent layers have in common.

use super::WeightInit;
use super::weights::{biases, weights};
use crate::priors::LayerPrior;
use probity_autodiff::{Scalar, Var};
use probity_vi::{Result, Scope};

/// The weights of a recurrent layer: of the inputs (channels × gates), of the state before (state ×
/// gates), and biases (1 × gates).
pub(super) struct Recurrent<'t, T: Scalar> {
    /// Products of all steps with the weights of the inputs: (n · steps) × gates, row `i + n t`.
    pub driven: Var<'t, T>,
    pub recurrent: Var<'t, T>,
}

/// Draws the weights, and takes the products with all steps at once.
pub(super) fn recurrent<'t, T: Scalar, P: LayerPrior, B: LayerPrior>(
    s: &mut Scope<'t, T>,
    x: Var<'t, T>,
    (channels, steps): (usize, usize),
    (state, gates): (usize, usize),
    (weight, bias, init): (Option<&P>, Option<&B>, WeightInit),
) -> Result<Recurrent<'t, T>> {
    let terms = (init, channels + state);
    let input = weights(s, ("weight", "weight_prior"), weight, terms, (channels, gates))?;
    let recurrent = weights(s, ("recurrent", "recurrent_prior"), weight, terms, (state, gates))?;
    let bias = biases(s, ("bias", "bias_prior"), bias, terms, gates)?;
    let rows = x.nrows() * steps;
    Ok(Recurrent { driven: x.reshape(rows, channels).affine(input, bias), recurrent })
}

/// The last state (n × state), or all of them (n × (state · steps), the step running fastest).
pub(super) fn gathered<'t, T: Scalar>(states: &[Var<'t, T>], all: bool) -> Option<Var<'t, T>> {
    let last = states.last()?;
    let (n, width) = last.shape();
    if all { Some(Var::concat_rows(states).reshape(n, width * states.len())) } else { Some(*last) }
}
