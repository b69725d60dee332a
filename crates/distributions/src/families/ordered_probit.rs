//! Ordered probit distribution: categories in an order, by cutpoints of a Normal.
//!
//! Elsewhere: PyMC.

use super::categorical::{column_at, first_index, tail_place};
use super::normal::HALF_LN_TAU;
use super::ordered_logistic::{as_categorical, categories, tails};
use super::truncated_normal::mass;
use super::{Categorical, finite_or_nan};
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Sample};
use crate::error::ParameterError;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Key, Real, Scalar, Tape, Terms, Value, Var, formula};

/// `P(X <= k) = Φ(cₖ - predictor)`, `k = 0, 1, …`: what a number with a Normal distribution of
/// deviation 1 around the predictor falls between, of `c` cutpoints that make `c + 1` categories.
///
/// *Event*: row; a value is a column of zero-based indices. *Parameters*: `predictor` (r × 1) real,
/// `cutpoints` (1 × c or r × c) real and increasing.
#[derive(Clone, Copy, Debug)]
pub struct OrderedProbit<V> {
    /// The location of the number behind a category.
    pub predictor: V,
    /// The limits between categories.
    pub cutpoints: V,
}

impl<V: Value> OrderedProbit<V> {
    /// With this predictor and these cutpoints.
    pub fn new(predictor: impl Into<V>, cutpoints: impl Into<V>) -> Self {
        Self { predictor: predictor.into(), cutpoints: cutpoints.into() }
    }
}

impl<'t, T: Scalar> OrderedProbit<Var<'t, T>> {
    /// The same distribution by the log probabilities of the categories, r × (c + 1).
    pub fn to_categorical(&self) -> Categorical<Var<'t, T>> {
        let first = formula!(|c, x| (finite_or_nan(c) - finite_or_nan(x)).log_ndtr());
        let last = formula!(|c, x| (finite_or_nan(x) - finite_or_nan(c)).log_ndtr());
        let between = formula!(|a, b, x| {
            let (a, b, x) = (finite_or_nan(a).widen(), finite_or_nan(b).widen(), finite_or_nan(x).widen());
            let (mass, c) = mass(a - x, b - x, b - a);
            R::narrow(mass.ln() - c * c * 0.5 - HALF_LN_TAU)
        });
        categories(self.predictor, self.cutpoints, first, between, last)
    }

    /// The logarithms of the probabilities below and above every cutpoint, with those of none and
    /// of all at the ends, r × (c + 2).
    fn log_tails(&self) -> [Var<'t, T>; 2] {
        let below = formula!(|c, x| (finite_or_nan(c) - finite_or_nan(x)).log_ndtr());
        let above = formula!(|c, x| (finite_or_nan(x) - finite_or_nan(c)).log_ndtr());
        tails(self.predictor, self.cutpoints, below, above)
    }
}

as_categorical!(OrderedProbit);

crate::laws::matrix_family!(OrderedProbit<f64> { predictor, cutpoints }
    |_, p| OrderedProbit: OrderedProbit::new(p[0], p[1]),
    [[[0.3]], [[-1.0, 0.2, 1.5]]]
);
