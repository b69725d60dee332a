//! Weibull distribution on the positive numbers.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cer, TFP cqer, PyMC cq.

use super::extreme_value::log_spread_over;
use super::gumbel::{EULER, NormalGumbelKl, extreme_kl};
use super::{
    all_ordinary, clamped, common_shape, infinite, ln_ratio, overflown, positive_or_nan, probability,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::lift::exp_m1_over;
use crate::random::{exponential, rand_draws};
use crate::special::exp_minus_line;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(X > x) = exp(-(x / scale)ᵏ)` with `k` the concentration, `x > 0`.
///
/// *Event*: entry. *Parameters*: `concentration > 0` (shape), `scale > 0`.
#[derive(Clone, Copy, Debug)]
pub struct Weibull<V = f64> {
    /// Concentration (shape).
    pub concentration: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> Weibull<V> {
    /// With this concentration and scale.
    pub fn new(concentration: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { concentration: concentration.into(), scale: scale.into() }
    }

    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.concentration, self.scale])
    }
    fn of<F: Formula<2>>(&self, f: F) -> V {
        V::apply(f, [self.concentration, self.scale])
    }
}

/// `k ln(x / scale)`, the logarithm of the exponent.
#[inline(always)]
fn log_exponent<R: Real>(x: R, k: R, scale: R) -> R {
    positive_or_nan(k) * ln_ratio(x, positive_or_nan(scale))
}

#[derive(Clone, Copy, Debug)]
pub(super) struct WeibullLogProb;
impl Formula<3> for WeibullLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, k, scale]: [R; 3]) -> R {
        let (k, scale) = (positive_or_nan(k), positive_or_nan(scale));
        let outside = k * 0.0 + scale * 0.0 - f64::INFINITY;
        if x == 0.0 {
            return if k == 1.0 {
                -scale.ln() + k * 0.0
            } else if k < 1.0 {
                -outside
            } else {
                outside
            };
        }
        if x < 0.0 || infinite(x) {
            return outside;
        }
        let log = log_exponent(x, k, scale);
        // Together, so that the derivatives do not cancel near the scale.
        let part = exp_minus_line(log);
        if part == f64::INFINITY { overflown(log) } else { k.ln() - x.ln() - part - 1.0 }
    }
    const FAST_PATH: bool = true;
    const STAGED: bool = true;
    #[inline(always)]
    fn first_stage<R: Real>(&self, [x, _, scale]: [R; 3]) -> R {
        (x / scale).ln_normal()
    }
    #[inline(always)]
    fn second_stage<R: Real>(&self, ln_ratio: R, [x, k, scale]: [R; 3]) -> (R, [R; 3], bool) {
        let log = k * ln_ratio;
        let excess = log.exp_m1_moderate();
        let d = k * excess;
        let partials = [-(d + 1.0) / x, k.recip() - ln_ratio * excess, d / scale];
        let inside = (log.abs() < 80.0) & all_ordinary([x, k, scale]);
        ((k / x).ln_normal() + (log - excess) - 1.0, partials, inside)
    }
}

impl<V: Value> Distribution<V> for Weibull<V> {
    const NAME: &'static str = "Weibull";

    fn support(&self) -> Support<V> {
        Support::StrictlyPositive
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.concentration, self.scale])
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "concentration", self.concentration)?;
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, WeibullLogProb, [x, self.concentration, self.scale])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        let f = formula!(|u, k, scale| {
            let log = positive_or_nan(k) * (u - positive_or_nan(scale).ln());
            let w = log.exp();
            if w == f64::INFINITY { overflown(log) } else { k.ln() + log - w }
        });
        V::apply_as(terms, f, [u, self.concentration, self.scale])
    }
    /// `-u` has a Gumbel distribution, of scale `1 / k` around `-ln scale`.
    #[track_caller]
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        let f = formula!(|m, s, k, scale| {
            let (k, scale) = (positive_or_nan(k), positive_or_nan(scale));
            NormalGumbelKl.eval([-m, s, -scale.ln(), k.recip()])
        });
        let args = [loc, scale, self.concentration, self.scale];
        Some((V::apply_as(terms, f, args), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

/// `scale w^(1/k)` for the exponent `w`.
#[inline(always)]
fn value_of<R: Real>(w: R, k: R, scale: R) -> R {
    positive_or_nan(scale) * (w.ln() / positive_or_nan(k)).exp()
}

impl<V: Value> Sample<V> for Weibull<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.concentration), Draw::Value(self.scale), Draw::Uniform(key)];
        V::draw(cx, formula!(|k, scale, u| value_of(-(-u).ln_1p(), k, scale)), args, least)
    }
}
impl<V: Value> Reparameterized<V> for Weibull<V> {}
rand_draws!(Weibull, |d, rng| value_of(exponential(rng), d.concentration, d.scale));

impl<V: Value> Moments<V> for Weibull<V> {
    /// `scale Γ(1 + 1/k)`.
    fn mean(&self) -> V {
        self.of(formula!(|k, scale| {
            positive_or_nan(scale) * (positive_or_nan(k).recip() + 1.0).lgamma().exp()
        }))
    }
    /// `scale² (Γ(1 + 2/k) - Γ(1 + 1/k)²)`, by the logarithm of the quotient.
    fn variance(&self) -> V {
        self.of(formula!(|k, scale| {
            let (scale, step) = (positive_or_nan(scale), positive_or_nan(k).recip());
            let (one, two) = ((step + 1.0).lgamma(), (step * 2.0 + 1.0).lgamma());
            let mean = scale * one.exp();
            // Where the logarithm is large, the product would overflow first.
            if two - one * 2.0 < 1.0 {
                let size = mean * step;
                size * (size * log_spread_over(-step) * exp_m1_over(log_spread_over(-step) * step * step))
            } else {
                scale * scale * two.exp() - mean * mean
            }
        }))
    }
}

impl<V: Value> Cdf<V> for Weibull<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|x, k, scale| -(-log_exponent(clamped(x), k, scale).exp()).exp_m1()), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|x, k, scale| (-log_exponent(clamped(x), k, scale).exp()).exp()), x)
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|x, k, scale| {
            let log = log_exponent(clamped(x), k, scale);
            let w = log.exp();
            let (body, tail) = (w.log1mexp(), log - w * 0.5);
            if log < -30.0 { tail } else { body }
        });
        self.at(f, x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|x, k, scale| -log_exponent(clamped(x), k, scale).exp()), x)
    }
    fn quantile(&self, p: V) -> V {
        self.at(formula!(|p, k, scale| value_of(-(-probability(p)).ln_1p(), k, scale)), p)
    }
}

impl<V: Value> Entropy<V> for Weibull<V> {
    /// `γ (1 - 1/k) + ln(scale / k) + 1`.
    fn entropy(&self) -> V {
        self.of(formula!(|k, scale| {
            let (k, scale) = (positive_or_nan(k), positive_or_nan(scale));
            ln_ratio(scale, k) - k.recip() * EULER + (1.0 + EULER)
        }))
    }
}

/// That of `-ln x`, which has a Gumbel distribution.
impl<V: Value> KlDivergence<Weibull<V>> for Weibull<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Weibull<V>, terms: Terms) -> V {
        let f = formula!(|k, s, l, t| {
            let (k, s, l, t) =
                (positive_or_nan(k), positive_or_nan(s), positive_or_nan(l), positive_or_nan(t));
            extreme_kl(l / k, l * ln_ratio(t, s))
        });
        V::apply_as(terms, f, [self.concentration, self.scale, p.concentration, p.scale])
    }
}

crate::family!(Weibull { concentration, scale } at [0.8, 2.0], [1.0, 1.0], [2.5, 0.4], [30.0, 1.0]);
