//! Logistic distribution on the real line.
//!
//! Elsewhere: Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::normal::z_score;
use super::{common_shape, finite_or_nan, infinite, outside, positive_or_nan, probability};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::random::{rand_draws, uniform};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::PI;

/// `p(x) = σ(z) σ(-z) / scale`, `z = (x - loc) / scale`, `σ` the logistic function, `x` real.
///
/// *Event*: entry. *Parameters*: `loc` real (mean and median), `scale > 0` (the standard deviation
/// is `π / √3` times as large).
#[derive(Clone, Copy, Debug)]
pub struct Logistic<V = f64> {
    /// Location.
    pub loc: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> Logistic<V> {
    /// With this location and scale.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }

    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.loc, self.scale])
    }
    fn of<F: Formula<2>>(&self, f: F) -> V {
        V::apply(f, [self.loc, self.scale])
    }
}

#[derive(Clone, Copy, Debug)]
struct LogisticLogProb;
impl Formula<3> for LogisticLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        let outside = outside(scale) + finite_or_nan(loc) * 0.0;
        let z = z_score(x, loc, scale);
        let inside = z.log_sigmoid() + (-z).log_sigmoid() - scale.ln();
        if infinite(x) { outside } else { inside }
    }
}

impl<V: Value> Distribution<V> for Logistic<V> {
    const NAME: &'static str = "Logistic";

    fn support(&self) -> Support<V> {
        Support::Real
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
        V::apply_as(terms, LogisticLogProb, [x, self.loc, self.scale])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

#[inline(always)]
fn logit<R: Real>(p: R) -> R {
    p.ln() - (-p).ln_1p()
}

impl<V: Value> Sample<V> for Logistic<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.loc), Draw::Value(self.scale), Draw::Uniform(key)];
        let f = formula!(|loc, scale, u| finite_or_nan(loc) + positive_or_nan(scale) * logit(u));
        V::draw(cx, f, args, least)
    }
}
impl<V: Value> Reparameterized<V> for Logistic<V> {}
rand_draws!(Logistic, |d, rng| finite_or_nan(d.loc) + positive_or_nan(d.scale) * logit(uniform(rng)));

impl<V: Value> Moments<V> for Logistic<V> {
    fn mean(&self) -> V {
        self.of(formula!(|loc, scale| finite_or_nan(loc) + positive_or_nan(scale) * 0.0))
    }
    fn variance(&self) -> V {
        self.of(formula!(|loc, scale| {
            positive_or_nan(scale).sq() * (PI * PI / 3.0) + finite_or_nan(loc) * 0.0
        }))
    }
}

impl<V: Value> Cdf<V> for Logistic<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| z_score(x, loc, scale).sigmoid()), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| (-z_score(x, loc, scale)).sigmoid()), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| z_score(x, loc, scale).log_sigmoid()), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| (-z_score(x, loc, scale)).log_sigmoid()), x)
    }
    fn quantile(&self, p: V) -> V {
        let f = formula!(|p, loc, scale| finite_or_nan(loc) + positive_or_nan(scale) * logit(probability(p)));
        self.at(f, p)
    }
}

impl<V: Value> Entropy<V> for Logistic<V> {
    fn entropy(&self) -> V {
        self.of(formula!(|loc, scale| positive_or_nan(scale).ln() + finite_or_nan(loc) * 0.0 + 2.0))
    }
}

crate::family!(Logistic { loc, scale } at [0.7, 2.0], [-3.0, 0.1]);
