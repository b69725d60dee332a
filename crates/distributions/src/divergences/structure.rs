//! Divergences of copies: those of what is copied.

use crate::distribution::{Distribution, Event};
use crate::kl::{KlDivergence, KlMethod};
use crate::shaped::Shaped;
use probity_autodiff::{Scalar, Terms, Var};

/// Of independent copies: one divergence for every copy.
///
/// # Panics
/// If the two have different shapes.
impl<'t, T, Q, P> KlDivergence<Shaped<P, Var<'t, T>>> for Shaped<Q, Var<'t, T>>
where
    T: Scalar,
    Q: Distribution<Var<'t, T>> + KlDivergence<P, Value = Var<'t, T>>,
    P: Distribution<Var<'t, T>>,
{
    type Value = Var<'t, T>;
    const METHOD: KlMethod = Q::METHOD;
    #[track_caller]
    fn kl_terms(&self, p: &Shaped<P, Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let ((rows, cols), (r, c)) = (self.shape(), p.shape());
        assert!((rows, cols) == (r, c), "{}: copies of {rows} × {cols} to those of {r} × {c}", Q::NAME);
        let each = self.base().kl_terms(p.base(), Terms::Each);
        let (rows, cols) = match self.event() {
            Event::Entry => (rows, cols),
            Event::Row => (rows, 1),
            Event::Matrix => (1, 1),
        };
        match (terms, each.tape()) {
            (Terms::Sum, _) => each.sum() * ((rows * cols) as f64 / (each.nrows() * each.ncols()) as f64),
            (Terms::Each, Some(tape)) if each.shape() != (rows, cols) => {
                each + tape.constant_with(rows, cols, |to| to.fill(T::from_f64(0.0)))
            }
            _ => each,
        }
    }
}
