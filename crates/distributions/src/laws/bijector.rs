//! Laws of bijectors.

use super::derivative::Single;
use super::{Law, LawError};
use crate::bijectors::Bijector;
use crate::distribution::Event;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Dual, Terms, Var};
use std::fmt::Debug;

fn law<'a, B: Debug>(name: &'static str, b: &'a B) -> Law<'a> {
    Law { name, family: std::any::type_name::<B>(), of: b }
}

/// `inverse(forward(u)) = u`, within what the rounding of `forward(u)` leaves of it.
///
/// # Errors
/// If not.
pub fn bijector_inverts<B: Bijector<Single> + Debug>(b: &B, u: f64) -> Result<(), LawError> {
    let x = b.forward(Dual::variable(u, 0));
    let got = b.inverse(Dual::constant(x.re)).re;
    let rounding = f64::EPSILON * (u.abs() + (x.re / x.du[0]).abs());
    law("bijector_inverts", b).holds(|| format!("u = {u:e}"), got, u, 16.0 * rounding)
}

/// `log_det` is `ln |forward'(u)|`, within 1e-12.
///
/// # Errors
/// If not.
pub fn bijector_log_det_matches<B: Bijector<Single> + Debug>(b: &B, u: f64) -> Result<(), LawError> {
    let slope = b.forward(Dual::variable(u, 0)).du[0];
    let got = b.log_det(Dual::constant(u), Terms::Each).re;
    let want = slope.abs().ln();
    law("bijector_log_det_matches", b).holds(|| format!("u = {u:e}"), got, want, 1e-12 * (1.0 + want.abs()))
}

/// `inverse(forward(u)) = u` for every row of `u`, within what the rounding of `forward(u)` leaves
/// of it. `u` is a variable on a tape, and so may the parameters of the bijector be.
///
/// # Errors
/// If not.
///
/// # Panics
/// If `u` is a bare constant.
pub fn bijector_of_rows_inverts<'t, B>(b: &B, u: Var<'t, f64>) -> Result<(), LawError>
where
    B: Bijector<Var<'t, f64>> + Debug,
{
    let law = law("bijector_of_rows_inverts", b);
    let x = b.forward(u);
    let Some(tape) = u.tape() else { panic!("bijector_of_rows_inverts: u is a bare constant") };
    let x = tape.variable(&x.value());
    let back = b.inverse(x);
    let want = u.value();
    for (place, want) in want.iter().enumerate() {
        let entry = back.at(place % back.nrows(), place / back.nrows());
        let slopes = tape.backward(entry).wrt(x);
        let rounding: f64 = slopes.iter().zip(x.value().iter()).map(|(s, x)| (s * x).abs()).sum();
        let tolerance = 64.0 * f64::EPSILON * (want.abs() + rounding);
        law.holds(|| format!("entry {place} of u"), entry.item(), *want, tolerance)?;
    }
    Ok(())
}

/// `log_det` of every row of `u` is `ln |det J|` of its Jacobian, within 1e-11, rows do not move
/// each other, and the sum is that of the rows. `u` is a variable on a tape.
///
/// # Errors
/// If not.
///
/// # Panics
/// If `u` is a bare constant.
pub fn bijector_of_rows_log_det_matches<'t, B>(b: &B, u: Var<'t, f64>) -> Result<(), LawError>
where
    B: Bijector<Var<'t, f64>> + Debug,
{
    let law = law("bijector_of_rows_log_det_matches", b);
    let Some(tape) = u.tape() else { panic!("bijector_of_rows_log_det_matches: u is a bare constant") };
    let (rows, cols) = u.shape();
    let x = b.forward(u);
    law.holds(|| "the columns of the value".into(), x.ncols() as f64, cols as f64, 0.0)?;
    let each = b.log_det(u, Terms::Each);
    let each = if b.event() == Event::Entry { each.sum_axis(probity_autodiff::Axis::Cols) } else { each };
    let mut total = 0.0;
    for i in 0..rows {
        let slopes: Vec<DMatrix<f64>> = (0..cols).map(|j| tape.backward(x.at(i, j)).wrt(u)).collect();
        let others = slopes.iter().flat_map(|s| (0..rows * cols).filter(|p| p % rows != i).map(|p| s[p]));
        let moved = others.fold(0.0, |most: f64, s| most.max(s.abs()));
        law.holds(|| format!("row {i} moves by other rows"), moved, 0.0, 0.0)?;
        let jacobian = DMatrix::from_fn(cols, cols, |j, k| slopes[j][(i, k)]);
        let want = jacobian.determinant().abs().ln();
        total += want;
        law.holds(|| format!("row {i}"), each.at(i, 0).item(), want, 1e-11 * (1.0 + want.abs()))?;
    }
    let sum = b.log_det(u, Terms::Sum).item();
    law.holds(|| "the sum".into(), sum, total, 1e-11 * (1.0 + total.abs()))
}
