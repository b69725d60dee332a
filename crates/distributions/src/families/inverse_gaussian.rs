//! Inverse Gaussian (Wald) distribution on the positive numbers.
//!
//! Elsewhere: TFP cr, PyMC c.

use super::normal::HALF_LN_TAU;
use super::{finite_or_nan, infinite, ln_ratio, not_negative, overflown, positive_or_nan, probability};
use crate::by_functions::{capabilities, divergence};
use crate::error::positive;
use crate::expint::log_e1_scaled;
use crate::lift::root;
use crate::special::{erfcx_gap, implicit_root, ln_bend};
use crate::support::Support;
use probity_autodiff::math::Tails;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// `p(x) = √(λ / 2π x³) exp(-λ (x - m)² / 2 m² x)` with `m` the location and `λ` the concentration,
/// `x > 0`: the time at which a Brownian motion with drift first reaches a level.
///
/// *Event*: entry. *Parameters*: `loc > 0` (the mean), `concentration > 0`; the variance is `m³/λ`.
#[derive(Clone, Copy, Debug)]
pub struct InverseGaussian<V = f64> {
    /// Mean.
    pub loc: V,
    /// Concentration.
    pub concentration: V,
}

impl<V: Value> InverseGaussian<V> {
    /// With this mean and concentration.
    pub fn new(loc: impl Into<V>, concentration: impl Into<V>) -> Self {
        Self { loc: loc.into(), concentration: concentration.into() }
    }

    /// With this mean and standard deviation.
    pub fn from_mean(mean: impl Into<V>, sd: impl Into<V>) -> Self {
        let mean = mean.into();
        let f = formula!(|m, s| m * (m / s).sq());
        Self { loc: mean, concentration: V::apply(f, [mean, sd.into()]) }
    }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, m: R, l: R) -> R {
    let (m, l) = (positive_or_nan(m), positive_or_nan(l));
    // Not (x - m) / m, whose slope in m would cancel at a small x.
    let d = x / m - 1.0;
    let inside = l.ln() * 0.5 - x.ln() * 1.5 - HALF_LN_TAU - l * d * (d / x) * 0.5;
    let outside = m * 0.0 + l * 0.0 - f64::INFINITY;
    if x <= 0.0 || infinite(x) || infinite(inside) { outside } else { inside }
}

/// The log density of `u = ln x`; `(x - m)² / m x` is `(eʷ - 1) (1 - e⁻ʷ)`, `w = u - ln m`.
#[inline(always)]
fn log_prob_of_log<R: Real>(u: R, m: R, l: R) -> R {
    let (m, l) = (positive_or_nan(m), positive_or_nan(l));
    let w = u - m.ln();
    let far = overflown(w) + l * 0.0;
    let square = -(w.exp_m1() * (-w).exp_m1());
    if infinite(square) { far } else { (l.ln() - u) * 0.5 - HALF_LN_TAU - l / m * square * 0.5 }
}

/// `½ E (eʷ - 1) (1 - e⁻ʷ) λ/m - ½ E (ln λ - u) + ½ ln 2π` less the entropy, for `u ~ N(a, s)`.
#[inline(always)]
fn kl_of_normal<R: Real>(a: R, s: R, m: R, l: R) -> R {
    let (a, s) = (finite_or_nan(a), positive_or_nan(s));
    let (m, l) = (positive_or_nan(m), positive_or_nan(l));
    let (w, half) = (a - m.ln(), s * s * 0.5);
    // E cosh w - 1.
    let mean = ((half + w).exp_m1() + (half - w).exp_m1()) * 0.5;
    not_negative(l / m * mean - (l.ln() - a) * 0.5 - s.ln() - 0.5)
}

/// All tails; `a` and `b` are the arguments of the Normal parts, whose scaled tails nearly cancel
/// in the upper tail: their difference is taken as an integral there.
fn tails<R: Real>(x: R, m: R, l: R) -> Tails<R> {
    let (m, l) = (positive_or_nan(m), positive_or_nan(l));
    let rest = m * 0.0 + l * 0.0 + if x.re().is_nan() { f64::NAN } else { 0.0 };
    let root = (l / x).sqrt();
    if x <= 0.0 || infinite(root) || !(root > 0.0) {
        let low = if x > 1.0 { 1.0 } else { 0.0 };
        let [lower, upper] = [low, 1.0 - low].map(|p| rest + p);
        return Tails { lower, upper, log_lower: rest + f64::ln(low), log_upper: rest + f64::ln(1.0 - low) };
    }
    let a = root * ((x - m) / m) * FRAC_1_SQRT_2;
    let width = root * (2.0 * FRAC_1_SQRT_2);
    let b = a + width;
    let (log, scale) = (-(a * a) - LN_2, (-(a * a)).exp() * 0.5);
    if a < -1.0 {
        let sum = (-a).erfcx() + b.erfcx();
        let lower = scale * sum;
        return Tails { lower, upper: -lower + 1.0, log_lower: log + sum.ln(), log_upper: (-lower).ln_1p() };
    }
    let gap = erfcx_gap(a, width);
    let upper = scale * gap;
    let (lower, log_lower) = if a < 0.0 && upper > 0.5 {
        let sum = (-a).erfcx() + b.erfcx();
        (scale * sum, log + sum.ln())
    } else {
        (-upper + 1.0, (-upper).ln_1p())
    };
    Tails { lower, upper, log_lower, log_upper: log + gap.ln() }
}

