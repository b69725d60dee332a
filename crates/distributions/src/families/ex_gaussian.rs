//! Exponentially modified Gaussian distribution on the real line.
//!
//! Elsewhere: TFP cr, PyMC c.

use super::{finite_or_nan, infinite, outside, positive_or_nan, probability, standardized};
use crate::by_functions::capabilities;
use crate::distribution::{Draws, Reparameterized, Sample};
use crate::error::{finite, positive};
use crate::lift::{integral, root};
use crate::random::rand_draws;
use crate::special::{erfcx_gap, implicit_root};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// The sum of a Normal variable of mean `loc` and deviation `scale` and an exponential one of this
/// rate: a Normal with a longer upper tail, such as a response time.
///
/// *Event*: entry. *Parameters*: `loc` real, `scale > 0`, `rate > 0`. The mean is `loc + 1 / rate`.
///
/// By the scaled error function, densities and tails keep their digits for any ratio of the two
/// widths.
#[derive(Clone, Copy, Debug)]
pub struct ExGaussian<V = f64> {
    /// Mean of the Normal part.
    pub loc: V,
    /// Standard deviation of the Normal part.
    pub scale: V,
    /// Rate of the exponential part.
    pub rate: V,
}

impl<V: Value> ExGaussian<V> {
    /// With this mean and deviation of the Normal part and rate of the exponential part.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>, rate: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into(), rate: rate.into() }
    }

    /// With this mean and deviation of the Normal part and mean of the exponential part.
    pub fn from_tail_mean(loc: impl Into<V>, scale: impl Into<V>, mean: impl Into<V>) -> Self {
        let rate = V::apply(formula!(|m| m.recip()), [mean.into()]);
        Self { loc: loc.into(), scale: scale.into(), rate }
    }
}

/// `z = (x - loc) / scale` and `w = rate scale`; NaN for bad parameters.
#[inline(always)]
fn units<R: Real>(x: R, loc: R, scale: R, rate: R) -> (R, R) {
    let scale = positive_or_nan(scale);
    (standardized(x, finite_or_nan(loc), scale), positive_or_nan(rate) * scale)
}

/// The log density over the rate: `½ w² - fall + ln Φ(z - w)`, `fall` the rate times `x - loc`.
#[inline(always)]
fn log_core<R: Real>(z: R, w: R, fall: R) -> R {
    let y = z - w;
    if y > 40.0 {
        w * w * 0.5 - fall
    } else if y > 0.0 {
        w * w * 0.5 - fall + y.log_ndtr()
    } else {
        z * z * -0.5 + (y * -FRAC_1_SQRT_2).erfcx().ln() - LN_2
    }
}

#[inline]
fn log_prob<R: Real>(x: R, loc: R, scale: R, rate: R) -> R {
    let (z, w) = units(x, loc, scale, rate);
    let outside = outside(scale) + finite_or_nan(loc) * 0.0 + positive_or_nan(rate) * 0.0;
    let inside = log_core(z, w, rate * (x - loc)) + rate.ln();
    if infinite(x) || infinite(inside) { outside } else { inside }
}

/// `ln P(X <= x)` and `ln P(X > x)`.
fn log_tails<R: Real>(x: R, loc: R, scale: R, rate: R) -> [R::Wide; 2] {
    let (z, w) = units(x.widen(), loc.widen(), scale.widen(), rate.widen());
    let rest = w * 0.0;
    if infinite(z) || rest.re().is_nan() {
        let (none, all) = (rest - f64::INFINITY, rest);
        return if z < 0.0 { [none, all] } else { [all, none] };
    }
    let core = log_core(z, w, w * z);
    let upper = (-z).log_ndtr().log_add_exp(core);
    let lower = if z <= 5.0 {
        // Φ(z) less the density over the rate, both by scaled functions.
        z * z * -0.5 - LN_2 + erfcx_gap(-z * FRAC_1_SQRT_2, w * FRAC_1_SQRT_2).ln()
    } else {
        // Φ(z) - Φ(y) + Φ(y) (1 - e^c).
        let (y, c) = (z - w, w * (w * 0.5 - z));
        ((-y).ndtr() - (-z).ndtr() - y.ndtr() * c.exp_m1()).ln()
    };
    if lower < upper { [lower, (-lower.exp()).ln_1p()] } else { [(-upper.exp()).ln_1p(), upper] }
}

