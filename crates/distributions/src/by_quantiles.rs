//! Expectations of a distribution with quantiles, with gradients in its parameters, on any kind of
//! values: sums over nodes of its distribution function.

use crate::distribution::Cdf;
use probity_autodiff::Value;
use std::cell::Cell;
use std::f64::consts::FRAC_PI_2;

/// The step of the rule, and how many of them lie on each side of the median.
const STEP: f64 = 0.0625;
const STEPS: i32 = 52;
/// So many counts are added up one by one.
const COUNTS: f64 = 4096.0;

/// `E g(x)`.
///
/// Of a continuous distribution by the tanh-sinh rule over `P(X <= x)`: 105 quantiles, which
/// converge to the precision of the numbers also where `g` has a logarithm or a root at an end of
/// the support, up to what lies beyond the quantile of `1 - 1e-16`. Of counts a sum of up to 4096
/// terms between the quantile of 1e-17 and somewhat beyond that of `1 - 4e-15`; of more, every
/// n-th.
///
/// *Source*: Takahasi and Mori 1974, "Double exponential formulas for numerical integration".
pub(crate) fn expectation<V: Value, D: Cdf<V>>(d: &D, g: impl Fn(V) -> V) -> V {
    if d.support().is_discrete() {
        return sum_of_counts(d, g);
    }
    let mut sum: Option<V> = None;
    for k in -STEPS..=STEPS {
        let t = STEP * f64::from(k);
        // p = 1 / (1 + e⁻ˢ) with s = π sinh t, and dp = p (1 - p) ds.
        let s = 2.0 * FRAC_PI_2 * t.sinh();
        let (p, rest) = (1.0 / (1.0 + (-s).exp()), 1.0 / (1.0 + s.exp()));
        let weight = STEP * 2.0 * FRAC_PI_2 * t.cosh() * p * rest;
        if p == 1.0 || weight < 1e-18 {
            continue;
        }
        let term = g(d.quantile(V::from(p))) * weight;
        sum = Some(sum.map_or(term, |sum| sum + term));
    }
    sum.unwrap_or(V::from(f64::NAN))
}

/// The largest entry, or the smallest with the other sign; NaN if one is.
fn largest<V: Value>(x: V, sign: f64) -> f64 {
    let most = Cell::new(f64::NEG_INFINITY);
    let nan = x.find(|x| {
        most.set(most.get().max(sign * x));
        x.is_nan()
    });
    nan.unwrap_or(most.get())
}

fn sum_of_counts<V: Value, D: Cdf<V>>(d: &D, g: impl Fn(V) -> V) -> V {
    let low = -largest(d.quantile(V::from(1e-17)), -1.0);
    let high = largest(d.quantile(V::from(1.0 - 16.0 * f64::EPSILON)), 1.0);
    // So much further lies nothing that counts, also of an exponential tail.
    let last = high + 0.15 * (high - low) + 8.0;
    let stride = ((last - low) / COUNTS).ceil().max(1.0);
    if !(low.is_finite() && high.is_finite() && last - stride < last) {
        // With the shape of the parameters, and NaN.
        return d.log_prob(V::from(0.0)) * f64::NAN;
    }
    let mut sum: Option<V> = None;
    let mut k = low;
    while k <= last {
        let x = V::from(k);
        let f = probity_autodiff::formula!(|log, g| {
            if log == f64::NEG_INFINITY { R::zero() } else { log.exp() * g }
        });
        let term = V::apply(f, [d.log_prob(x), g(x)]) * stride;
        sum = Some(sum.map_or(term, |sum| sum + term));
        k += stride;
    }
    sum.unwrap_or(V::from(f64::NAN))
}
