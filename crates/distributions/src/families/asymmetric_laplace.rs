//! Asymmetric Laplace distribution on the real line.
//!
//! Elsewhere: Pyro r, NumPyro cqr, PyMC.

use super::{finite_or_nan, infinite, outside, positive_or_nan, probability, standardized};
use crate::by_functions::capabilities;
use crate::error::{finite, positive};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `p(x) = exp(-κ z) / (scale (κ + 1/κ))` above `loc` and with `exp(z / κ)` below it,
/// `z = (x - loc) / scale`, `κ` the asymmetry: quantile regression as a likelihood.
///
/// *Event*: entry. *Parameters*: `loc` real (the mode), `scale > 0`, `asymmetry > 0` (1 is
/// Laplace's distribution; above 1 the longer tail is the lower one).
#[derive(Clone, Copy, Debug)]
pub struct AsymmetricLaplace<V = f64> {
    /// Location: the mode.
    pub loc: V,
    /// Scale.
    pub scale: V,
    /// Asymmetry.
    pub asymmetry: V,
}

impl<V: Value> AsymmetricLaplace<V> {
    /// With this mode, scale and asymmetry.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>, asymmetry: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into(), asymmetry: asymmetry.into() }
    }

    /// With this mode, which is the quantile of `p` (between 0 and 1), and scale. Its log density
    /// is the loss of quantile regression, `-max(p r, (p - 1) r)` of the residual `r` in units of
    /// `scale √(p (1 - p))`, and a constant.
    pub fn from_quantile(loc: impl Into<V>, scale: impl Into<V>, p: impl Into<V>) -> Self {
        let asymmetry = V::apply(formula!(|p| (p / (-p + 1.0)).sqrt()), [p.into()]);
        Self { loc: loc.into(), scale: scale.into(), asymmetry }
    }
}

/// `z` in units of its side's scale: below 0 at the left.
#[inline(always)]
fn side<R: Real>(x: R, loc: R, scale: R, k: R) -> R {
    let k = positive_or_nan(k);
    let z = standardized(x, finite_or_nan(loc), positive_or_nan(scale));
    if z < 0.0 { z / k } else { z * k }
}
/// `ln(κ + 1/κ)`.
#[inline(always)]
fn log_width<R: Real>(k: R) -> R {
    let log = positive_or_nan(k).ln();
    log.log_add_exp(-log)
}
/// `ln P(X < loc)` and `ln P(X > loc)`.
#[inline(always)]
fn log_sides<R: Real>(k: R) -> (R, R) {
    let log = positive_or_nan(k).ln() * 2.0;
    (log.log_sigmoid(), (-log).log_sigmoid())
}

#[inline(always)]
fn log_prob<R: Real>(x: R, loc: R, scale: R, k: R) -> R {
    let outside = outside(scale) + finite_or_nan(loc) * 0.0 + positive_or_nan(k) * 0.0;
    let y = side(x, loc, scale, k);
    let inside = (if y < 0.0 { y } else { -y }) - scale.ln() - log_width(k);
    if infinite(x) || infinite(y) { outside } else { inside }
}

/// `ln P(X <= x)` and `ln P(X > x)`.
#[inline(always)]
fn log_tails<R: Real>(x: R, loc: R, scale: R, k: R) -> (R, R) {
    let y = side(x, loc, scale, k);
    let (low, high) = log_sides(k);
    if y < 0.0 {
        let lower = low + y;
        (lower, (-lower.exp()).ln_1p())
    } else {
        let upper = high - y;
        ((-upper.exp()).ln_1p(), upper)
    }
}
#[inline(always)]
fn cdf<R: Real>(x: R, loc: R, scale: R, k: R) -> R {
    let y = side(x, loc, scale, k);
    let (low, high) = log_sides(k);
    if y < 0.0 { (low + y).exp() } else { -(high - y).exp() + 1.0 }
}
#[inline(always)]
fn sf<R: Real>(x: R, loc: R, scale: R, k: R) -> R {
    let y = side(x, loc, scale, k);
    let (low, high) = log_sides(k);
    if y < 0.0 { -(low + y).exp() + 1.0 } else { (high - y).exp() }
}
#[inline(always)]
fn log_cdf<R: Real>(x: R, loc: R, scale: R, k: R) -> R {
    log_tails(x, loc, scale, k).0
}
#[inline(always)]
fn log_sf<R: Real>(x: R, loc: R, scale: R, k: R) -> R {
    log_tails(x, loc, scale, k).1
}
#[inline(always)]
fn quantile<R: Real>(p: R, loc: R, scale: R, k: R) -> R {
    let (p, loc, scale) = (probability(p), finite_or_nan(loc), positive_or_nan(scale));
    let (low, high) = log_sides(k);
    let (left, right) = (p.ln() - low, (-p).ln_1p() - high);
    loc + scale * (if left < 0.0 { left * k } else { -right / k })
}

fn mean<R: Real>(loc: R, scale: R, k: R) -> R {
    let k = positive_or_nan(k);
    finite_or_nan(loc) + positive_or_nan(scale) * ((-k + 1.0) * (k + 1.0) / k)
}
fn variance<R: Real>(loc: R, scale: R, k: R) -> R {
    let (scale, k) = (positive_or_nan(scale), positive_or_nan(k));
    let (left, right) = (scale * k, scale / k);
    left * left + right * right + finite_or_nan(loc) * 0.0
}
fn entropy<R: Real>(loc: R, scale: R, k: R) -> R {
    positive_or_nan(scale).ln() + log_width(k) + finite_or_nan(loc) * 0.0 + 1.0
}

capabilities!(AsymmetricLaplace { loc: finite, scale: positive, asymmetry: positive }:
    at [0.3, 2.0, 0.7], [-1.0, 0.4, 2.5], [0.0, 1.0, 1.0];
    density log_prob, |_| Support::Real;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