fn log_cdf<R: Real>(x: R, loc: R, scale: R, rate: R) -> R {
    R::narrow(log_tails(x, loc, scale, rate)[0])
}
fn log_sf<R: Real>(x: R, loc: R, scale: R, rate: R) -> R {
    R::narrow(log_tails(x, loc, scale, rate)[1])
}
fn cdf<R: Real>(x: R, loc: R, scale: R, rate: R) -> R {
    R::narrow(log_tails(x, loc, scale, rate)[0].exp())
}
fn sf<R: Real>(x: R, loc: R, scale: R, rate: R) -> R {
    R::narrow(log_tails(x, loc, scale, rate)[1].exp())
}

/// By Newton's method on the logarithm of the smaller tail, in standard units.
fn quantile<R: Real>(p: R, loc: R, scale: R, rate: R) -> R {
    let (p, loc) = (probability(p).widen(), finite_or_nan(loc).widen());
    let (scale, rate) = (positive_or_nan(scale).widen(), positive_or_nan(rate).widen());
    let (w, zero, one) = (rate * scale, R::Wide::of(0.0), R::Wide::of(1.0));
    let rest = (p + loc + w) * 0.0;
    if rest.re().is_nan() || p == 0.0 || p == 1.0 {
        return R::narrow(rest + if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let which = usize::from(p > 0.5);
    let sign = if p > 0.5 { -1.0 } else { 1.0 };
    let goal = if p > 0.5 { (-p).ln_1p() } else { p.ln() };
    let rate = w.re();
    let z = root(0.0, 1.0 + 1.0 / rate, |z| {
        let log = log_tails(z, 0.0, 1.0, rate)[which];
        ((log - goal.re()) * sign, Real::exp(log_prob(z, 0.0, 1.0, rate) - log))
    });
    let log = |z| log_tails(z, zero, one, w)[which];
    let slope = |z| (log_prob(z, zero, one, w) - log(z)).exp();
    R::narrow(loc + scale * implicit_root(z, |z| (log(z) - goal) * sign, slope))
}

fn mean<R: Real>(loc: R, scale: R, rate: R) -> R {
    finite_or_nan(loc) + positive_or_nan(rate).recip() + positive_or_nan(scale) * 0.0
}
fn variance<R: Real>(loc: R, scale: R, rate: R) -> R {
    let (scale, tail) = (positive_or_nan(scale), positive_or_nan(rate).recip());
    scale * scale + tail * tail + finite_or_nan(loc) * 0.0
}

/// `ln scale` and the entropy in standard units, of `w = rate scale`: by Gauss-Legendre rules up to
/// where the density is exponential to the last digit, and from there in closed form.
fn entropy<R: Real>(loc: R, scale: R, rate: R) -> R {
    let rest = finite_or_nan(loc) * 0.0;
    let (scale, rate) = (positive_or_nan(scale), positive_or_nan(rate));
    let w = scale.widen() * rate.widen();
    let size = w.re();
    if size.is_nan() {
        return rest + scale + rate;
    }
    // With a short exponential part all lies near 0, with a long one the rest is exponential.
    let long = size < 5.0;
    let end = if long { size + 9.5 } else { 19.0 };
    let log = |z: R::Wide| log_core(z, w, w * z) + w.ln();
    let wide = R::Wide::of;
    let [near] = integral(wide(-9.5), wide(end), 14, |z| {
        let log = log(z);
        // Where the density is 0, so is its term.
        [if infinite(log) { wide(0.0) } else { log.exp() * log }]
    });
    let sum = if long {
        // ∫ e^c (c + ln w) from the end on, with c linear.
        let c = w * (w * 0.5 - end);
        near + c.exp() * (c + w.ln() - 1.0)
    } else {
        near
    };
    rest + scale.ln() - R::narrow(sum)
}

capabilities!(ExGaussian { loc: finite, scale: positive, rate: positive }:
    at [0.3, 0.8, 1.5], [-2.0, 0.1, 0.4], [1.0, 2.0, 6.0];
    density log_prob, |_| Support::Real;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);

impl<V: Value> Sample<V> for ExGaussian<V> {
    /// The sum of both parts.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, z) = key.split();
        let [loc, scale, rate] = [self.loc, self.scale, self.rate].map(Draw::Value);
        let f = formula!(|loc, scale, rate, u, z| {
            finite_or_nan(loc) + positive_or_nan(scale) * z - u.ln() / positive_or_nan(rate)
        });
        V::draw(cx, f, [loc, scale, rate, Draw::Uniform(u), Draw::Normal(z)], least)
    }
}
impl<V: Value> Reparameterized<V> for ExGaussian<V> {}
rand_draws!(ExGaussian, |d, rng| Draws::draw(d, rng));
