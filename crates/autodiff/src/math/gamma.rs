//! The logarithm of the gamma function and its derivatives, and the multivariate gamma function.

use crate::real::Real;
use std::f64::consts::PI;

/// `ln |Γ(x)|`. Source: `libm::lgamma_r` (fdlibm), within 2 ulp of `|f| + |x f'|`.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma_r(x).0
}

/// `ψ(x)`, the derivative of `ln Γ(x)`; NaN at the poles 0, -1, -2, … (signed infinity at ±0).
///
/// Source: NIST DLMF 5.5.2 (recurrence), 5.5.4 (reflection), 5.11.2 (asymptotic series).
pub fn digamma(x: f64) -> f64 {
    if x < 0.0 {
        // π x is reduced before it is rounded.
        let r = x - x.round();
        return if r == 0.0 { f64::NAN } else { digamma(1.0 - x) - PI / (PI * r).tan() };
    }
    let (mut x, mut low) = (x, 0.0);
    if x < 10.0 {
        if x == 0.0 {
            return -1.0 / x;
        }
        // Smallest terms first; the divisions do not wait for each other.
        let n = 10 - x as i32;
        for k in (1..n).rev() {
            low -= 1.0 / (x + f64::from(k));
        }
        low -= 1.0 / x;
        x += f64::from(n);
    }
    let r = 1.0 / x;
    low + (x.ln() - 0.5 * r - digamma_series(r * r))
}

/// `ln x - 1/(2x) - ψ(x)` as a series in `z = 1/x²`, `x >= 10`; `B₂ₖ / 2k` from DLMF 24.2.
#[inline(always)]
fn digamma_series(z: f64) -> f64 {
    const C: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32760.0,
        1.0 / 12.0,
        -3617.0 / 8160.0,
    ];
    C.iter().rev().fold(0.0, |p, c| p * z + c) * z
}

/// The `n`-th derivative of [`digamma`]; `n = 0` is `ψ` itself, 1 trigamma, 2 tetragamma.
///
/// NaN at the poles of odd order and positive infinity at those of even order.
/// Source: `ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x)`, DLMF 25.11.12.
pub fn polygamma(n: u32, x: f64) -> f64 {
    if n == 0 {
        return digamma(x);
    }
    let factorial: f64 = (2..=n.min(171)).map(f64::from).product();
    let y = factorial * hurwitz(n + 1, x);
    if n % 2 == 0 { -y } else { y }
}

/// `ζ(s, x) = Σ (x + k)⁻ˢ` over `k >= 0`, for integer `s >= 2` and any real `x`.
fn hurwitz(s: u32, x: f64) -> f64 {
    if x > 0.0 {
        return hurwitz_positive(s, x);
    }
    // The distances to the poles on the right and on the left, each exact where it is small.
    let right = -x - (-x).floor();
    if right == 0.0 {
        return if s % 2 == 0 { f64::INFINITY } else { f64::NAN };
    }
    // The terms left of zero, mirrored, are a difference of two sums over positive numbers.
    let mirrored = hurwitz_positive(s, right) - hurwitz_positive(s, 1.0 - x);
    hurwitz_positive(s, 1.0 - right) + if s % 2 == 0 { mirrored } else { -mirrored }
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
