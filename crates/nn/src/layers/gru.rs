//! Gated recurrent units.

use super::recurrent::{Cell, Recurrent};
use crate::prior::Prior;
use probity_autodiff::{Scalar, Var, formula};

/// Gated recurrent units over sequences: a [recurrent layer](Recurrent) whose columns of weights
/// are those of the reset gate, the update gate and the candidate.
///
/// The reset gate multiplies the state before its product with the candidate's weights.
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
/// *Source*: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder",
/// equations 5 to 8.
pub type Gru<P = Prior, B = Prior> = Recurrent<GruCell, P, B>;

/// The equations of [`Gru`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GruCell;

impl Cell for GruCell {
    const GATES: usize = 3;

    type State<'t, T: Scalar> = Var<'t, T>;

    fn step<'t, T: Scalar>(
        driven: Var<'t, T>,
        recurrent: Var<'t, T>,
        before: Option<Var<'t, T>>,
        h: usize,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let (open, new) = (driven.cols(0..2 * h), driven.cols(2 * h..3 * h));
        let next = match before {
            // The state is 0.
            None => {
                Var::map(formula!(|update, new| (-update).sigmoid() * new.tanh()), [open.cols(h..2 * h), new])
            }
            Some(state) => {
                let (gates, candidate) = (recurrent.cols(0..2 * h), recurrent.cols(2 * h..3 * h));
                let open = (open + state.matmul(gates)).sigmoid();
                let kept = (open.cols(0..h) * state).matmul(candidate);
                let mix = formula!(|update, state, new, kept| {
                    update * state + (-update + 1.0) * (new + kept).tanh()
                });
                Var::map(mix, [open.cols(h..2 * h), state, new, kept])
            }
        };
        (next, next)
    }
}
