//! Distributions whose values are recorded only between limits.
//!
//! Elsewhere: NumPyro, PyMC.

use crate::by_quantiles::expectation;
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Sample};
use crate::error::{ParameterError, finite};
use crate::families::truncated::Clamped;
use crate::families::{Normal, Truncated};
use crate::support::Support;
use probity_autodiff::{Formula, Key, Real, Terms, Value, formula};

/// Values of a distribution on numbers, recorded as `low` if they lie below it and as `high` if
/// they lie above it: measurements out of range, times until an event that has not come yet.
///
/// *Event*: entry. *Parameters*: `low < high`, both finite where they are given, and those of the
/// base. The log density of a value at a limit is the logarithm of the probability of all values at
/// it and beyond; beyond a limit there is none. *Draws* are those of the base, moved to the limits.
/// The entropy is that of the masses at the limits and of the density between them.
///
/// ```
/// use probity_distributions::{Cdf, Censored, Distribution, Exponential};
/// let (d, base) = (Exponential::<f64>::new(0.1), Exponential::<f64>::new(0.1));
/// let seen = Censored::above(d, 12.0);
/// assert_eq!(seen.log_prob(3.0), base.log_prob(3.0));
/// assert_eq!(seen.log_prob(12.0), base.log_sf(12.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Censored<V, D> {
    /// The distribution of the values themselves.
    pub base: D,
    /// The lower limit.
    pub low: Option<V>,
    /// The upper limit.
    pub high: Option<V>,
}

impl<V, D> Censored<V, D> {
    /// Recorded between two limits.
    pub fn between(base: D, low: impl Into<V>, high: impl Into<V>) -> Self {
        Self { base, low: Some(low.into()), high: Some(high.into()) }
    }
    /// Recorded up to a limit (right-censored).
    pub fn above(base: D, high: impl Into<V>) -> Self {
        Self { base, low: None, high: Some(high.into()) }
    }
    /// Recorded from a limit on (left-censored).
    pub fn below(base: D, low: impl Into<V>) -> Self {
        Self { base, low: Some(low.into()), high: None }
    }
}

/// Of `x`, its log density, the logarithms of the masses at the limits, and these.
#[derive(Clone, Copy, Debug)]
struct CensoredLogProb;
impl Formula<6> for CensoredLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, log_prob, below, above, low, high]: [R; 6]) -> R {
        if low.re().is_nan() || high.re().is_nan() {
            R::of(f64::NAN)
        } else if x < low || x > high {
            below * 0.0 + above * 0.0 - f64::INFINITY
        } else if x == low {
            below
        } else if x == high {
            above
        } else {
            log_prob
        }
    }
}

impl<V: Value, D: Cdf<V>> Censored<V, D> {
    fn limits(&self) -> [V; 2] {
        [self.low.unwrap_or(V::from(f64::NEG_INFINITY)), self.high.unwrap_or(V::from(f64::INFINITY))]
    }
}

impl<V: Value, D: Cdf<V>> Distribution<V> for Censored<V, D> {
    const NAME: &'static str = "Censored";

    fn event(&self) -> Event {
        self.base.event()
    }
    fn support(&self) -> Support<V> {
        self.base.support()
    }
    fn shape(&self) -> (usize, usize) {
        Truncated { base: self.base, low: self.low, high: self.high }.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.base.check()?;
        for (name, limit) in [("low", self.low), ("high", self.high)] {
            if let Some(limit) = limit {
                finite(Self::NAME, name, limit)?;
            }
        }
        match (self.low, self.high) {
            (Some(low), Some(high)) => super::ordered(Self::NAME, low, high),
            _ => Ok(()),
        }
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        let [low, high] = self.limits();
        let none = V::from(0.0);
        // Of counts, the one at the upper limit belongs to the mass there.
        let discrete = self.base.support().is_discrete();
        let before =
            |x: V| if discrete { V::apply(formula!(|x| R::of(x.re().ceil() - 1.0)), [x]) } else { x };
        let below = self.low.map_or(none, |low| self.base.log_cdf(low));
        let above = self.high.map_or(none, |high| self.base.log_sf(before(high)));
        // Beyond the limits the base may have no slope.
        let inside = self.base.log_prob(V::apply(Clamped, [x, low, high]));
        V::apply_as(terms, CensoredLogProb, [x, inside, below, above, low, high])
    }
}

impl<V: Value, D: Cdf<V> + Sample<V>> Sample<V> for Censored<V, D> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let shape = self.shape();
        let least = (shape.0.max(least.0), shape.1.max(least.1));
        let [low, high] = self.limits();
        V::apply(Clamped, [self.base.sample_shaped(cx, key, least), low, high])
    }
}

