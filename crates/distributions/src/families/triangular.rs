//! Triangular distribution on an interval.
//!
//! Elsewhere: TFP cer, PyMC cq.

use super::uniform::above;
use super::{probability, standardized};
use crate::by_functions::capabilities;
use crate::error::{finite, require};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::LN_2;

/// A density that rises in a line from 0 at `low` to `peak` and falls to 0 at `high`.
///
/// *Event*: entry. *Parameters*: `low < high`, `low <= peak <= high`.
#[derive(Clone, Copy, Debug)]
pub struct Triangular<V = f64> {
    /// The lower limit.
    pub low: V,
    /// The upper limit.
    pub high: V,
    /// The mode.
    pub peak: V,
}

impl<V: Value> Triangular<V> {
    /// Between `low` and `high`, with this mode.
    pub fn new(low: impl Into<V>, high: impl Into<V>, peak: impl Into<V>) -> Self {
        Self { low: low.into(), high: high.into(), peak: peak.into() }
    }
}

/// The distance of the limits, and the peak as a part of it from below and from above; NaN for bad
/// parameters.
#[inline(always)]
fn sides<R: Real>(low: R, high: R, peak: R) -> (R, R, R) {
    let high = above(low, high);
    let nan = peak * f64::NAN;
    let peak = if peak >= low && peak <= high { peak } else { nan };
    let width = high - low;
    (width, (peak - low) / width, (high - peak) / width)
}

/// `x` as a part of the width from either limit, in the interval.
#[inline(always)]
fn parts<R: Real>(x: R, low: R, high: R, width: R) -> (R, R) {
    let x = if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    };
    (standardized(x, low, width), standardized(high, x, width))
}

#[inline(always)]
fn log_prob<R: Real>(x: R, low: R, high: R, peak: R) -> R {
    let (width, a, b) = sides(low, high, peak);
    let outside = width * 0.0 + a * 0.0 + b * 0.0 - f64::INFINITY;
    let (up, down) = (standardized(x, low, width), standardized(high, x, width));
    let (left, right) = (up.ln() - a.ln(), down.ln() - b.ln());
    let inside = (if x < peak || b == 0.0 { left } else { right }) - width.ln() + LN_2;
    if x <= low && a > 0.0 || x >= high && b > 0.0 || x < low || x > high { outside } else { inside }
}
/// The log density of the logit `u` of the part of the width.
#[inline(always)]
fn log_prob_of_logit<R: Real>(u: R, low: R, high: R, peak: R) -> R {
    let (width, a, b) = sides(low, high, peak);
    let (up, down) = (u.log_sigmoid(), (-u).log_sigmoid());
    let before = up < a.re().ln() || b == 0.0;
    up + down + LN_2 + width * 0.0 + if before { up - a.ln() } else { down - b.ln() }
}

#[inline(always)]
fn cdf<R: Real>(x: R, low: R, high: R, peak: R) -> R {
    let (width, a, b) = sides(low, high, peak);
    let (up, down) = parts(x, low, high, width);
    if up < a { up * (up / a) } else { down_or_one(down, b) }
}
/// `1 - d² / b`, 1 for a peak at the upper limit.
#[inline(always)]
fn down_or_one<R: Real>(d: R, b: R) -> R {
    let rest = d * (d / b);
    if b == 0.0 { b + 1.0 + d * 0.0 } else { -rest + 1.0 }
}
#[inline(always)]
fn sf<R: Real>(x: R, low: R, high: R, peak: R) -> R {
    let (width, a, b) = sides(low, high, peak);
    let (up, down) = parts(x, low, high, width);
    if down < b { down * (down / b) } else { down_or_one(up, a) }
}
#[inline(always)]
fn log_cdf<R: Real>(x: R, low: R, high: R, peak: R) -> R {
    let (p, q) = (cdf(x, low, high, peak), sf(x, low, high, peak));
    let (small, large) = (p.ln(), (-q).ln_1p());
    if p < 0.5 { small } else { large }
}
#[inline(always)]
fn log_sf<R: Real>(x: R, low: R, high: R, peak: R) -> R {
    let (p, q) = (cdf(x, low, high, peak), sf(x, low, high, peak));
    let (small, large) = (q.ln(), (-p).ln_1p());
    if q < 0.5 { small } else { large }
}
#[inline(always)]
fn quantile<R: Real>(p: R, low: R, high: R, peak: R) -> R {
    let p = probability(p);
    let (width, a, b) = sides(low, high, peak);
    let (left, right) = ((p * a).sqrt(), ((-p + 1.0) * b).sqrt());
    if p <= 0.0 {
        low + width * 0.0 + a * 0.0
    } else if p >= 1.0 {
        high + width * 0.0 + a * 0.0
    } else if p < a {
        low + width * left
    } else {
        high - width * right
    }
}

fn mean<R: Real>(low: R, high: R, peak: R) -> R {
    let (width, a, _) = sides(low, high, peak);
    low + width * ((a + 1.0) / 3.0)
}
/// `(a² + a b + b²) / 18` of the parts, in units of the width.
fn variance<R: Real>(low: R, high: R, peak: R) -> R {
    let (width, a, b) = sides(low, high, peak);
    width * (width * ((a * a + a * b + b * b) / 18.0))
}
fn entropy<R: Real>(low: R, high: R, peak: R) -> R {
    let (width, a, _) = sides(low, high, peak);
    width.ln() + a * 0.0 + (0.5 - LN_2)
}

capabilities!(Triangular { low: finite, high: finite, peak: finite }:
    at [-1.0, 2.0, 0.5], [0.0, 0.3, 0.01];
    density log_prob, |d| Support::Interval(d.low, d.high), check |d| {
        super::ordered("Triangular", d.low, d.high)?;
        // Only what lies outside is kept to be shown.
        let out = formula!(|low, high, peak| if peak < low || peak > high { peak } else { R::of(f64::NAN) });
        let out = V::apply(out, [d.low, d.high, d.peak]);
        require("Triangular", "peak", out, "between the limits", |x| x.is_nan())
    }, of_u log_prob_of_logit;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
