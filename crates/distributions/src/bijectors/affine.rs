//! `x = loc + scale u`: shifted and stretched.

use super::Bijector;
use probity_autodiff::{Terms, Value, formula};

/// forward `loc + scale u` · inverse `(x - loc) / scale` · log-det `ln |scale|`. The scale may be
/// negative, not 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine<V> {
    /// What 0 becomes.
    pub loc: V,
    /// The slope.
    pub scale: V,
}

impl<V: Value> Bijector<V> for Affine<V> {
    #[track_caller]
    fn forward(&self, u: V) -> V {
        V::apply(formula!(|u, loc, scale| loc + scale * u), [u, self.loc, self.scale])
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| (x - loc) / scale), [x, self.loc, self.scale])
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply_as(
            terms,
            formula!(|u, loc, scale| (u + loc) * 0.0 + scale.abs().ln()),
            [u, self.loc, self.scale],
        )
    }
}
