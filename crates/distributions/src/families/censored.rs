//! Distributions whose values are recorded only between limits.

use crate::distribution::{Cdf, Distribution, Event, Sample};
use crate::error::{ParameterError, finite};
use crate::families::Truncated;
use crate::support::Support;
use probity_autodiff::{Formula, Key, Real, Terms, Value, formula};

/// Values of a distribution on numbers, recorded as `low` if they lie below it and as `high` if they
/// lie above it: measurements out of range, times until an event that has not come yet.
///
/// *Event*: entry. *Parameters*: `low < high`, both finite where they are given, and those of the
/// base. The log density of a value at a limit is the logarithm of the probability of all values at
/// it and beyond; beyond a limit there is none. *Draws* are those of the base, moved to the limits.
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
        if x < low || x > high {
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
        V::apply_as(terms, CensoredLogProb, [x, self.base.log_prob(x), below, above, low, high])
    }
}

impl<V: Value, D: Cdf<V> + Sample<V>> Sample<V> for Censored<V, D> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let shape = self.shape();
        let least = (shape.0.max(least.0), shape.1.max(least.1));
        let [low, high] = self.limits();
        let moved = formula!(|x, low, high| if x < low {
            low
        } else if x > high {
            high
        } else {
            x
        });
        V::apply(moved, [self.base.sample_shaped(cx, key, least), low, high])
    }
}
