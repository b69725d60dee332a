//! `x = 2 arctan u`: the angles between -π and π.

use super::bijector;

/// forward `2 arctan u` · inverse `tan(x / 2)` · log-det `ln 2 - ln(1 + u²)`: the projection of a
/// line onto a circle from the point of angle π.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HalfAngle;
bijector!(HalfAngle, |u| u.atan() * 2.0, |x| (x * 0.5).tan(), |u| {
    // The square overflows where its logarithm does not.
    let (near, far) = ((u * u).ln_1p(), u.abs().ln() * 2.0);
    let log = if u.abs() < 1e8 { near } else { far };
    -log + std::f64::consts::LN_2
});
