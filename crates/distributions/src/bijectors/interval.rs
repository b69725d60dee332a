//! `x = low + (high - low) sigmoid(u)`: the numbers between two limits.

use super::Bijector;
use probity_autodiff::{Real, Terms, Value, formula};

/// forward `low + (high - low) σ(u)` · inverse `ln((x - low) / (high - x))` · log-det
/// `ln(high - low) + ln σ(u) + ln σ(-u)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval<V> {
    /// The lower limit.
    pub low: V,
    /// The upper limit.
    pub high: V,
}

/// The part of the limits' distance that does not overflow: 1 or ½.
#[inline(always)]
fn part<R: Real>(low: R, high: R) -> f64 {
    if high - low < f64::INFINITY { 1.0 } else { 0.5 }
}

impl<V: Value> Bijector<V> for Interval<V> {
    #[track_caller]
    fn forward(&self, u: V) -> V {
        // The nearer limit is the base: no value can round beyond it.
        let f = formula!(
            f64 | u,
            low,
            high | {
                let part = part(low, high);
                let width = high * part - low * part;
                let (up, down) = (low + width * u.sigmoid() / part, high - width * (-u).sigmoid() / part);
                if u < 0.0 { up } else { down }
            }
        );
        V::apply(f, [u, self.low, self.high])
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        let f = formula!(
            f64 | x,
            low,
            high | {
                let part = part(low, high);
                (x * part - low * part).ln() - (high * part - x * part).ln()
            }
        );
        V::apply(f, [x, self.low, self.high])
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        let f = formula!(
            f64 | u,
            low,
            high | {
                let part = part(low, high);
                (high * part - low * part).ln() + u.log_sigmoid() + (-u).log_sigmoid() - f64::ln(part)
            }
        );
        V::apply_as(terms, f, [u, self.low, self.high])
    }
}
