//! All mass at one point.

use crate::distribution::{Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::support::Support;
use probity_autodiff::{Draw, Key, Terms, Value, formula};

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

crate::family!(Delta { value });
