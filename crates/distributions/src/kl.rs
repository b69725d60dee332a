//! Kullback-Leibler divergence: closed forms and quadrature by trait, Monte Carlo for any pair.

use crate::distribution::{Distribution, Sample};
pub use crate::kl_method::KlMethod;
use probity_autodiff::{Key, Terms, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// `KL(Self ‖ P)` without sampling error. The implementation stands in the file of the first
/// family.
///
/// KL is in nats, never negative, 0 only for equal distributions, and infinite where `Self` has
/// mass outside the support of `P`.
#[diagnostic::on_unimplemented(
    message = "no exact KL divergence from `{Self}` to `{P}`",
    note = "write `impl KlDivergence<{P}> for {Self}` beside the first family, or estimate it with `kl_monte_carlo`"
)]
pub trait KlDivergence<P> {
    /// The type of the parameters and of the result.
    type Value: Value;
    /// How it is computed.
    const METHOD: KlMethod;

    /// The divergence of every event, or their sum in one pass.
    fn kl_terms(&self, p: &P, terms: Terms) -> Self::Value;

    /// The divergence of every event.
    ///
    /// # Panics
    /// If the parameters do not broadcast.
    #[track_caller]
    fn kl(&self, p: &P) -> Self::Value {
        self.kl_terms(p, Terms::Each)
    }

    /// The sum of the divergences of all events, 1 × 1.
    ///
    /// # Panics
    /// If the parameters do not broadcast.
    #[track_caller]
    fn kl_sum(&self, p: &P) -> Self::Value {
        self.kl_terms(p, Terms::Sum)
    }
}

/// An infinite KL divergence: the first family has mass outside the support of the second. The list
/// has what is NaN for bad parameters.
macro_rules! infinite_kl {
    ($q:ident { $($a:ident),+ } || $p:ident { $($b:ident),+ }, [$($checked:expr),+]) => {
        /// Infinite.
        impl<V: Value> KlDivergence<$p<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                // A product with 0 keeps every NaN.
                let f = formula!(|$($a,)+ $($b),+| ($($checked * 0.0 +)+ R::zero()) + f64::INFINITY);
                V::apply_as(terms, f, [$(self.$a,)+ $(p.$b),+])
            }
        }
    };
}
pub(crate) use infinite_kl;

/// A Monte Carlo mean and its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean; NaN of no draws.
    #[serde(with = "probity_autodiff::serde_float")]
    pub value: f64,
    /// Its standard error; NaN for a single draw or none.
    #[serde(with = "probity_autodiff::serde_float")]
    pub standard_error: f64,
    /// The number of draws.
    pub draws: usize,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ± {:.1e} ({} draws)", self.value, self.standard_error, self.draws)
    }
}

impl Estimate {
    /// The mean of the numbers, with its standard error.
    pub fn of(x: impl IntoIterator<Item = f64>) -> Self {
        // Welford's update: no cancellation for a large mean.
        let (mut n, mut mean, mut squares) = (0usize, 0.0, 0.0);
        for x in x {
            n += 1;
            let d = x - mean;
            // A mean that has become infinite stays so, unless the other infinity meets it.
            let stays = mean == x || mean.is_infinite() && x.is_finite();
            mean = if stays { mean } else { mean + d / n as f64 };
            squares += d * (x - mean);
        }
        let variance = squares / (n as f64 - 1.0);
        let value = if n == 0 { f64::NAN } else { mean };
        Self { value, standard_error: (variance / n as f64).sqrt(), draws: n }
    }
}

/// `KL(q ‖ p)` by `n` draws from `q`, for any pair of distributions on numbers.
///
/// ```
/// use probity_distributions::{kl_monte_carlo, Key, KlDivergence, Normal};
/// let (q, p) = (Normal::new(0.0, 1.0), Normal::new(1.0, 2.0));
/// let estimate = kl_monte_carlo(&q, &p, 10_000, Key::new(1));
/// assert!((estimate.value - q.kl(&p)).abs() < 5.0 * estimate.standard_error);
/// ```
pub fn kl_monte_carlo(q: &impl Sample<f64>, p: &impl Distribution<f64>, n: usize, key: Key) -> Estimate {
    Estimate::of((0..n as u64).map(|i| {
        let x = q.sample((), key.fold_in(i));
        q.log_prob(x) - p.log_prob(x)
    }))
}
