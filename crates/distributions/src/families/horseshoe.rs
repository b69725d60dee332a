//! Horseshoe distribution on the real line.

use super::normal::HALF_LN_TAU;
use super::{infinite, ln_ratio, outside, positive_or_nan};
use crate::by_functions::capabilities;
use crate::distribution::{Draws, Reparameterized, Sample};
use crate::error::positive;
use crate::expint::log_e1_scaled;
use crate::random::rand_draws;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::{FRAC_PI_2, LN_2};

/// `½ ln 2π³`.
const LOG_UNIT: f64 = HALF_LN_TAU + 1.144729885849400174143427351353058712;

/// The distribution of `scale λ z` with `z` standard normal and `λ` half-Cauchy: an infinite peak at
/// 0 and tails like `1/x²`. `p(x) = e^y E₁(y) / (scale √(2π³))`, `y = ½ (x / scale)²`.
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
    density log_prob, |_| Support::Real;
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
