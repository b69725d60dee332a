//! Generalised Pareto distribution: the limits of excesses over a threshold.
//!
//! Elsewhere: torch cqer, Pyro cqer, TFP cqer.

use super::extreme_value::{reduced, unreduced};
use super::{finite_or_nan, infinite, outside, overflown, positive_or_nan, probability, standardized};
use crate::by_functions::capabilities;
use crate::error::{finite, positive};
use crate::lift::ln_1p_over;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(X > x) = (1 + ξ z)^(-1/ξ)`, `z = (x - loc) / scale`, `x >= loc`, with `ξ` the shape:
/// exponential for `ξ = 0`, a power law above, and with an upper limit below.
///
/// *Event*: entry. *Parameters*: `loc` real (the threshold), `scale > 0`, `shape` real. Everything,
/// derivatives included, is smooth through shape 0.
///
/// *Support*: the numbers above `loc`. There is no density beyond `loc - scale / shape` for a
/// negative shape.
#[derive(Clone, Copy, Debug)]
pub struct GeneralisedPareto<V = f64> {
    /// The least value.
    pub loc: V,
    /// Scale.
    pub scale: V,
    /// Shape: the inverse of the exponent of the tail.
    pub shape: V,
}

impl<V: Value> GeneralisedPareto<V> {
    /// With this least value, scale and shape.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>, shape: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into(), shape: shape.into() }
    }
}

#[inline]
fn log_prob<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    let (loc, shape) = (finite_or_nan(loc), finite_or_nan(shape));
    let outside = outside(scale) + loc * 0.0 + shape * 0.0;
    if infinite(x) || x < loc {
        return outside;
    }
    let scale = positive_or_nan(scale);
    let z = standardized(x, loc, scale);
    if shape * z <= -1.0 {
        return outside;
    }
    let inside = -(shape + 1.0) * reduced(z, shape) - scale.ln();
    if infinite(inside) { outside } else { inside }
}

/// The log density of `u = ln(x - loc)`.
#[inline]
fn log_prob_of_u<R: Real>(u: R, loc: R, scale: R, shape: R) -> R {
    let (w, shape) = (u - positive_or_nan(scale).ln(), finite_or_nan(shape));
    let rest = finite_or_nan(loc) * 0.0;
    let z = w.exp();
    let v = shape * z;
    if v <= -1.0 {
        return rest + shape * 0.0 + scale * 0.0 - f64::INFINITY;
    }
    let log_v = w + shape.ln();
    let y = if shape > 0.0 && log_v > 1.0 {
        log_v.softplus() / shape
    } else if infinite(z) {
        return overflown(w) + rest + shape * 0.0;
    } else {
        z * ln_1p_over(v)
    };
    w - (shape + 1.0) * y + rest
}

/// `-ln P(X > x)`.
#[inline]
fn hazard<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    let (loc, scale, shape) = (finite_or_nan(loc), positive_or_nan(scale), finite_or_nan(shape));
    let z = standardized(if x < loc { loc } else { x }, loc, scale);
    let y = if infinite(z) { z } else { reduced(z, shape) };
    y + scale * 0.0 + shape * 0.0
}
fn cdf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    -(-hazard(x, loc, scale, shape)).exp_m1()
}
fn sf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    (-hazard(x, loc, scale, shape)).exp()
}
fn log_cdf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    hazard(x, loc, scale, shape).log1mexp()
}
fn log_sf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    -hazard(x, loc, scale, shape)
}
fn quantile<R: Real>(p: R, loc: R, scale: R, shape: R) -> R {
    let y = -(-probability(p)).ln_1p();
    finite_or_nan(loc) + positive_or_nan(scale) * unreduced(y, finite_or_nan(shape))
}

/// Infinite for a shape of 1 or more.
fn mean<R: Real>(loc: R, scale: R, shape: R) -> R {
    let (loc, scale, shape) = (finite_or_nan(loc), positive_or_nan(scale), finite_or_nan(shape));
    if shape >= 1.0 { loc * 0.0 + scale * 0.0 + f64::INFINITY } else { loc + scale / (-shape + 1.0) }
}
/// Infinite for a shape of ½ or more.
fn variance<R: Real>(loc: R, scale: R, shape: R) -> R {
    let (scale, shape) = (positive_or_nan(scale), finite_or_nan(shape));
    let rest = finite_or_nan(loc) * 0.0;
    let mean = scale / (-shape + 1.0);
    let inside = mean * (mean / (shape * -2.0 + 1.0));
    if shape >= 0.5 { rest + scale * 0.0 + f64::INFINITY } else { rest + inside }
}
fn entropy<R: Real>(loc: R, scale: R, shape: R) -> R {
    positive_or_nan(scale).ln() + finite_or_nan(shape) + finite_or_nan(loc) * 0.0 + 1.0
}

capabilities!(GeneralisedPareto { loc: finite, scale: positive, shape: finite }:
    at [0.3, 1.5, 0.1], [-0.7, 0.4, -0.4], [0.0, 1.0, 0.0];
    density log_prob, |d| Support::GreaterThan(d.loc), of_u log_prob_of_u;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
