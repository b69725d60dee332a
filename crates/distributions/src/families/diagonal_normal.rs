//! Normal distribution of rows with independent entries.
//!
//! Elsewhere: TFP er.

use super::common_shape;
use super::linear::per_row;
use super::normal::Normal;
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::ParameterError;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Key, Scalar, Tape, Terms, Value, Var};

/// Rows of independent Normal entries: [`Normal`] with a row, not an entry, as its event.
///
/// *Event*: row. *Parameters*: `loc` real, `scale > 0` (standard deviations), n × d or broadcast to
/// it.
#[derive(Clone, Copy, Debug)]
pub struct DiagonalNormal<V> {
    /// Mean.
    pub loc: V,
    /// Standard deviations.
    pub scale: V,
}

impl<V: Value> DiagonalNormal<V> {
    /// With this mean and these standard deviations.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }

    /// The distribution of the entries.
    pub fn entries(&self) -> Normal<V> {
        Normal { loc: self.loc, scale: self.scale }
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for DiagonalNormal<Var<'t, T>> {
    const NAME: &'static str = "DiagonalNormal";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.loc, self.scale])
    }
    fn fits(&self, value: (usize, usize)) -> bool {
        self.entries().fits(value)
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.entries().check().map_err(|e| ParameterError { family: Self::NAME, ..e })
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        per_row(terms, |each| self.entries().log_prob_terms(x, each))
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for DiagonalNormal<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        self.entries().sample_shaped(tape, key, least)
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for DiagonalNormal<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for DiagonalNormal<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.entries().mean()
    }
    fn variance(&self) -> Var<'t, T> {
        self.entries().variance()
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for DiagonalNormal<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        per_row(Terms::Each, |_| self.entries().entropy())
    }
}

impl<'t, T: Scalar> KlDivergence<DiagonalNormal<Var<'t, T>>> for DiagonalNormal<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &DiagonalNormal<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        per_row(terms, |each| self.entries().kl_terms(&p.entries(), each))
    }
}

crate::laws::matrix_family!(DiagonalNormal<f64> { loc, scale }
    |_, p| DiagonalNormal: DiagonalNormal::new(p[0], p[1]),
    [[[0.3, -2.0, 1.0]], [[0.5, 2.0, 1.0]]]
);
