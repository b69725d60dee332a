//! Uniform distribution on an interval.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::{
    Exponential, Laplace, Normal, common_shape, finite_or_nan, infinite, ln_ratio, not_negative, ordered,
    outside, positive_or_nan, probability, standardized,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::kl::{KlDivergence, KlMethod, infinite_kl};
use crate::random::{rand_draws, uniform};
use crate::support::Support;
use probity_autodiff::math::ln_1p_minus;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};

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
        let Width { part, width } = Width::of(low, above(low, high));
        let outside = outside(width) + low * 0.0;
        if x < low || x > high { outside } else { x * 0.0 - width.ln() + f64::ln(part) }
    }
    compiled_here!(UniformLogProb, 3, f64);
}

/// The distance of two limits, or half of it where the whole overflows.
#[derive(Clone, Copy)]
struct Width<R> {
    /// 1 or ½.
    part: f64,
    /// This part of the distance.
    width: R,
}

impl<R: Real> Width<R> {
    #[inline(always)]
    fn of(low: R, high: R) -> Self {
        let part = if infinite(high - low) { 0.5 } else { 1.0 };
        Self { part, width: high * part - low * part }
    }

    /// `low + (high - low) p`, from the nearer limit.
    #[inline(always)]
    fn at(self, low: R, high: R, p: R) -> R {
        let (up, down) = (self.width * p / self.part, self.width * (-p + 1.0) / self.part);
        if p < 0.5 { low + up } else { high - down }
    }
}

/// How far `x` is from `low` towards `high`: 0 at and before `low`, 1 at and behind `high`. With
/// the limits swapped, the rest.
#[inline(always)]
fn part<R: Real>(x: R, low: R, high: R) -> R {
    let Width { part, width } = Width::of(low, high);
    let part = (x * part - low * part) / width;
    let part = if part < 0.0 { R::zero() } else { part };
    if part > 1.0 { R::one() } else { part }
}

/// NaN instead of `high` where `low < high` does not hold, or either is infinite.
#[inline(always)]
pub(crate) fn above<R: Real>(low: R, high: R) -> R {
    let nan = high * f64::NAN;
    if low < high && low > f64::NEG_INFINITY && high < f64::INFINITY { high } else { nan }
}

/// The logarithm of a probability `p`, of which `q` is the rest.
#[inline(always)]
fn log_part<R: Real>(p: R, q: R) -> R {
    let (small, large) = (p.ln(), (-q).ln_1p());
    if p < 0.5 { small } else { large }
}

/// `E ln x` between 0 or more and `high`.
#[inline]
pub(crate) fn mean_log<R: Real>(low: R, high: R) -> R {
    let width = high - low;
    let stretch = width / low;
    if !(low > 0.0) {
        return high.ln() - 1.0;
    }
    if stretch.re().abs() < 1e-8 {
        return (low + width * 0.5).ln();
    }
    if stretch < 1.0 {
        // ln a + (1 + 1/s) ln(1 + s) - 1, without the first order.
        let bend = ln_1p_minus(stretch);
        return low.ln() + stretch + bend + bend / stretch;
    }
    high.ln() - 1.0 + low / width * (high / low).ln()
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
        ordered(Self::NAME, self.low, self.high)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, UniformLogProb, [x, self.low, self.high])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        // The width of the interval is in the density and in the slope of the bijector.
        let f = formula!(|u, low, high| {
            u.log_sigmoid() + (-u).log_sigmoid() + low * 0.0 + above(low, high) * 0.0
        });
        V::apply_as(terms, f, [u, self.low, self.high])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Uniform<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.low), Draw::Value(self.high), Draw::Uniform(key)];
        V::draw(
            cx,
            formula!(|low, high, u| {
                let (high, whole) = (above(low, high), low + (above(low, high) - low) * u);
                if infinite(whole) || infinite(high - low) {
                    Width::of(low, high).at(low, high, u)
                } else {
                    whole
                }
            }),
            args,
            least,
        )
    }
}
impl<V: Value> Reparameterized<V> for Uniform<V> {}
rand_draws!(Uniform, |d, rng| {
    let (low, high) = (d.low, above(d.low, d.high));
    Width::of(low, high).at(low, high, uniform(rng))
});

impl<V: Value> Moments<V> for Uniform<V> {
    fn mean(&self) -> V {
        let f = formula!(|low, high| {
            let (half, whole) = (high * 0.5 + low * 0.5, low + (above(low, high) - low) * 0.5);
            if infinite(whole) { half } else { whole }
        });
        V::apply(f, [self.low, self.high])
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
            let high = above(low, high);
            Width::of(low, high).at(low, high, probability(p))
        });
        V::apply(f, [p, self.low, self.high])
    }
}

impl<V: Value> Entropy<V> for Uniform<V> {
    fn entropy(&self) -> V {
        let f = formula!(|low, high| {
            let Width { part, width } = Width::of(low, above(low, high));
            width.ln() - f64::ln(part)
        });
        V::apply(f, [self.low, self.high])
    }
}

/// `KL(U(a, b) ‖ U(c, d)) = ln((d - c) / (b - a))` if `[a, b]` lies in `[c, d]`, else infinite.
#[derive(Clone, Copy, Debug)]
struct UniformUniformKl;
impl Formula<4> for UniformUniformKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b, c, d]: [R; 4]) -> R {
        let (q, p) = (Width::of(a, above(a, b)), Width::of(c, above(c, d)));
        let inside = ln_ratio(p.width, q.width) - f64::ln(p.part / q.part);
        let outside = inside * 0.0 + f64::INFINITY;
        not_negative(if a < c || b > d { outside } else { inside })
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
        let (c, t) = (finite_or_nan(c), positive_or_nan(t));
        let Width { part, width } = Width::of(a, above(a, b));
        let shift = standardized(a, c, t) + width / t * (0.5 / part);
        let squares = shift.sq() + (width / t / part).sq() / 12.0;
        not_negative(squares * 0.5 - ln_ratio(width, t) + f64::ln(part) + HALF_LN_TAU)
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
        let (b, rate) = (above(a, b), positive_or_nan(rate));
        let inside = rate * (a + (b - a) * 0.5) - (b - a).ln() - rate.ln();
        let outside = a * 0.0 + b * 0.0 + rate * 0.0 + f64::INFINITY;
        not_negative(if a < 0.0 { outside } else { inside })
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

infinite_kl!(
    Normal { loc, scale } || Uniform { low, high },
    [finite_or_nan(loc), positive_or_nan(scale), above(low, high)]
);
infinite_kl!(
    Laplace { loc, scale } || Uniform { low, high },
    [finite_or_nan(loc), positive_or_nan(scale), above(low, high)]
);

crate::family!(Uniform { low, high } at [-0.5, 2.0], [3.0, 3.5]);
