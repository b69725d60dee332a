//! Log-normal distribution on the positive numbers.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::{
    Normal, clamped, common_shape, finite_or_nan, flat, infinite, ordinary, ordinary_positive, outside,
    positive_or_nan,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{normal, rand_draws};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};

use super::normal::{HALF_LN_TAU, NormalLogProb};

/// `p(x) = exp(-½ ((ln x - loc) / scale)²) / (x scale √(2π))`, `x > 0`: `ln x` is Normal.
///
/// *Event*: entry. *Parameters*: `loc` real, `scale > 0` (mean and standard deviation of `ln x`).
#[derive(Clone, Copy, Debug)]
pub struct LogNormal<V = f64> {
    /// Mean of `ln x`.
    pub loc: V,
    /// Standard deviation of `ln x`.
    pub scale: V,
}

impl<V: Value> LogNormal<V> {
    /// With this mean and standard deviation of `ln x`.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }

    /// The distribution of `ln x`.
    pub fn normal(&self) -> Normal<V> {
        Normal { loc: self.loc, scale: self.scale }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LogNormalLogProb;
impl Formula<3> for LogNormalLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        let (log_x, loc, scale) = (x.ln(), finite_or_nan(loc), positive_or_nan(scale));
        let z = (log_x - loc) / scale;
        let inside = z * z * -0.5 - scale.ln() - log_x - HALF_LN_TAU;
        let outside = outside(scale) + loc * 0.0;
        if x <= 0.0 || infinite(x) { outside } else { inside }
    }
    const FAST_PATH: bool = true;
    const STAGED: bool = true;
    #[inline(always)]
    fn first_stage<R: Real>(&self, [x, _, _]: [R; 3]) -> R {
        x.ln_normal()
    }
    #[inline(always)]
    fn second_stage<R: Real>(&self, log_x: R, [x, loc, scale]: [R; 3]) -> (R, [R; 3], bool) {
        let inverse = scale.recip();
        let z = (log_x - loc) * inverse;
        let d = z * inverse;
        let f = z * z * -0.5 - scale.ln_normal() - log_x - HALF_LN_TAU;
        let partials = [-(d + 1.0) / x, d, z * d - inverse];
        (f, partials, ordinary_positive(x) & ordinary(z) & ordinary_positive(scale))
    }
    compiled_here!(LogNormalLogProb, 3, f64);
}

/// `ln x` in units of the Normal; `-∞` up to 0.
#[inline(always)]
fn standard<R: Real>(x: R, loc: R, scale: R) -> R {
    flat((clamped(x).ln() - finite_or_nan(loc)) / positive_or_nan(scale))
}

impl<V: Value> Distribution<V> for LogNormal<V> {
    const NAME: &'static str = "LogNormal";

    fn support(&self) -> Support<V> {
        Support::StrictlyPositive
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.loc, self.scale])
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "loc", self.loc)?;
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, LogNormalLogProb, [x, self.loc, self.scale])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        // `ln x` is Normal.
        V::apply_as(terms, NormalLogProb, [u, self.loc, self.scale])
    }
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((Normal { loc, scale }.kl_terms(&self.normal(), terms), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for LogNormal<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.loc), Draw::Value(self.scale), Draw::Normal(key)];
        V::draw(
            cx,
            formula!(f64 | loc, scale, z | (finite_or_nan(loc) + positive_or_nan(scale) * z).exp()),
            args,
            least,
        )
    }
}
impl<V: Value> Reparameterized<V> for LogNormal<V> {}
rand_draws!(LogNormal, |d, rng| (finite_or_nan(d.loc) + positive_or_nan(d.scale) * normal(rng)).exp());

impl<V: Value> Moments<V> for LogNormal<V> {
    fn mean(&self) -> V {
        let f = formula!(|loc, scale| (finite_or_nan(loc) + positive_or_nan(scale).sq() * 0.5).exp());
        V::apply(f, [self.loc, self.scale])
    }
    fn variance(&self) -> V {
        let f = formula!(|loc, scale| {
            let (s2, twice) = (positive_or_nan(scale).sq(), finite_or_nan(loc) * 2.0);
            // In the form whose first factor is at most 1 where the other one could make it 0 · ∞.
            let (narrow, wide) =
                (s2.exp_m1() * (twice + s2).exp(), -(-s2).exp_m1() * (twice + s2 * 2.0).exp());
            if s2 < 1.0 { narrow } else { wide }
        });
        V::apply(f, [self.loc, self.scale])
    }
}

impl<V: Value> Cdf<V> for LogNormal<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| standard(x, loc, scale).ndtr()), [x, self.loc, self.scale])
    }
    fn sf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| (-standard(x, loc, scale)).ndtr()), [x, self.loc, self.scale])
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| standard(x, loc, scale).log_ndtr()), [x, self.loc, self.scale])
    }
    fn log_sf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| (-standard(x, loc, scale)).log_ndtr()), [x, self.loc, self.scale])
    }
    fn quantile(&self, p: V) -> V {
        let f = formula!(|p, loc, scale| (finite_or_nan(loc) + positive_or_nan(scale) * p.ndtri()).exp());
        V::apply(f, [p, self.loc, self.scale])
    }
}

impl<V: Value> Entropy<V> for LogNormal<V> {
    fn entropy(&self) -> V {
        V::apply(
            formula!(|loc, scale| finite_or_nan(loc) + positive_or_nan(scale).ln() + (HALF_LN_TAU + 0.5)),
            [self.loc, self.scale],
        )
    }
}

/// That of the Normals of `ln x`: a one-to-one map changes no KL divergence.
impl<V: Value> KlDivergence<LogNormal<V>> for LogNormal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &LogNormal<V>, terms: Terms) -> V {
        self.normal().kl_terms(&p.normal(), terms)
    }
}

crate::family!(LogNormal { loc, scale } at [0.3, 0.5], [-2.0, 0.1], [1.0, 0.8]);
