//! Special functions behind the families, with derivatives in every argument, for programs of a
//! user's own; those of [`Real`] (gamma, beta, error functions and their kind) are not repeated.
//!
//! ```
//! use probity_autodiff::Dual;
//! use probity_distributions::functions::{bessel_i0e, hurwitz_zeta};
//! assert_eq!(bessel_i0e(0.0), 1.0);
//! // The derivative in the second argument is -s ζ(s + 1, q).
//! let q = Dual::<f64, 1>::variable(0.5, 0);
//! let slope: f64 = hurwitz_zeta(3.0.into(), q).du[0];
//! assert!((slope + 3.0 * hurwitz_zeta(4.0, 0.5)).abs() < 1e-12 * slope.abs());
//! ```

use crate::bessel;
use crate::expint;
use probity_autodiff::Real;

/// `ln I₀(x)`, the modified Bessel function of order 0.
pub fn ln_bessel_i0<R: Real>(x: R) -> R {
    let k = x.abs();
    if k < 1.0 {
        // ln(1 + Σ (x²/4)ⁿ / n!²), which loses nothing near 0.
        let y = x * x * 0.25;
        let sum = (2..=14).rev().fold(R::one(), |sum, n| {
            let n = f64::from(n);
            sum * y / (n * n) + 1.0
        });
        return (sum * y).ln_1p();
    }
    bessel::log_i0e(k) + k
}

/// `e^-|x| I₀(x)`.
pub fn bessel_i0e<R: Real>(x: R) -> R {
    bessel::log_i0e(x.abs()).exp()
}

/// `e^-|x| I₁(x)`.
pub fn bessel_i1e<R: Real>(x: R) -> R {
    bessel_ratio(x) * bessel_i0e(x)
}

/// `I₁(x) / I₀(x)`: the mean resultant length of a von Mises distribution of this concentration.
pub fn bessel_ratio<R: Real>(x: R) -> R {
    if x < 0.0 { -bessel::ratio(-x) } else { bessel::ratio(x) }
}

/// `E₁(x)`, the exponential integral, for `x > 0`.
pub fn expint_e1<R: Real>(x: R) -> R {
    (expint::log_e1_scaled(x.ln()) - x).exp()
}

/// `eˣ E₁(x)`, for `x > 0`.
pub fn expint_e1_scaled<R: Real>(x: R) -> R {
    expint::log_e1_scaled(x.ln()).exp()
}

/// Coefficients `B₂ⱼ / (2j)!` of Euler and Maclaurin's formula.
const BERNOULLI: [f64; 12] = [
    8.333333333333333333e-2,
    -1.388888888888888889e-3,
    3.306878306878306878e-5,
    -8.267195767195767196e-7,
    2.087675698786809898e-8,
    -5.284190138687493185e-10,
    1.338253653068467883e-11,
    -3.389680296322582867e-13,
    8.586062056277844565e-15,
    -2.174868698558061873e-16,
    5.509002828360229516e-18,
    -1.395446468581252335e-19,
];

/// Hurwitz's zeta function `Σₖ (q + k)⁻ˢ`, for `s > 1` and `q > 0`; NaN elsewhere.
///
/// *Source*: Euler and Maclaurin's formula from the 14th term (or the `s/2`-th) on.
pub fn hurwitz_zeta<R: Real>(s: R, q: R) -> R {
    if !(s > 1.0) || !(q > 0.0) {
        return (s + q) * f64::NAN;
    }
    let power = |base: R| (-(s * base.ln())).exp();
    let n = (14.0 + 0.5 * s.re()).min(400.0).ceil();
    let end = q + n;
    let last = power(end);
    // From the small terms on.
    let mut corrections = R::zero();
    for j in (0..BERNOULLI.len()).rev() {
        let k = 2.0 * j as f64;
        // s (s + 1) … (s + 2j) / end^(2j + 1), by factors.
        corrections = if j == 0 {
            (corrections + BERNOULLI[0]) * s / end
        } else {
            (corrections + BERNOULLI[j]) * ((s + (k - 1.0)) / end) * ((s + k) / end)
        };
    }
    let mut sum = last * (corrections + 0.5 + end / (s - 1.0));
    let mut k = n - 1.0;
    while k >= 0.0 {
        sum += power(q + k);
        k -= 1.0;
    }
    sum
}

/// Riemann's zeta function, for `x > 1`; NaN elsewhere.
pub fn riemann_zeta<R: Real>(x: R) -> R {
    hurwitz_zeta(x, R::one())
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_autodiff::Dual;
    use std::f64::consts::PI;

    #[test]
    fn zeta_has_its_values_and_slopes() {
        let close = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-14, "{got:e} {want:e}");
        close(riemann_zeta(2.0), PI * PI / 6.0);
        close(riemann_zeta(4.0), PI.powi(4) / 90.0);
        let e = 1.0000001 - 1.0;
        close(riemann_zeta(1.0 + e), 1.0 / e + 0.577215664901532861);
        close(hurwitz_zeta(2.0, 0.5), PI * PI / 2.0);
        close(hurwitz_zeta(60.0, 0.1), 1e60);
        let s = Dual::<f64, 2>::variable(2.0, 0);
        let q = Dual::<f64, 2>::variable(1.0, 1);
        let z = hurwitz_zeta(s, q);
        close(z.du[0], -0.937548254315843753702574094567);
        close(z.du[1], -2.0 * 1.2020569031595942854);
        assert!(riemann_zeta(1.0).is_nan() && hurwitz_zeta(2.0, 0.0).is_nan());
    }

    #[test]
    fn bessel_functions_near_zero_and_far_out() {
        let close = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 3e-15, "{got:e} {want:e}");
        close(ln_bessel_i0(1e-8), 2.5e-17);
        close(ln_bessel_i0(-0.9999999), 0.2359143138681838543);
        close(ln_bessel_i0(1.0000001), 0.2359144031461770361);
        close(bessel_ratio(-1e-300), -5e-301);
        close(bessel_i1e(1e6), 0.0003989421307980308);
        close(expint_e1_scaled(50.0), 0.01961510993011487);
    }
}
