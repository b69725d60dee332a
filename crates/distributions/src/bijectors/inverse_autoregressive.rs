//! Inverse autoregressive layers: every column is scaled and shifted by those before it.

use super::Bijector;
use super::conditioner::Conditioner;
use super::coupling::bounded;
use crate::distribution::Event;
use probity_autodiff::{Axis, Scalar, Tape, Terms, Var, formula};

/// `xⱼ = uⱼ eˢ + m`, with `s` and `m` of column j from a network of the columns `u₁, …, uⱼ₋₁`: one
/// network with one hidden layer, whose weights from later columns are masked. `s` lies between -2
/// and 2; weights of 0 are the identity. Turned round by [`Inverse`](super::Inverse) it is a masked
/// autoregressive flow, whose density takes one pass.
///
/// forward and log-det in one pass of the network · inverse closed, column after column, in as many
/// passes as there are columns · log-det `Σ s` of every row.
///
/// Source: Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow",
/// section 4; the masks of Germain, Gregor, Murray and Larochelle 2015, "MADE", section 4, with the
/// columns in their order and the hidden units dealt out in turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseAutoregressive<V> {
    net: Conditioner<V>,
}

/// The number of columns that hidden unit `h` sees, of a row of `columns`.
fn seen(h: usize, columns: usize) -> usize {
    if columns < 2 { 0 } else { 1 + h % (columns - 1) }
}

impl<'t, T: Scalar> InverseAutoregressive<Var<'t, T>> {
    /// By the numbers of its network in one row, for rows of so many columns and so many hidden
    /// units; those that the masks take out have no effect.
    ///
    /// # Panics
    /// If the row has another number of columns than
    /// [`parameters`](InverseAutoregressive::parameters).
    #[track_caller]
    pub fn from_row(tape: &'t Tape<T>, row: Var<'t, T>, columns: usize, hidden: usize) -> Self {
        let net = Conditioner::from_row(row, [columns, hidden, 2 * columns]);
        let mask = |rows: usize, cols: usize, open: &dyn Fn(usize, usize) -> bool| {
            tape.constant_with(rows, cols, |to| {
                for (place, to) in to.iter_mut().enumerate() {
                    let (i, j) = (place % rows, place / rows);
                    *to = T::from_f64(f64::from(u8::from(open(i, j))));
                }
            })
        };
        // A unit takes the first columns, and column j takes units that have seen less than j.
        let inputs = mask(columns, hidden, &|i, h| i < seen(h, columns));
        let outputs = mask(hidden, 2 * columns, &|h, j| seen(h, columns) <= j % columns && columns > 1);
        Self { net: Conditioner { hidden: net.hidden * inputs, output: net.output * outputs, ..net } }
    }

    /// How many numbers [`from_row`](InverseAutoregressive::from_row) needs.
    pub fn parameters(columns: usize, hidden: usize) -> usize {
        Conditioner::<Var<'t, T>>::parameters(columns, hidden, 2 * columns)
    }

    /// The logarithm of the factor of every column, and its shift, from the columns before the
    /// masks.
    #[track_caller]
    fn parts(&self, u: Var<'t, T>) -> [Var<'t, T>; 2] {
        let ([inputs, ..], cols) = (self.net.sizes(), u.ncols());
        assert!(cols == inputs, "InverseAutoregressive: {cols} columns, a network of {inputs}");
        let out = self.net.outputs(u);
        [bounded(out.cols(0..cols)), out.cols(cols..2 * cols)]
    }
}

impl<'t, T: Scalar> Bijector<Var<'t, T>> for InverseAutoregressive<Var<'t, T>> {
    fn event(&self) -> Event {
        Event::Row
    }
    #[track_caller]
    fn forward(&self, u: Var<'t, T>) -> Var<'t, T> {
        let [s, m] = self.parts(u);
        Var::map(formula!(|u, s, m| u * s.exp() + m), [u, s, m])
    }
    #[track_caller]
    fn inverse(&self, x: Var<'t, T>) -> Var<'t, T> {
        let cols = x.ncols();
        let mut known: Vec<Var<'t, T>> = Vec::with_capacity(cols);
        for j in 0..cols {
            // Columns that are not known yet are masked, whatever stands there.
            let rest = x.cols(j..cols).detach();
            let u = if j == 0 { rest } else { Var::concat_cols(&[Var::concat_cols(&known), rest]) };
            let [s, m] = self.parts(u).map(|part| part.cols(j..j + 1));
            known.push(Var::map(formula!(|x, s, m| (x - m) * (-s).exp()), [x.cols(j..j + 1), s, m]));
        }
        Var::concat_cols(&known)
    }
    #[track_caller]
    fn log_det(&self, u: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let [s, _] = self.parts(u);
        match terms {
            Terms::Each => s.sum_axis(Axis::Cols),
            Terms::Sum => s.sum(),
        }
    }
}
