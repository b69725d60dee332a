//! Fréchet distribution on the positive numbers.
//!
//! Elsewhere: none.

use super::extreme_value::{log_gamma_over, log_spread_over};
use super::gumbel::{EULER, NormalGumbelKl, extreme_kl, log_sf as log_sf_of_reduced};
use super::{clamped, infinite, ln_ratio, overflown, positive_or_nan, probability};
use crate::by_functions::{capabilities, divergence};
use crate::error::positive;
use crate::lift::exp_m1_over;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(X <= x) = exp(-(x / scale)^-k)` with `k` the concentration, `x > 0`: the limit of maxima with
/// power laws; `1 / x` has a Weibull distribution.
///
/// *Event*: entry. *Parameters*: `concentration > 0` (the exponent of the tail), `scale > 0`.
#[derive(Clone, Copy, Debug)]
pub struct Frechet<V = f64> {
    /// The exponent of the tail.
    pub concentration: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> Frechet<V> {
    /// With this exponent of the tail and scale.
    pub fn new(concentration: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { concentration: concentration.into(), scale: scale.into() }
    }
}

/// `k ln(x / scale)`, which has Gumbel's distribution.
#[inline(always)]
fn reduced<R: Real>(x: R, k: R, scale: R) -> R {
    positive_or_nan(k) * ln_ratio(clamped(x), positive_or_nan(scale))
}

#[inline(always)]
fn log_prob<R: Real>(x: R, k: R, scale: R) -> R {
    let outside = positive_or_nan(k) * 0.0 + positive_or_nan(scale) * 0.0 - f64::INFINITY;
    if x <= 0.0 || infinite(x) {
        return outside;
    }
    let y = reduced(x, k, scale);
    let w = (-y).exp();
    if w == f64::INFINITY { overflown(y) } else { k.ln() - x.ln() - y - w }
}
#[inline(always)]
fn log_prob_of_log<R: Real>(u: R, k: R, scale: R) -> R {
    let y = positive_or_nan(k) * (u - positive_or_nan(scale).ln());
    let w = (-y).exp();
    if w == f64::INFINITY { overflown(y) } else { k.ln() - y - w }
}
/// `ln x` has Gumbel's distribution, of scale `1 / k` around `ln scale`.
#[inline(always)]
fn kl_of_normal<R: Real>(m: R, s: R, k: R, scale: R) -> R {
    NormalGumbelKl.eval([m, s, positive_or_nan(scale).ln(), positive_or_nan(k).recip()])
}

fn cdf<R: Real>(x: R, k: R, scale: R) -> R {
    (-(-reduced(x, k, scale)).exp()).exp()
}
fn sf<R: Real>(x: R, k: R, scale: R) -> R {
    -(-(-reduced(x, k, scale)).exp()).exp_m1()
}
fn log_cdf<R: Real>(x: R, k: R, scale: R) -> R {
    -(-reduced(x, k, scale)).exp()
}
fn log_sf<R: Real>(x: R, k: R, scale: R) -> R {
    log_sf_of_reduced(reduced(x, k, scale))
}
fn quantile<R: Real>(p: R, k: R, scale: R) -> R {
    let y = -(-probability(p).ln()).ln();
    positive_or_nan(scale) * (y / positive_or_nan(k)).exp()
}

/// `scale Γ(1 - 1/k)`; infinite unless `k > 1`.
fn mean<R: Real>(k: R, scale: R) -> R {
    let (shape, scale) = (positive_or_nan(k).recip(), positive_or_nan(scale));
    let inside = scale * (log_gamma_over(shape) * shape).exp();
    if shape >= 1.0 { scale * 0.0 + f64::INFINITY } else { inside }
}
/// Infinite unless `k > 2`.
fn variance<R: Real>(k: R, scale: R) -> R {
    let (shape, scale) = (positive_or_nan(k).recip(), positive_or_nan(scale));
    if shape >= 0.5 {
        return scale * 0.0 + f64::INFINITY;
    }
    let spread = log_spread_over(shape);
    let size = scale * shape * (log_gamma_over(shape) * shape).exp();
    size * size * (spread * exp_m1_over(spread * shape * shape))
}
fn entropy<R: Real>(k: R, scale: R) -> R {
    let (k, scale) = (positive_or_nan(k), positive_or_nan(scale));
    ln_ratio(scale, k) + k.recip() * EULER + (1.0 + EULER)
}

/// That of the logarithms.
fn kl<R: Real>(k: R, s: R, l: R, t: R) -> R {
    let (k, s, l, t) = (positive_or_nan(k), positive_or_nan(s), positive_or_nan(l), positive_or_nan(t));
    extreme_kl(l / k, l * ln_ratio(s, t))
}

capabilities!(Frechet { concentration: positive, scale: positive }:
    at [5.5, 1.3], [12.0, 0.4];
    density log_prob, |_| Support::StrictlyPositive, of_u log_prob_of_log,
        kl_of_u |d, m, s, terms| V::apply_as(
            terms,
            formula!(|m, s, k, scale| kl_of_normal(m, s, k, scale)),
            [m, s, d.concentration, d.scale],
        );
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
divergence!(Frechet { concentration = k, scale = s } || Frechet { concentration = l, scale = t }, kl);
