//! `exp`, `exp_m1`, `ln`, `ln_1p`, softplus with its slopes in double precision, branch-free.

/// Adding and subtracting this rounds a small double to the nearest integer; the low bits then hold
/// it.
const ROUND: f64 = 6755399441055744.0; // 1.5 · 2⁵²
const LN2_HI: f64 = 6.93147180369123816490e-01;
const LN2_LO: f64 = 1.90821492927058770002e-10;

/// `(r, p, k)` with `x = k ln 2 + r`, `eʳ = 1 + r + p r²`, `|r| <= ln 2 / 2`. Needs `|x| < 2⁵⁰`.
#[inline(always)]
fn reduce_exp(x: f64) -> (f64, f64, i64) {
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = (-k).mul_add(LN2_LO, (-k).mul_add(LN2_HI, x));
    // Taylor series: the first term left out, r¹⁴/14!, is below 5e-18 relative to eʳ - 1.
    let mut p = 1.0_f64 / 6227020800.0;
    p = p.mul_add(r, 1.0 / 479001600.0);
    p = p.mul_add(r, 1.0 / 39916800.0);
    p = p.mul_add(r, 1.0 / 3628800.0);
    p = p.mul_add(r, 1.0 / 362880.0);
    p = p.mul_add(r, 1.0 / 40320.0);
    p = p.mul_add(r, 1.0 / 5040.0);
    p = p.mul_add(r, 1.0 / 720.0);
    p = p.mul_add(r, 1.0 / 120.0);
    p = p.mul_add(r, 1.0 / 24.0);
    p = p.mul_add(r, 1.0 / 6.0);
    p = p.mul_add(r, 0.5);
    (r, p, (shifted.to_bits() as i64).wrapping_sub(ROUND.to_bits() as i64))
}

/// `2ᵏ` for `-1022 <= k <= 1023`.
#[inline(always)]
fn exp2i(k: i64) -> f64 {
    f64::from_bits((k.wrapping_add(1023) as u64) << 52)
}

/// Limits the argument, keeping a NaN.
#[inline(always)]
fn clamp(x: f64, lo: f64, hi: f64) -> f64 {
    let x = if x > hi { hi } else { x };
    if x < lo { lo } else { x }
}

/// `eˣ`, within 1 ulp.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let (r, p, k) = reduce_exp(clamp(x, -746.0, 710.0));
    // 1 + r in two parts: only the last sum rounds at full size.
    let high = r + 1.0;
    let low = r - (high - 1.0);
    let y = high + p.mul_add(r * r, low);
    // The scale is applied in two halves, so that neither overflows and a subnormal result is
    // rounded once.
    let half = k >> 1;
    y * exp2i(half) * exp2i(k.wrapping_sub(half))
}

/// `eˣ` for `x <= 0`, within 2 ulp.
#[inline(always)]
fn exp_falling(x: f64) -> f64 {
    let x = if x < -746.0 { -746.0 } else { x };
    let (r, p, k) = reduce_exp(x);
    let y = p.mul_add(r * r, r) + 1.0;
    // The scale is applied in two parts, so that a subnormal result is rounded once.
    y * exp2i(k.wrapping_add(512)) * exp2i(-512)
}

/// `eˣ - 1`, within 2 ulp.
#[inline(always)]
pub fn exp_m1(x: f64) -> f64 {
    let y = exp_m1_moderate(clamp(x, -50.0, 710.0));
    if x.abs() < 1e-290 { x } else { y }
}

/// [`exp_m1`] for `|x| < 80`; elsewhere anything.
#[inline(always)]
pub fn exp_m1_moderate(x: f64) -> f64 {
    let (r, p, k) = reduce_exp(x);
    let em1 = p.mul_add(r * r, r);
    // 2ᵏ em1 + (2ᵏ - 1), with half the scale because 2¹⁰²⁴ is not a number.
    let half = exp2i(k.wrapping_sub(1));
    em1.mul_add(half, half - 0.5) * 2.0
}

