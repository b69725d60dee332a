//! Uniform distribution on an interval.

use super::{Exponential, Laplace, Normal, common_shape, outside, positive_or_nan, probability};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, require};
use crate::kl::{KlDivergence, KlMethod, infinite_kl};
use crate::random::{rand_draws, uniform};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

use super::normal::HALF_LN_TAU;

/// `p(x) = 1 / (high - low)`, `low <= x <= high`.
///
/// *Event*: entry. *Parameters*: `low < high`.
#[derive(Clone, Copy, Debug)]
pub struct Uniform<V = f64> {
    /// The lower limit.
    pub low: V,
    /// The upper limit.
    pub high: V,
}

impl<V: Value> Uniform<V> {
    /// With these limits.
    pub fn new(low: impl Into<V>, high: impl Into<V>) -> Self {
        Self { low: low.into(), high: high.into() }
    }
}

#[derive(Clone, Copy, Debug)]
struct UniformLogProb;
impl Formula<3> for UniformLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, low, high]: [R; 3]) -> R {
        let width = positive_or_nan(high - low);
        let (inside, outside) = (x * 0.0 - width.ln(), outside(width));
        if x < low || x > high { outside } else { inside }
    }
}

/// How far `x` is from `low` towards `high`: 0 at and before `low`, 1 at and behind `high`. With the limits swapped, the rest.
#[inline(always)]
fn part<R: Real>(x: R, low: R, high: R) -> R {
    let part = (x - low) / (high - low);
    let part = if part < 0.0 { R::zero() } else { part };
    if part > 1.0 { R::one() } else { part }
}

/// NaN instead of `high` where `low < high` does not hold.
#[inline(always)]
fn above<R: Real>(low: R, high: R) -> R {
    let nan = high * f64::NAN;
    if low < high { high } else { nan }
}

/// The logarithm of a probability `p`, of which `q` is the rest.
#[inline(always)]
fn log_part<R: Real>(p: R, q: R) -> R {
    let (small, large) = (p.ln(), (-q).ln_1p());
    if p < 0.5 { small } else { large }
}

impl<V: Value> Distribution<V> for Uniform<V> {
    const NAME: &'static str = "Uniform";

    fn support(&self) -> Support<V> {
        Support::Interval(self.low, self.high)
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.low, self.high])
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "low", self.low)?;
        finite(Self::NAME, "high", self.high)?;
        // The limits that are in order become infinite, the others stay to be shown.
        let bad = formula!(|low, high| if high > low { R::of(f64::INFINITY) } else { high });
        let bad = V::apply(bad, [self.low, self.high]);
        require(Self::NAME, "high", bad, "greater than low", |x| x == f64::INFINITY)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, UniformLogProb, [x, self.low, self.high])
    }
}

impl<V: Value> Sample<V> for Uniform<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.low), Draw::Value(self.high), Draw::Uniform(key)];
        V::draw(cx, formula!(|low, high, u| low + (high - low) * u), args, least)
    }
}
impl<V: Value> Reparameterized<V> for Uniform<V> {}
rand_draws!(Uniform, |d, rng| d.low + (d.high - d.low) * uniform(rng));

impl<V: Value> Moments<V> for Uniform<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|low, high| low + (above(low, high) - low) * 0.5), [self.low, self.high])
    }
    fn variance(&self) -> V {
        V::apply(formula!(|low, high| (above(low, high) - low).sq() / 12.0), [self.low, self.high])
    }
}

impl<V: Value> Cdf<V> for Uniform<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x, low, high| part(x, low, above(low, high))), [x, self.low, self.high])
    }
    fn sf(&self, x: V) -> V {
        V::apply(formula!(|x, low, high| part(x, above(low, high), low)), [x, self.low, self.high])
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|x, low, high| {
            let high = above(low, high);
            log_part(part(x, low, high), part(x, high, low))
        });
        V::apply(f, [x, self.low, self.high])
    }
    fn log_sf(&self, x: V) -> V {
        let f = formula!(|x, low, high| {
            let high = above(low, high);
            log_part(part(x, high, low), part(x, low, high))
        });
        V::apply(f, [x, self.low, self.high])
    }
    fn quantile(&self, p: V) -> V {
        // The nearer limit is the base.
        let f = formula!(|p, low, high| {
            let (p, width) = (probability(p), above(low, high) - low);
            let (up, down) = (low + width * p, high - width * (-p + 1.0));
            if p < 0.5 { up } else { down }
        });
        V::apply(f, [p, self.low, self.high])
    }
}

impl<V: Value> Entropy<V> for Uniform<V> {
    fn entropy(&self) -> V {
        V::apply(formula!(|low, high| (above(low, high) - low).ln()), [self.low, self.high])
    }
}

/// `KL(U(a, b) ‖ U(c, d)) = ln((d - c) / (b - a))` if `[a, b]` lies in `[c, d]`, else infinite.
#[derive(Clone, Copy, Debug)]
struct UniformUniformKl;
impl Formula<4> for UniformUniformKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b, c, d]: [R; 4]) -> R {
        let inside = ((above(c, d) - c) / (above(a, b) - a)).ln();
        let outside = inside * 0.0 + f64::INFINITY;
        if a < c || b > d { outside } else { inside }
    }
}

impl<V: Value> KlDivergence<Uniform<V>> for Uniform<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Uniform<V>, terms: Terms) -> V {
        V::apply_as(terms, UniformUniformKl, [self.low, self.high, p.low, p.high])
    }
}

/// `KL(U(a, b) ‖ N(c, t)) = ln(t √(2π) / (b - a)) + ½ (((a + b)/2 - c)² + (b - a)²/12) / t²`.
#[derive(Clone, Copy, Debug)]
struct UniformNormalKl;
impl Formula<4> for UniformNormalKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b, c, t]: [R; 4]) -> R {
        let width = above(a, b) - a;
        let shift = (a - c) + width * 0.5;
        let squares = (shift / t).sq() + (width / t).sq() / 12.0;
        squares * 0.5 + t.ln() - width.ln() + HALF_LN_TAU
    }
}

impl<V: Value> KlDivergence<Normal<V>> for Uniform<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
        V::apply_as(terms, UniformNormalKl, [self.low, self.high, p.loc, p.scale])
    }
}

/// `KL(U(a, b) ‖ Exponential(r)) = r (a + b)/2 - ln(r (b - a))` if `a >= 0`, else infinite.
#[derive(Clone, Copy, Debug)]
struct UniformExponentialKl;
impl Formula<3> for UniformExponentialKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b, rate]: [R; 3]) -> R {
        let width = above(a, b) - a;
        let inside = rate * (a + width * 0.5) - width.ln() - rate.ln();
        let outside = inside * 0.0 + f64::INFINITY;
        if a < 0.0 { outside } else { inside }
    }
}

impl<V: Value> KlDivergence<Exponential<V>> for Uniform<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Exponential<V>, terms: Terms) -> V {
        V::apply_as(terms, UniformExponentialKl, [self.low, self.high, p.rate])
    }
}

infinite_kl!(Normal { loc, scale } || Uniform { low, high });
infinite_kl!(Laplace { loc, scale } || Uniform { low, high });

crate::family!(Uniform { low, high });
