//! Rows that are probability vectors.

use super::{Constraint, first_in_rows, rows_as};
use crate::distribution::Event;
use probity_autodiff::{Running, Scalar, Terms, Var, formula};

/// Rows of `c ≥ 2` numbers greater than 0 that sum to 1, from `c - 1` numbers by breaking a stick:
/// `zₖ = σ(uₖ - ln(c - k))` is the part of what is left that `xₖ` gets. `u = 0` is the middle.
///
/// Products are taken as sums of logarithms, so that no entry is rounded to 0 before it is smaller
/// than the smallest number.
///
/// Source: Stan Reference Manual, "Unit simplex".
#[derive(Clone, Copy, Debug)]
pub struct Simplex;

/// A row of constants on the tape of `x`, by their column.
pub(crate) fn constant_row<'t, T: Scalar>(
    x: Var<'t, T>,
    cols: usize,
    f: impl Fn(usize) -> f64,
) -> Var<'t, T> {
    match x.tape() {
        Some(tape) => tape.constant_with(1, cols, |to| {
            to.iter_mut().enumerate().for_each(|(j, to)| *to = T::from_f64(f(j)));
        }),
        None => Var::from(f(0)),
    }
}

/// A column of zeros, as many rows as `x` has, on the right of it.
fn with_zero<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
    match x.tape() {
        Some(tape) => {
            let zeros = tape.constant_with(x.nrows(), 1, |to| to.fill(T::from_f64(0.0)));
            Var::concat_cols(&[x, zeros])
        }
        None => x,
    }
}

/// `uₖ - ln(c - k)`.
fn shifted<T: Scalar>(u: Var<'_, T>) -> Var<'_, T> {
    let n = u.ncols();
    u - constant_row(u, n, |k| ((n - k) as f64).ln())
}

/// `ln x` for the unconstrained `u`: r × (c - 1) to r × c.
pub(crate) fn log_simplex<T: Scalar>(u: Var<'_, T>) -> Var<'_, T> {
    let v = shifted(u);
    let log_part = Var::map(formula!(f64 | v | v.log_sigmoid()), [v]);
    let log_rest = Var::map(formula!(f64 | v | (-v).log_sigmoid()), [v]);
    with_zero(log_rest).running_sum(Running::Before) + with_zero(log_part)
}

/// `Σₖ ln xₖ + ln(1 - zₖ)` over the sticks that are broken, for every row or in all.
fn stick_log_det<'t, T: Scalar>(u: Var<'t, T>, log_x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
    let v = shifted(u);
    let each = formula!(f64 | log_x, v | log_x + (-v).log_sigmoid());
    rows_as(terms, Var::map(each, [log_x.cols(0..u.ncols()), v]))
}

impl<'t, T: Scalar> Constraint<Var<'t, T>> for Simplex {
    const NAME: &'static str = "simplex";
    const EVENT: Event = Event::Row;
    fn unconstrained_shape((rows, cols): (usize, usize)) -> Option<(usize, usize)> {
        (cols > 1).then(|| (rows, cols - 1))
    }
    fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        log_simplex(u).exp()
    }
    fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        // What is left is summed from the end, where it is small.
        let n = x.ncols().saturating_sub(1);
        let rest = x.running_sum(Running::After).cols(0..n);
        let odds = Var::map(formula!(f64 | x, rest | x.ln() - rest.ln()), [x.cols(0..n), rest]);
        odds + constant_row(x, n, |k| ((n - k) as f64).ln())
    }
    fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], terms: Terms) -> Var<'t, T> {
        stick_log_det(u, log_simplex(u), terms)
    }
    fn outside(x: &[f64], shape: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        first_in_rows(x, shape, |row| {
            let sum: f64 = row.iter().sum();
            let negative = row.iter().position(|x| !(*x >= 0.0));
            // Sums of `f32` have some rounding.
            negative.or((!((sum - 1.0).abs() < 1e-5)).then_some(0))
        })
    }
}