/// `(k, m)` with `u = 2ᵏ m`, `sqrt(1/2) <= m < sqrt(2)`, for positive normal `u`.
#[inline(always)]
pub(crate) fn split(u: f64) -> (f64, f64) {
    const SQRT_HALF: u64 = 0x3fe6a09e00000000;
    let ix = u.to_bits().wrapping_add(0x3ff0000000000000 - SQRT_HALF);
    let k = f64::from_bits(ROUND.to_bits().wrapping_add(ix >> 52)) - ROUND - 1023.0;
    (k, f64::from_bits((ix & 0x000fffffffffffff).wrapping_add(SQRT_HALF)))
}

/// `k ln 2 + ln(1 + f) + c` for `1 + f` in `[sqrt(1/2), sqrt(2))` and tiny `c`. Coefficients:
/// fdlibm `e_log.c`.
#[inline(always)]
pub(crate) fn ln_split(k: f64, f: f64, c: f64) -> f64 {
    let s = f / (f + 2.0);
    let z = s * s;
    let mut p = 1.479819860511658591e-01_f64;
    p = p.mul_add(z, 1.531383769920937332e-01);
    p = p.mul_add(z, 1.818357216161805012e-01);
    p = p.mul_add(z, 2.222219843214978396e-01);
    p = p.mul_add(z, 2.857142874366239149e-01);
    p = p.mul_add(z, 3.999999999940941908e-01);
    p = p.mul_add(z, 6.666666666666735130e-01);
    let half_sq = 0.5 * f * f;
    let low = k.mul_add(LN2_LO, c);
    k.mul_add(LN2_HI, f - (half_sq - s.mul_add(p.mul_add(z, half_sq), low)))
}

/// Natural logarithm, within 1 ulp.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let scaled = if tiny { x * 18014398509481984.0 } else { x }; // 2⁵⁴
    let (k, m) = split(scaled);
    let y = ln_split(k + if tiny { -54.0 } else { 0.0 }, m - 1.0, 0.0);
    limits(x, 0.0, y)
}

/// [`ln`] of a positive normal number; elsewhere anything.
#[inline(always)]
pub fn ln_normal(x: f64) -> f64 {
    let (k, m) = split(x);
    ln_split(k, m - 1.0, 0.0)
}

/// `ln(1 + x)`, within 2 ulp.
#[inline(always)]
pub fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    // What the sum rounded away, exactly.
    let b = u - 1.0;
    let c = (1.0 - (u - b)) + (x - b);
    let (k, m) = split(u);
    // ln(u + c) = ln(u) + c / u but for vanishing terms.
    let y = ln_split(k, m - 1.0, c / u);
    limits(x, -1.0, if x.abs() < 1e-290 { x } else { y })
}

/// `e^-|x|`, within 2 ulp.
#[inline(always)]
pub fn exp_minus_abs(x: f64) -> f64 {
    exp_falling(-x.abs())
}

/// `ln(1 + eˣ)`, within 3 ulp, its slope `1 / (1 + e⁻ˣ)`, and the slope of its logarithm, both
/// within 5 ulp, from `x` and `t = e^-|x|`.
#[inline(always)]
pub fn softplus_and_slopes_from(x: f64, t: f64) -> [f64; 3] {
    let (top, of_slope) = if x > 0.0 { (x, 1.0) } else { (0.0, t) };
    let y = top + ln_1p(t);
    // One division for both.
    let log_slope = of_slope / ((1.0 + t) * y);
    let log_slope = if y == 0.0 { 1.0 } else { log_slope };
    [y, if x > 40.0 { 1.0 } else { log_slope * y }, log_slope]
}

/// Puts in the values at the pole, beyond it, at infinity and at NaN.
#[inline(always)]
fn limits(x: f64, pole: f64, y: f64) -> f64 {
    let y = if x == pole { f64::NEG_INFINITY } else { y };
    let y = if x < pole { f64::NAN } else { y };
    if x < f64::INFINITY { y } else { x }
}
