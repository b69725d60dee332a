//! The regularised incomplete gamma functions `P(a, x)` and `Q(a, x)`, their derivatives and their
//! inverse.

use super::lgamma::log_minus_digamma;
use super::stirling::{HALF_LN_TAU, STIRLING_FROM, exp_minus_line, lgamma_1p, ln_1p_minus, stirling};
use super::tails::{Tails, cutoff, integrate, newton, rough_normal_quantile};
use crate::real::{Dual, Real};
use num_traits::Zero;

/// `P(a, x)` and `Q(a, x)` with their logarithms, for `a > 0`, `x >= 0`; NaN elsewhere.
///
/// Evaluated on [`Dual`], all four carry their derivatives in `a` and `x`, relatively accurate in
/// both tails. Second derivatives (nested duals) come from the same formulas. They change sign, so
/// that their error is relative to themselves and to the first derivative over the shape: below
/// 5e-14 of that at 62 000 random points (shapes 1e-6 to 1e4, tails above 1e-12).
///
/// Source: the integral of DLMF 8.6.5 (and its lower counterpart) in the variable `ln t`; series
/// DLMF 8.7.1, 8.7.3.
pub fn gamma_tails<R: Real>(a: R, x: R) -> Tails<R> {
    let (av, xv) = (a.re(), x.re());
    if !(av > 0.0 && xv >= 0.0) || (av == f64::INFINITY && xv == f64::INFINITY) {
        Tails::constant(f64::NAN, f64::NAN)
    } else if xv == f64::INFINITY {
        Tails::constant(1.0, 0.0)
    } else if av == f64::INFINITY {
        Tails::constant(0.0, 1.0)
    } else if xv == 0.0 {
        // The leading power, for the sake of the slope at the edge.
        let lower = x.powf(a) / lgamma_1p(a).exp();
        let zero = Tails::constant(0.0, 1.0);
        Tails { lower, upper: -lower + 1.0, log_upper: -lower, ..zero }
    } else {
        tails_at(a, x, x.ln())
    }
}

/// [`gamma_tails`] at a positive finite point that is given with its logarithm; `x` itself may have
/// underflowed.
fn tails_at<R: Real>(a: R, x: R, ln_x: R) -> Tails<R> {
    if a < 1.0 && x < 1.0 {
        return small_corner(a, x, ln_x);
    }
    let scale = log_density(a, x, ln_x);
    if x < a {
        Tails::from_lower(scale, if a < 20.0 { lower_series(a, x) } else { lower_integral(a, x) })
    } else {
        Tails::from_lower(scale, upper_integral(a, x)).swap()
    }
}

/// `ln(x · density) = a ln x - x - ln Γ(a)`, for large `a` without the cancellation near the mean.
#[inline(always)]
pub fn log_density<R: Real>(a: R, x: R, ln_x: R) -> R {
    // Far above the mean the bend would lose the derivative in `a`.
    if a < STIRLING_FROM || x > a * 16.0 {
        return ln_x * a - x - a.lgamma();
    }
    let mu = (x - a) / a;
    let bend = if mu < -0.6 { ln_x - a.ln() - mu } else { ln_1p_minus(mu) };
    a * bend + a.ln() * 0.5 - HALF_LN_TAU - stirling(a)
}

/// [`log_density`] and its derivative in `a` at fixed `x`, `ln x - ψ(a)`, in straight-line code,
/// and whether they hold: for ordinary `a` and `x`, unless `x` is far below a large `a`.
///
/// With `single`, for results in single precision: the parts do not cancel so far that it would
/// show, up to `a = 1e7`.
#[inline(always)]
pub fn log_density_fast<R: Real>(a: R, x: R, ln_x: R, single: bool) -> (R, R, bool) {
    let direct = [ln_x * a - x - a.lgamma_positive(), ln_x - a.digamma_positive()];
    if single {
        return (direct[0], direct[1], a <= 1e7);
    }
    let (large, mu) = (a >= STIRLING_FROM, (x - a) / a);
    let f = a * mu.ln_1p_minus() + a.ln_normal() * 0.5 - HALF_LN_TAU - stirling(a);
    let slope = mu.ln_1p() + log_minus_digamma(a);
    let choose = |near, far| if large { far } else { near };
    (choose(direct[0], f), choose(direct[1], slope), !large | (mu >= -0.6))
}

/// `M` of the lower tail as a series of positive terms, `Σ xⁿ / (a (a + 1) … (a + n))`.
fn lower_series<R: Real>(a: R, x: R) -> R {
    let mut term = a.recip();
    let (mut sum, mut k) = (term, a);
    // The derivatives converge a little later than the value.
    while term.re() > sum.re() * 1e-20 {
        k += R::one();
        term *= x / k;
        sum += term;
    }
    sum
}

/// `M` of the lower tail, `x < a`: the integrand is `exp(-(a - x) s - x (e⁻ˢ - 1 + s))`.
fn lower_integral<R: Real>(a: R, x: R) -> R {
    let gap = a - x;
    let (gap_v, xv) = (gap.re(), x.re());
    let end = cutoff(gap_v, xv, |s| (gap_v * s + xv * exp_minus_line(-s), gap_v - xv * (-s).exp_m1()));
    integrate(end, |s| (-(gap * s + x * exp_minus_line(-s))).exp())
}

