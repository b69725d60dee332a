//! `exp`, `exp_m1`, `ln`, `ln_1p`, softplus with its slopes in single precision, branch-free.

/// Adding and subtracting this rounds a small float to the nearest integer; the low bits then hold
/// it.
const ROUND: f32 = 12582912.0; // 1.5 · 2²³
const LN2_HI: f32 = 0.693145751953125;
const LN2_LO: f32 = 1.42860682030941723212e-6;

/// `(r, p, k)` with `x = k ln 2 + r`, `eʳ = 1 + r + p r²`, `|r| <= ln 2 / 2`. Needs `|x| < 2²⁰`.
#[inline(always)]
fn reduce_exp(x: f32) -> (f32, f32, i32) {
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = (-k).mul_add(LN2_LO, (-k).mul_add(LN2_HI, x));
    // Taylor series: the first term left out, r⁸/8!, is below 6e-9.
    let z = r * r;
    let low = (1.0_f32 / 6.0).mul_add(r, 0.5);
    let mid = (1.0_f32 / 120.0).mul_add(r, 1.0 / 24.0);
    let high = (1.0_f32 / 5040.0).mul_add(r, 1.0 / 720.0);
    let p = high.mul_add(z, mid).mul_add(z, low);
    (r, p, (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32))
}

/// `2ᵏ` for `-126 <= k <= 127`.
#[inline(always)]
fn exp2i(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

/// Limits the argument, keeping a NaN.
#[inline(always)]
fn clamp(x: f32, lo: f32, hi: f32) -> f32 {
    let x = if x > hi { hi } else { x };
    if x < lo { lo } else { x }
}

/// `eˣ`, within 1 ulp.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (r, p, k) = reduce_exp(clamp(x, -105.0, 89.0));
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
fn exp_falling(x: f32) -> f32 {
    let x = if x < -105.0 { -105.0 } else { x };
    let (r, p, k) = reduce_exp(x);
    let y = p.mul_add(r * r, r) + 1.0;
    // The scale is applied in two parts, so that a subnormal result is rounded once.
    y * exp2i(k.wrapping_add(64)) * exp2i(-64)
}

/// `eˣ - 1`, within 2 ulp.
#[inline(always)]
pub fn exp_m1(x: f32) -> f32 {
    let y = exp_m1_moderate(clamp(x, -20.0, 89.0));
    if x.abs() < 1e-30 { x } else { y }
}

/// [`exp_m1`] for `|x| < 80`; elsewhere anything.
#[inline(always)]
pub fn exp_m1_moderate(x: f32) -> f32 {
    let (r, p, k) = reduce_exp(x);
    let em1 = p.mul_add(r * r, r);
    // 2ᵏ em1 + (2ᵏ - 1), with half the scale because 2¹²⁸ is not a float.
    let half = exp2i(k.wrapping_sub(1));
    em1.mul_add(half, half - 0.5) * 2.0
}

/// `(k, m)` with `u = 2ᵏ m`, `sqrt(1/2) <= m < sqrt(2)`, for positive normal `u`.
#[inline(always)]
pub(crate) fn split(u: f32) -> (f32, f32) {
    const SQRT_HALF: u32 = 0x3f3504f3;
    let ix = u.to_bits().wrapping_add(0x3f800000 - SQRT_HALF);
    let k = f32::from_bits(ROUND.to_bits().wrapping_add(ix >> 23)) - ROUND - 127.0;
    (k, f32::from_bits((ix & 0x007fffff).wrapping_add(SQRT_HALF)))
}

/// A polynomial in Estrin's order: half the depth of Horner's, and it is the depth that limits a
/// loop over lanes.
#[inline(always)]
fn degree8(x: f32, c: [f32; 9]) -> f32 {
    let (x2, pair) = (x * x, |i: usize| c[i + 1].mul_add(x, c[i]));
    let x4 = x2 * x2;
    let (low, high) = (pair(2).mul_add(x2, pair(0)), pair(6).mul_add(x2, pair(4)));
    c[8].mul_add(x4, high).mul_add(x4, low)
}

/// `k ln 2 + ln(1 + f) + c` for `1 + f` in `[sqrt(1/2), sqrt(2))` and tiny `c`, without a division.
///
/// `ln(1 + f) = f - f²/2 + f³ p(f)`, `p` interpolated at the Chebyshev points of the interval.
#[inline(always)]
pub(crate) fn ln_split(k: f32, f: f32, c: f32) -> f32 {
    let p = degree8(
        f,
        [
            0.333_333_3,
            -0.249_999_97,
            0.200_007_16,
            -0.166_678_03,
            0.142_490_58,
            -0.124_256_87,
            0.116_854_2,
            -0.114_797_34,
            0.069_716_12,
        ],
    );
    let z = f * f;
    let low = (z * f).mul_add(p, k.mul_add(LN2_LO, c));
    k.mul_add(LN2_HI, f + z.mul_add(-0.5, low))
}

/// Natural logarithm, within 1 ulp.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 33554432.0 } else { x }; // 2²⁵
    let (k, m) = split(scaled);
    let y = ln_split(k + if tiny { -25.0 } else { 0.0 }, m - 1.0, 0.0);
    limits(x, 0.0, y)
}

/// [`ln`] of a positive normal number; elsewhere anything.
#[inline(always)]
pub fn ln_normal(x: f32) -> f32 {
    let (k, m) = split(x);
    ln_split(k, m - 1.0, 0.0)
}

/// `ln(1 + x)`, within 2 ulp.
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // What the sum rounded away, exactly.
    let b = u - 1.0;
    let c = (1.0 - (u - b)) + (x - b);
    let (k, m) = split(u);
    // ln(u + c) = ln(u) + c / u but for vanishing terms.
    let y = ln_split(k, m - 1.0, c / u);
    limits(x, -1.0, if x.abs() < 1e-30 { x } else { y })
}

/// `e^-|x|`, within 2 ulp.
#[inline(always)]
pub fn exp_minus_abs(x: f32) -> f32 {
    exp_falling(-x.abs())
}

/// `ln(1 + eˣ)`, within 3 ulp, its slope `1 / (1 + e⁻ˣ)`, and the slope of its logarithm, both
/// within 5 ulp, from `x` and `t = e^-|x|`.
///
/// `ln(1 + t) = t + t² q(t)`, `q` interpolated at the Chebyshev points of (0, 1).
#[inline(always)]
pub fn softplus_and_slopes_from(x: f32, t: f32) -> [f32; 3] {
    let q = degree8(
        t,
        [
            -0.499_999_97,
            0.333_328_43,
            -0.249_865_26,
            0.198_541_06,
            -0.158_475_65,
            0.115_618_45,
            -0.066_757_72,
            0.025_224_054,
            -0.004_466_211_4,
        ],
    );
    let (top, of_slope) = if x > 0.0 { (x, 1.0) } else { (0.0, t) };
    let y = top + (t * t).mul_add(q, t);
    // One division for both.
    let log_slope = of_slope / ((1.0 + t) * y);
    let log_slope = if y == 0.0 { 1.0 } else { log_slope };
    [y, if x > 40.0 { 1.0 } else { log_slope * y }, log_slope]
}

/// Puts in the values at the pole, beyond it, at infinity and at NaN.
#[inline(always)]
fn limits(x: f32, pole: f32, y: f32) -> f32 {
    let y = if x == pole { f32::NEG_INFINITY } else { y };
    let y = if x < pole { f32::NAN } else { y };
    if x < f32::INFINITY { y } else { x }
}
