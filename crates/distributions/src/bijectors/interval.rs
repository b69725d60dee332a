//! `x = low + (high - low) sigmoid(u)`: the numbers between two limits.

use super::Bijector;
use probity_autodiff::{Terms, Value, formula};

/// forward `low + (high - low) σ(u)` · inverse `ln((x - low) / (high - x))` · log-det `ln(high - low) + ln σ(u) + ln σ(-u)`.
#[derive(Clone, Copy, Debug)]
pub struct Interval<V> {
    /// The lower limit.
    pub low: V,
    /// The upper limit.
    pub high: V,
}

impl<V: Value> Bijector<V> for Interval<V> {
    #[track_caller]
    fn forward(&self, u: V) -> V {
        // The nearer limit is the base: no value can round beyond it.
        let f = formula!(|u, low, high| {
            let (up, down) = (low + (high - low) * u.sigmoid(), high - (high - low) * (-u).sigmoid());
            if u < 0.0 { up } else { down }
        });
        V::apply(f, [u, self.low, self.high])
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        V::apply(formula!(|x, low, high| (x - low).ln() - (high - x).ln()), [x, self.low, self.high])
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        let f = formula!(|u, low, high| (high - low).ln() + u.log_sigmoid() + (-u).log_sigmoid());
        V::apply_as(terms, f, [u, self.low, self.high])
    }
}
