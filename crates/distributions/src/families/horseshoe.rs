//! Horseshoe distribution on the real line.
//!
//! Elsewhere: TFP r.

use super::normal::HALF_LN_TAU;
use super::{infinite, ln_ratio, outside, positive_or_nan, probability};
use crate::by_functions::capabilities;
use crate::distribution::{Draws, Reparameterized, Sample};
use crate::error::positive;
use crate::expint::log_e1_scaled;
use crate::lift::{integral, lift, root};
use crate::random::rand_draws;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::{FRAC_PI_2, LN_2};

/// `½ ln 2π³`.
const LOG_UNIT: f64 = HALF_LN_TAU + 1.144729885849400174143427351353058712;

/// The distribution of `scale λ z` with `z` standard normal and `λ` half-Cauchy: an infinite peak
/// at 0 and tails like `1/x²`. `p(x) = e^y E₁(y) / (scale √(2π³))`, `y = ½ (x / scale)²`.
///
/// *Event*: entry. *Parameters*: `scale > 0`. There is no mean, and the variance is infinite.
///
/// *Source*: Carvalho, Polson and Scott 2010, "The horseshoe estimator for sparse signals". The
/// density is exact (TFP's is an approximation).
#[derive(Clone, Copy, Debug)]
pub struct Horseshoe<V = f64> {
    /// Scale.
    pub scale: V,
}

impl<V: Value> Horseshoe<V> {
    /// With this scale.
    pub fn new(scale: impl Into<V>) -> Self {
        Self { scale: scale.into() }
    }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, scale: R) -> R {
    let outside = outside(scale);
    let scale = positive_or_nan(scale);
    if x == 0.0 {
        return -outside;
    }
    if infinite(x) {
        return outside;
    }
    // In the logarithm of the argument, which neither over- nor underflows.
    let (size, unit) = (x.abs().widen(), scale.widen());
    R::narrow(log_e1_scaled(ln_ratio(size, unit) * 2.0 - LN_2) - unit.ln() - LOG_UNIT)
}

/// The density at `z > 0` of scale 1.
fn density(z: f64) -> f64 {
    Real::exp(log_e1_scaled(2.0 * Real::ln(z) - LN_2) - LOG_UNIT)
}

/// `P(0 < z < x)` and `P(z > x)` of scale 1, by what is integrated on a logarithmic scale: towards
/// 0 below 1, towards infinity above, where the integrand falls off like `e⁻ˢ`.
fn halves(x: f64) -> [f64; 2] {
    // 42 is e⁻⁴² of the mass away.
    let part = |sign: f64| {
        let [part] = integral(0.0, 42.0, 14, |s: f64| {
            let t = x * Real::exp(sign * s);
            [if t > 0.0 && t < f64::INFINITY { t * density(t) } else { 0.0 }]
        });
        part
    };
    if x < 1.0 {
        let near = part(-1.0);
        [near, 0.5 - near]
    } else {
        let far = part(1.0);
        [0.5 - far, far]
    }
}

/// The upper or lower tail at `x`, or its logarithm, with the derivatives that the density gives.
fn tail<R: Real>(x: R, scale: R, upper: bool, log: bool) -> R {
    let (x, scale) = (x.widen(), positive_or_nan(scale).widen());
    let z = x / scale;
    // The same in the logarithm of the distance from 0, which neither over- nor underflows.
    let u = if z.re() == 0.0 || infinite(z) { z } else { ln_ratio(x.abs(), scale) };
    let rest = scale * 0.0;
    if (z + rest).re().is_nan() {
        return R::narrow(z + rest);
    }
    // The upper tail at -x is the lower at x.
    let beyond = upper == (z > 0.0);
    if z == 0.0 || infinite(z) {
        let value = if z == 0.0 { 0.5 } else { f64::from(u8::from(!beyond)) };
        return R::narrow(rest + if log { Real::ln(value) } else { value });
    }
    let size = Real::exp(u.re());
    let [near, far] = halves(size);
    let f = size * density(size);
    // d f / du, by the density's slope z p - 2 c / z with its unit c.
    let bend = f * (1.0 + size * size) - 2.0 * size * Real::exp(-LOG_UNIT);
    let bend = if size > 1e3 { -f } else { bend };
    let (value, sign) = if beyond { (far, -1.0) } else { (0.5 + near, 1.0) };
    R::narrow(if log {
        let log = if beyond { Real::ln(far) } else { Real::ln_1p(-far) };
        let slope = sign * f / value;
        lift(u, [log, slope, sign * bend / value - slope * slope])
    } else {
        lift(u, [value, sign * f, sign * bend])
    })
}

fn cdf<R: Real>(x: R, scale: R) -> R {
    tail(x, scale, false, false)
}
fn sf<R: Real>(x: R, scale: R) -> R {
    tail(x, scale, true, false)
}
fn log_cdf<R: Real>(x: R, scale: R) -> R {
    tail(x, scale, false, true)
}
fn log_sf<R: Real>(x: R, scale: R) -> R {
    tail(x, scale, true, true)
}

/// By Newton's method in the logarithm of the distance from 0.
fn quantile<R: Real>(p: R, scale: R) -> R {
    let (p, scale) = (probability(p).widen(), positive_or_nan(scale).widen());
    let rest = p * 0.0 + scale * 0.0;
    let q = p.re();
    if rest.re().is_nan() || q == 0.5 {
        return R::narrow(rest);
    }
    let sign = if q < 0.5 { -1.0 } else { 1.0 };
    // What lies beyond, and what lies between 0 and there.
    let (beyond, between) = (q.min(1.0 - q), (q - 0.5).abs());
    if beyond == 0.0 {
        return R::narrow(rest + sign * f64::INFINITY);
    }
    let inner = between < 0.25;
    let goal = Real::ln(if inner { between } else { beyond });
    let u = root(0.0, 2.0, |u| {
        let size = Real::exp(u);
        let [near, far] = halves(size);
        let part = if inner { near } else { far };
        let miss = if inner { Real::ln(part) - goal } else { goal - Real::ln(part) };
        (miss, size * density(size) / part)
    });
    let z = Real::exp(u);
    let d = density(z);
    // The slope of the density is z p - 2 c / z.
    let slope = z * d - 2.0 * Real::exp(-LOG_UNIT) / z;
    let slope = if z > 1e3 { -2.0 * d / z } else { slope };
    R::narrow(scale * lift(p, [sign * z, 1.0 / d, -sign * slope / (d * d * d)]))
}

fn mean<R: Real>(scale: R) -> R {
    scale * f64::NAN
}
fn variance<R: Real>(scale: R) -> R {
    positive_or_nan(scale) * 0.0 + f64::INFINITY
}

/// `ln scale` and a constant.
fn entropy<R: Real>(scale: R) -> R {
    positive_or_nan(scale).ln() + 2.1098718360616477
}

capabilities!(Horseshoe { scale: positive }:
    at [0.7], [3.0];
    density log_prob, |_| Support::Real;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);

impl<V: Value> Sample<V> for Horseshoe<V> {
    /// `λ` is `tan(½ π u)`.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, z) = key.split();
        let f = formula!(|scale, u, z| positive_or_nan(scale) * (u * FRAC_PI_2).tan() * z);
        V::draw(cx, f, [Draw::Value(self.scale), Draw::Uniform(u), Draw::Normal(z)], least)
    }
}
impl<V: Value> Reparameterized<V> for Horseshoe<V> {}
rand_draws!(Horseshoe, |d, rng| Draws::draw(d, rng));
