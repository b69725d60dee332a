//! `Shaped`: independent copies of a distribution.

use crate::distribution::{Distribution, Event, Moments, Reparameterized, Sample, broadcasts};
use crate::error::ParameterError;
use crate::kl_method::KlMethod;
use crate::support::Support;
use probity_autodiff::{Key, Terms, Value};
use std::fmt::{self, Debug};
use std::marker::PhantomData;

/// A distribution on values of type `V` whose draws have a given shape, by independent copies. Made
/// by [`Distribution::rows`] and [`Distribution::shaped`].
///
/// The type of the values is a parameter, so that it need not be known where a family without
/// parameters is copied.
#[derive(Clone, Copy)]
pub struct Shaped<D, V> {
    base: D,
    rows: usize,
    cols: usize,
    value: PhantomData<V>,
}

impl<D: Debug, V> Debug for Shaped<D, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} × {}", self.base, self.rows, self.cols)
    }
}

impl<D, V> Shaped<D, V> {
    pub(crate) fn new(base: D, rows: usize, cols: usize) -> Self {
        Self { base, rows, cols, value: PhantomData }
    }

    /// The distribution that is copied.
    pub fn base(&self) -> &D {
        &self.base
    }
}

impl<V: Value, D: Distribution<V>> Distribution<V> for Shaped<D, V> {
    const NAME: &'static str = D::NAME;

    fn event(&self) -> Event {
        self.base.event()
    }
    #[inline]
    fn support(&self) -> Support<V> {
        self.base.support()
    }
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }
    fn parameter_shape(&self) -> (usize, usize) {
        self.base.parameter_shape()
    }
    #[inline]
    fn fits(&self, value: (usize, usize)) -> bool {
        self.base.fits(value) && broadcasts(self.shape(), value, Event::Entry)
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.base.check()
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        self.base.log_prob_terms(x, terms)
    }
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        self.base.kl_from_normal(loc, scale, terms)
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        self.base.log_prob_unconstrained(u, terms)
    }
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        self.base.kl_from_unconstrained_normal(loc, scale, terms)
    }
    #[inline]
    fn as_normal(&self) -> Option<(V, V)> {
        self.base.as_normal()
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        self.base.try_sample_shaped(cx, key, (least.0.max(self.rows), least.1.max(self.cols)))
    }
}

impl<V: Value, D: Sample<V>> Sample<V> for Shaped<D, V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        self.base.sample_shaped(cx, key, (least.0.max(self.rows), least.1.max(self.cols)))
    }
}

impl<V: Value, D: Reparameterized<V>> Reparameterized<V> for Shaped<D, V> {}

impl<V: Value, D: Moments<V>> Moments<V> for Shaped<D, V> {
    /// The mean of one copy; it broadcasts.
    fn mean(&self) -> V {
        self.base.mean()
    }
    fn variance(&self) -> V {
        self.base.variance()
    }
}
