//! Student's t distribution function, its logarithms, its gradient in the degrees of freedom and its quantile.

use super::beta_inc::{Point, logit_quantile, tails_at};
use super::stirling::ln_beta;
use super::tails::Tails;
use crate::real::{Dual, Real};

/// `P(T <= t)` and `P(T > t)` with their logarithms, for `df > 0` finite; NaN elsewhere.
///
/// Evaluated on [`Dual`], all four carry their derivatives in `df` and `t`. Relatively accurate in both tails,
/// for any `t` and for `df` up to the largest.
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
    let ratio = t.abs() / df.sqrt();
    // The smaller of t²/df and df/t², so that neither end loses its digits.
    let beyond = ratio > 1.0;
    let small = if beyond { df / t / t } else { t * t / df };
    let ln_big = small.ln_1p();
    let ln_part = ratio.ln() * if beyond { -2.0 } else { 2.0 } - ln_big;
    let part = small / (small + 1.0);
    let near = Point { x: part, y: (small + 1.0).recip(), ln_x: ln_part, ln_y: -ln_big };
    let at = if beyond { near } else { near.swap() };
    let left = tails_at(a, R::of(0.5), at).half();
    if tv < 0.0 { left } else { left.swap() }
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
    if !(p >= 0.0 && p <= 1.0 && df > 0.0 && df < f64::INFINITY) {
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
    let tails = student_t_tails(Dual::<R::Wide, 2>::variable(df, 0), Dual::variable(t, 1));
    let [along_df, along_t] = tails.smaller_log().du;
    R::narrow(-along_df / along_t)
}
