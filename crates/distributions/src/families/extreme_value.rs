//! Generalised extreme-value distribution: the limits of maxima.
//!
//! Elsewhere: TFP cqer.

use super::gumbel::{EULER, log_sf as log_sf_of_reduced};
use super::{finite_or_nan, infinite, outside, overflown, positive_or_nan, probability, standardized};
use crate::by_functions::capabilities;
use crate::error::{finite, positive};
use crate::lift::{exp_m1_over, ln_1p_over};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::LN_2;

/// `P(X <= x) = exp(-(1 + ξ z)^(-1/ξ))`, `z = (x - loc) / scale`, with `ξ` the shape: Gumbel's
/// distribution for `ξ = 0`, a power law upwards (Fréchet) above, and an upper limit (Weibull)
/// below.
///
/// *Event*: entry. *Parameters*: `loc` real, `scale > 0`, `shape` real. Everything, derivatives
/// included, is smooth through shape 0.
///
/// *Support*: the line. There is no density beyond the limit `loc - scale / shape`.
#[derive(Clone, Copy, Debug)]
pub struct GeneralisedExtremeValue<V = f64> {
    /// Location.
    pub loc: V,
    /// Scale.
    pub scale: V,
    /// Shape: the inverse of the exponent of the tail.
    pub shape: V,
}

impl<V: Value> GeneralisedExtremeValue<V> {
    /// With this location, scale and shape.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>, shape: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into(), shape: shape.into() }
    }
}

/// `ln(1 + ξ z) / ξ`, which has Gumbel's distribution; infinite at the limit and beyond.
#[inline]
pub(super) fn reduced<R: Real>(z: R, shape: R) -> R {
    let v = shape * z;
    if v <= -1.0 {
        R::of(if shape > 0.0 { f64::NEG_INFINITY } else { f64::INFINITY })
    } else if v == f64::INFINITY {
        (z.abs().ln() + shape.abs().ln()) / shape
    } else {
        z * ln_1p_over(v)
    }
}

/// `(e^(ξ y) - 1) / ξ`, the inverse of [`reduced`].
#[inline]
pub(super) fn unreduced<R: Real>(y: R, shape: R) -> R {
    if !infinite(y) {
        return y * exp_m1_over(y * shape);
    }
    let towards_limit = (y > 0.0 && shape < 0.0) || (y < 0.0 && shape > 0.0);
    if towards_limit { -shape.recip() } else { y + shape * 0.0 }
}

#[inline(always)]
fn z<R: Real>(x: R, loc: R, scale: R) -> R {
    standardized(x, finite_or_nan(loc), positive_or_nan(scale))
}

#[inline]
fn log_prob<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    let shape = finite_or_nan(shape);
    let outside = outside(scale) + finite_or_nan(loc) * 0.0 + shape * 0.0;
    if infinite(x) {
        return outside;
    }
    let z = z(x, loc, scale);
    if shape * z <= -1.0 {
        return outside;
    }
    if infinite(z) {
        // Far out in a tail by a power, the logarithm of the quotient is a number.
        let log = (x * 0.5 - loc * 0.5).abs().ln() + LN_2 - scale.ln() + shape.abs().ln();
        let tail = -(shape + 1.0) * log / shape - scale.ln();
        return if z > 0.0 && shape > 0.0 { tail } else { outside };
    }
    let y = reduced(z, shape);
    // What is lost beside y has no slope either: that of y may be infinite.
    let w = if y > 100.0 { R::zero() } else { (-y).exp() };
    if w == f64::INFINITY { overflown(y) } else { -(shape + 1.0) * y - w - scale.ln() }
}

