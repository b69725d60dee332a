//! The error function and the standard normal distribution: values in both tails, and their
//! inverses.
//!
//! Everything is built on the scaled function `erfcx(x) = e^(x²) erfc(x)`, which neither underflows
//! nor loses digits for positive `x`. Where `e^(x²)` comes back, `x²` is taken with the part that
//! rounding drops.

use super::called::called;
use super::double::{exp, ln, ln_1p};
use crate::real::Real;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// `1 / sqrt(π)`.
const FRAC_1_SQRT_PI: f64 = 0.5 * FRAC_2_SQRT_PI;
/// `1 / sqrt(2π)`.
const FRAC_1_SQRT_TAU: f64 = 0.398942280401432677939946059934;
/// `sqrt(2 / π)`.
const SQRT_2_OVER_PI: f64 = 0.797884560802865355879892119869;
/// `sqrt(π / 2)`.
const SQRT_PI_OVER_2: f64 = 1.25331413731550025120788264241;

/// The polynomial with these coefficients, constant first.
#[inline(always)]
fn poly<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    coefficients.into_iter().rev().fold(0.0, |sum, c| x.mul_add(sum, c))
}

/// `e^(s x²)` for `s` a power of two, to an ulp or two; needs a finite result.
#[inline(always)]
fn exp_of_square(s: f64, x: f64) -> f64 {
    let high = x * x;
    let low = x.mul_add(x, -high);
    let e = exp(s * high);
    e.mul_add(s * low, e)
}

/// Error function, within 1 ulp.
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// `1 - erf(x)`, within 2 ulp.
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

called! {
    /// `e^(x²) erfc(x)`, within 3 ulp. Source: the rational approximations of
    /// `ln(x e^(x²) erfc(x))` in fdlibm's `s_erf.c`; the second one also holds beyond the range it
    /// was made for, as its constant is that of the limit.
    pub fn erfcx(x: f64) -> f64 {
        if x < -26.63 {
            f64::INFINITY
        } else if x < -1.25 {
            2.0 * exp_of_square(1.0, x) - erfcx(-x)
        } else if x < 1.25 {
            exp_of_square(1.0, x) * libm::erfc(x)
        } else {
            let s = (1.0 / x) * (1.0 / x);
            let log = if x < 1.0 / 0.35 {
                let r = [
                    -9.86494403484714822705e-03,
                    -6.93858572707181764372e-01,
                    -1.05586262253232909814e+01,
                    -6.23753324503260060396e+01,
                    -1.62396669462573470355e+02,
                    -1.84605092906711035994e+02,
                    -8.12874355063065934246e+01,
                    -9.81432934416914548592e+00,
                ];
                let q = [
                    1.0,
                    1.96512716674392571292e+01,
                    1.37657754143519042600e+02,
                    4.34565877475229228821e+02,
                    6.45387271733267880336e+02,
                    4.29008140027567833386e+02,
                    1.08635005541779435134e+02,
                    6.57024977031928170135e+00,
                    -6.04244152148580987438e-02,
                ];
                poly(s, r) / poly(s, q)
            } else {
                let r = [
                    -9.86494292470009928597e-03,
                    -7.99283237680523006574e-01,
                    -1.77579549177547519889e+01,
                    -1.60636384855821916062e+02,
                    -6.37566443368389627722e+02,
                    -1.02509513161107724954e+03,
                    -4.83519191608651397019e+02,
                ];
                let q = [
                    1.0,
                    3.03380607434824582924e+01,
                    3.25792512996573918826e+02,
                    1.53672958608443695994e+03,
                    3.19985821950859553908e+03,
                    2.55305040643316442583e+03,
                    4.74528541206955367215e+02,
                    -2.24409524465858183362e+01,
                ];
                poly(s, r) / poly(s, q)
            };
            exp(log - 0.5625) / x
        }
    }

    /// Standard normal cdf, within 4 ulp.
    pub fn ndtr(x: f64) -> f64 {
        if x < -40.0 {
            0.0
        } else if x < -1.0 {
            exp_of_square(-0.5, x) * (0.5 * erfcx(-x * FRAC_1_SQRT_2))
        } else {
            0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
        }
    }

    /// Logarithm of the standard normal cdf, within 4 ulp.
    pub fn log_ndtr(x: f64) -> f64 {
        if x < -1.0 {
            -0.5 * x * x + ln(0.5 * erfcx(-x * FRAC_1_SQRT_2))
        } else if x < 0.0 {
            ln(ndtr(x))
        } else {
            ln_1p(-ndtr(-x))
        }
    }

    /// Standard normal quantile, within 4 ulp of the quantile of the given double.
    pub fn ndtri(p: f64) -> f64 {
        let q = p - 0.5;
        if q.abs() <= 0.425 {
            central_quantile(q)
        } else if p < 0.5 {
            lower_quantile(p)
        } else {
            -lower_quantile(1.0 - p)
        }
    }

    /// Inverse of the error function, within 4 ulp of the inverse at the given double.
    pub fn erfinv(y: f64) -> f64 {
        let q = 0.5 * y;
        let x = if q.abs() <= 0.425 {
            central_quantile(q)
        } else if y < 0.0 {
            lower_quantile(0.5 + q)
        } else {
            -lower_quantile(0.5 - q)
        };
        x * FRAC_1_SQRT_2
    }
}

