//! Ordered logistic distribution: categories in an order, by cutpoints.
//!
//! Elsewhere: Pyro, NumPyro e, TFP ce, PyMC.

use super::categorical::{column_at, first_index, tail_place};
use super::{Categorical, finite_or_nan};
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Sample};
use crate::error::{ParameterError, finite};
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Formula, Key, Scalar, Tape, Terms, Value, Var, formula};

/// `P(X <= k) = σ(cₖ - predictor)`, `k = 0, 1, …`: what a number with a logistic distribution
/// around the predictor falls between, of `c` cutpoints that make `c + 1` categories.
///
/// *Event*: row; a value is a column of zero-based indices. *Parameters*: `predictor` (r × 1) real,
/// `cutpoints` (1 × c or r × c) real and increasing ([`Support::ordered`] as latent variables).
///
/// Probabilities are exact logarithms also where two cutpoints are close or far out.
#[derive(Clone, Copy, Debug)]
pub struct OrderedLogistic<V> {
    /// The location of the number behind a category.
    pub predictor: V,
    /// The limits between categories.
    pub cutpoints: V,
}

impl<V: Value> OrderedLogistic<V> {
    /// With this predictor and these cutpoints.
    pub fn new(predictor: impl Into<V>, cutpoints: impl Into<V>) -> Self {
        Self { predictor: predictor.into(), cutpoints: cutpoints.into() }
    }
}

impl<'t, T: Scalar> OrderedLogistic<Var<'t, T>> {
    /// The same distribution by the log probabilities of the categories, r × (c + 1).
    pub fn to_categorical(&self) -> Categorical<Var<'t, T>> {
        let first = formula!(|c, x| (finite_or_nan(c) - finite_or_nan(x)).log_sigmoid());
        let last = formula!(|c, x| (finite_or_nan(x) - finite_or_nan(c)).log_sigmoid());
        // σ(b) - σ(a) = σ(b) σ(-a) (1 - eᵃ⁻ᵇ).
        let between = formula!(|a, b, x| {
            let (a, b, x) = (finite_or_nan(a), finite_or_nan(b), finite_or_nan(x));
            (b - x).log_sigmoid() + (x - a).log_sigmoid() + (b - a).log1mexp()
        });
        categories(self.predictor, self.cutpoints, first, between, last)
    }

    /// The logarithms of the probabilities below and above every cutpoint, with those of none and
    /// of all at the ends, r × (c + 2).
    fn log_tails(&self) -> [Var<'t, T>; 2] {
        let below = formula!(|c, x| (finite_or_nan(c) - finite_or_nan(x)).log_sigmoid());
        let above = formula!(|c, x| (finite_or_nan(x) - finite_or_nan(c)).log_sigmoid());
        tails(self.predictor, self.cutpoints, below, above)
    }
}

/// The logarithms of the tails at cutpoints, between those of none and of all.
pub(super) fn tails<'t, T: Scalar>(
    predictor: Var<'t, T>,
    cutpoints: Var<'t, T>,
    below: impl Formula<2>,
    above: impl Formula<2>,
) -> [Var<'t, T>; 2] {
    let inner = [Var::map(below, [cutpoints, predictor]), Var::map(above, [cutpoints, predictor])];
    // 0 and -∞; NaN for bad parameters.
    let all =
        Var::map(formula!(|x| R::of(if x.re().is_nan() { f64::NAN } else { 0.0 })), [inner[0].cols(0..1)]);
    let none = Var::map(formula!(|x| R::of(x.re() - f64::INFINITY)), [all]);
    [Var::concat_cols(&[none, inner[0], all]), Var::concat_cols(&[all, inner[1], none])]
}

/// The log probabilities of the categories, from those before, between and behind cutpoints.
pub(super) fn categories<'t, T: Scalar>(
    predictor: Var<'t, T>,
    cutpoints: Var<'t, T>,
    first: impl Formula<2>,
    between: impl Formula<3>,
    last: impl Formula<2>,
) -> Categorical<Var<'t, T>> {
    let c = cutpoints.ncols();
    let mut parts = vec![Var::map(first, [cutpoints.cols(0..1), predictor])];
    if c > 1 {
        parts.push(Var::map(between, [cutpoints.cols(0..c - 1), cutpoints.cols(1..c), predictor]));
    }
    parts.push(Var::map(last, [cutpoints.cols(c - 1..c), predictor]));
    Categorical::new(Var::concat_cols(&parts))
}

