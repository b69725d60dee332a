//! The logistic family (sigmoid, tanh, inverses) and its kin in stable forms, on any plain float.

use crate::real::Real;

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub fn sigmoid<R: Real>(x: R) -> R {
    let t = (-x.abs()).exp();
    let top = if x < 0.0 { t } else { R::one() };
    top / (t + 1.0)
}

/// `ln(eʸ - 1)`, `y > 0`.
#[inline(always)]
pub fn softplus_inv<R: Real>(y: R) -> R {
    // For small y the difference is exact in exp_m1; for large y it is y plus a vanishing term.
    let small = y.exp_m1().ln();
    let large = y + (-(-y).exp()).ln_1p();
    if y > 2.0 { large } else { small }
}

/// `ln(1 - e⁻ˣ)`, `x > 0`. Source: Mächler 2012, "Accurately computing log(1 - exp(-|a|))".
#[inline(always)]
pub fn log1mexp<R: Real>(x: R) -> R {
    let near = (-(-x).exp_m1()).ln();
    let far = (-(-x).exp()).ln_1p();
    if x > std::f64::consts::LN_2 { far } else { near }
}

/// Hyperbolic tangent, by `exp_m1(2|x|)`.
#[inline(always)]
pub fn tanh<R: Real>(x: R) -> R {
    let a = x.abs().min(R::of(22.0));
    let e = (a * 2.0).exp_m1();
    let t = e / (e + 2.0);
    let t = if x < 0.0 { -t } else { t };
    // Keeps the sign of -0.
    if x == 0.0 { x } else { t }
}

/// Inverse hyperbolic tangent, by `ln_1p(2|x| / (1 - |x|))`.
#[inline(always)]
pub fn atanh<R: Real>(x: R) -> R {
    let a = x.abs();
    let y = (a * 2.0 / (-a + 1.0)).ln_1p() * 0.5;
    let y = if x < 0.0 { -y } else { y };
    // Keeps the sign of -0.
    if x == 0.0 { x } else { y }
}

/// `ln(eᵃ + eᵇ)`.
#[inline(always)]
pub fn log_add_exp<R: Real>(a: R, b: R) -> R {
    // Two equal infinities have no difference.
    let gap = if a == b { R::zero() } else { -(a - b).abs() };
    let top = if b > a { b } else { a };
    top + gap.exp().ln_1p()
}

/// `x ln y`, 0 at `x = 0` for all `y >= 0`.
#[inline(always)]
pub fn xlogy<R: Real>(x: R, y: R) -> R {
    let product = x * y.ln();
    if x == 0.0 && y >= 0.0 { R::zero() } else { product }
}
