//! Laws of bijectors.

use super::derivative::Single;
use super::{Law, LawError};
use crate::bijectors::Bijector;
use probity_autodiff::{Dual, Terms};
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
