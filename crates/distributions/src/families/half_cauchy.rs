//! Half-Cauchy distribution on the positive numbers.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqr, TFP cqer, PyMC cq.

use super::{clamped, infinite, outside, positive_or_nan, probability};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::random::{cauchy, rand_draws};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// `ln(2/π)`.
const LN_2_OVER_PI: f64 = -0.451582705289454864726195229894882143;
/// `ln 2π`.
const LN_TAU: f64 = 1.837877066409345483560659472811235279;

/// `p(x) = (2/π) / (scale (1 + (x / scale)²))`, `x >= 0`: the size of a Cauchy around 0.
///
/// *Event*: entry. *Parameters*: `scale > 0` (the median).
#[derive(Clone, Copy, Debug)]
pub struct HalfCauchy<V = f64> {
    /// The median.
    pub scale: V,
}

impl<V: Value> HalfCauchy<V> {
    /// With this scale.
    pub fn new(scale: impl Into<V>) -> Self {
        Self { scale: scale.into() }
    }
}

#[derive(Clone, Copy, Debug)]
struct HalfCauchyLogProb;
impl Formula<2> for HalfCauchyLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, scale]: [R; 2]) -> R {
        // The smaller ratio is squared, so that nothing overflows.
        let scale = positive_or_nan(scale);
        let far = x > scale;
        let (up, down) = (x / scale, scale / x);
        let ratio = if far { down } else { up };
        let (near_lead, far_lead) = (-scale.ln(), scale.ln() - x.ln() * 2.0);
        let lead = if far { far_lead } else { near_lead };
        let inside = lead - ratio.sq().ln_1p() + LN_2_OVER_PI;
        let outside = outside(scale);
        if x < 0.0 || infinite(x) { outside } else { inside }
    }
    compiled_here!(HalfCauchyLogProb, 2, f64);
}

/// The smaller one of cdf and sf, and whether it is the sf.
#[inline(always)]
fn smaller<R: Real>(x: R, scale: R) -> (R, bool) {
    let (x, scale) = (clamped(x), positive_or_nan(scale));
    let far = x > scale;
    let (up, down) = (x / scale, scale / x);
    ((if far { down } else { up }).atan() * FRAC_2_PI, far)
}

/// The quantile in units of the scale.
#[inline(always)]
fn quantile<R: Real>(p: R) -> R {
    let (near, far) = ((p * FRAC_PI_2).tan(), ((-p + 1.0) * FRAC_PI_2).tan().recip());
    if p < 0.5 { near } else { far }
}

impl<V: Value> Distribution<V> for HalfCauchy<V> {
    const NAME: &'static str = "HalfCauchy";

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
        V::apply_as(terms, HalfCauchyLogProb, [x, self.scale])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        // (2/π) / (w + 1/w) with w = eᵘ / scale.
        let f = formula!(|u, scale| {
            let log = u - positive_or_nan(scale).ln();
            let (below, above) = (log - (log * 2.0).softplus(), -log - (log * -2.0).softplus());
            (if log < 0.0 { below } else { above }) + LN_2_OVER_PI
        });
        V::apply_as(terms, f, [u, self.scale])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for HalfCauchy<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.scale), Draw::Uniform(key)];
        V::draw(cx, formula!(f64 | scale, u | positive_or_nan(scale) * quantile(u)), args, least)
    }
}
impl<V: Value> Reparameterized<V> for HalfCauchy<V> {}
rand_draws!(HalfCauchy, |d, rng| cauchy(positive_or_nan(d.scale), rng).abs());

impl<V: Value> Moments<V> for HalfCauchy<V> {
    /// Infinite.
    fn mean(&self) -> V {
        V::apply(formula!(|scale| positive_or_nan(scale) * 0.0 + f64::INFINITY), [self.scale])
    }
    /// Infinite.
    fn variance(&self) -> V {
        self.mean()
    }
}

impl<V: Value> Cdf<V> for HalfCauchy<V> {
    fn cdf(&self, x: V) -> V {
        let f = formula!(|x, scale| {
            let (p, far) = smaller(x, scale);
            if far { -p + 1.0 } else { p }
        });
        V::apply(f, [x, self.scale])
    }
    fn sf(&self, x: V) -> V {
        let f = formula!(|x, scale| {
            let (p, far) = smaller(x, scale);
            if far { p } else { -p + 1.0 }
        });
        V::apply(f, [x, self.scale])
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|x, scale| {
            let (p, far) = smaller(x, scale);
            if far { (-p).ln_1p() } else { p.ln() }
        });
        V::apply(f, [x, self.scale])
    }
    fn log_sf(&self, x: V) -> V {
        let f = formula!(|x, scale| {
            let (p, far) = smaller(x, scale);
            if far { p.ln() } else { (-p).ln_1p() }
        });
        V::apply(f, [x, self.scale])
    }
    fn quantile(&self, p: V) -> V {
        V::apply(formula!(|p, scale| positive_or_nan(scale) * quantile(probability(p))), [p, self.scale])
    }
}

impl<V: Value> Entropy<V> for HalfCauchy<V> {
    fn entropy(&self) -> V {
        V::apply(formula!(|scale| positive_or_nan(scale).ln() + LN_TAU), [self.scale])
    }
}

crate::family!(HalfCauchy { scale } at [0.4], [2.5]);
