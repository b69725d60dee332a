//! Student's t distribution function, its logarithms, its gradient in the degrees of freedom and
//! its quantile.

use super::beta_inc::{Point, logit_quantile, tails_at};
use super::stirling::{ln_1p_minus, ln_beta, stirling_ratio};
use super::tails::{Tails, cutoff, integrate};
use crate::real::{Dual, Real};

/// `P(T <= t)` and `P(T > t)` with their logarithms, for `df > 0` finite; NaN elsewhere.
///
/// Evaluated on [`Dual`], all four carry their derivatives in `df` and `t`. Relatively accurate in
/// both tails, for any `t` and for `df` up to the largest.
///
/// Source: DLMF 8.17.1 with `x = df / (df + t²)`; the tail is `I_x(df/2, 1/2) / 2`.
pub fn student_t_tails<R: Real>(df: R, t: R) -> Tails<R> {
    let (dfv, tv) = (df.re(), t.re());
    if !(dfv > 0.0 && dfv < f64::INFINITY) || tv.is_nan() {
        return Tails::constant(f64::NAN, f64::NAN);
    }
    let a = df * 0.5;
    if tv == 0.0 {
        // Linear in t: only the density, for the derivative.
        let step = t * (-ln_beta(a, R::of(0.5))).exp() / df.sqrt();
        return Tails::from_lower(R::zero(), step + 0.5);
    }
    if tv.is_infinite() {
        return if tv > 0.0 { Tails::constant(1.0, 0.0) } else { Tails::constant(0.0, 1.0) };
    }
    let left = beyond_size(df, t).half();
    if tv < 0.0 { left } else { left.swap() }
}

/// `P(|T| <= t)` and `P(|T| > t)` with their logarithms, for `df > 0` and `t >= 0` finite; NaN
/// elsewhere.
pub fn half_student_t_tails<R: Real>(df: R, t: R) -> Tails<R> {
    let (dfv, tv) = (df.re(), t.re());
    if !(dfv > 0.0 && dfv < f64::INFINITY && tv >= 0.0) {
        Tails::constant(f64::NAN, f64::NAN)
    } else if tv == 0.0 {
        Tails::constant(0.0, 1.0)
    } else if tv == f64::INFINITY {
        Tails::constant(1.0, 0.0)
    } else {
        beyond_size(df, t).swap()
    }
}

/// The `t` with `P(|T| <= t) = p`; NaN unless `0 <= p <= 1`.
pub fn half_student_t_icdf(df: f64, p: f64) -> f64 {
    if !((0.0..=1.0).contains(&p) && df > 0.0 && df < f64::INFINITY) {
        return f64::NAN;
    }
    let u = logit_quantile(0.5 * df, 0.5, (-p).ln_1p(), p.ln());
    df.sqrt() * (-0.5 * u).exp()
}

/// The tails of `df / (df + T²)`: the lower one is `P(|T| > |t|)`.
fn beyond_size<R: Real>(df: R, t: R) -> Tails<R> {
    let a = df * 0.5;
    let ratio = t.abs() / df.sqrt();
    // The smaller of t²/df and df/t², so that neither end loses its digits.
    let beyond = ratio > 1.0;
    let small = if beyond { df / t / t } else { t * t / df };
    let ln_big = small.ln_1p();
    let ln_part = ratio.ln() * if beyond { -2.0 } else { 2.0 } - ln_big;
    let part = small / (small + 1.0);
    let rest = (small + 1.0).recip();
    let near = Point { x: part, y: rest, tilt: (-small + 1.0) * rest, ln_x: ln_part, ln_y: -ln_big };
    let at = if beyond { near } else { near.swap() };
    tails_at(a, R::of(0.5), at)
}

/// `P(T <= t)` with `df` degrees of freedom.
pub fn student_t_cdf<R: Real>(df: R, t: R) -> R {
    student_t_tails(df, t).lower
}

/// `P(T > t)` with `df` degrees of freedom.
pub fn student_t_sf<R: Real>(df: R, t: R) -> R {
    student_t_tails(df, t).upper
}

/// `ln P(T <= t)` with `df` degrees of freedom.
pub fn student_t_log_cdf<R: Real>(df: R, t: R) -> R {
    student_t_tails(df, t).log_lower
}

/// `ln P(T > t)` with `df` degrees of freedom.
pub fn student_t_log_sf<R: Real>(df: R, t: R) -> R {
    student_t_tails(df, t).log_upper
}

/// The `t` with `P(T <= t) = p`; NaN unless `0 <= p <= 1`. The upper quantile is its negative.
pub fn student_t_icdf(df: f64, p: f64) -> f64 {
    if !((0.0..=1.0).contains(&p) && df > 0.0 && df < f64::INFINITY) {
        return f64::NAN;
    }
    // p - 1/2 is exact near the median, where it is what matters.
    let tail = p.min(1.0 - p);
    let u = logit_quantile(0.5 * df, 0.5, (2.0 * tail).ln(), (2.0 * (p - 0.5).abs()).ln());
    let t = df.sqrt() * (-0.5 * u).exp();
    if p < 0.5 { -t } else { t }
}

/// `dt/d df` of a draw `t`: its implicit reparameterisation gradient `-(dF/d df) / pdf`.
///
/// Source: Figurnov, Mohamed, Mnih 2018, "Implicit reparameterization gradients", equation 7.
pub fn student_t_draw_slope<R: Real>(df: R, t: R) -> R {
    let (df, t) = (df.widen(), t.widen());
    if t.re() == 0.0 {
        return R::zero();
    }
    if df >= 30.0 && df.is_finite() && t.is_finite() {
        return R::narrow(draw_slope_large(df, t));
    }
    let tails = student_t_tails(Dual::<R::Wide, 2>::variable(df, 0), Dual::variable(t, 1));
    let [along_df, along_t] = tails.smaller_log().du;
    R::narrow(-along_df / along_t)
}

/// [`student_t_draw_slope`] where `F` hardly depends on `df`: the integral of the score, which is
/// of order `1/df²` and is formed so, over the side of `t` where it does not cancel.
fn draw_slope_large<R: Real>(df: R, t: R) -> R {
    let constant = Dual::<R, 1>::variable(df, 0) * 0.5;
    let constant_slope = -stirling_ratio(Dual::constant(R::of(0.5)), constant).du[0];
    let wt = t * t / df;
    // d ln pdf / d df at u, times pdf(u) / pdf(t).
    let integrand = |u: R| {
        let w = u * u / df;
        let bent = w / (w + 1.0);
        let log_less_bent = if w < 0.35 { ln_1p_minus(w) + bent * w } else { w.ln_1p() - bent };
        let score = constant_slope - (log_less_bent - bent / df) * 0.5;
        score * (((w - wt) / (wt + 1.0)).ln_1p() * (df + 1.0) * -0.5).exp()
    };
    let tv = t.re().abs();
    if tv < 3.0 {
        return -t * integrate(1.0, |s| integrand(t * s));
    }
    // The tail, u = t eˢ; the exponent is convex in s.
    let (n, p) = (df.re() + 1.0, wt.re() / (1.0 + wt.re()));
    let end = cutoff(n * p - 1.0, 2.0 * n * p * (1.0 - p), |s| {
        let rise = p * (2.0 * s).exp_m1();
        (0.5 * n * rise.ln_1p() - s, n * (rise + p) / (1.0 + rise) - 1.0)
    });
    t * integrate(end, |s| integrand(t * s.exp()) * s.exp())
}
