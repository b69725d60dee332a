//! Gated recurrent units.

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

/// Gated recurrent units over sequences. x: n × [`input`](Gru::input), y: n × state after the last
/// step, or n × (state · steps) of all steps with the step running fastest. Sites `weight`
/// (channels × 3 state: reset, update, candidate), `recurrent` (state × 3 state) and `bias` (1 × 3
/// state). The state before the first step is 0.
///
/// The reset gate multiplies the state before its product with the candidate's weights. Weights are
/// drawn once for all rows and steps.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::GaussianHead;
/// use probity_nn::{Gru, Linear, Network, Sequence, Sequential};
/// use probity_vi::Fit;
///
/// // The next number of a wave from eight before it.
/// let wave = |i: usize| (i as f64 / 3.0).sin();
/// let x = DMatrix::from_fn(50, 8, |i, step| wave(i + step));
/// let y: Vec<f64> = (0..50).map(|i| wave(i + 8)).collect();
/// let net = Sequential::new().then(Gru::new(Sequence { channels: 1, steps: 8 }, 4)).then(Linear::new(4, 1));
/// let fitted = Network::new(net, GaussianHead::default()).fit_with(&x, &y, Fit::default().steps(50))?;
/// assert_eq!(fitted.predict(&x, 10)?.mean().nrows(), 50);
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// *Source*: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", equations
/// 5 to 8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gru<P = Prior, B = Prior> {
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

impl Gru {
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

with_priors!(Gru { input, state, all, init });

impl<P, B> Gru<P, B> {
    /// Giving the states of all steps.
    pub fn all_states(mut self) -> Self {
        self.all = true;
        self
    }
}

impl<T: Scalar, P: LayerPrior, B: LayerPrior> Layer<T> for Gru<P, B> {
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
            let Recurrent { driven, recurrent } = recurrent(s, x, (channels, steps), (h, 3 * h), priors)?;
            let (gates, candidate) = (recurrent.cols(0..2 * h), recurrent.cols(2 * h..3 * h));
            let mut states = States::new(self.all);
            for step in 0..steps {
                let now = driven.rows(n * step..n * (step + 1));
                let (open, new) = (now.cols(0..2 * h), now.cols(2 * h..3 * h));
                let next = match states.last {
                    // The state is 0.
                    None => Var::map(
                        formula!(|update, new| (-update).sigmoid() * new.tanh()),
                        [open.cols(h..2 * h), new],
                    ),
                    Some(state) => {
                        let open = (open + state.matmul(gates)).sigmoid();
                        let kept = (open.cols(0..h) * state).matmul(candidate);
                        let mix = formula!(|update, state, new, kept| {
                            update * state + (-update + 1.0) * (new + kept).tanh()
                        });
                        Var::map(mix, [open.cols(h..2 * h), state, new, kept])
                    }
                };
                states.push(next);
            }
            Ok(states.result().unwrap_or(x))
        })
    }
}
