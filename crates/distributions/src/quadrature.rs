//! KL divergences from a Normal that are one-dimensional integrals, computed to the precision of
//! the numbers.
//!
//! Both integrals are sums over equally spaced nodes (the trapezoidal rule), which converge
//! exponentially for an analytic integrand: the error is about `exp(-2π d / h)` for a step `h` and
//! a distance `d` from the real line to where the integrand stops being analytic or grows
//! (Trefethen and Weideman 2014, *The Exponentially Convergent Trapezoidal Rule*). Steps and ranges
//! are plain numbers; only the integrand carries derivatives, so that the derivatives of the sum
//! are the sums of the derivatives, equally accurate.

use crate::families::{
    HALF_LN_TAU, NormalNormalKl, finite_or_nan, ln_ratio, not_negative, positive_or_nan, standardized,
    valid_mixture,
};
use probity_autodiff::{F64, Formula, Real, map_each};
use std::f64::consts::{LN_2, PI};

/// The error of a trapezoidal rule, as `-ln`, relative to the largest value of the integrand.
const DIGITS: f64 = 37.0;

/// Sums that run side by side, for vector instructions.
const LANES: usize = 8;
/// Enough for every ratio of `f64` scales; whatever the parameters, the work is bounded.
const MAX_BLOCKS: f64 = 4096.0;

#[inline(always)]
fn total<R: Real>(sums: [R; LANES]) -> R {
    let mut total = R::zero();
    for sum in sums {
        total += sum;
    }
    total
}

/// `E ln(1 + exp(a - b x²))` for `x ~ N(loc, scale)`, `b >= 0`; for `|x| > limit` the integrand is
/// taken as 0. NaN for an infinite `a`: a component without mass.
#[inline(always)]
fn expected_softplus<R: Real>(loc: R, scale: R, a: R, b: R, limit: f64) -> R {
    if !a.is_finite() {
        return a * 0.0;
    }
    // Beyond 9.2 standard deviations lies 4e-20 of the mass.
    const TAIL: f64 = 9.2;
    let (l, s) = (loc.re(), scale.re());
    if l.is_infinite() || s.is_infinite() {
        // Nothing of the mass is near 0.
        return R::zero();
    }
    let step = softplus_step(l, s, a.re(), b.re());
    let h = step * s;
    // Nodes are placed from `loc`, or from 0 if only the tail of the Normal is in the range: x and
    // its distance from `loc` are both accurate then.
    let centre = if l.abs() <= limit { l } else { 0.0 };
    let shift = centre - l;
    let low = ((-limit - centre).max(-TAIL * s - shift) / h).ceil();
    let high = ((limit - centre).min(TAIL * s - shift) / h).floor();
    // The derivatives of x, without its value.
    let (loc, scale) = (loc - l, scale - s);
    let mut sums = [R::zero(); LANES];
    for block in 0..((high - low + 1.0) / LANES as f64).ceil().clamp(0.0, MAX_BLOCKS) as usize {
        // Nodes past the last do no harm.
        for (i, sum) in sums.iter_mut().enumerate() {
            let offset = (low + (block * LANES + i) as f64) * h;
            let z = (offset + shift) / s;
            let x = loc + scale * z + (centre + offset);
            *sum += (a - b * x * x).softplus() * F64(-0.5 * z * z - HALF_LN_TAU).exp().0;
        }
    }
    total(sums) * step
}

/// The step for [`expected_softplus`], in standard deviations.
///
/// The Gaussian factor alone asks for `π √(2 / digits)`. The logarithm has its branch points where
/// `a - b x² = ±iπ`, at `±re ± i im`: there the Gaussian factor is
/// `exp((im² - (re - |loc|)²) / (2 scale²))` times that at its centre, and the rule's error is this
/// times `exp(-2π im / h)`. Branch points beyond the Gaussian's own limit do not count.
fn softplus_step(loc: f64, scale: f64, a: f64, b: f64) -> f64 {
    let gaussian = PI * (2.0 / DIGITS).sqrt();
    let modulus = a.hypot(PI);
    // Im √(a + iπ), without cancellation on either side.
    let root = if a > 0.0 { PI / (2.0 * (modulus + a)).sqrt() } else { (0.5 * (modulus - a)).sqrt() };
    let im = root / b.sqrt();
    let re = PI / (2.0 * root) / b.sqrt();
    let (near, aside) = (im / scale, (re - loc.abs()) / scale);
    let need = DIGITS + 0.5 * (near - aside) * (near + aside);
    if near * near < 2.0 * DIGITS && need > 0.0 { gaussian.min(2.0 * PI * near / need) } else { gaussian }
}

/// `KL(N(loc, scale) ‖ mix N(0, scale1) + (1 - mix) N(0, scale2))` of
/// `loc, scale, mix, scale1, scale2`.
///
/// With `scale2` the smaller scale, the mixture's log density is
/// `ln mix + ln N(x; 0, scale1) + softplus(a - b x²)`. The first two parts have a closed form, the
/// mean of the third is a sum of about 25 terms for a narrow and up to some 250 for a wide Normal
/// (scales from 1e-4 to 10).
#[derive(Clone, Copy, Debug)]
pub struct NormalScaleMixtureKl;
impl Formula<5> for NormalScaleMixtureKl {
    #[inline(always)]
    fn eval<R: Real>(&self, x: [R; 5]) -> R {
        R::from_double(not_negative(normal_scale_mixture_kl(map_each(x, R::to_double))))
    }
}

