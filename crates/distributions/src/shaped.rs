//! `Shaped`: independent copies of a distribution.

use crate::distribution::{Distribution, Event, Moments, Reparameterized, Sample};
use crate::error::ParameterError;
use crate::kl::KlMethod;
use crate::support::Support;
use probity_autodiff::{Key, Terms, Value};

/// A distribution whose draws have a given shape, by independent copies. Made by [`Distribution::rows`] and
/// [`Distribution::shaped`].
#[derive(Clone, Copy, Debug)]
pub struct Shaped<D> {
    base: D,
    rows: usize,
    cols: usize,
}

impl<D> Shaped<D> {
    pub(crate) fn new(base: D, rows: usize, cols: usize) -> Self {
        Self { base, rows, cols }
    }

    /// The distribution that is copied.
    pub fn base(&self) -> &D {
        &self.base
    }
}

impl<V: Value, D: Distribution<V>> Distribution<V> for Shaped<D> {
    const NAME: &'static str = D::NAME;

    fn event(&self) -> Event {
        self.base.event()
    }
    fn support(&self) -> Support<V> {
        self.base.support()
    }
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
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
    fn as_normal(&self) -> Option<(V, V)> {
        self.base.as_normal()
    }
}

impl<V: Value, D: Sample<V>> Sample<V> for Shaped<D> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        self.base.sample_shaped(cx, key, (least.0.max(self.rows), least.1.max(self.cols)))
    }
}

impl<V: Value, D: Reparameterized<V>> Reparameterized<V> for Shaped<D> {}

impl<V: Value, D: Moments<V>> Moments<V> for Shaped<D> {
    /// The mean of one copy; it broadcasts.
    fn mean(&self) -> V {
        self.base.mean()
    }
    fn variance(&self) -> V {
        self.base.variance()
    }
}