impl<V: Value, D: Cdf<V>> Cdf<V> for Censored<V, D> {
    fn cdf(&self, x: V) -> V {
        self.tail(x, self.base.cdf(x), 0.0, 1.0)
    }
    fn sf(&self, x: V) -> V {
        self.tail(x, self.base.sf(x), 1.0, 0.0)
    }
    fn log_cdf(&self, x: V) -> V {
        self.tail(x, self.base.log_cdf(x), f64::NEG_INFINITY, 0.0)
    }
    fn log_sf(&self, x: V) -> V {
        self.tail(x, self.base.log_sf(x), 0.0, f64::NEG_INFINITY)
    }
    /// That of the base, moved to the limits.
    fn quantile(&self, p: V) -> V {
        let [low, high] = self.limits();
        V::apply(Clamped, [self.base.quantile(p), low, high])
    }
}

/// Of `x`, the tail of the base there, and the limits: the tails before and from the limits on are
/// numbers.
#[derive(Clone, Copy, Debug)]
struct Tail(f64, f64);
impl Formula<4> for Tail {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, tail, low, high]: [R; 4]) -> R {
        // A NaN of the base stays.
        let rest = R::of(if tail.re().is_nan() { f64::NAN } else { 0.0 });
        if x < low {
            rest + self.0
        } else if x >= high {
            rest + self.1
        } else {
            tail
        }
    }
}

impl<V: Value, D: Cdf<V>> Censored<V, D> {
    fn tail(&self, x: V, base: V, before: f64, behind: f64) -> V {
        let [low, high] = self.limits();
        V::apply(Tail(before, behind), [x, base, low, high])
    }

    /// What is between the limits.
    fn between_limits(&self) -> Truncated<V, D> {
        Truncated { base: self.base, low: self.low, high: self.high }
    }

    /// The probabilities of the lower limit, of what lies between, and of the upper limit, of a
    /// continuous base.
    fn masses(&self) -> [V; 3] {
        let none = V::from(0.0);
        let (below, above) = (self.low.map(|x| self.base.cdf(x)), self.high.map(|x| self.base.sf(x)));
        let between = V::apply(formula!(|log| log.exp()), [self.between_limits().log_mass()]);
        [below.unwrap_or(none), between, above.unwrap_or(none)]
    }
}

impl<V: Value, D: Cdf<V>> Moments<V> for Censored<V, D> {
    fn mean(&self) -> V {
        self.about(V::from(0.0), 1)
    }
    fn variance(&self) -> V {
        self.about(self.mean(), 2)
    }
}

impl<V: Value, D: Cdf<V>> Censored<V, D> {
    /// `E (x - from)ⁿ`.
    fn about(&self, from: V, n: i32) -> V {
        let power = Power(n);
        if self.base.support().is_discrete() {
            return expectation(self, |x| V::apply(power, [x, from]));
        }
        let [below, between, above] = self.masses();
        let inner = expectation(&self.between_limits(), |x| V::apply(power, [x, from]));
        let at = |limit: Option<V>, mass: V| limit.map(|x| V::apply(power, [x, from]) * mass);
        let sum = between * inner;
        let sum = at(self.low, below).map_or(sum, |term| sum + term);
        at(self.high, above).map_or(sum, |term| sum + term)
    }
}

/// `(x - a)ⁿ`.
#[derive(Clone, Copy, Debug)]
struct Power(i32);
impl Formula<2> for Power {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, a]: [R; 2]) -> R {
        (x - a).powi(self.0)
    }
}

impl<V: Value, D: Cdf<V>> Entropy<V> for Censored<V, D> {
    fn entropy(&self) -> V {
        if self.base.support().is_discrete() {
            return expectation(self, |x| -self.log_prob(x));
        }
        let f = formula!(|below, between, above, inner| {
            -below.xlogy(below) - above.xlogy(above) - between.xlogy(between) + between * inner
        });
        let [below, between, above] = self.masses();
        V::apply(f, [below, between, above, self.between_limits().entropy()])
    }
}

crate::laws::family_of!(Censored<Normal> { loc, scale, low, high }
    |d| [d.base.loc, d.base.scale, d.limits()[0], d.limits()[1]] =>
    Censored { base: Normal { loc, scale }, low: Some(low), high: Some(high) },
    [0.3, 2.0, -1.0, 3.0], [0.0, 1.0, 0.5, 4.0]
);
