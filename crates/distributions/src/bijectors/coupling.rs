//! Affine coupling (RealNVP): some columns say how the others are scaled and shifted.

use super::Bijector;
use super::conditioner::Conditioner;
use crate::distribution::Event;
use probity_autodiff::{Scalar, Terms, Var, formula};

/// The logarithm of a factor, bounded: between -2 and 2, the identity near 0.
pub(super) fn bounded<T: Scalar>(s: Var<'_, T>) -> Var<'_, T> {
    Var::map(formula!(|s| (s * 0.5).tanh() * 2.0), [s])
}

/// The first columns of a row stay as they are; of the others `x = u eˢ + m`, with `s` and `m` of a
/// network of the first ones: as many outputs for `s` as there are other columns, and then as many
/// for `m`. `s` lies between -2 and 2, so that neither direction overflows; weights of 0 are the
/// identity. Two of them with the columns exchanged between ([`Permute`](super::Permute)) move all
/// columns.
///
/// forward and inverse closed, in one pass of the network · log-det `Σ s` of every row.
///
/// Source: Dinh, Sohl-Dickstein and Bengio 2017, "Density estimation using Real NVP", equations 4
/// to 8; the bound as in Ardizzone et al. 2019, "Guided image generation with conditional
/// invertible neural networks", section 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coupling<V> {
    net: Conditioner<V>,
}

impl<'t, T: Scalar> Coupling<Var<'t, T>> {
    /// With this network: its inputs are the columns that stay.
    ///
    /// # Panics
    /// If the number of its outputs is not even.
    #[track_caller]
    pub fn new(net: Conditioner<Var<'t, T>>) -> Self {
        let [.., outputs] = net.sizes();
        assert!(outputs.is_multiple_of(2), "Coupling: {outputs} outputs, of a factor and a shift each");
        Self { net }
    }

    /// The numbers of the network in one row, for rows of so many columns, of which half (rounded
    /// down) stay as they are, and so many hidden units: how many, and how it is made of them.
    ///
    /// # Panics
    /// If the row has another number of columns than [`parameters`](Coupling::parameters).
    #[track_caller]
    pub fn from_row(row: Var<'t, T>, columns: usize, hidden: usize) -> Self {
        Self::new(Conditioner::from_row(row, Self::sizes(columns, hidden)))
    }

    /// How many numbers [`from_row`](Coupling::from_row) needs.
    pub fn parameters(columns: usize, hidden: usize) -> usize {
        let [inputs, hidden, outputs] = Self::sizes(columns, hidden);
        Conditioner::<Var<'t, T>>::parameters(inputs, hidden, outputs)
    }

    fn sizes(columns: usize, hidden: usize) -> [usize; 3] {
        [columns / 2, hidden, 2 * (columns - columns / 2)]
    }

    /// The columns that stay, the others, and the logarithm of the factor and the shift of these.
    #[track_caller]
    fn parts(&self, x: Var<'t, T>) -> [Var<'t, T>; 4] {
        let [kept, _, outputs] = self.net.sizes();
        let (cols, moved) = (x.ncols(), outputs / 2);
        assert!(cols == kept + moved, "Coupling: {cols} columns, {kept} that stay and {moved} others");
        let first = x.cols(0..kept);
        let out = self.net.outputs(first);
        [first, x.cols(kept..cols), bounded(out.cols(0..moved)), out.cols(moved..outputs)]
    }
}

impl<'t, T: Scalar> Bijector<Var<'t, T>> for Coupling<Var<'t, T>> {
    fn event(&self) -> Event {
        Event::Row
    }
    #[track_caller]
    fn forward(&self, u: Var<'t, T>) -> Var<'t, T> {
        let [first, u, s, m] = self.parts(u);
        Var::concat_cols(&[first, Var::map(formula!(|u, s, m| u * s.exp() + m), [u, s, m])])
    }
    #[track_caller]
    fn inverse(&self, x: Var<'t, T>) -> Var<'t, T> {
        let [first, x, s, m] = self.parts(x);
        Var::concat_cols(&[first, Var::map(formula!(|x, s, m| (x - m) * (-s).exp()), [x, s, m])])
    }
    #[track_caller]
    fn log_det(&self, u: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let s = self.parts(u)[2];
        match terms {
            Terms::Each => s.sum_axis(probity_autodiff::Axis::Cols),
            Terms::Sum => s.sum(),
        }
    }
}