#[inline(always)]
fn normal_scale_mixture_kl<R: Real>([loc, scale, mix, scale1, scale2]: [R; 5]) -> R {
    let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
    let [mix, scale1, scale2] = valid_mixture([mix, scale1, scale2]);
    let (ln1, ln2) = (mix.ln(), (-mix).ln_1p());
    let (wide, ln_wide, narrow, ln_narrow) =
        if scale2 > scale1 { (scale2, ln2, scale1, ln1) } else { (scale1, ln1, scale2, ln2) };
    // In units of the narrow scale, where no square overflows.
    let log_ratio = ln_ratio(wide, narrow);
    let a = ln_narrow - ln_wide + log_ratio;
    let b = (wide - narrow) / wide * (narrow / wide + 1.0) * 0.5;
    // The slope in `loc` is 2b E[x sigmoid], to be negligible beside that of the wide component, x
    // / ratio².
    let limit = ((a.re().max(0.0) + 41.0 + 2.0 * log_ratio.re()) / b.re()).sqrt();
    let softplus = expected_softplus(loc / narrow, scale / narrow, a, b, limit);
    NormalNormalKl.eval([loc, scale, R::zero(), wide]) - ln_wide - softplus
}

/// The entropy of `mix N(0, scale1) + (1 - mix) N(0, scale2)`, by the KL divergences from its
/// components.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScaleMixtureEntropy;
impl Formula<3> for ScaleMixtureEntropy {
    #[inline(always)]
    fn eval<R: Real>(&self, x: [R; 3]) -> R {
        let [mix, scale1, scale2] = map_each(x, R::to_double);
        let cross = |scale: R::Double| {
            normal_scale_mixture_kl([scale * 0.0, scale, mix, scale1, scale2])
                + scale.ln()
                + (HALF_LN_TAU + 0.5)
        };
        R::from_double(mix * cross(scale1) + (-mix + 1.0) * cross(scale2))
    }
}

/// `KL(N(loc, scale) ‖ t(df, t_loc, t_scale))` of `loc, scale, df, t_loc, t_scale`.
#[derive(Clone, Copy, Debug)]
pub struct NormalStudentTKl;
impl Formula<5> for NormalStudentTKl {
    #[inline(always)]
    fn eval<R: Real>(&self, x: [R; 5]) -> R {
        R::from_double(not_negative(normal_student_t_kl(map_each(x, R::to_double))))
    }
}

#[inline(always)]
fn normal_student_t_kl<R: Real>([loc, scale, df, t_loc, t_scale]: [R; 5]) -> R {
    let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
    let (df, t_loc, t_scale) = (positive_or_nan(df), finite_or_nan(t_loc), positive_or_nan(t_scale));
    // In units of t_scale √df, which may itself be out of range.
    let (root, log_unit) = (df.sqrt(), t_scale.ln() + df.ln() * 0.5);
    let (l, s) = (standardized(loc, t_loc, t_scale) / root, scale / t_scale / root);
    let log = if l.re().hypot(s.re()) > LARGE {
        // The 1 has no part any more, and a constant factor can be taken out of the squares.
        let (gap, half) = (loc * 0.5 - t_loc * 0.5, scale * 0.5);
        let factor = gap.re().abs().max(half.re()) / LARGE;
        (-log_unit + (factor.ln() + LN_2)) * 2.0 + expected_log_1p_sq(gap / factor, half / factor)
    } else {
        expected_log_1p_sq(l, s)
    };
    // The t density at its centre is 1 / (t_scale √df B(df/2, 1/2)).
    let centre = (df * 0.5).ln_beta(R::of(0.5)) - scale.ln() + log_unit;
    centre + (df + 1.0) * 0.5 * log - (HALF_LN_TAU + 0.5)
}

/// Beyond this size `ln(1 + v²)` is `ln v²`, in the mean as well.
const LARGE: f64 = 1e100;

/// `E ln(1 + v²)` for `v ~ N(loc, scale)`.
///
/// By Frullani's integral it is `∫₀^∞ (1 - E exp(-λ v²)) e^-λ dλ/λ`, whose mean has a closed form:
/// a smooth integrand of one sign whatever the parameters. It falls off like `λ` below
/// `1 / (1 + loc² + scale²)`; `λ = exp(t - exp(start - t))` cuts this tail short. About 45 terms,
/// and 14 more for every factor of 10 in `loc² + scale²` above 1.
#[inline(always)]
fn expected_log_1p_sq<R: Real>(loc: R, scale: R) -> R {
    // From λ 1e-18 times that of the fall to λ = 42.
    const STEP: f64 = 0.17;
    const FIRST: f64 = 3.65;
    const LAST: f64 = 3.75;
    let size = loc.re().hypot(scale.re());
    if !size.is_finite() {
        return loc * loc + scale * scale;
    }
    let start = -2.0 * size.max(1.0).ln();
    let blocks = ((FIRST + LAST - start) / (STEP * LANES as f64)).ceil() as usize;
    let mut sums = [R::zero(); LANES];
    for block in 0..blocks {
        for (i, sum) in sums.iter_mut().enumerate() {
            let t = (block * LANES + i) as f64 * STEP - FIRST;
            let tail = F64(-t).exp().0;
            let lambda = F64(t + start - tail).exp().0;
            let root = lambda.sqrt();
            let (l, s) = (loc * root, scale * root);
            let twice = s * s * 2.0;
            let exponent = twice.ln_1p() * 0.5 + l * l / (twice + 1.0);
            *sum += -(-exponent).exp_m1() * ((1.0 + tail) * F64(-lambda).exp().0);
        }
    }
    total(sums) * STEP
}
