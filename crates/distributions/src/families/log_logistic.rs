//! Log-logistic distribution on the positive numbers.
//!
//! Elsewhere: TFP cqer.

use super::{clamped, infinite, ln_ratio, positive_or_nan, probability};
use crate::by_functions::capabilities;
use crate::error::positive;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::PI;

/// `P(X <= x) = 1 / (1 + (x / scale)^-k)` with `k` the concentration, `x > 0`: the exponential of a
/// logistic variable.
///
/// *Event*: entry. *Parameters*: `concentration > 0` (the exponent of both tails), `scale > 0` (the
/// median).
#[derive(Clone, Copy, Debug)]
pub struct LogLogistic<V = f64> {
    /// The exponent of both tails.
    pub concentration: V,
    /// Scale: the median.
    pub scale: V,
}

impl<V: Value> LogLogistic<V> {
    /// With this exponent of the tails and median.
    pub fn new(concentration: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { concentration: concentration.into(), scale: scale.into() }
    }
}

/// `k ln(x / scale)`, a standard logistic number.
#[inline(always)]
fn reduced<R: Real>(x: R, k: R, scale: R) -> R {
    positive_or_nan(k) * ln_ratio(clamped(x), positive_or_nan(scale))
}

#[inline(always)]
fn log_prob<R: Real>(x: R, k: R, scale: R) -> R {
    let outside = positive_or_nan(k) * 0.0 + positive_or_nan(scale) * 0.0 - f64::INFINITY;
    let y = reduced(x, k, scale);
    let inside = k.ln() - x.ln() + y.log_sigmoid() + (-y).log_sigmoid();
    if x <= 0.0 || infinite(x) { outside } else { inside }
}
#[inline(always)]
fn log_prob_of_log<R: Real>(u: R, k: R, scale: R) -> R {
    let y = positive_or_nan(k) * (u - positive_or_nan(scale).ln());
    k.ln() + y.log_sigmoid() + (-y).log_sigmoid()
}

fn cdf<R: Real>(x: R, k: R, scale: R) -> R {
    reduced(x, k, scale).sigmoid()
}
fn sf<R: Real>(x: R, k: R, scale: R) -> R {
    (-reduced(x, k, scale)).sigmoid()
}
fn log_cdf<R: Real>(x: R, k: R, scale: R) -> R {
    reduced(x, k, scale).log_sigmoid()
}
fn log_sf<R: Real>(x: R, k: R, scale: R) -> R {
    (-reduced(x, k, scale)).log_sigmoid()
}
fn quantile<R: Real>(p: R, k: R, scale: R) -> R {
    let p = probability(p);
    positive_or_nan(scale) * ((p.ln() - (-p).ln_1p()) / positive_or_nan(k)).exp()
}

/// `scale b / sin b` with `b = π / k`; infinite unless `k > 1`.
fn mean<R: Real>(k: R, scale: R) -> R {
    let (k, scale) = (positive_or_nan(k), positive_or_nan(scale));
    let b = k.recip() * PI;
    // sin b by the nearer end.
    let sine = if k < 2.0 { ((k - 1.0) / k * PI).sin() } else { b.sin() };
    if k <= 1.0 { scale * 0.0 + f64::INFINITY } else { scale * (b / sine) }
}
/// The square of the mean times `tan b / b - 1`; infinite unless `k > 2`.
fn variance<R: Real>(k: R, scale: R) -> R {
    let (k, scale) = (positive_or_nan(k), positive_or_nan(scale));
    if k <= 2.0 {
        return scale * 0.0 + f64::INFINITY;
    }
    let b = k.recip() * PI;
    let cosine = if k < 4.0 { ((k - 2.0) / k * (0.5 * PI)).sin() } else { b.cos() };
    // (sin b - b cos b) / b, by its series where that cancels.
    let gap = if b < 1.0 {
        let q = b * b;
        let mut coefficients = [0.0; 11];
        let mut factorial = 1.0;
        for (i, c) in coefficients.iter_mut().enumerate() {
            let n = (i + 1) as f64;
            factorial *= -(2.0 * n) * (2.0 * n + 1.0);
            *c = -2.0 * n / factorial;
        }
        coefficients.into_iter().rev().fold(R::zero(), |sum, c| sum * q + c) * q
    } else {
        b.sin() / b - cosine
    };
    let mean = scale * (b / b.sin());
    mean * (mean * (gap / cosine))
}
fn entropy<R: Real>(k: R, scale: R) -> R {
    ln_ratio(positive_or_nan(scale), positive_or_nan(k)) + 2.0
}

capabilities!(LogLogistic { concentration: positive, scale: positive }:
    at [5.5, 1.3], [12.0, 0.4];
    density log_prob, |_| Support::StrictlyPositive, of_u log_prob_of_log;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
