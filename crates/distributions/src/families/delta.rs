//! All mass at one point.
//!
//! Elsewhere: Pyro r, NumPyro er, TFP cer, PyMC c.

use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// The value itself, without chance: `P(x) = 1` at `value` and 0 elsewhere. Its log density is that
/// mass, 0 or -∞, without a gradient.
///
/// *Event*: entry. *Parameters*: `value` real. *Draws* are the value, with its gradient.
#[derive(Clone, Copy, Debug)]
pub struct Delta<V = f64> {
    /// The value.
    pub value: V,
}

impl<V: Value> Delta<V> {
    /// At this value.
    pub fn new(value: impl Into<V>) -> Self {
        Self { value: value.into() }
    }
}

impl<V: Value> Distribution<V> for Delta<V> {
    const NAME: &'static str = "Delta";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        self.value.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "value", self.value)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        let f = formula!(|x, at| {
            let (x, at) = (x.re(), super::finite_or_nan(at.re()));
            R::of(if x == at {
                0.0
            } else if x.is_nan() || at.is_nan() {
                f64::NAN
            } else {
                f64::NEG_INFINITY
            })
        });
        V::apply_as(terms, f, [x, self.value])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Delta<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        // The noise only gives the shape.
        let f = formula!(|at, u| super::finite_or_nan(at) + u * 0.0);
        V::draw(cx, f, [Draw::Value(self.value), Draw::Uniform(key)], least)
    }
}
impl<V: Value> Reparameterized<V> for Delta<V> {}

impl<V: Value> Moments<V> for Delta<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|at| super::finite_or_nan(at)), [self.value])
    }
    fn variance(&self) -> V {
        V::apply(formula!(|at| super::finite_or_nan(at) * 0.0), [self.value])
    }
}

impl<V: Value> Entropy<V> for Delta<V> {
    /// That of a mass: 0.
    fn entropy(&self) -> V {
        self.variance()
    }
}

/// A step at the value, of what lies below and what from there on; without a gradient.
#[derive(Clone, Copy, Debug)]
struct Step(f64, f64);
impl Formula<2> for Step {
    fn eval<R: Real>(&self, [x, at]: [R; 2]) -> R {
        let nan = x.re().is_nan() || !at.is_finite();
        R::of(if nan {
            f64::NAN
        } else if x < at {
            self.0
        } else {
            self.1
        })
    }
}

impl<V: Value> Cdf<V> for Delta<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(Step(0.0, 1.0), [x, self.value])
    }
    fn sf(&self, x: V) -> V {
        V::apply(Step(1.0, 0.0), [x, self.value])
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(Step(f64::NEG_INFINITY, 0.0), [x, self.value])
    }
    fn log_sf(&self, x: V) -> V {
        V::apply(Step(0.0, f64::NEG_INFINITY), [x, self.value])
    }
    /// The value, for every probability.
    fn quantile(&self, p: V) -> V {
        let f = formula!(|p, at| super::finite_or_nan(at) + super::probability(p) * 0.0);
        V::apply(f, [p, self.value])
    }
}

/// `-ln p(value)` of any distribution of entries: what the value costs under it. A mass has no
/// density, and this counts its own as 1, as Pyro and NumPyro do.
impl<V: Value, P: Distribution<V>> KlDivergence<P> for Delta<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &P, terms: Terms) -> V {
        -p.log_prob_terms(self.mean(), terms)
    }
}

crate::family!(Delta { value } at [0.3]);
