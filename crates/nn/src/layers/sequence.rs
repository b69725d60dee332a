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

/// The states that become the result.
pub(super) struct States<'t, T: Scalar> {
    pub last: Option<Var<'t, T>>,
    /// All of them, if they are wanted: without, nothing is allocated.
    all: Option<Vec<Var<'t, T>>>,
}

impl<'t, T: Scalar> States<'t, T> {
    pub fn new(all: bool) -> Self {
        Self { last: None, all: all.then(Vec::new) }
    }

    pub fn push(&mut self, state: Var<'t, T>) {
        self.last = Some(state);
        if let Some(all) = &mut self.all {
            all.push(state);
        }
    }

    /// The last state (n × state), or all of them (n × (state · steps), the step running fastest).
    pub fn result(&self) -> Option<Var<'t, T>> {
        let last = self.last?;
        let (n, width) = last.shape();
        Some(match &self.all {
            Some(all) => Var::concat_rows(all).reshape(n, width * all.len()),
            None => last,
        })
    }
}
