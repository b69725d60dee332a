//! Logit-normal distribution on the numbers between 0 and 1.
//!
//! Elsewhere: TFP cqer, PyMC.

use super::normal::{HALF_LN_TAU, NormalLogProb, NormalNormalKl, z_score};
use super::{finite_or_nan, positive_or_nan, probability};
use crate::by_functions::{capabilities, divergence, inside_unit};
use crate::error::{finite, positive};
use crate::kl::KlDivergence;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// The distribution of `σ(u)` with `u ~ Normal(loc, scale)`, `0 < x < 1`.
///
/// *Event*: entry. *Parameters*: `loc` real (the median is `σ(loc)`), `scale > 0`, mean and
/// standard deviation of the logit. Mean, variance and entropy are sums to rounding error.
#[derive(Clone, Copy, Debug)]
pub struct LogitNormal<V = f64> {
    /// Mean of the logit.
    pub loc: V,
    /// Standard deviation of the logit.
    pub scale: V,
}

impl<V: Value> LogitNormal<V> {
    /// With this mean and standard deviation of the logit.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, loc: R, scale: R) -> R {
    let outside = finite_or_nan(loc) * 0.0 + positive_or_nan(scale) * 0.0 - f64::INFINITY;
    let (log, rest) = (x.ln(), (-x).ln_1p());
    let inside = NormalLogProb.eval([log - rest, loc, scale]) - log - rest;
    if x <= 0.0 || x >= 1.0 { outside } else { inside }
}
#[inline(always)]
fn log_prob_of_logit<R: Real>(u: R, loc: R, scale: R) -> R {
    NormalLogProb.eval([u, loc, scale])
}

/// The logit in standard units.
#[inline(always)]
fn z<R: Real>(x: R, loc: R, scale: R) -> R {
    let logit = if x <= 0.0 {
        R::of(f64::NEG_INFINITY)
    } else if x >= 1.0 {
        R::of(f64::INFINITY)
    } else {
        x.ln() - (-x).ln_1p()
    };
    z_score(logit, loc, scale)
}
#[inline(always)]
fn cdf<R: Real>(x: R, loc: R, scale: R) -> R {
    z(x, loc, scale).ndtr()
}
#[inline(always)]
fn sf<R: Real>(x: R, loc: R, scale: R) -> R {
    (-z(x, loc, scale)).ndtr()
}
#[inline(always)]
fn log_cdf<R: Real>(x: R, loc: R, scale: R) -> R {
    z(x, loc, scale).log_ndtr()
}
#[inline(always)]
fn log_sf<R: Real>(x: R, loc: R, scale: R) -> R {
    (-z(x, loc, scale)).log_ndtr()
}
#[inline(always)]
fn quantile<R: Real>(p: R, loc: R, scale: R) -> R {
    (finite_or_nan(loc) + positive_or_nan(scale) * probability(p).ndtri()).sigmoid()
}
#[inline(always)]
fn draw<R: Real>(u: R, loc: R, scale: R) -> R {
    inside_unit(quantile(u, loc, scale))
}

/// `E σ(u)`, `Var σ(u)` and `E ln(1 + eᵘ)` for `loc <= 0`, by trapezoidal sums: `σ` has its poles
/// `π / scale` deviations beside the real line, and what is a mean over `u` is one over a logistic
/// `t` of `P(t < u)` as well, a smooth function for a large scale. Errors are below 1e-15.
fn sums<R: Real>(loc: R, scale: R) -> [R; 3] {
    const STEP: f64 = 0.4;
    let (mut mean, mut second, mut soft) = (R::zero(), R::zero(), R::zero());
    if scale <= 1.0 {
        let nodes = || (-26..=26).map(|i| f64::from(i) * STEP);
        let weight = |z: f64| Real::exp(-0.5 * z * z - HALF_LN_TAU) * STEP;
        for z in nodes() {
            mean += (loc + scale * z).sigmoid() * weight(z);
            soft += (loc + scale * z).softplus() * weight(z);
        }
        for z in nodes() {
            second += ((loc + scale * z).sigmoid() - mean).sq() * weight(z);
        }
        return [mean, second, soft];
    }
    // For a loc far below 0 the mass lies where eᵗ P(t < u) is largest.
    let low = (loc + scale * scale - scale * 9.0).re().clamp(-2000.0, 0.0) - 40.0;
    for i in 0..((40.0 - low) / STEP) as i32 {
        let t = f64::from(i) * STEP + low;
        let (s, rest) = (Real::sigmoid(t), Real::sigmoid(-t));
        let gap = loc - t;
        let above = (gap / scale).ndtr();
        mean += above * (s * rest * STEP);
        second += above * (2.0 * s * s * rest * STEP);
        let density = ((gap / scale).sq() * -0.5 - HALF_LN_TAU).exp();
        soft += (gap * above + scale * density) * (s * rest * STEP);
    }
    [mean, second - mean * mean, soft]
}

/// The same for any `loc`, by the symmetry.
fn all_sums<R: Real>(loc: R, scale: R) -> [R::Wide; 3] {
    let (loc, scale) = (finite_or_nan(loc).widen(), positive_or_nan(scale).widen());
    let [mean, variance, soft] = sums(if loc > 0.0 { -loc } else { loc }, scale);
    // E ln(1 + eᵘ) + E ln(1 + e⁻ᵘ).
    let both = soft * 2.0 + loc.abs();
    let rest = loc * 0.0 + scale * 0.0;
    [rest + if loc > 0.0 { -mean + 1.0 } else { mean }, variance + rest, both + rest]
}
fn mean<R: Real>(loc: R, scale: R) -> R {
    R::narrow(all_sums(loc, scale)[0])
}
fn variance<R: Real>(loc: R, scale: R) -> R {
    R::narrow(all_sums(loc, scale)[1])
}
fn entropy<R: Real>(loc: R, scale: R) -> R {
    let [_, _, both] = all_sums(loc, scale);
    R::narrow(positive_or_nan(scale).widen().ln() + (HALF_LN_TAU + 0.5) - both)
}

/// That of the logits.
#[inline(always)]
fn kl<R: Real>(a: R, s: R, b: R, t: R) -> R {
    NormalNormalKl.eval([a, s, b, t])
}

capabilities!(LogitNormal { loc: finite, scale: positive }:
    at [0.0, 1.0], [-2.0, 0.3], [1.5, 2.5];
    density log_prob, |_| Support::Interval(V::from(0.0), V::from(1.0)), of_u log_prob_of_logit,
        kl_of_u |d, loc, scale, terms| LogitNormal { loc, scale }.kl_terms(d, terms);
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw draw;
    moments mean, variance;
    entropy entropy;
);
divergence!(LogitNormal { loc = a, scale = s } || LogitNormal { loc = b, scale = t }, kl);
