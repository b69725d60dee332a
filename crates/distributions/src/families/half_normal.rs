//! Half-Normal distribution on the positive numbers.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqr, TFP cqer, PyMC cq.

use super::{
    clamped, finite_or_nan, flat, infinite, ln_ratio, not_negative, outside, overflown, positive_or_nan,
    probability,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{normal, rand_draws};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};

use super::normal::HALF_LN_TAU;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI, SQRT_2};

/// `√(2/π)`.
const SQRT_2_OVER_PI: f64 = 0.797884560802865355879892119868763737;

/// `p(x) = exp(-½ (x / scale)²) √(2/π) / scale`, `x >= 0`: the size of a Normal with mean 0.
///
/// *Event*: entry. *Parameters*: `scale > 0` (the standard deviation of that Normal).
#[derive(Clone, Copy, Debug)]
pub struct HalfNormal<V = f64> {
    /// The standard deviation of the Normal.
    pub scale: V,
}

impl<V: Value> HalfNormal<V> {
    /// With this scale.
    pub fn new(scale: impl Into<V>) -> Self {
        Self { scale: scale.into() }
    }
}

#[derive(Clone, Copy, Debug)]
struct HalfNormalLogProb;
impl Formula<2> for HalfNormalLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, scale]: [R; 2]) -> R {
        let scale = positive_or_nan(scale);
        let z = x / scale;
        let inside = z * z * -0.5 - scale.ln() - (HALF_LN_TAU - LN_2);
        let outside = outside(scale);
        if x < 0.0 || infinite(x) { outside } else { inside }
    }
    compiled_here!(HalfNormalLogProb, 2, f64);
}

/// The log density of `u = ln x`.
#[derive(Clone, Copy, Debug)]
struct HalfNormalLogProbOfLog;
impl Formula<2> for HalfNormalLogProbOfLog {
    #[inline(always)]
    fn eval<R: Real>(&self, [u, scale]: [R; 2]) -> R {
        let log = u - positive_or_nan(scale).ln();
        let square = (log * 2.0).exp();
        let inside = log - square * 0.5 - (HALF_LN_TAU - LN_2);
        let overflown = overflown(log);
        if square == f64::INFINITY { overflown } else { inside }
    }
}

/// `½ E (x/t)² - E ln(x/t) + ½ ln(π/2)` less the entropy, for `ln x ~ N(m, s)`.
#[derive(Clone, Copy, Debug)]
struct LogNormalHalfNormalKl;
impl Formula<3> for LogNormalHalfNormalKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [m, s, t]: [R; 3]) -> R {
        let (s, log) = (positive_or_nan(s), finite_or_nan(m) - positive_or_nan(t).ln());
        let square = (log * 2.0 + s * s * 2.0).exp();
        not_negative(square * 0.5 - log - s.ln() - (LN_2 + 0.5))
    }
}

/// `x / scale / √2`, the argument of the error function.
#[inline(always)]
fn argument<R: Real>(x: R, scale: R) -> R {
    flat(clamped(x) / positive_or_nan(scale) * FRAC_1_SQRT_2)
}

impl<V: Value> Distribution<V> for HalfNormal<V> {
    const NAME: &'static str = "HalfNormal";

    fn support(&self) -> Support<V> {
        Support::Positive
    }
    fn shape(&self) -> (usize, usize) {
        self.scale.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, HalfNormalLogProb, [x, self.scale])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, HalfNormalLogProbOfLog, [u, self.scale])
    }
    #[track_caller]
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((V::apply_as(terms, LogNormalHalfNormalKl, [loc, scale, self.scale]), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for HalfNormal<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        V::draw(
            cx,
            formula!(f64 | scale, z | positive_or_nan(scale) * z.abs()),
            [Draw::Value(self.scale), Draw::Normal(key)],
            least,
        )
    }
}
impl<V: Value> Reparameterized<V> for HalfNormal<V> {}
rand_draws!(HalfNormal, |d, rng| positive_or_nan(d.scale) * normal(rng).abs());

impl<V: Value> Moments<V> for HalfNormal<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|scale| positive_or_nan(scale) * SQRT_2_OVER_PI), [self.scale])
    }
    fn variance(&self) -> V {
        V::apply(formula!(|scale| positive_or_nan(scale).sq() * (1.0 - 2.0 / PI)), [self.scale])
    }
}

impl<V: Value> Cdf<V> for HalfNormal<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x, scale| argument(x, scale).erf()), [x, self.scale])
    }
    fn sf(&self, x: V) -> V {
        V::apply(formula!(|x, scale| argument(x, scale).erfc()), [x, self.scale])
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|x, scale| {
            let w = argument(x, scale);
            let (near, far) = (w.erf().ln(), (-w.erfc()).ln_1p());
            if w < 0.5 { near } else { far }
        });
        V::apply(f, [x, self.scale])
    }
    fn log_sf(&self, x: V) -> V {
        let f = formula!(|x, scale| {
            let w = argument(x, scale);
            let (near, far) = ((-w.erf()).ln_1p(), (w * -SQRT_2).log_ndtr() + LN_2);
            if w < 0.5 { near } else { far }
        });
        V::apply(f, [x, self.scale])
    }
    fn quantile(&self, p: V) -> V {
        let f = formula!(|p, scale| {
            let p = probability(p);
            let (near, far) = (p.erfinv() * SQRT_2, -((-p + 1.0) * 0.5).ndtri());
            positive_or_nan(scale) * (if p < 0.5 { near } else { far })
        });
        V::apply(f, [p, self.scale])
    }
}

impl<V: Value> Entropy<V> for HalfNormal<V> {
    fn entropy(&self) -> V {
        V::apply(formula!(|scale| positive_or_nan(scale).ln() + (HALF_LN_TAU - LN_2 + 0.5)), [self.scale])
    }
}

/// `KL(HalfNormal(s) ‖ HalfNormal(t)) = ½ ((s/t)² - 1) - ln(s/t)`.
#[derive(Clone, Copy, Debug)]
struct HalfNormalHalfNormalKl;
impl Formula<2> for HalfNormalHalfNormalKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [s, t]: [R; 2]) -> R {
        let (s, t) = (positive_or_nan(s), positive_or_nan(t));
        // s - t is exact near s = t, where the terms cancel.
        let d = (s - t) / t;
        not_negative((d * (d + 2.0)) * 0.5 - ln_ratio(s, t))
    }
}

impl<V: Value> KlDivergence<HalfNormal<V>> for HalfNormal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &HalfNormal<V>, terms: Terms) -> V {
        V::apply_as(terms, HalfNormalHalfNormalKl, [self.scale, p.scale])
    }
}

crate::family!(HalfNormal { scale } at [0.4], [2.5]);