fn cdf<R: Real>(x: R, m: R, l: R) -> R {
    R::narrow(tails(x.widen(), m.widen(), l.widen()).lower)
}
fn sf<R: Real>(x: R, m: R, l: R) -> R {
    R::narrow(tails(x.widen(), m.widen(), l.widen()).upper)
}
fn log_cdf<R: Real>(x: R, m: R, l: R) -> R {
    R::narrow(tails(x.widen(), m.widen(), l.widen()).log_lower)
}
fn log_sf<R: Real>(x: R, m: R, l: R) -> R {
    R::narrow(tails(x.widen(), m.widen(), l.widen()).log_upper)
}

/// By Newton's method in `ln x` on the logarithm of the smaller tail.
fn quantile<R: Real>(p: R, m: R, l: R) -> R {
    let (p, m, l) = (probability(p).widen(), positive_or_nan(m).widen(), positive_or_nan(l).widen());
    let rest = (p + m + l) * 0.0;
    if rest.re().is_nan() || p == 0.0 || p == 1.0 {
        return R::narrow(rest + if p == 1.0 { f64::INFINITY } else { 0.0 });
    }
    let upper = p > 0.5;
    let goal = if upper { (-p).ln_1p() } else { p.ln() };
    let (mean, concentration) = (m.re(), l.re());
    let t = root(Real::ln(mean.min(concentration)), 1.0, |t| {
        let x = Real::exp(t);
        let tails = tails(x, mean, concentration);
        let log = if upper { tails.log_upper } else { tails.log_lower };
        let slope = Real::exp(log_prob_of_log(t, mean, concentration) - log);
        (if upper { goal.re() - log } else { log - goal.re() }, slope)
    });
    let log = |x| {
        let tails = tails(x, m, l);
        if upper { tails.log_upper } else { tails.log_lower }
    };
    let miss = |x| if upper { goal - log(x) } else { log(x) - goal };
    R::narrow(implicit_root(Real::exp(t), miss, |x| (log_prob(x, m, l) - log(x)).exp()))
}

fn mean<R: Real>(m: R, l: R) -> R {
    positive_or_nan(m) + positive_or_nan(l) * 0.0
}
fn variance<R: Real>(m: R, l: R) -> R {
    let (m, l) = (positive_or_nan(m), positive_or_nan(l));
    m * (m * (m / l))
}

/// `½ ln(2π e m³/λ) + 3/2 (E ln x - ln m)`, the last a scaled exponential integral.
fn entropy<R: Real>(m: R, l: R) -> R {
    let (m, l) = (positive_or_nan(m), positive_or_nan(l));
    let log = ln_ratio(l, m);
    m.ln() - log * 0.5 - log_e1_scaled(log + LN_2).exp() * 1.5 + (HALF_LN_TAU + 0.5)
}

/// `½ (b/a - 1 - ln b/a) + b (m - n)² / (2 n² m)` with `a`, `b` the concentrations.
fn kl<R: Real>(m: R, a: R, n: R, b: R) -> R {
    let [m, a, n, b] = [m, a, n, b].map(positive_or_nan);
    let (ratio, shift) = (b / a, (m - n) / n);
    if infinite(ratio) {
        return R::of((m * 0.0 + n * 0.0).re() + f64::INFINITY);
    }
    not_negative(shift * shift * (b / m) * 0.5 - ln_bend((b - a) / a, ratio) * 0.5)
}

capabilities!(InverseGaussian { loc: positive, concentration: positive }:
    at [1.0, 1.0], [2.5, 0.5], [1.0, 300.0];
    density log_prob, |_| Support::StrictlyPositive, of_u log_prob_of_log,
        kl_of_u |d, a, s, terms| V::apply_as(
            terms,
            formula!(|a, s, m, l| kl_of_normal(a, s, m, l)),
            [a, s, d.loc, d.concentration],
        );
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
divergence!(InverseGaussian { loc = m, concentration = a } || InverseGaussian { loc = n, concentration = b }, kl);
