//! The flat prior: a constant density on a part of the real line.
//!
//! Elsewhere: Pyro, NumPyro, PyMC c.

use super::{common_shape, finite_or_nan, infinite, ordered};
use crate::distribution::Distribution;
use crate::error::{ParameterError, finite};
use crate::support::Support;
use probity_autodiff::{Formula, Real, Terms, Value, formula};

/// `p(x) ∝ 1` on all real numbers, on a half-line, or between two limits: log density 0 there, `-∞`
/// outside.
///
/// Without a limit on either side it is improper: it is a prior whose density has no integral, so
/// that it cannot be [sampled](crate::Sample), has no divergence by itself, and an ELBO with it is
/// only defined up to a constant. The posterior may be proper all the same. Between two limits it
/// is a [`Uniform`](crate::Uniform) without its constant.
///
/// *Event*: entry. *Parameters*: finite limits, `low < high`.
///
/// ```
/// use probity_distributions::{Distribution, Flat};
/// assert_eq!(Flat::positive().log_prob(3.0), 0.0);
/// assert_eq!(Flat::above(1.0).log_prob(0.5), f64::NEG_INFINITY);
/// assert_eq!(Flat::real().rows(8).log_prob_sum(-1e300), 0.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Flat<V = f64>(Limits<V>);

#[derive(Clone, Copy, Debug)]
enum Limits<V> {
    None,
    Positive,
    Above(V),
    Below(V),
    Between(V, V),
}

impl<V: Value> Flat<V> {
    /// On all real numbers.
    pub fn real() -> Self {
        Self(Limits::None)
    }

    /// On the positive numbers.
    pub fn positive() -> Self {
        Self(Limits::Positive)
    }

    /// On the numbers greater than this.
    pub fn above(low: impl Into<V>) -> Self {
        Self(Limits::Above(low.into()))
    }

    /// On the numbers less than this.
    pub fn below(high: impl Into<V>) -> Self {
        Self(Limits::Below(high.into()))
    }

    /// Between these limits.
    pub fn between(low: impl Into<V>, high: impl Into<V>) -> Self {
        Self(Limits::Between(low.into(), high.into()))
    }
}

/// 0 where `gap`, which is positive inside the support, is not negative, `-∞` elsewhere and at
/// infinity, NaN for NaN.
#[inline(always)]
fn inside<R: Real>(gap: R) -> R {
    if gap < 0.0 || infinite(gap) { R::of(f64::NEG_INFINITY) } else { gap * 0.0 }
}

/// By the signs of the distances from both limits, scaled to be finite.
#[derive(Clone, Copy, Debug)]
struct Between;
impl Formula<3> for Between {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, low, high]: [R; 3]) -> R {
        let (low, high) = (finite_or_nan(low), finite_or_nan(high));
        let (a, b) = (inside(x * 0.5 - low * 0.5), inside(high * 0.5 - x * 0.5));
        let empty = R::of(f64::NAN);
        if low < high { a + b } else { empty }
    }
    fn name(&self) -> &'static str {
        "FlatLogProb"
    }
}

impl<V: Value> Distribution<V> for Flat<V> {
    const NAME: &'static str = "Flat";

    fn support(&self) -> Support<V> {
        match self.0 {
            Limits::None => Support::Real,
            Limits::Positive => Support::Positive,
            Limits::Above(low) => Support::GreaterThan(low),
            Limits::Below(high) => Support::LessThan(high),
            Limits::Between(low, high) => Support::Interval(low, high),
        }
    }
    fn shape(&self) -> (usize, usize) {
        match self.0 {
            Limits::None | Limits::Positive => (1, 1),
            Limits::Above(limit) | Limits::Below(limit) => common_shape(&[limit]),
            Limits::Between(low, high) => common_shape(&[low, high]),
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        match self.0 {
            Limits::None | Limits::Positive => Ok(()),
            Limits::Above(low) => finite(Self::NAME, "low", low),
            Limits::Below(high) => finite(Self::NAME, "high", high),
            Limits::Between(low, high) => {
                finite(Self::NAME, "low", low)?;
                finite(Self::NAME, "high", high)?;
                ordered(Self::NAME, low, high)
            }
        }
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        match self.0 {
            Limits::None => V::apply_as(terms, formula!(|x| inside(x.abs())), [x]),
            Limits::Positive => V::apply_as(terms, formula!(|x| inside(x)), [x]),
            Limits::Above(low) => {
                V::apply_as(terms, formula!(|x, a| inside(x * 0.5 - finite_or_nan(a) * 0.5)), [x, low])
            }
            Limits::Below(high) => {
                V::apply_as(terms, formula!(|x, b| inside(finite_or_nan(b) * 0.5 - x * 0.5)), [x, high])
            }
            Limits::Between(low, high) => V::apply_as(terms, Between, [x, low, high]),
        }
    }
}
