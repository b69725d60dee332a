//! Pareto distribution on the numbers above a limit.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cr, PyMC cq.

use super::{infinite, ln_ratio, not_negative, positive_or_nan, probability};
use crate::by_functions::{capabilities, divergence};
use crate::error::positive;
use crate::special::ln_bend;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `p(x) = α scaleᵅ / xᵅ⁺¹`, `x >= scale`: a power law.
///
/// *Event*: entry. *Parameters*: `scale > 0` (the least value), `alpha > 0` (the exponent of
/// `P(X > x) = (scale / x)ᵅ`).
#[derive(Clone, Copy, Debug)]
pub struct Pareto<V = f64> {
    /// The least value.
    pub scale: V,
    /// The exponent of the tail.
    pub alpha: V,
}

impl<V: Value> Pareto<V> {
    /// With this least value and exponent of the tail.
    pub fn new(scale: impl Into<V>, alpha: impl Into<V>) -> Self {
        Self { scale: scale.into(), alpha: alpha.into() }
    }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, scale: R, alpha: R) -> R {
    let (scale, alpha) = (positive_or_nan(scale), positive_or_nan(alpha));
    let outside = scale * 0.0 + alpha * 0.0 - f64::INFINITY;
    let inside = alpha.ln() - x.ln() - alpha * ln_ratio(x, scale);
    if x < scale || infinite(x) { outside } else { inside }
}

/// The log density of `u = ln(x - scale)`.
#[inline(always)]
fn log_prob_of_u<R: Real>(u: R, scale: R, alpha: R) -> R {
    let (y, alpha) = (u - positive_or_nan(scale).ln(), positive_or_nan(alpha));
    alpha.ln() + y - (alpha + 1.0) * y.softplus()
}

/// `-ln P(X > x)`.
#[inline(always)]
fn hazard<R: Real>(x: R, scale: R, alpha: R) -> R {
    let (scale, alpha) = (positive_or_nan(scale), positive_or_nan(alpha));
    alpha * ln_ratio(if x < scale { scale } else { x }, scale)
}

#[inline(always)]
fn cdf<R: Real>(x: R, scale: R, alpha: R) -> R {
    -(-hazard(x, scale, alpha)).exp_m1()
}
#[inline(always)]
fn sf<R: Real>(x: R, scale: R, alpha: R) -> R {
    (-hazard(x, scale, alpha)).exp()
}
#[inline(always)]
fn log_cdf<R: Real>(x: R, scale: R, alpha: R) -> R {
    hazard(x, scale, alpha).log1mexp()
}
#[inline(always)]
fn log_sf<R: Real>(x: R, scale: R, alpha: R) -> R {
    -hazard(x, scale, alpha)
}
#[inline(always)]
fn quantile<R: Real>(p: R, scale: R, alpha: R) -> R {
    positive_or_nan(scale) * (-(-probability(p)).ln_1p() / positive_or_nan(alpha)).exp()
}

/// Infinite unless `alpha > 1`.
fn mean<R: Real>(scale: R, alpha: R) -> R {
    let (scale, alpha) = (positive_or_nan(scale), positive_or_nan(alpha));
    if alpha <= 1.0 { scale * 0.0 + f64::INFINITY } else { scale * (alpha / (alpha - 1.0)) }
}

/// Infinite unless `alpha > 2`.
fn variance<R: Real>(scale: R, alpha: R) -> R {
    let (scale, alpha) = (positive_or_nan(scale), positive_or_nan(alpha));
    let rest = alpha - 1.0;
    let share = alpha / rest / rest / (alpha - 2.0);
    if alpha <= 2.0 { scale * 0.0 + f64::INFINITY } else { scale * (scale * share) }
}

/// `1 + 1/α + ln(scale / α)`.
fn entropy<R: Real>(scale: R, alpha: R) -> R {
    let (scale, alpha) = (positive_or_nan(scale), positive_or_nan(alpha));
    ln_ratio(scale, alpha) + alpha.recip() + 1.0
}

/// `b ln(s/t) + b/a - 1 - ln(b/a)` for `s >= t`, else infinite.
fn kl<R: Real>(s: R, a: R, t: R, b: R) -> R {
    let (s, a) = (positive_or_nan(s), positive_or_nan(a));
    let (t, b) = (positive_or_nan(t), positive_or_nan(b));
    let (ratio, rest) = (b / a, s * 0.0 + a * 0.0 + t * 0.0 + b * 0.0);
    if s < t || ratio == f64::INFINITY || rest.re().is_nan() {
        return R::of(rest.re() + f64::INFINITY);
    }
    not_negative(b * ln_ratio(s, t) - ln_bend((b - a) / a, ratio))
}

capabilities!(Pareto { scale: positive, alpha: positive }:
    at [0.5, 5.5], [3.0, 7.0], [0.001, 30.0];
    density log_prob, |d| Support::GreaterThan(d.scale), of_u log_prob_of_u;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
divergence!(Pareto { scale = s, alpha = a } || Pareto { scale = t, alpha = b }, kl);
