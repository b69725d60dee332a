//! Supports, and the bijectors that carry unconstrained numbers into them.

use crate::bijectors::{Above, Below, Bijector, Exp, Identity, Interval};
use crate::constraints::Mapped;
use probity_autodiff::{Terms, Value};

/// The values for which a distribution has a density (or mass).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Support<V: Value> {
    /// All real numbers, in every entry.
    Real,
    /// Numbers of 0 or more: the density at 0 is a positive number.
    Positive,
    /// Numbers greater than 0: the density at 0 is 0 or infinite.
    StrictlyPositive,
    /// Numbers between two limits.
    Interval(V, V),
    /// Numbers greater than a limit (which may belong to them).
    GreaterThan(V),
    /// Numbers less than a limit (which may belong to them).
    LessThan(V),
    /// 0 or 1.
    Boolean,
    /// 0, 1, 2, ...
    NonNegativeInteger,
    /// ..., -1, 0, 1, ...
    Integer,
    /// 0, 1, ..., n - 1.
    Category(usize),
    /// A support by its map, such as the simplex ([`Support::simplex`]), or a user's own
    /// ([`Support::own`]).
    Mapped(Mapped<V>),
}

impl<V: Value> Support<V> {
    /// Whether values are counted, not measured: no density, no bijector, no gradient.
    pub fn is_discrete(&self) -> bool {
        matches!(
            self,
            Support::Boolean | Support::NonNegativeInteger | Support::Integer | Support::Category(_)
        )
    }

    /// Whether a number lies in the support of the entry that `limits` (for an interval) belong to.
    pub fn contains(&self, x: f64) -> bool
    where
        V: Into<f64>,
    {
        match *self {
            Support::Real => x.is_finite(),
            Support::Positive => (0.0..f64::INFINITY).contains(&x),
            Support::StrictlyPositive => x > 0.0 && x < f64::INFINITY,
            Support::Interval(low, high) => low.into() <= x && x <= high.into(),
            Support::GreaterThan(low) => low.into() <= x && x < f64::INFINITY,
            Support::LessThan(high) => f64::NEG_INFINITY < x && x <= high.into(),
            Support::Boolean => x == 0.0 || x == 1.0,
            Support::NonNegativeInteger => (0.0..f64::INFINITY).contains(&x) && x.fract() == 0.0,
            Support::Integer => x.is_finite() && x.fract() == 0.0,
            Support::Category(n) => x >= 0.0 && x < n as f64 && x.fract() == 0.0,
            Support::Mapped(m) => {
                let limits: [f64; 2] = m.limits().map(V::into);
                m.outside(&[x], (1, 1), &|k, _| limits[k]).is_none()
            }
        }
    }

    /// Rows and columns of the unconstrained numbers behind a value of this shape; none if the
    /// support has no such values, or no bijector.
    pub fn unconstrained_shape(&self, value: (usize, usize)) -> Option<(usize, usize)> {
        match self {
            Support::Mapped(m) => m.unconstrained_shape(value),
            _ => (!self.is_discrete()).then_some(value),
        }
    }

    /// The limits of the support that are parameters of their own.
    pub fn limits(&self) -> impl Iterator<Item = V> {
        let (a, b) = match *self {
            Support::Interval(low, high) => (Some(low), Some(high)),
            Support::GreaterThan(limit) | Support::LessThan(limit) => (Some(limit), None),
            Support::Mapped(m) => (Some(m.limits()[0]), Some(m.limits()[1])),
            _ => (None, None),
        };
        a.into_iter().chain(b)
    }

    /// The value in the support for an unconstrained `u`; none for a discrete support.
    pub fn constrain(&self, u: V) -> Option<V> {
        Some(match *self {
            Support::Real => Identity.forward(u),
            Support::Positive | Support::StrictlyPositive => Exp.forward(u),
            Support::Interval(low, high) => Interval { low, high }.forward(u),
            Support::GreaterThan(low) => Above { low }.forward(u),
            Support::LessThan(high) => Below { high }.forward(u),
            Support::Mapped(m) => m.constrain(u),
            _ => return None,
        })
    }

    /// The unconstrained `u` for a value in the support; none for a discrete support.
    pub fn unconstrain(&self, x: V) -> Option<V> {
        Some(match *self {
            Support::Real => Identity.inverse(x),
            Support::Positive | Support::StrictlyPositive => Exp.inverse(x),
            Support::Interval(low, high) => Interval { low, high }.inverse(x),
            Support::GreaterThan(low) => Above { low }.inverse(x),
            Support::LessThan(high) => Below { high }.inverse(x),
            Support::Mapped(m) => m.unconstrain(x),
            _ => return None,
        })
    }

    /// `ln |dx/du|` of every event at `u`; none where it is 0 everywhere (the real line) or there
    /// is no bijector.
    pub fn log_det(&self, u: V, terms: Terms) -> Option<V> {
        match *self {
            Support::Positive | Support::StrictlyPositive => Some(Exp.log_det(u, terms)),
            Support::Interval(low, high) => Some(Interval { low, high }.log_det(u, terms)),
            Support::GreaterThan(low) => Some(Above { low }.log_det(u, terms)),
            Support::LessThan(high) => Some(Below { high }.log_det(u, terms)),
            Support::Mapped(m) => Some(m.log_det(u, terms)),
            _ => None,
        }
    }
}
