//! `x = u`: the real line.

use super::Bijector;
use probity_autodiff::{Terms, Value, formula};

/// forward `u` · inverse `x` · log-det 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Identity;

impl<V: Value> Bijector<V> for Identity {
    fn forward(&self, u: V) -> V {
        u
    }
    fn inverse(&self, x: V) -> V {
        x
    }
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(f64 | u | u * 0.0), [u])
    }
}
