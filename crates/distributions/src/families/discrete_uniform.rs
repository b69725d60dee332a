//! Uniform distribution on whole numbers.
//!
//! Elsewhere: NumPyro cqe, PyMC cq.

use super::{positive_or_nan, probability};
use crate::by_functions::capabilities;
use crate::distribution::{Draws, Sample};
use crate::error::{ParameterError, require};
use crate::random::rand_draws;
use crate::special::entry_uniform;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(k) = 1 / (high - low + 1)`, `k = low, low + 1, …, high`: both ends belong to it.
///
/// *Event*: entry. *Parameters*: `low <= high`, whole numbers below 2⁵³ in size, without gradients.
#[derive(Clone, Copy, Debug)]
pub struct DiscreteUniform<V = f64> {
    /// The least number.
    pub low: V,
    /// The greatest number.
    pub high: V,
}

impl<V: Value> DiscreteUniform<V> {
    /// From `low` to `high`.
    pub fn new(low: impl Into<V>, high: impl Into<V>) -> Self {
        Self { low: low.into(), high: high.into() }
    }
}

/// Whether all whole numbers up to this one are numbers.
fn exact(x: f64) -> bool {
    x.abs() < 9_007_199_254_740_992.0 && x.fract() == 0.0
}

fn whole<V: Value>(family: &'static str, parameter: &'static str, x: V) -> Result<(), ParameterError> {
    require(family, parameter, x, "a whole number below 2^53 in size", exact)
}

/// The least number and how many there are.
#[inline(always)]
fn range<R: Real>(low: R, high: R) -> (f64, f64) {
    let (low, high) = (low.re(), high.re());
    if exact(low) && exact(high) && low <= high { (low, high - low + 1.0) } else { (f64::NAN, f64::NAN) }
}

#[inline(always)]
fn log_prob<R: Real>(k: R, low: R, high: R) -> R {
    let (low, n) = range(low, high);
    let k = k.re();
    let inside = k >= low && k < low + n && k.fract() == 0.0;
    R::of(if inside || (k + n).is_nan() { -positive_or_nan(n).ln() + k * 0.0 } else { f64::NEG_INFINITY })
}

/// How many numbers are at most `k`, and how many there are.
#[inline(always)]
fn up_to<R: Real>(k: R, low: R, high: R) -> (f64, f64) {
    let (low, n) = range(low, high);
    let k = k.re();
    // A NaN stays, in either.
    let up = (k.floor() - low + 1.0).clamp(0.0, if n > 0.0 { n } else { f64::INFINITY });
    (up, n)
}
fn cdf<R: Real>(k: R, low: R, high: R) -> R {
    let (up, n) = up_to(k, low, high);
    R::of(up / n)
}
fn sf<R: Real>(k: R, low: R, high: R) -> R {
    let (up, n) = up_to(k, low, high);
    R::of((n - up) / n)
}
fn log_cdf<R: Real>(k: R, low: R, high: R) -> R {
    let (up, n) = up_to(k, low, high);
    R::of(if up > 0.5 * n { Real::ln_1p(-(n - up) / n) } else { Real::ln(up / n) })
}
fn log_sf<R: Real>(k: R, low: R, high: R) -> R {
    let (up, n) = up_to(k, low, high);
    R::of(if up < 0.5 * n { Real::ln_1p(-up / n) } else { Real::ln((n - up) / n) })
}
fn quantile<R: Real>(p: R, low: R, high: R) -> R {
    let (low, n) = range(low, high);
    let p = probability(p).re();
    R::of(low + ((p * n).ceil() - 1.0).max(0.0) + p * 0.0)
}

fn mean<R: Real>(low: R, high: R) -> R {
    let (low, n) = range(low, high);
    R::of(low + 0.5 * (n - 1.0))
}
fn variance<R: Real>(low: R, high: R) -> R {
    let n = range(low, high).1;
    R::of((n - 1.0) * (n + 1.0) / 12.0)
}
fn entropy<R: Real>(low: R, high: R) -> R {
    R::of(Real::ln(range(low, high).1))
}

capabilities!(DiscreteUniform { low: whole, high: whole }:
    at [-3.0, 8.0], [2.0, 2.0];
    density log_prob, |_| Support::Integer, check |d| {
        // Equal ends are in order.
        let high = V::apply(formula!(|low, high| if high == low { low + 1.0 } else { high }), [d.low, d.high]);
        super::ordered("DiscreteUniform", d.low, high)
    };
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);

impl<V: Value> Sample<V> for DiscreteUniform<V> {
    /// A quantile of one uniform number of 53 bits.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let [low, high] = [self.low, self.high].map(Draw::Value);
        let f = formula!(|low, high, u, v| quantile(R::of(entry_uniform(u, v)), low, high));
        V::draw(cx, f, [low, high, Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
rand_draws!(DiscreteUniform, |d, rng| Draws::draw(d, rng));
