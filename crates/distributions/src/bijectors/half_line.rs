//! `x = low + eᵘ` and `x = high - eᵘ`: the numbers on one side of a limit.

use super::Bijector;
use probity_autodiff::{Terms, Value, formula};

/// forward `low + eᵘ` · inverse `ln(x - low)` · log-det `u`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Above<V> {
    /// The lower limit.
    pub low: V,
}

/// forward `high - eᵘ` · inverse `ln(high - x)` · log-det `u`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Below<V> {
    /// The upper limit.
    pub high: V,
}

impl<V: Value> Bijector<V> for Above<V> {
    #[track_caller]
    fn forward(&self, u: V) -> V {
        V::apply(formula!(f64 | u, low | low + u.exp()), [u, self.low])
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        V::apply(formula!(f64 | x, low | (x - low).ln()), [x, self.low])
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(f64 | u, low | u + low * 0.0), [u, self.low])
    }
}

impl<V: Value> Bijector<V> for Below<V> {
    #[track_caller]
    fn forward(&self, u: V) -> V {
        V::apply(formula!(f64 | u, high | high - u.exp()), [u, self.high])
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        V::apply(formula!(f64 | x, high | (high - x).ln()), [x, self.high])
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(f64 | u, high | u + high * 0.0), [u, self.high])
    }
}
