//! Long short-term memory.

use super::recurrent::{Cell, Recurrent};
use crate::prior::Prior;
use probity_autodiff::{Scalar, Var, formula};

/// Long short-term memory over sequences: a [recurrent layer](Recurrent) whose columns of weights
/// are those of the input gate, the forget gate, the cell and the output gate. The cell before the
/// first step is 0 as well; to the forget gate is added 1, so that it starts open.
///
/// *Source*: Hochreiter, Schmidhuber 1997, "Long short-term memory"; forget gate: Gers,
/// Schmidhuber, Cummins 2000; its start: Jozefowicz, Zaremba, Sutskever 2015.
pub type Lstm<P = Prior, B = Prior> = Recurrent<LstmCell, P, B>;

/// The equations of [`Lstm`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LstmCell;

impl Cell for LstmCell {
    const GATES: usize = 4;

    /// The state and the cell.
    type State<'t, T: Scalar> = (Var<'t, T>, Var<'t, T>);

    fn step<'t, T: Scalar>(
        driven: Var<'t, T>,
        recurrent: Var<'t, T>,
        before: Option<Self::State<'t, T>>,
        h: usize,
    ) -> (Self::State<'t, T>, Var<'t, T>) {
        let now = match before {
            None => driven,
            Some((state, _)) => driven + state.matmul(recurrent),
        };
        let part = |i: usize| now.cols(i * h..(i + 1) * h);
        let cell = match before {
            None => Var::map(formula!(|input, new| input.sigmoid() * new.tanh()), [part(0), part(2)]),
            Some((_, cell)) => {
                let kept = formula!(|input, forget, new, cell| {
                    (forget + 1.0).sigmoid() * cell + input.sigmoid() * new.tanh()
                });
                Var::map(kept, [part(0), part(1), part(2), cell])
            }
        };
        let state = Var::map(formula!(|output, cell| output.sigmoid() * cell.tanh()), [part(3), cell]);
        ((state, cell), state)
    }
}
