//! Categorical distribution of one-hot rows.
//!
//! Elsewhere: torch e, Pyro e, TFP e.

use super::Categorical;
use super::categorical::total;
use crate::distribution::{Distribution, Entropy, Event, Moments, Sample};
use crate::error::ParameterError;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Axis, Key, Scalar, Tape, Terms, Value, Var, formula};

/// A 1 in column `k` with probability `softmax(logits)ₖ`, 0 in all others: [`Categorical`] with
/// rows in the place of indices.
///
/// *Event*: row. *Parameters*: `logits` (r × c) real or -∞, defined up to a constant in each row.
/// Draws have no gradient, but [`sample_straight_through`] has one.
///
/// [`sample_straight_through`]: OneHotCategorical::sample_straight_through
#[derive(Clone, Copy, Debug)]
pub struct OneHotCategorical<V> {
    /// Unnormalised log probabilities.
    pub logits: V,
}

impl<V: Value> OneHotCategorical<V> {
    /// With these unnormalised log probabilities.
    pub fn new(logits: impl Into<V>) -> Self {
        Self { logits: logits.into() }
    }

    /// The distribution of the index.
    pub fn index(&self) -> Categorical<V> {
        Categorical { logits: self.logits }
    }
}

/// The rows with a 1 in the column of each index (NaN where that is none), n × cols.
pub(super) fn one_hot<'t, T: Scalar>(tape: &'t Tape<T>, index: Var<'t, T>, cols: usize) -> Var<'t, T> {
    let index: Vec<f64> = index.read(|x| x.iter().map(|x| x.to_f64()).collect());
    let n = index.len();
    tape.constant_with(n, cols, |to| {
        for (i, k) in index.into_iter().enumerate() {
            let entry = |j: usize| if k.is_nan() { k } else { f64::from(u8::from(k == j as f64)) };
            (0..cols).for_each(|j| to[i + j * n] = T::from_f64(entry(j)));
        }
    })
}

impl<'t, T: Scalar> OneHotCategorical<Var<'t, T>> {
    /// A draw of at least this many rows whose gradient is that of the probabilities: biased, but
    /// of low variance.
    ///
    /// Source: Bengio, Léonard and Courville 2013, "Estimating or propagating gradients through
    /// stochastic neurons for conditional computation" (straight-through estimator).
    pub fn sample_straight_through(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let probs = self.logits.softmax();
        self.sample_shaped(tape, key, least) + (probs - probs.detach())
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for OneHotCategorical<Var<'t, T>> {
    const NAME: &'static str = "OneHotCategorical";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        self.logits.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.index().check().map_err(|e| ParameterError { family: Self::NAME, ..e })
    }
    /// `-∞` for rows that are not one 1 among zeros.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let each = formula!(|x, l| {
            let (x, none) = (R::of(x.re()), R::of(f64::NEG_INFINITY));
            let nan = x.re().is_nan();
            if nan {
                x
            } else if x == 1.0 {
                l
            } else if x == 0.0 {
                // A NaN of the logits stays.
                R::of(if l.re().is_nan() { f64::NAN } else { 0.0 })
            } else {
                none
            }
        });
        let each = Var::map(each, [x, self.logits.log_softmax()]).sum_axis(Axis::Cols);
        let f = formula!(|each, sum| {
            let one = sum == 1.0 || sum.re().is_nan();
            if one { each } else { R::of(each.re() * 0.0 - f64::INFINITY) }
        });
        total(Var::map(f, [each, x.detach().sum_axis(Axis::Cols)]), terms)
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for OneHotCategorical<Var<'t, T>> {
    /// The draws of the index.
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        one_hot(tape, self.index().sample_shaped(tape, key, least), self.logits.ncols())
    }
}

impl<'t, T: Scalar> Moments<Var<'t, T>> for OneHotCategorical<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.logits.softmax()
    }
    /// Of every entry.
    fn variance(&self) -> Var<'t, T> {
        Var::map(formula!(|log_p| log_p.exp() * -log_p.exp_m1()), [self.logits.log_softmax()])
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for OneHotCategorical<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        self.index().entropy()
    }
}

impl<'t, T: Scalar> KlDivergence<OneHotCategorical<Var<'t, T>>> for OneHotCategorical<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &OneHotCategorical<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        self.index().kl_terms(&p.index(), terms)
    }
}

crate::laws::matrix_family!(OneHotCategorical<f64> { logits }
    |_, p| OneHotCategorical: OneHotCategorical::new(p[0]),
    [[[0.3, -1.0, 2.0]]]
);
