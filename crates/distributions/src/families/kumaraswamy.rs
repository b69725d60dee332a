//! Kumaraswamy distribution on the numbers between 0 and 1.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro r, TFP cqer, PyMC cq.

use super::beta::inside;
use super::gumbel::EULER;
use super::{flat, positive_or_nan, probability};
use crate::by_functions::{capabilities, inside_unit};
use crate::error::positive;
use crate::special::lgamma_above_tangent;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(X <= x) = 1 - (1 - xᵃ)ᵇ` with `a` the first and `b` the second concentration,
/// `0 <= x <= 1`: like a Beta distribution, with a distribution function that can be inverted.
///
/// *Event*: entry. *Parameters*: `concentration1 > 0`, `concentration0 > 0`.
///
/// *Source*: Kumaraswamy 1980, "A generalized probability density function for double-bounded
/// random processes".
#[derive(Clone, Copy, Debug)]
pub struct Kumaraswamy<V = f64> {
    /// Concentration at 1: the power of `x`.
    pub concentration1: V,
    /// Concentration at 0: the power of `1 - xᵃ`.
    pub concentration0: V,
}

impl<V: Value> Kumaraswamy<V> {
    /// With these concentrations at 1 and at 0.
    pub fn new(concentration1: impl Into<V>, concentration0: impl Into<V>) -> Self {
        Self { concentration1: concentration1.into(), concentration0: concentration0.into() }
    }
}

/// `ln(1 - xᵃ)` of `-a ln x`, which is `e^log`.
#[inline(always)]
fn log_rest<R: Real>(y: R, log: R) -> R {
    if log < -37.0 { log } else { y.log1mexp() }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, a: R, b: R) -> R {
    let (a, b) = (positive_or_nan(a), positive_or_nan(b));
    if x > 0.0 && x < 1.0 {
        let log = x.ln();
        return a.ln() + b.ln() + (a - 1.0) * log + (b - 1.0) * (-(a * log)).log1mexp();
    }
    let outside = a * 0.0 + b * 0.0 - f64::INFINITY;
    // At an end the density is 0, infinite, or `a b`, if its power there is 0.
    let end = |power: R| {
        if power == 1.0 {
            a.ln() + b.ln() + x * 0.0
        } else if power < 1.0 {
            -outside
        } else {
            outside
        }
    };
    if x == 0.0 {
        end(a) + b * 0.0
    } else if x == 1.0 {
        end(b) + a * 0.0
    } else {
        let nan = x.re().is_nan();
        if nan { R::of(f64::NAN) } else { outside }
    }
}

/// The log density of `u = logit x`.
#[inline(always)]
fn log_prob_of_logit<R: Real>(u: R, a: R, b: R) -> R {
    let (a, b) = (positive_or_nan(a), positive_or_nan(b));
    let fall = (-u).softplus();
    // For a large u the logarithm of x underflows.
    let log = if u > 40.0 { a.ln() - u } else { (a * fall).ln() };
    let rest = (b - 1.0) * log_rest(a * fall, log);
    a.ln() + b.ln() - a * fall + rest + (-u).log_sigmoid()
}

/// `-ln P(X > x)` and its logarithm.
#[inline(always)]
fn hazard<R: Real>(x: R, a: R, b: R) -> (R, R) {
    let (a, b) = (positive_or_nan(a), positive_or_nan(b));
    let y = flat(-(a * inside(x).ln()));
    if y > 40.0 {
        let log = b.ln() - y;
        (log.exp(), log)
    } else {
        let w = -(b * flat(y.log1mexp()));
        (w, w.ln())
    }
}

#[inline(always)]
fn cdf<R: Real>(x: R, a: R, b: R) -> R {
    -(-hazard(x, a, b).0).exp_m1()
}
#[inline(always)]
fn sf<R: Real>(x: R, a: R, b: R) -> R {
    (-hazard(x, a, b).0).exp()
}
#[inline(always)]
fn log_cdf<R: Real>(x: R, a: R, b: R) -> R {
    let (w, log) = hazard(x, a, b);
    log_rest(w, log)
}
#[inline(always)]
fn log_sf<R: Real>(x: R, a: R, b: R) -> R {
    -hazard(x, a, b).0
}
#[inline(always)]
fn quantile<R: Real>(p: R, a: R, b: R) -> R {
    let w = -(-probability(p)).ln_1p() / positive_or_nan(b);
    (w.log1mexp() / positive_or_nan(a)).exp()
}
#[inline(always)]
fn draw<R: Real>(u: R, a: R, b: R) -> R {
    inside_unit(quantile(u, a, b))
}

/// `ln E xⁿ = ln(b B(1 + n/a, b))`.
fn log_moment<R: Real>(n: f64, a: R, b: R) -> R {
    b.ln() + (a.recip() * n + 1.0).ln_beta(b)
}
fn mean<R: Real>(a: R, b: R) -> R {
    log_moment(1.0, positive_or_nan(a), positive_or_nan(b)).exp()
}
/// By `ln(E x² / (E x)²)`, which is a second difference of `ln Γ(1 + t) - ln Γ(1 + b + t)`.
fn variance<R: Real>(a: R, b: R) -> R {
    let (a, b) = (positive_or_nan(a), positive_or_nan(b));
    if (a + b).re().is_nan() {
        return R::of(f64::NAN);
    }
    let step = a.recip();
    let around = |p: R| lgamma_above_tangent(p + step, p) + lgamma_above_tangent(p - step, p);
    let mean = log_moment(1.0, a, b).exp();
    if step > 100.0 {
        return log_moment(2.0, a, b).exp() - mean * mean;
    }
    let gap = around(step + 1.0) - around(step + b + 1.0);
    if gap < 1.0 { mean * mean * gap.exp_m1() } else { log_moment(2.0, a, b).exp() - mean * mean }
}

/// `1 - 1/b + (1 - 1/a) Hᵦ - ln(a b)`, `Hᵦ` the harmonic number.
fn entropy<R: Real>(a: R, b: R) -> R {
    let (a, b) = (positive_or_nan(a), positive_or_nan(b));
    let harmonic = (b + 1.0).digamma() + EULER;
    (-a.recip() + 1.0) * harmonic - b.recip() + 1.0 - a.ln() - b.ln()
}

capabilities!(Kumaraswamy { concentration1: positive, concentration0: positive }:
    at [0.4, 1.0], [2.0, 3.0], [30.0, 12.0];
    density log_prob, |_| Support::Interval(V::from(0.0), V::from(1.0)), of_u log_prob_of_logit;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw draw;
    moments mean, variance;
    entropy entropy;
);
