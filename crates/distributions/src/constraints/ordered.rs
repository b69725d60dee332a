//! Rows that rise from column to column.

use super::{Constraint, constant_row, first_in_rows, rows_as};
use crate::distribution::Event;
use probity_autodiff::{Running, Scalar, Terms, Var, formula};

/// Rows that rise from column to column: `x₁ = u₁`, `xₖ = xₖ₋₁ + eᵘᵏ`.
///
/// Source: Stan Reference Manual, "Ordered vector".
#[derive(Clone, Copy, Debug)]
pub struct Ordered;

/// Rows of positive numbers that rise from column to column: `x₁ = eᵘ¹`, `xₖ = xₖ₋₁ + eᵘᵏ`.
///
/// Source: Stan Reference Manual, "Positive ordered vector".
#[derive(Clone, Copy, Debug)]
pub struct PositiveOrdered;

/// 1 in the first column, if it is free, and 0 in the others.
fn free_first<T: Scalar>(x: Var<'_, T>, free: bool) -> Var<'_, T> {
    constant_row(x, x.ncols(), |k| if free && k == 0 { 1.0 } else { 0.0 })
}

fn constrain<T: Scalar>(u: Var<'_, T>, free: bool) -> Var<'_, T> {
    let step = formula!(f64 | u, free | if free > 0.0 { u } else { u.exp() });
    Var::map(step, [u, free_first(u, free)]).running_sum(Running::UpTo)
}

fn unconstrain<T: Scalar>(x: Var<'_, T>, free: bool) -> Var<'_, T> {
    let n = x.ncols();
    let rest = match n {
        0 | 1 => return if free { x } else { x.ln() },
        _ => (x.cols(1..n) - x.cols(0..n - 1)).ln(),
    };
    let first = x.cols(0..1);
    Var::concat_cols(&[if free { first } else { first.ln() }, rest])
}

fn log_det<T: Scalar>(u: Var<'_, T>, free: bool, terms: Terms) -> Var<'_, T> {
    let term = formula!(f64 | u, free | if free > 0.0 { u * 0.0 } else { u });
    rows_as(terms, Var::map(term, [u, free_first(u, free)]))
}

fn outside(x: &[f64], shape: (usize, usize), free: bool) -> Option<usize> {
    first_in_rows(x, shape, |row| {
        let low = if free { f64::NEG_INFINITY } else { 0.0 };
        let before = std::iter::once(low).chain(row.iter().copied());
        row.iter().zip(before).position(|(x, before)| !(*x > before && *x < f64::INFINITY))
    })
}

macro_rules! ordered {
    ($name:ident, $text:literal, $free:literal) => {
        impl<'t, T: Scalar> Constraint<Var<'t, T>> for $name {
            const NAME: &'static str = $text;
            const EVENT: Event = Event::Row;
            fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
                constrain(u, $free)
            }
            fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
                unconstrain(x, $free)
            }
            fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], terms: Terms) -> Var<'t, T> {
                log_det(u, $free, terms)
            }
            fn outside(x: &[f64], shape: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
                outside(x, shape, $free)
            }
        }
    };
}
ordered!(Ordered, "ordered", true);
ordered!(PositiveOrdered, "positive ordered", false);