/// The quantile of `1/2 + q`, `|q| <= 0.425`. Source: Wichura 1988, algorithm AS 241 (PPND16).
#[inline(always)]
fn central_quantile(q: f64) -> f64 {
    let r = (-q).mul_add(q, 0.180625);
    let a = [
        3.3871328727963666080e0,
        1.3314166789178437745e+2,
        1.9715909503065514427e+3,
        1.3731693765509461125e+4,
        4.5921953931549871457e+4,
        6.7265770927008700853e+4,
        3.3430575583588128105e+4,
        2.5090809287301226727e+3,
    ];
    let b = [
        1.0,
        4.2313330701600911252e+1,
        6.8718700749205790830e+2,
        5.3941960214247511077e+3,
        2.1213794301586595867e+4,
        3.9307895800092710610e+4,
        2.8729085735721942674e+4,
        5.2264952788528545610e+3,
    ];
    q * (poly(r, a) / poly(r, b))
}

/// The quantile of `p <= 0.075`; NaN below 0. Source: Wichura 1988, algorithm AS 241 (PPND16).
#[inline(always)]
fn lower_quantile(p: f64) -> f64 {
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    let r = (-ln(p)).sqrt();
    if r <= 5.0 {
        let c = [
            1.42343711074968357734e0,
            4.63033784615654529590e0,
            5.76949722146069140550e0,
            3.64784832476320460504e0,
            1.27045825245236838258e0,
            2.41780725177450611770e-1,
            2.27238449892691845833e-2,
            7.74545014278341407640e-4,
        ];
        let d = [
            1.0,
            2.05319162663775882187e0,
            1.67638483018380384940e0,
            6.89767334985100004550e-1,
            1.48103976427480074590e-1,
            1.51986665636164571966e-2,
            5.47593808499534494600e-4,
            1.05075007164441684324e-9,
        ];
        -poly(r - 1.6, c) / poly(r - 1.6, d)
    } else {
        let e = [
            6.65790464350110377720e0,
            5.46378491116411436990e0,
            1.78482653991729133580e0,
            2.96560571828504891230e-1,
            2.65321895265761230930e-2,
            1.24266094738807843860e-3,
            2.71155556874348757815e-5,
            2.01033439929228813265e-7,
        ];
        let f = [
            1.0,
            5.99832206555887937690e-1,
            1.36929880922735805310e-1,
            1.48753612908506148525e-2,
            7.86869131145613259100e-4,
            1.84631831751005468180e-5,
            1.42151175831644588870e-7,
            2.04426310338993978564e-15,
        ];
        -poly(r - 5.0, e) / poly(r - 5.0, f)
    }
}

/// `erf'(x) = 2 / sqrt(π) e^(-x²)`.
#[inline(always)]
pub fn erf_slope<R: Real>(x: R) -> R {
    (-(x * x)).exp() * FRAC_2_SQRT_PI
}

/// `erfcx'(x) = 2 x erfcx(x) - 2 / sqrt(π)`, without the cancellation at large `x`.
///
/// It is `-2 y₁`, where `yₙ` is the `n`-fold integral of `erfc` from `x` on, scaled by `e^(x²)`.
/// From the recurrence `2 (n + 1) yₙ₊₁ = yₙ₋₁ - 2 x yₙ` (DLMF 7.18.7) the ratios `yₙ / yₙ₋₁` are a
/// continued fraction of positive terms.
pub fn erfcx_slope<R: Real>(x: R) -> R {
    if x < 1.0 {
        return (x * x.erfcx() - FRAC_1_SQRT_PI) * 2.0;
    }
    // Enough for 2e-17 in the ratio and in its derivative, found by trial in multiple precision.
    let inverse = 1.0 / x.re();
    let terms = 8 + (50.0 * inverse + 140.0 * inverse * inverse) as i32;
    // The ratio of neighbours far down, from the large-n limit of the recurrence.
    let n = f64::from(terms);
    let mut ratio = ((x * x + 2.0 * n).sqrt() + x).recip();
    for n in (1..terms).rev() {
        ratio = (x * 2.0 + ratio * (2.0 * f64::from(n + 1))).recip();
    }
    x.erfcx() * ratio * -2.0
}

/// The standard normal density.
#[inline(always)]
pub fn ndtr_slope<R: Real>(x: R) -> R {
    (x * x * -0.5).exp() * FRAC_1_SQRT_TAU
}

/// Density over cdf, the inverse of Mills' ratio.
#[inline(always)]
pub fn log_ndtr_slope<R: Real>(x: R) -> R {
    // Each form overflows on the other's side.
    if x > 0.0 { ndtr_slope(x) / x.ndtr() } else { (x * -FRAC_1_SQRT_2).erfcx().recip() * SQRT_2_OVER_PI }
}

/// `1 / density(x)` at the quantile `x` of `p`. With `e^(x²/2)`, the rounding of `x` would cost
/// digits in the tails; the probability itself takes the place of the exponential.
#[inline(always)]
pub fn ndtri_slope<R: Real>(p: R, x: R) -> R {
    let (p, x) = if p > 0.5 { (-p + 1.0, -x) } else { (p, x) };
    (x * -FRAC_1_SQRT_2).erfcx() * SQRT_PI_OVER_2 / p
}

/// `erfinv'(y) = sqrt(π) / 2 e^(x²)` at `x = erfinv(y)`; in the tails, the exponential comes from
/// `erfc(x) = 1 - y`, for the reason given at [`ndtri_slope`].
#[inline(always)]
pub fn erfinv_slope<R: Real>(y: R, x: R) -> R {
    let (y, x) = if y < 0.0 { (-y, -x) } else { (y, x) };
    let e = if y < 0.5 { (x * x).exp() } else { x.erfcx() / (-y + 1.0) };
    e * (1.0 / FRAC_2_SQRT_PI)
}
