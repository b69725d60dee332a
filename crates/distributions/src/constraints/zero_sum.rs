//! Rows that sum to 0.

use super::{Constraint, constant_row, first_in_rows, rows_as};
use crate::distribution::Event;
use probity_autodiff::{Running, Scalar, Terms, Var, formula};

/// Rows of `c ≥ 2` numbers that sum to 0, from `c - 1` numbers by an isometry: distances are kept,
/// independent standard normal numbers become normal on the plane, and the log-determinant is 0.
///
/// Source: Stan Reference Manual, "Zero sum vector" (Helmert's basis).
#[derive(Clone, Copy, Debug)]
pub struct ZeroSum;

/// `1/√(n (n + 1))`, `n` the column counted from 1.
fn weight(k: usize) -> f64 {
    let n = (k + 1) as f64;
    (n * (n + 1.0)).sqrt().recip()
}

impl<'t, T: Scalar> Constraint<Var<'t, T>> for ZeroSum {
    const NAME: &'static str = "zero sum";
    const EVENT: Event = Event::Row;
    fn unconstrained_shape((rows, cols): (usize, usize)) -> Option<(usize, usize)> {
        (cols > 1).then(|| (rows, cols - 1))
    }
    /// `xⱼ = Σₙ≥ⱼ wₙ - (j - 1) wⱼ₋₁` with `wₙ = uₙ / √(n (n + 1))`.
    fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let n = u.ncols();
        let w = u * constant_row(u, n, weight);
        let sums = w.running_sum(Running::From);
        let zeros = u.cols(0..1) * 0.0;
        let steps = Var::concat_cols(&[zeros, w * constant_row(u, n, |k| (k + 1) as f64)]);
        Var::concat_cols(&[sums, zeros]) - steps
    }
    /// `uₙ = (Σⱼ≤ₙ xⱼ - n xₙ₊₁) / √(n (n + 1))`: the product with the transposed basis.
    fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let n = x.ncols().saturating_sub(1);
        let sums = x.running_sum(Running::UpTo).cols(0..n);
        let next = x.cols(1..n + 1) * constant_row(x, n, |k| (k + 1) as f64);
        (sums - next) * constant_row(x, n, weight)
    }
    fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], terms: Terms) -> Var<'t, T> {
        rows_as(terms, Var::map(formula!(f64 | u | u * 0.0), [u]))
    }
    fn outside(x: &[f64], shape: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        first_in_rows(x, shape, |row| {
            let sum: f64 = row.iter().sum();
            let size: f64 = row.iter().map(|x| x.abs()).sum();
            (!(sum.abs() <= 1e-5 * size && size < f64::INFINITY)).then_some(0)
        })
    }
}
