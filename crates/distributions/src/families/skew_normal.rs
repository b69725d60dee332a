//! Skew-normal distribution on the real line.
//!
//! Elsewhere: PyMC.

use super::normal::HALF_LN_TAU;
use super::{finite_or_nan, infinite, outside, positive_or_nan, probability, standardized};
use crate::by_functions::capabilities;
use crate::distribution::{Draws, Reparameterized, Sample};
use crate::error::{finite, positive};
use crate::lift::{Second, integral, reach, root};
use crate::random::rand_draws;
use crate::special::implicit_root;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::{FRAC_1_PI, FRAC_1_SQRT_2, LN_2};

/// `√(2/π)`.
const ROOT_2_OVER_PI: f64 = 0.797884560802865355879892119868763737;

/// `p(x) = 2 φ(z) Φ(α z) / scale`, `z = (x - loc) / scale`, with `α` the skewness parameter.
///
/// *Event*: entry. *Parameters*: `loc` real, `scale > 0`, `skewness` real (0 is the Normal).
///
/// *Source*: Azzalini 1985, "A class of distributions which includes the normal ones"; the
/// distribution function is `Φ(z) - 2 T(z, α)` with Owen's function `T`, whose complement is
/// integrated here from the tail, so that nothing cancels.
#[derive(Clone, Copy, Debug)]
pub struct SkewNormal<V = f64> {
    /// Location: where the Normal factor has its mean.
    pub loc: V,
    /// Scale: the standard deviation of the Normal factor.
    pub scale: V,
    /// Skewness parameter.
    pub skewness: V,
}

impl<V: Value> SkewNormal<V> {
    /// With this location, scale and skewness parameter.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>, skewness: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into(), skewness: skewness.into() }
    }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, loc: R, scale: R, alpha: R) -> R {
    let alpha = finite_or_nan(alpha);
    let outside = outside(scale) + finite_or_nan(loc) * 0.0 + alpha * 0.0;
    let z = standardized(x, finite_or_nan(loc), positive_or_nan(scale));
    let inside = z * z * -0.5 - HALF_LN_TAU + LN_2 + (alpha * z).log_ndtr() - scale.ln();
    if infinite(x) || infinite(inside) { outside } else { inside }
}

/// `∫ 2 φ(t) Φ(-α t) dt` from `z` up, for `z, α >= 0`: `2 T(z, ∞) - 2 T(z, α)`. As
/// `e^log · part`, the part with its derivatives.
fn upper_part<R: Real>(z: R, alpha: R) -> (f64, R) {
    let (h, a) = (z.re(), alpha.re());
    let start = Real::log_ndtr(-a * h);
    if !start.is_finite() || h > 1e150 {
        return (f64::NEG_INFINITY, R::one());
    }
    let fall = |s: f64| s * (h + 0.5 * s) + start - Real::log_ndtr(-a * (h + s));
    let [mass] = integral(0.0, reach(90.0 / (h + h.hypot(9.5)), fall), 8, |s| [Real::exp(-fall(s))]);
    let log_phi = -0.5 * h * h - HALF_LN_TAU;
    let log = log_phi + start + Real::ln(2.0 * mass);
    if log == f64::NEG_INFINITY {
        return (log, R::one());
    }
    let density = Real::exp(log_phi + start + LN_2 - log);
    // 2 φ(z) φ(α z), which is e^(-z² (1 + α²) / 2) / π.
    let both = Real::exp(-0.5 * h * h - 0.5 * (a * h) * (a * h) - log) * FRAC_1_PI;
    let r = 1.0 / (1.0 + a * a);
    let part = Second {
        value: 1.0,
        slopes: [-density, -both * r],
        bends: [h * density + a * both, h * both, both * (h * h * a * r + 2.0 * a * r * r)],
    };
    (log, part.at(z, alpha))
}

/// `ln P(X <= x)` and `ln P(X > x)`.
fn log_tails<R: Real>(x: R, loc: R, scale: R, alpha: R) -> [R::Wide; 2] {
    let z = standardized(x.widen(), finite_or_nan(loc).widen(), positive_or_nan(scale).widen());
    let alpha = finite_or_nan(alpha).widen();
    let rest = alpha * 0.0 + scale.widen() * 0.0;
    if infinite(z) || (z + rest).re().is_nan() {
        let (none, all) = (rest - f64::INFINITY, rest);
        let nan = if z.re().is_nan() { f64::NAN } else { 0.0 };
        return if z < 0.0 { [none, all] } else { [all + nan, none + nan] };
    }
    if alpha < 0.0 {
        let [lower, upper] = log_tails_of(-z, -alpha);
        return [upper, lower];
    }
    log_tails_of(z, alpha)
}
fn log_tails_of<R: Real>(z: R, alpha: R) -> [R; 2] {
    let (log, part) = upper_part(if z < 0.0 { -z } else { z }, alpha);
    let tail = part.ln() + log;
    let tail_mass = part * Real::exp(log);
    if z < 0.0 {
        return [tail, (-tail_mass).ln_1p()];
    }
    let lower = (z * FRAC_1_SQRT_2).erf() + tail_mass;
    let upper = (z * FRAC_1_SQRT_2).erfc() - tail_mass;
    // 2 Φ(-z) less at most half of it, also where it underflows.
    let far = (-z).log_ndtr() + LN_2;
    let log_upper = if infinite(far) { far } else { far + (-(tail - far).exp()).ln_1p() };
    if lower < upper { [lower.ln(), (-lower).ln_1p()] } else { [(-upper).ln_1p(), log_upper] }
}

