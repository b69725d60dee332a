//! Long short-term memory.

use super::WeightInit;
use super::grid::Sequence;
use super::layer::{Layer, check_columns, takes};
use super::sequence::{Recurrent, States, recurrent};
use super::weights::with_priors;
use crate::error::Error;
use crate::prior::Prior;
use crate::priors::LayerPrior;
use probity_autodiff::{Scalar, Var, formula};
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};

/// Long short-term memory over sequences. x: n × [`input`](Lstm::input), y: n × state after the last
/// step, or n × (state · steps) of all steps with the step running fastest. Sites `weight`
/// (channels × 4 state: input, forget, cell, output), `recurrent` (state × 4 state) and `bias` (1 × 4
/// state). State and cell before the first step are 0; to the forget gate is added 1, so that it
/// starts open.
///
/// Weights are drawn once for all rows and steps.
///
/// *Source*: Hochreiter, Schmidhuber 1997, "Long short-term memory"; forget gate: Gers, Schmidhuber,
/// Cummins 2000; its start: Jozefowicz, Zaremba, Sutskever 2015.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lstm<P = Prior, B = Prior> {
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
}

impl Lstm {
    /// With standard Normal priors, giving the last state.
    pub fn new(input: Sequence, state: usize) -> Self {
        let prior = Some(Prior::default());
        let init = WeightInit::FanIn { gain: 1.0, bias: 0.0, scale: 0.02 };
        Self { input, state, all: false, weight_prior: prior, bias_prior: prior, init }
    }

    /// With these priors.
    pub fn priors(mut self, weight: Prior, bias: Prior) -> Self {
        (self.weight_prior, self.bias_prior) = (Some(weight), Some(bias));
        self
    }
}

with_priors!(Lstm { input, state, all, init });

impl<P, B> Lstm<P, B> {
    /// Giving the states of all steps.
    pub fn all_states(mut self) -> Self {
        self.all = true;
        self
    }
}

impl<T: Scalar, P: LayerPrior, B: LayerPrior> Layer<T> for Lstm<P, B> {
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
            let priors = (self.weight_prior.as_ref(), self.bias_prior.as_ref(), self.init);
            let Recurrent { driven, recurrent } = recurrent(s, x, (channels, steps), (h, 4 * h), priors)?;
            let mut cell: Option<Var<'t, T>> = None;
            let mut states = States::new(self.all);
            for step in 0..steps {
                let now = driven.rows(n * step..n * (step + 1));
                let now = match states.last {
                    None => now,
                    Some(state) => now + state.matmul(recurrent),
                };
                let part = |i: usize| now.cols(i * h..(i + 1) * h);
                let next = match cell {
                    None => Var::map(formula!(|input, new| input.sigmoid() * new.tanh()), [part(0), part(2)]),
                    Some(cell) => {
                        let kept = formula!(|input, forget, new, cell| {
                            (forget + 1.0).sigmoid() * cell + input.sigmoid() * new.tanh()
                        });
                        Var::map(kept, [part(0), part(1), part(2), cell])
                    }
                };
                states
                    .push(Var::map(formula!(|output, cell| output.sigmoid() * cell.tanh()), [part(3), next]));
                cell = Some(next);
            }
            Ok(states.result().unwrap_or(x))
        })
    }
}
