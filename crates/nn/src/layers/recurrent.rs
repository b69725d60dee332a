//! What recurrent layers are; [`Gru`](super::Gru) and [`Lstm`](super::Lstm) are their cells.

use super::WeightInit;
use super::grid::Sequence;
use super::layer::{Layer, check_columns, takes};
use super::weights::{biases, weights, with_priors};
use crate::error::Error;
use crate::prior::Prior;
use crate::priors::LayerPrior;
use probity_autodiff::{Scalar, Var};
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A recurrent layer over sequences, with the equations of its cell. x: n ×
/// [`input`](Recurrent::input), y: n × state after the last step, or n × (state · steps) of all
/// steps with the step running fastest. Sites `weight` (channels × gates · state), `recurrent`
/// (state × gates · state) and `bias` (1 × gates · state). The state before the first step is 0.
/// Weights are drawn once for all rows and steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recurrent<C, P = Prior, B = Prior> {
    /// What the columns of x are.
    pub input: Sequence,
    /// Numbers of the state.
    pub state: usize,
    /// Whether the states of all steps are the result, and not that of the last.
    pub all: bool,
    /// The prior of the weights; none for point estimates.
    pub weight_prior: Option<P>,
    /// The prior of the biases; none for point estimates.
    pub bias_prior: Option<B>,
    /// Where the guide starts.
    pub init: WeightInit,
    #[serde(skip)]
    cell: C,
}

/// The equations of a recurrent layer: [`GruCell`](super::GruCell) or
/// [`LstmCell`](super::LstmCell).
pub trait Cell: Copy + Debug + Default + Send + Sync {
    /// Columns of the weights for every number of the state.
    const GATES: usize;

    /// What is carried from step to step.
    type State<'t, T: Scalar>: Copy;

    /// The state after a step (n × `h`), from that before it, and what of it is given on.
    ///
    /// `driven` (n × gates · h) are the products of the step's inputs with their weights and the
    /// biases, `recurrent` (h × gates · h) the weights of the state before.
    fn step<'t, T: Scalar>(
        driven: Var<'t, T>,
        recurrent: Var<'t, T>,
        before: Option<Self::State<'t, T>>,
        h: usize,
    ) -> (Self::State<'t, T>, Var<'t, T>);
}

impl<C: Cell> Recurrent<C> {
    /// With standard Normal priors, giving the last state.
    pub fn new(input: Sequence, state: usize) -> Self {
        let prior = Some(Prior::default());
        let init = WeightInit::FanIn { gain: 1.0, bias: 0.0, scale: 0.02 };
        Self { input, state, all: false, weight_prior: prior, bias_prior: prior, init, cell: C::default() }
    }

    /// With these priors.
    pub fn priors(mut self, weight: Prior, bias: Prior) -> Self {
        (self.weight_prior, self.bias_prior) = (Some(weight), Some(bias));
        self
    }
}

with_priors!(Recurrent[C] { input, state, all, init, cell });

impl<C, P, B> Recurrent<C, P, B> {
    /// Giving the states of all steps.
    pub fn all_states(mut self) -> Self {
        self.all = true;
        self
    }
}

impl<T: Scalar, C: Cell, P: LayerPrior, B: LayerPrior> Layer<T> for Recurrent<C, P, B> {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        takes("a recurrent layer", self.input.len(), inputs)?;
        if self.input.is_empty() || self.state == 0 {
            return Err(Error::Network("a recurrent layer needs steps, channels and a state".into()));
        }
        Ok(self.state * if self.all { self.input.steps } else { 1 })
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        check_columns("a recurrent layer", self.input.len(), x.ncols())?;
        let (n, h, Sequence { channels, steps }) = (x.nrows(), self.state, self.input);
        s.within(name, |s| {
            let (gates, start) = (C::GATES * h, (self.init, channels + h));
            let (weight, bias) = (self.weight_prior.as_ref(), self.bias_prior.as_ref());
            let input = weights(s, ("weight", "weight_prior"), weight, start, (channels, gates))?;
            let recurrent = weights(s, ("recurrent", "recurrent_prior"), weight, start, (h, gates))?;
            let bias = biases(s, ("bias", "bias_prior"), bias, start, gates)?;
            // The products of all steps at once: row i + n t is step t of sequence i.
            let driven = x.reshape(n * steps, channels).affine(input, bias);
            let (mut carried, mut last) = (None, x);
            // Without all of them being wanted, nothing is allocated.
            let mut all = Vec::with_capacity(if self.all { steps } else { 0 });
            for step in 0..steps {
                let (state, output) = C::step(driven.rows(n * step..n * (step + 1)), recurrent, carried, h);
                (carried, last) = (Some(state), output);
                if self.all {
                    all.push(output);
                }
            }
            Ok(if self.all && steps > 0 { Var::concat_rows(&all).reshape(n, h * steps) } else { last })
        })
    }
}
