//! Divergences, cross-entropies and entropies of any distributions on numbers, by quadrature and
//! sums.

use crate::distribution::{Distribution, Sample};
use crate::laws::Pieces;
use crate::support::Support;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;

/// An integral over a one-dimensional distribution, or a sum over its counts, with an estimate of
/// its error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integral {
    /// The value.
    #[serde(with = "probity_autodiff::serde_float")]
    pub value: f64,
    /// An estimate of the absolute error: the difference from the same integral over coarser
    /// pieces, what the mass of the distribution misses of 1, a bound of what counts beyond the
    /// last of a sum add, and rounding.
    #[serde(with = "probity_autodiff::serde_float")]
    pub error: f64,
}

impl fmt::Display for Integral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6} ± {:.0e} (quadrature)", self.value, self.error)
    }
}

/// `E g(x)` under `d`, where there is mass; infinite as soon as `g` is infinite at a node with
/// mass.
fn expectation<D: Sample<f64>>(d: &D, g: impl Fn(f64) -> f64) -> Integral {
    if d.check().is_err() {
        return Integral { value: f64::NAN, error: f64::NAN };
    }
    let pieces = Pieces::of(d);
    // An infinite number at one node is the result, and would keep the halving of intervals from
    // ending.
    let infinite = Cell::new(false);
    let g = |x| {
        let y = g(x);
        infinite.set(infinite.get() || y == f64::INFINITY && !pieces.ends_at(x));
        if y.is_infinite() { 0.0 } else { y }
    };
    // With 1 more, of which intervals need not agree in what is only rounding: of nearly equal
    // distributions that is all there is, and halving would not end.
    let more = |x| 1.0 + g(x);
    let mass = pieces.expectation(d, |_| 1.0);
    let value = pieces.expectation(d, more) - mass;
    if infinite.get() {
        return Integral { value: f64::INFINITY, error: 0.0 };
    }
    let coarse = pieces.coarser().expectation(d, more) - mass;
    let scale = 1.0 + value.abs();
    let error = (value - coarse).abs() + (mass - 1.0).abs() * scale + 16.0 * f64::EPSILON * scale;
    Integral { value, error: error + beyond_last_count(d, &pieces, g) }
}

/// A bound of `Σ p(k) |g(k)|` over the counts after the last that was added up, where ratios of
/// successive masses do not rise any more and `g` moves in steps that do not grow: two geometric
/// series. 0 for other distributions.
fn beyond_last_count<D: Sample<f64>>(d: &D, pieces: &Pieces, g: impl Fn(f64) -> f64) -> f64 {
    let (Support::NonNegativeInteger, Some(last)) = (d.support(), pieces.last()) else { return 0.0 };
    let (mass, before) = (d.log_prob(last).exp(), d.log_prob(last - 1.0).exp());
    let (ratio, height) = (mass / before, g(last));
    let step = height - g(last - 1.0);
    if mass == 0.0 {
        return 0.0;
    }
    mass * ratio / (1.0 - ratio).max(0.0) * (height.abs() + step.abs() / (1.0 - ratio).max(0.0))
}

/// `KL(q ‖ p)` for any pair of distributions on numbers, by adaptive Gauss-Legendre quadrature on
/// the pieces between quantiles of `q` and their tails, or by the sum over the counts: a family of
/// a user's own has its divergences at once. Infinite where `q` has mass outside the support of
/// `p`; NaN for bad parameters.
///
/// It has no gradient. A pair with a closed form is computed faster by
/// [`KlDivergence`](crate::KlDivergence), and models use that.
///
/// ```
/// use probity_distributions::{Gumbel, KlDivergence, Logistic, kl_quadrature};
/// let kl = kl_quadrature(&Gumbel::new(0.0, 1.0), &Gumbel::new(0.5, 1.5));
/// let closed: f64 = Gumbel::new(0.0, 1.0).kl(&Gumbel::new(0.5, 1.5));
/// assert!((kl.value - closed).abs() < 1e-10);
/// // Without a closed form.
/// let kl = kl_quadrature(&Logistic::new(0.0, 1.0), &Gumbel::new(0.0, 1.0));
/// assert!(kl.value > 0.0 && kl.error < 1e-8);
/// ```
pub fn kl_quadrature(q: &impl Sample<f64>, p: &impl Distribution<f64>) -> Integral {
    if p.check().is_err() {
        return Integral { value: f64::NAN, error: f64::NAN };
    }
    let kl = expectation(q, |x| q.log_prob(x) - p.log_prob(x));
    // Rounding may take a small one below 0.
    Integral { value: if kl.value < 0.0 { 0.0 } else { kl.value }, ..kl }
}

/// The cross-entropy `-E ln p(x)`, `x` from `q`, likewise.
pub fn cross_entropy_quadrature(q: &impl Sample<f64>, p: &impl Distribution<f64>) -> Integral {
    if p.check().is_err() {
        return Integral { value: f64::NAN, error: f64::NAN };
    }
    expectation(q, |x| -p.log_prob(x))
}

/// The entropy `-E ln q(x)`, likewise.
pub fn entropy_quadrature(q: &impl Sample<f64>) -> Integral {
    expectation(q, |x| -q.log_prob(x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Geometric, Normal, Poisson};

    /// For a mass that falls by a constant factor and a function that moves in constant steps the
    /// bound is the sum itself.
    #[test]
    fn the_bound_of_the_counts_beyond_the_last_is_their_sum() {
        let pieces = Pieces::of(&Geometric::new(0.5));
        let last = pieces.last().unwrap();
        let (d, g) = (Geometric::new(0.05), |k: f64| 0.5 * k - 3.0);
        let summed = |k: f64| if k <= last { g(k) } else { panic!("{k} is beyond the last") };
        let bound = beyond_last_count(&d, &pieces, summed);
        let want: f64 = (1..2000).map(|i| last + f64::from(i)).map(|k| d.log_prob(k).exp() * g(k)).sum();
        assert!((bound / want - 1.0).abs() < 1e-11, "{bound:e} {want:e}");
        // Signs do not cancel.
        assert!((beyond_last_count(&d, &pieces, |k| 3.0 - 0.5 * k) / want - 1.0).abs() < 1e-11);
        // Nothing is known where the mass still rises, and nothing is left where there is none.
        assert_eq!(beyond_last_count(&Poisson::new(1e3), &pieces, g), f64::INFINITY);
        assert_eq!(beyond_last_count(&Poisson::new(1e-3), &pieces, g), 0.0);
        assert_eq!(beyond_last_count(&Normal::new(0.0, 1e3), &pieces, g), 0.0);
    }
}