#[inline]
fn y<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    let z = z(x, loc, scale);
    let shape = finite_or_nan(shape);
    // An infinite value is one of the reduced number, or lies beyond the limit.
    let y = if infinite(z) && shape == 0.0 { z } else { reduced(z, shape) };
    y + scale * 0.0 + shape * 0.0
}
fn cdf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    (-(-y(x, loc, scale, shape)).exp()).exp()
}
fn sf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    -(-(-y(x, loc, scale, shape)).exp()).exp_m1()
}
fn log_cdf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    -(-y(x, loc, scale, shape)).exp()
}
fn log_sf<R: Real>(x: R, loc: R, scale: R, shape: R) -> R {
    log_sf_of_reduced(y(x, loc, scale, shape))
}
fn quantile<R: Real>(p: R, loc: R, scale: R, shape: R) -> R {
    let y = -(-probability(p).ln()).ln();
    finite_or_nan(loc) + positive_or_nan(scale) * unreduced(y, finite_or_nan(shape))
}

/// `ζ(k)`, `k = 2, 3, …`.
const ZETA: [f64; 28] = [
    1.64493406684822644,
    1.20205690315959429,
    1.08232323371113819,
    1.03692775514336993,
    1.01734306198444914,
    1.00834927738192283,
    1.00407735619794434,
    1.00200839282608221,
    1.00099457512781809,
    1.00049418860411946,
    1.00024608655330805,
    1.00012271334757849,
    1.0000612481350587,
    1.00003058823630702,
    1.00001528225940865,
    1.0000076371976379,
    1.000003817293265,
    1.00000190821271655,
    1.00000095396203387,
    1.00000047693298679,
    1.00000023845050273,
    1.00000011921992597,
    1.00000005960818905,
    1.00000002980350351,
    1.00000001490155483,
    1.00000000745071179,
    1.00000000372533402,
    1.00000000186265972,
];

/// `ln Γ(1 - ξ) / ξ` for `ξ < 1`, also at 0.
pub(super) fn log_gamma_over<R: Real>(shape: R) -> R {
    if shape.re().abs() > 0.2 {
        return (-shape + 1.0).lgamma() / shape;
    }
    let series =
        ZETA.iter().enumerate().rev().fold(R::zero(), |sum, (i, zeta)| sum * shape + zeta / (i + 2) as f64);
    series * shape + EULER
}

/// `ln(Γ(1 - 2ξ) / Γ(1 - ξ)²) / ξ²` for `ξ < ½`, also at 0.
pub(super) fn log_spread_over<R: Real>(shape: R) -> R {
    if shape.re().abs() > 0.1 {
        let (one, two) = ((-shape + 1.0).lgamma(), (shape * -2.0 + 1.0).lgamma());
        return (two - one * 2.0) / shape / shape;
    }
    ZETA.iter().enumerate().rev().fold(R::zero(), |sum, (i, zeta)| {
        let k = (i + 2) as i32;
        sum * shape + zeta * (2f64.powi(k) - 2.0) / f64::from(k)
    })
}

/// Infinite for a shape of 1 or more.
fn mean<R: Real>(loc: R, scale: R, shape: R) -> R {
    let (loc, scale, shape) = (finite_or_nan(loc), positive_or_nan(scale), finite_or_nan(shape));
    if shape >= 1.0 {
        return loc * 0.0 + scale * 0.0 + f64::INFINITY;
    }
    let g = log_gamma_over(shape);
    loc + scale * (g * exp_m1_over(g * shape))
}
/// Infinite for a shape of ½ or more.
fn variance<R: Real>(loc: R, scale: R, shape: R) -> R {
    let (scale, shape) = (positive_or_nan(scale), finite_or_nan(shape));
    let rest = finite_or_nan(loc) * 0.0;
    if shape >= 0.5 {
        return rest + scale * 0.0 + f64::INFINITY;
    }
    let spread = log_spread_over(shape);
    let size = scale * (log_gamma_over(shape) * shape).exp();
    rest + size * size * (spread * exp_m1_over(spread * shape * shape))
}
fn entropy<R: Real>(loc: R, scale: R, shape: R) -> R {
    positive_or_nan(scale).ln() + finite_or_nan(shape) * EULER + finite_or_nan(loc) * 0.0 + (1.0 + EULER)
}

capabilities!(GeneralisedExtremeValue { loc: finite, scale: positive, shape: finite }:
    at [0.3, 1.5, 0.1], [-0.7, 0.4, -0.4], [0.0, 1.0, 0.0];
    density log_prob, |_| Support::Real;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