fn log_cdf<R: Real>(x: R, loc: R, scale: R, alpha: R) -> R {
    R::narrow(log_tails(x, loc, scale, alpha)[0])
}
fn log_sf<R: Real>(x: R, loc: R, scale: R, alpha: R) -> R {
    R::narrow(log_tails(x, loc, scale, alpha)[1])
}
fn cdf<R: Real>(x: R, loc: R, scale: R, alpha: R) -> R {
    R::narrow(log_tails(x, loc, scale, alpha)[0].exp())
}
fn sf<R: Real>(x: R, loc: R, scale: R, alpha: R) -> R {
    R::narrow(log_tails(x, loc, scale, alpha)[1].exp())
}

/// By Newton's method on the logarithm of the smaller tail, in standard units.
fn quantile<R: Real>(p: R, loc: R, scale: R, alpha: R) -> R {
    let (p, loc) = (probability(p).widen(), finite_or_nan(loc).widen());
    let (scale, alpha) = (positive_or_nan(scale).widen(), finite_or_nan(alpha).widen());
    let rest = (p + loc + scale + alpha) * 0.0;
    if rest.re().is_nan() || p == 0.0 || p == 1.0 {
        return R::narrow(rest + if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let which = usize::from(p > 0.5);
    let sign = if p > 0.5 { -1.0 } else { 1.0 };
    let goal = if p > 0.5 { (-p).ln_1p() } else { p.ln() };
    let a = alpha.re();
    let z = root(0.0, 1.0, |z| {
        let log = log_tails(z, 0.0, 1.0, a)[which];
        ((log - goal.re()) * sign, Real::exp(log_prob(z, 0.0, 1.0, a) - log))
    });
    let (zero, one) = (R::Wide::of(0.0), R::Wide::of(1.0));
    let log = |z| log_tails(z, zero, one, alpha)[which];
    let slope = |z| (log_prob(z, zero, one, alpha) - log(z)).exp();
    R::narrow(loc + scale * implicit_root(z, |z| (log(z) - goal) * sign, slope))
}

/// `α / √(1 + α²)` and `1 / √(1 + α²)`.
#[inline(always)]
fn direction<R: Real>(alpha: R) -> (R, R) {
    let alpha = finite_or_nan(alpha);
    if alpha.re().abs() > 1.0 {
        let r = alpha.recip();
        let long = (r * r + 1.0).sqrt().recip();
        let (sine, cosine) = (long, long * r.abs());
        return (if alpha < 0.0 { -sine } else { sine }, cosine);
    }
    let cosine = (alpha * alpha + 1.0).sqrt().recip();
    (alpha * cosine, cosine)
}

fn mean<R: Real>(loc: R, scale: R, alpha: R) -> R {
    finite_or_nan(loc) + positive_or_nan(scale) * (direction(alpha).0 * ROOT_2_OVER_PI)
}
/// `scale² (1 - 2 δ² / π)`.
fn variance<R: Real>(loc: R, scale: R, alpha: R) -> R {
    let (scale, shift) = (positive_or_nan(scale), direction(alpha).0 * ROOT_2_OVER_PI);
    scale * (scale * (-(shift * shift) + 1.0)) + finite_or_nan(loc) * 0.0
}

/// `½ ln 2πe + ln(scale / 2) - E ln Φ(α z)`: `E z² = 1` whatever the skewness.
///
/// The mean is a trapezoidal sum, whose error falls like `exp(-2π d / h)` with the step `h` and the
/// distance `d` of the nearest branch point from the real line: 2.8 for the logarithm, in units of
/// `1 / α`, and none for the Gaussian factor, which asks for `h < 0.73`.
fn entropy<R: Real>(loc: R, scale: R, alpha: R) -> R {
    let alpha = finite_or_nan(alpha).widen().abs();
    let a = alpha.re();
    let step = 0.7f64.min(0.45 / a);
    // Beyond 9.3 the Gaussian factor is nothing; `Φ ln Φ` is nothing below -39 and above 9.
    let (low, high) = (-(9.3f64.min(39.0 / a) / step).ceil(), (9.3f64.min(9.0 / a) / step).ceil());
    let mut sum = R::Wide::of(0.0);
    let mut k = low;
    while k <= high {
        let z = k * step;
        let log = (alpha * z).log_ndtr();
        sum += log.exp() * log * (2.0 * step * Real::exp(-0.5 * z * z - HALF_LN_TAU));
        k += 1.0;
    }
    let rest = finite_or_nan(loc) * 0.0 - LN_2 + (HALF_LN_TAU + 0.5);
    positive_or_nan(scale).ln() + rest - R::narrow(sum)
}

capabilities!(SkewNormal { loc: finite, scale: positive, skewness: finite }:
    at [0.3, 2.0, 3.0], [-1.0, 0.5, -0.8], [0.0, 1.0, 0.0];
    density log_prob, |_| Support::Real;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);

impl<V: Value> Sample<V> for SkewNormal<V> {
    /// A half-Normal and a Normal number, in proportion to the skewness.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (y, z) = key.split();
        let [loc, scale, alpha] = [self.loc, self.scale, self.skewness].map(Draw::Value);
        let f = formula!(|loc, scale, alpha, y, z| {
            let (sine, cosine) = direction(alpha);
            finite_or_nan(loc) + positive_or_nan(scale) * (sine * y.abs() + cosine * z)
        });
        V::draw(cx, f, [loc, scale, alpha, Draw::Normal(y), Draw::Normal(z)], least)
    }
}
impl<V: Value> Reparameterized<V> for SkewNormal<V> {}
rand_draws!(SkewNormal, |d, rng| Draws::draw(d, rng));
