//! Chi distribution on the positive numbers.
//!
//! Elsewhere: TFP cqer.

use super::gamma::GammaLogProbOfLog;
use super::{clamped, gamma_entropy, infinite, not_negative, positive_or_nan, probability};
use crate::by_functions::{capabilities, divergence};
use crate::distribution::{Draws, Reparameterized, Sample};
use crate::error::positive;
use crate::random::rand_draws;
use crate::special::{
    LogGammaSlope, entry_key, implicit_draw, implicit_root, lgamma_above_tangent, log_gamma_draw,
};
use crate::support::Support;
use probity_autodiff::math::gamma_inc::{gamma_p_inv, gamma_pdf};
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::LN_2;

/// `p(x) = xᵈᶠ⁻¹ e^(-x²/2) / (2^(df/2 - 1) Γ(df/2))`, `x > 0`: the length of `df` standard normal
/// numbers, the root of a [`Chi2`](crate::Chi2) variable.
///
/// *Event*: entry. *Parameters*: `df > 0` (degrees of freedom).
#[derive(Clone, Copy, Debug)]
pub struct Chi<V = f64> {
    /// Degrees of freedom.
    pub df: V,
}

impl<V: Value> Chi<V> {
    /// With these degrees of freedom.
    pub fn new(df: impl Into<V>) -> Self {
        Self { df: df.into() }
    }
}

/// The density of `u = ln x`: that of `ln ½x² = 2u - ln 2`, which is the logarithm of a Gamma
/// variable.
#[inline]
fn log_prob_of_log<R: Real>(u: R, df: R) -> R {
    GammaLogProbOfLog.eval([u * 2.0 - LN_2, positive_or_nan(df) * 0.5, R::one()]) + LN_2
}
#[inline]
fn log_prob<R: Real>(x: R, df: R) -> R {
    let df = positive_or_nan(df);
    let outside = df * 0.0 - f64::INFINITY;
    if x == 0.0 {
        return if df == 1.0 {
            // ½ ln(2/π), with the slope that the power has.
            df * 0.0 - 0.225791352644727432363097614947441071
        } else if df < 1.0 {
            -outside
        } else {
            outside
        };
    }
    if x < 0.0 || infinite(x * x) {
        return outside;
    }
    let log = x.ln();
    log_prob_of_log(log, df) - log
}

/// `½ x²`; where it underflows, [`log_cdf`] is the leading power.
#[inline]
fn half_square<R: Real>(x: R) -> R {
    let x = clamped(x);
    x * x * 0.5
}
fn cdf<R: Real>(x: R, df: R) -> R {
    if x > 0.0 && x < 1e-100 {
        return log_cdf(x, df).exp();
    }
    (positive_or_nan(df) * 0.5).gamma_p(half_square(x))
}
fn sf<R: Real>(x: R, df: R) -> R {
    (positive_or_nan(df) * 0.5).gamma_q(half_square(x))
}
fn log_cdf<R: Real>(x: R, df: R) -> R {
    let a = positive_or_nan(df) * 0.5;
    let y = half_square(x);
    if x > 0.0 && x < 1e-100 { a * (x.ln() * 2.0 - LN_2) - (a + 1.0).lgamma() } else { a.log_gamma_p(y) }
}
fn log_sf<R: Real>(x: R, df: R) -> R {
    if x > 0.0 && x < 1e-100 {
        return (-cdf(x, df)).ln_1p();
    }
    (positive_or_nan(df) * 0.5).log_gamma_q(half_square(x))
}
fn quantile<R: Real>(p: R, df: R) -> R {
    let (p, a) = (probability(p), positive_or_nan(df) * 0.5);
    let y = gamma_p_inv(a.re(), p.re());
    let y = implicit_root(y, |y| a.gamma_p(y) - p, |y| gamma_pdf(a, y)) * 2.0;
    if y == 0.0 { a * 0.0 } else { y.sqrt() }
}

fn mean<R: Real>(df: R) -> R {
    let df = positive_or_nan(df);
    df.sqrt() * (df * 0.5).half_step().exp()
}
/// `df - mean²`.
fn variance<R: Real>(df: R) -> R {
    let df = positive_or_nan(df);
    -df * ((df * 0.5).half_step() * 2.0).exp_m1()
}
/// That of `½ x²`, less the mean of the logarithm of its slope.
fn entropy<R: Real>(df: R) -> R {
    let a = positive_or_nan(df) * 0.5;
    gamma_entropy(a, R::one()) - (a.digamma() + LN_2) * 0.5
}

/// That of `½ x²`.
fn kl<R: Real>(a: R, b: R) -> R {
    let (a, b) = (positive_or_nan(a) * 0.5, positive_or_nan(b) * 0.5);
    if (a + b).re().is_nan() || b / a == f64::INFINITY {
        return R::of((a + b).re() * 0.0 + f64::INFINITY);
    }
    not_negative(lgamma_above_tangent(b, a))
}

capabilities!(Chi { df: positive }:
    at [0.7], [3.0], [40.0];
    density log_prob, |_| Support::StrictlyPositive, of_u log_prob_of_log;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);
divergence!(Chi { df = a } || Chi { df = b }, kl);

impl<V: Value> Sample<V> for Chi<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let f = formula!(|df, u, v| {
            let a = df * 0.5;
            let log = implicit_draw::<LogGammaSlope, _, 1>(log_gamma_draw(entry_key(u, v), a.re()), [a]);
            let x = ((log + LN_2) * 0.5).exp();
            let least = R::of(f64::MIN_POSITIVE);
            let least = if least > 0.0 { least } else { R::of(f64::from(f32::MIN_POSITIVE)) };
            if x < least { least } else { x }
        });
        V::draw(cx, f, [Draw::Value(self.df), Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
impl<V: Value> Reparameterized<V> for Chi<V> {}
rand_draws!(Chi, |d, rng| Draws::draw(d, rng));
