//! Rows that are probability vectors, by the softmax.

use super::{Constraint, Simplex, rows_as};
use crate::distribution::Event;
use probity_autodiff::{Scalar, Terms, Var, formula};

/// Rows of `c ≥ 2` numbers greater than 0 that sum to 1, from `c - 1` numbers: the softmax of these
/// and a last one that is 0. All columns but the last are alike, where breaking a stick gives each
/// another part ([`Simplex`]); `u = 0` is the middle.
///
/// Source: the additive log-ratio transform, Aitchison 1986, *The Statistical Analysis of
/// Compositional Data*; its Jacobian is the product of the entries.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxSimplex;

/// `ln x` for the unconstrained numbers.
fn logs<T: Scalar>(u: Var<'_, T>) -> Var<'_, T> {
    match u.tape() {
        Some(tape) => {
            let zeros = tape.constant_with(u.nrows(), 1, |to| to.fill(T::from_f64(0.0)));
            Var::concat_cols(&[u, zeros]).log_softmax()
        }
        None => u,
    }
}

impl<'t, T: Scalar> Constraint<Var<'t, T>> for SoftmaxSimplex {
    const NAME: &'static str = "simplex by softmax";
    const EVENT: Event = Event::Row;
    fn unconstrained_shape(value: (usize, usize)) -> Option<(usize, usize)> {
        <Simplex as Constraint<Var<'t, T>>>::unconstrained_shape(value)
    }
    fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        logs(u).exp()
    }
    fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let n = x.ncols().saturating_sub(1);
        Var::map(formula!(|x, last| x.ln() - last.ln()), [x.cols(0..n), x.cols(n..n + 1)])
    }
    fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], terms: Terms) -> Var<'t, T> {
        rows_as(terms, logs(u))
    }
    fn outside(x: &[f64], shape: (usize, usize), limit: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        <Simplex as Constraint<Var<'t, T>>>::outside(x, shape, limit)
    }
}
