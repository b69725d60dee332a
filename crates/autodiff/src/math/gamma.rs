//! The logarithm of the gamma function and its derivatives, and the multivariate gamma function.

pub use super::lgamma::{digamma, lgamma};
use crate::real::Real;
use std::f64::consts::PI;

/// The `n`-th derivative of [`digamma`]; `n = 0` is `ψ` itself, 1 trigamma, 2 tetragamma.
///
/// At the poles 0, -1, -2, … infinite for odd `n` and NaN for even `n`. Orders above 170 overflow
/// (`n!`). Source: `ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x)`, DLMF 25.11.12.
pub fn polygamma(n: u32, x: f64) -> f64 {
    if n == 0 {
        return super::called::digamma(x);
    }
    let factorial: f64 = (2..=n.min(171)).map(f64::from).product();
    let y = factorial * hurwitz(n + 1, x);
    if n.is_multiple_of(2) { -y } else { y }
}

/// `ζ(s, x) = Σ (x + k)⁻ˢ` over `k >= 0`, for integer `s >= 2` and any real `x`.
fn hurwitz(s: u32, x: f64) -> f64 {
    if x > 0.0 {
        return hurwitz_positive(s, x);
    }
    // The distances to the poles on the right and on the left, each exact where it is small.
    let right = -x - (-x).floor();
    if right == 0.0 {
        return if s.is_multiple_of(2) { f64::INFINITY } else { f64::NAN };
    }
    // The terms left of zero, mirrored, are a difference of two sums over positive numbers.
    let mirrored = hurwitz_positive(s, right) - hurwitz_positive(s, 1.0 - x);
    hurwitz_positive(s, 1.0 - right) + if s.is_multiple_of(2) { mirrored } else { -mirrored }
}

/// [`hurwitz`] for `x > 0`, by the Euler-Maclaurin formula (DLMF 25.11.5).
fn hurwitz_positive(s: u32, x: f64) -> f64 {
    if x == f64::INFINITY {
        return 0.0;
    }
    // B₂ⱼ / (2j)!
    const C: [f64; 9] = [
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30240.0,
        -1.0 / 1209600.0,
        1.0 / 47900160.0,
        -691.0 / 1307674368000.0,
        1.0 / 74724249600.0,
        -3617.0 / 10670622842880000.0,
        43867.0 / 5109094217170944000.0,
    ];
    let exponent = s.min(1 << 30) as i32;
    let power = |x: f64| x.powi(-exponent);
    // From here on the series has converged; for a large s the first terms are the whole sum.
    let start = 10.0 + f64::from(s.min(40));
    let steps = if x < start { (start - x).ceil() as u32 } else { 0 };
    // Smallest terms first.
    let head: f64 = (0..steps).rev().map(|k| power(x + f64::from(k))).sum();
    let (order, z) = (f64::from(s), x + f64::from(steps));
    let r = 1.0 / z;
    let mut rising = order * r;
    let mut series = 0.5;
    for (j, c) in C.iter().enumerate() {
        series += c * rising;
        let m = order + 2.0 * j as f64;
        rising *= (m + 1.0) * (m + 2.0) * r * r;
    }
    head + z.powi(1 - exponent) * (series * r + 1.0 / (order - 1.0))
}

/// `ln Γ_d(a) = d (d - 1)/4 ln π + Σ ln Γ(a - j/2)` over `j < d`, for `a > (d - 1)/2`.
///
/// Source: DLMF 35.3.4.
pub fn multigammaln<R: Real>(a: R, d: usize) -> R {
    let d_ = d as f64;
    let constant = R::of(d_ * (d_ - 1.0) * 0.25 * PI.ln());
    (0..d).fold(constant, |sum, j| sum + (a - 0.5 * j as f64).lgamma())
}
