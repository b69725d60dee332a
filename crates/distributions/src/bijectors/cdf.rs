//! `x = P(X <= u)`: the numbers between 0 and 1 by a distribution function.

use super::Bijector;
use crate::distribution::Cdf;
use probity_autodiff::{Terms, Value};

/// forward the distribution function · inverse the quantile · log-det the log density: from the
/// support of any continuous family with a distribution function onto the numbers between 0 and 1.
/// Turned round ([`Inverse`](super::Inverse)) it makes a draw of a uniform number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CdfOf<D>(
    /// The distribution.
    pub D,
);

impl<V: Value, D: Cdf<V>> Bijector<V> for CdfOf<D> {
    #[track_caller]
    fn forward(&self, u: V) -> V {
        self.0.cdf(u)
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        self.0.quantile(x)
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        self.0.log_prob_terms(u, terms)
    }
}
