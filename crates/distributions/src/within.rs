//! `Within`: a distribution on a part of its values.

use crate::distribution::{Distribution, Event};
use crate::error::ParameterError;
use crate::support::Support;
use probity_autodiff::{Axis, Scalar, Terms, Value, Var};

/// The density of a distribution on a smaller support, up to a constant. Made by
/// [`Distribution::within`].
///
/// The constant is the probability of the support, which is not computed: it does not depend on the
/// values, but it may depend on parameters. Where these are latent variables themselves, their
/// posterior misses it (as in Stan, where a constrained parameter with any density is just this).
///
/// *Event*: that of the support, or of the distribution, if this is larger.
#[derive(Clone, Copy, Debug)]
pub struct Within<D, V: Value> {
    base: D,
    support: Support<V>,
}

impl<D, V: Value> Within<D, V> {
    pub(crate) fn new(base: D, support: Support<V>) -> Self {
        Self { base, support }
    }

    /// The distribution whose density it is.
    pub fn base(&self) -> &D {
        &self.base
    }
}

impl<'t, T: Scalar, D: Distribution<Var<'t, T>>> Distribution<Var<'t, T>> for Within<D, Var<'t, T>> {
    const NAME: &'static str = D::NAME;

    fn event(&self) -> Event {
        let of_support = match &self.support {
            Support::Mapped(map) => map.event,
            _ => Event::Entry,
        };
        match (self.base.event(), of_support) {
            (Event::Matrix, _) | (_, Event::Matrix) => Event::Matrix,
            (Event::Row, _) | (_, Event::Row) => Event::Row,
            _ => Event::Entry,
        }
    }
    fn support(&self) -> Support<Var<'t, T>> {
        self.support
    }
    fn shape(&self) -> (usize, usize) {
        self.base.shape()
    }
    fn parameter_shape(&self) -> (usize, usize) {
        self.base.parameter_shape()
    }
    fn fits(&self, value: (usize, usize)) -> bool {
        self.base.fits(value) && (self.event() != Event::Matrix || value == self.shape())
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.base.check()
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let inner = self.base.log_prob_terms(x, terms);
        match (terms, self.event()) {
            (Terms::Each, Event::Row) => inner.sum_axis(Axis::Cols),
            (Terms::Each, Event::Matrix) => inner.sum(),
            _ => inner,
        }
    }
}