/// Requires finite predictors, and cutpoints that are finite and increase along each row.
pub(super) fn check<T: Scalar>(
    family: &'static str,
    predictor: Var<'_, T>,
    cutpoints: Var<'_, T>,
) -> Result<(), ParameterError> {
    finite(family, "predictor", predictor)?;
    finite(family, "cutpoints", cutpoints)?;
    let rows = cutpoints.nrows();
    let bad = cutpoints.read(|x| {
        let pairs = x.iter().zip(x.iter().skip(rows));
        pairs.map(|(a, b)| (a.to_f64(), b.to_f64())).find(|(a, b)| b <= a)
    });
    match bad {
        Some((_, got)) => Err(ParameterError { family, parameter: "cutpoints", want: "increasing", got }),
        None => Ok(()),
    }
}

/// The shape of one value: a column, 0 × 0 if rows do not fit or there are no cutpoints.
pub(super) fn shape<T: Scalar>(predictor: Var<'_, T>, cutpoints: Var<'_, T>) -> (usize, usize) {
    let ((r, one), (rows, c)) = (predictor.shape(), cutpoints.shape());
    if one == 1 && c > 0 && (r == rows || r == 1 || rows == 1) { (r.max(rows), 1) } else { (0, 0) }
}

/// The traits of a family that is a Categorical distribution.
macro_rules! as_categorical {
    ($family:ident) => {
        impl<'t, T: Scalar> Distribution<Var<'t, T>> for $family<Var<'t, T>> {
            const NAME: &'static str = stringify!($family);

            fn event(&self) -> Event {
                Event::Row
            }
            fn support(&self) -> Support<Var<'t, T>> {
                Support::Category(self.cutpoints.ncols() + 1)
            }
            fn shape(&self) -> (usize, usize) {
                $crate::families::ordered_logistic::shape(self.predictor, self.cutpoints)
            }
            fn check(&self) -> Result<(), ParameterError> {
                $crate::families::ordered_logistic::check(Self::NAME, self.predictor, self.cutpoints)
            }
            /// An index that is none has the log probability -∞ (NaN for NaN).
            ///
            /// # Panics
            /// If `x` is not a column, or has as many rows as the parameters only if either has
            /// one.
            #[track_caller]
            fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
                self.to_categorical().log_prob_terms(x, terms)
            }
        }

        impl<'t, T: Scalar> Sample<Var<'t, T>> for $family<Var<'t, T>> {
            fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
                self.to_categorical().sample_shaped(tape, key, least)
            }
        }

        /// Of the index of the category: exact in both tails.
        impl<'t, T: Scalar> Cdf<Var<'t, T>> for $family<Var<'t, T>> {
            fn cdf(&self, x: Var<'t, T>) -> Var<'t, T> {
                self.log_cdf(x).exp()
            }
            fn sf(&self, x: Var<'t, T>) -> Var<'t, T> {
                self.log_sf(x).exp()
            }
            #[track_caller]
            fn log_cdf(&self, x: Var<'t, T>) -> Var<'t, T> {
                column_at(self.log_tails()[0], x, tail_place(self.cutpoints.ncols() + 1))
            }
            #[track_caller]
            fn log_sf(&self, x: Var<'t, T>) -> Var<'t, T> {
                column_at(self.log_tails()[1], x, tail_place(self.cutpoints.ncols() + 1))
            }
            /// Without a gradient.
            #[track_caller]
            fn quantile(&self, p: Var<'t, T>) -> Var<'t, T> {
                let c = self.cutpoints.ncols() + 1;
                first_index(self.log_tails()[0].cols(1..c + 1), p)
            }
        }

        /// Of the index of the category.
        impl<'t, T: Scalar> Moments<Var<'t, T>> for $family<Var<'t, T>> {
            fn mean(&self) -> Var<'t, T> {
                self.to_categorical().mean()
            }
            fn variance(&self) -> Var<'t, T> {
                self.to_categorical().variance()
            }
        }

        impl<'t, T: Scalar> Entropy<Var<'t, T>> for $family<Var<'t, T>> {
            fn entropy(&self) -> Var<'t, T> {
                self.to_categorical().entropy()
            }
        }

        impl<'t, T: Scalar> KlDivergence<$family<Var<'t, T>>> for $family<Var<'t, T>> {
            type Value = Var<'t, T>;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$family<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
                self.to_categorical().kl_terms(&p.to_categorical(), terms)
            }
        }
    };
}
pub(super) use as_categorical;

as_categorical!(OrderedLogistic);

crate::laws::matrix_family!(OrderedLogistic<f64> { predictor, cutpoints }
    |_, p| OrderedLogistic: OrderedLogistic::new(p[0], p[1]),
    [[[0.3]], [[-1.0, 0.2, 1.5]]]
);
