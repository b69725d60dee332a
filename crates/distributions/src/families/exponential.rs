//! Exponential distribution on the positive numbers.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::uniform::above;
use super::{
    Laplace, Normal, Uniform, clamped, finite_or_nan, flat, infinite, ln_ratio, not_negative, outside,
    overflown, positive_or_nan, probability,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod, infinite_kl};
use crate::random::{exponential, rand_draws};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};

use super::normal::HALF_LN_TAU;

/// `p(x) = rate e^(-rate x)`, `x >= 0`.
///
/// *Event*: entry. *Parameters*: `rate > 0`.
#[derive(Clone, Copy, Debug)]
pub struct Exponential<V = f64> {
    /// The inverse of the mean.
    pub rate: V,
}

impl<V: Value> Exponential<V> {
    /// With this rate.
    pub fn new(rate: impl Into<V>) -> Self {
        Self { rate: rate.into() }
    }
}

#[derive(Clone, Copy, Debug)]
struct ExponentialLogProb;
impl Formula<2> for ExponentialLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, rate]: [R; 2]) -> R {
        let inside = positive_or_nan(rate).ln() - rate * x;
        let outside = outside(rate);
        if x < 0.0 || infinite(x) { outside } else { inside }
    }
    compiled_here!(ExponentialLogProb, 2, f64);
}

/// `rate x`; 0 below the support.
#[inline(always)]
fn argument<R: Real>(x: R, rate: R) -> R {
    flat(positive_or_nan(rate) * clamped(x))
}

/// The log density of `u = ln x`.
#[derive(Clone, Copy, Debug)]
struct ExponentialLogProbOfLog;
impl Formula<2> for ExponentialLogProbOfLog {
    #[inline(always)]
    fn eval<R: Real>(&self, [u, rate]: [R; 2]) -> R {
        let log = u + positive_or_nan(rate).ln();
        let y = log.exp();
        let (inside, overflown) = (log - y, overflown(log));
        if y == f64::INFINITY { overflown } else { inside }
    }
}

/// `E rate x - E ln(rate x)` less the entropy, for `ln x ~ N(m, s)`.
#[derive(Clone, Copy, Debug)]
struct LogNormalExponentialKl;
impl Formula<3> for LogNormalExponentialKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [m, s, rate]: [R; 3]) -> R {
        let (s, log) = (positive_or_nan(s), finite_or_nan(m) + positive_or_nan(rate).ln());
        not_negative((log + s * s * 0.5).exp() - log - s.ln() - (HALF_LN_TAU + 0.5))
    }
}

impl<V: Value> Distribution<V> for Exponential<V> {
    const NAME: &'static str = "Exponential";

    fn support(&self) -> Support<V> {
        Support::Positive
    }
    fn shape(&self) -> (usize, usize) {
        self.rate.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "rate", self.rate)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, ExponentialLogProb, [x, self.rate])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, ExponentialLogProbOfLog, [u, self.rate])
    }
    #[track_caller]
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((V::apply_as(terms, LogNormalExponentialKl, [loc, scale, self.rate]), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Exponential<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        V::draw(
            cx,
            formula!(f64 | rate, u | -u.ln() / positive_or_nan(rate)),
            [Draw::Value(self.rate), Draw::Uniform(key)],
            least,
        )
    }
}
impl<V: Value> Reparameterized<V> for Exponential<V> {}
rand_draws!(Exponential, |d, rng| exponential(rng) / positive_or_nan(d.rate));

impl<V: Value> Moments<V> for Exponential<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|rate| positive_or_nan(rate).recip()), [self.rate])
    }
    fn variance(&self) -> V {
        V::apply(formula!(|rate| positive_or_nan(rate).recip().sq()), [self.rate])
    }
}

impl<V: Value> Cdf<V> for Exponential<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x, rate| -(-argument(x, rate)).exp_m1()), [x, self.rate])
    }
    fn sf(&self, x: V) -> V {
        V::apply(formula!(|x, rate| (-argument(x, rate)).exp()), [x, self.rate])
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(formula!(|x, rate| argument(x, rate).log1mexp()), [x, self.rate])
    }
    fn log_sf(&self, x: V) -> V {
        V::apply(formula!(|x, rate| -argument(x, rate)), [x, self.rate])
    }
    fn quantile(&self, p: V) -> V {
        V::apply(formula!(|p, rate| -(-probability(p)).ln_1p() / positive_or_nan(rate)), [p, self.rate])
    }
}

impl<V: Value> Entropy<V> for Exponential<V> {
    fn entropy(&self) -> V {
        V::apply(formula!(|rate| -positive_or_nan(rate).ln() + 1.0), [self.rate])
    }
}

/// `KL(Exponential(a) ‖ Exponential(b)) = b/a - 1 - ln(b/a)`.
#[derive(Clone, Copy, Debug)]
struct ExponentialExponentialKl;
impl Formula<2> for ExponentialExponentialKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b]: [R; 2]) -> R {
        let (a, b) = (positive_or_nan(a), positive_or_nan(b));
        not_negative((b - a) / a - ln_ratio(b, a))
    }
}

impl<V: Value> KlDivergence<Exponential<V>> for Exponential<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Exponential<V>, terms: Terms) -> V {
        V::apply_as(terms, ExponentialExponentialKl, [self.rate, p.rate])
    }
}

/// `KL(Exponential(a) ‖ N(b, t)) = ln(a t √(2π)) - 1 + ½ ((1/a - b)² + 1/a²) / t²`.
#[derive(Clone, Copy, Debug)]
struct ExponentialNormalKl;
impl Formula<3> for ExponentialNormalKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b, t]: [R; 3]) -> R {
        let (a, b, t) = (positive_or_nan(a), finite_or_nan(b), positive_or_nan(t));
        let mean = a.recip();
        let squares = ((mean - b) / t).sq() + (mean / t).sq();
        not_negative(squares * 0.5 + a.ln() + t.ln() + (HALF_LN_TAU - 1.0))
    }
}

impl<V: Value> KlDivergence<Normal<V>> for Exponential<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
        V::apply_as(terms, ExponentialNormalKl, [self.rate, p.loc, p.scale])
    }
}

infinite_kl!(Exponential { rate } || Uniform { low, high }, [positive_or_nan(rate), above(low, high)]);
infinite_kl!(
    Normal { loc, scale } || Exponential { rate },
    [finite_or_nan(loc), positive_or_nan(scale), positive_or_nan(rate)]
);
infinite_kl!(
    Laplace { loc, scale } || Exponential { rate },
    [finite_or_nan(loc), positive_or_nan(scale), positive_or_nan(rate)]
);

crate::family!(Exponential { rate } at [0.4], [7.0]);