/// `M` of the upper tail, `x >= a`, `x >= 1`: the integrand is `exp(-(x - a) s - x (eˢ - 1 - s))`.
fn upper_integral<R: Real>(a: R, x: R) -> R {
    let gap = x - a;
    let (gap_v, xv) = (gap.re(), x.re());
    let end = cutoff(gap_v, xv, |s| (gap_v * s + xv * exp_minus_line(s), gap_v + xv * s.exp_m1()));
    integrate(end, |s| (-(gap * s + x * exp_minus_line(s))).exp())
}

/// Both tails for `a < 1`, `x < 1`, where either may be the small one.
fn small_corner<R: Real>(a: R, x: R, ln_x: R) -> Tails<R> {
    let (mut power, mut sum) = (R::one(), R::zero());
    for n in 1..=25 {
        let n = f64::from(n);
        power = -power * x / n;
        sum += power / (a + n);
    }
    Tails::from_expansion(ln_x * a - lgamma_1p(a), a * sum)
}

/// The density of Gamma(`a`, rate 1) at `0 < x < ∞`, which is `dP/dx`.
pub fn gamma_pdf<R: Real>(a: R, x: R) -> R {
    log_density(a, x, x.ln()).exp() / x
}

/// `dP/da`, the derivative of [`gamma_p`](Real::gamma_p) in its shape; that of `Q` is its negative.
///
/// Relative error below 1e-12 in the body (the conditioning of the problem sets the limit in far
/// tails).
pub fn gamma_p_da(a: f64, x: f64) -> f64 {
    gamma_tails(Dual::<f64, 1>::variable(a, 0), Dual::constant(x)).lower.du[0]
}

/// `dz/da` of a draw `z` from Gamma(`a`, rate 1): its implicit reparameterisation gradient
/// `-(dP/da) / pdf`.
///
/// Neither factor is formed on its own, so that nothing underflows in the tails.
/// Source: Figurnov, Mohamed, Mnih 2018, "Implicit reparameterization gradients", equation 7.
pub fn gamma_draw_slope<R: Real>(a: R, z: R) -> R {
    z * gamma_log_draw_slope(a, z.ln())
}

/// `d ln z / da` of a draw from Gamma(`a`, rate 1) that is given as `ln z`; `z` may be below the
/// smallest number.
pub fn gamma_log_draw_slope<R: Real>(a: R, ln_z: R) -> R {
    let (a, ln_z) = (a.widen(), ln_z.widen());
    let z = ln_z.exp();
    let point = Dual::<_, 2> { re: z, du: [R::Wide::zero(), z] };
    let tails = tails_at(Dual::variable(a, 0), point, Dual::variable(ln_z, 1));
    let [along_a, along_ln_z] = tails.smaller_log().du;
    R::narrow(-along_a / along_ln_z)
}

/// The `x` with `P(a, x) = p`; NaN unless `0 <= p <= 1` and `a > 0`.
///
/// As accurate as `p` allows: for a `p` close to one use [`gamma_q_inv`].
pub fn gamma_p_inv(a: f64, p: f64) -> f64 {
    quantile(a, p.ln(), (-p).ln_1p())
}

/// The `x` with `Q(a, x) = q`; NaN unless `0 <= q <= 1` and `a > 0`.
pub fn gamma_q_inv(a: f64, q: f64) -> f64 {
    quantile(a, (-q).ln_1p(), q.ln())
}

/// The quantile from the logarithms of both tails.
fn quantile(a: f64, log_p: f64, log_q: f64) -> f64 {
    if !(a > 0.0 && a < f64::INFINITY && log_p <= 0.0 && log_q <= 0.0) {
        return f64::NAN;
    }
    if log_p == f64::NEG_INFINITY || log_q == f64::NEG_INFINITY {
        return if log_p < log_q { 0.0 } else { f64::INFINITY };
    }
    let in_lower = log_p < log_q;
    let target = if in_lower { log_p } else { log_q };
    let z = rough_normal_quantile(target) * if in_lower { -1.0 } else { 1.0 };
    // Wilson and Hilferty 1931; far below the mean, the leading power of x.
    let root = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * a.sqrt());
    let hilferty = if root > 0.0 { a.ln() + 3.0 * root.ln() } else { f64::NEG_INFINITY };
    let start = if in_lower || root <= 0.0 { hilferty.max((log_p + lgamma_1p(a)) / a) } else { hilferty };
    let miss = |x: f64, ln_x: f64| {
        let tails = tails_at(a, x, ln_x);
        let log_tail = if in_lower { tails.log_lower } else { tails.log_upper };
        let slope = (log_density(a, x, ln_x) - log_tail).exp();
        (log_tail - target, if in_lower { slope } else { -slope })
    };
    let x = newton(start, |u| miss(u.exp(), u)).exp();
    // One more step from the rounded x itself, because ln x has fewer digits than x.
    let (value, slope) = miss(x, x.ln());
    let polished = x - x * (value / slope);
    if polished > 0.0 && polished.is_finite() { polished } else { x }
}
