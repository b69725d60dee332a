//! Distributions on a part of their values.
//!
//! Elsewhere: NumPyro cqr, PyMC.

use super::{Normal, common_shape};
use crate::by_quantiles::expectation;
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// A distribution on numbers, given that `low <= x <= high`: any family with a distribution
/// function, on an interval or on one side of a limit. For counts both limits belong to it.
///
/// *Event*: entry. *Parameters*: `low < high`, both finite where they are given, and those of the
/// base. Densities and tails keep their digits in either tail. *Draws* are quantiles of the base
/// and have its gradients; they are coarse where the window lies beyond the base's upper quantile
/// of `1 - 1e-10` ([`TruncatedNormal`](crate::TruncatedNormal) has no such bound). *Moments and
/// entropy* are expectations over a hundred quantiles, with gradients, or sums over counts.
///
/// ```
/// use probity_distributions::{Distribution, Gamma, StudentT, Truncated};
/// let d = Truncated::above(StudentT::<f64>::new(3.0, 0.0, 1.0), 0.0);
/// assert!((d.log_prob(1.0) - StudentT::<f64>::new(3.0, 0.0, 1.0).log_prob(1.0) - 2f64.ln()).abs() < 1e-14);
/// let d = Truncated::between(Gamma::<f64>::new(2.0, 1.0), 0.5, 4.0);
/// assert_eq!(d.log_prob(5.0), f64::NEG_INFINITY);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Truncated<V, D> {
    /// The whole distribution.
    pub base: D,
    /// The lower limit.
    pub low: Option<V>,
    /// The upper limit.
    pub high: Option<V>,
}

impl<V, D> Truncated<V, D> {
    /// Between two limits.
    pub fn between(base: D, low: impl Into<V>, high: impl Into<V>) -> Self {
        Self { base, low: Some(low.into()), high: Some(high.into()) }
    }
    /// At and above a limit.
    pub fn above(base: D, low: impl Into<V>) -> Self {
        Self { base, low: Some(low.into()), high: None }
    }
    /// At and below a limit.
    pub fn below(base: D, high: impl Into<V>) -> Self {
        Self { base, low: None, high: Some(high.into()) }
    }
}

/// `ln (F(b) - F(a))` of `ln F(a)`, `ln (1 - F(a))` and those at `b`, by the smaller tail.
#[inline(always)]
fn log_between<R: Real>([lower_a, upper_a, lower_b, upper_b]: [R; 4]) -> R {
    let (top, fall) =
        if lower_b < upper_a { (lower_b, lower_b - lower_a) } else { (upper_a, upper_a - upper_b) };
    if fall == f64::INFINITY || top == f64::NEG_INFINITY {
        top
    } else if fall == 0.0 {
        top * 0.0 - f64::INFINITY
    } else {
        top + fall.log1mexp()
    }
}

/// A number moved to the limits, if it lies beyond them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clamped;
impl Formula<3> for Clamped {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, low, high]: [R; 3]) -> R {
        if x < low {
            low
        } else if x > high {
            high
        } else {
            x
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct LogBetween;
impl Formula<4> for LogBetween {
    #[inline(always)]
    fn eval<R: Real>(&self, x: [R; 4]) -> R {
        log_between(x)
    }
}

/// Of `x`, its log density, `ln` of the mass, and the limits.
#[derive(Clone, Copy, Debug)]
struct TruncatedLogProb;
impl Formula<5> for TruncatedLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, log_prob, log_mass, low, high]: [R; 5]) -> R {
        let outside = log_mass * 0.0 - f64::INFINITY;
        if x < low || x > high { outside } else { log_prob - log_mass }
    }
}

impl<V: Value, D: Cdf<V>> Truncated<V, D> {
    fn limits(&self) -> [V; 2] {
        [self.low.unwrap_or(V::from(f64::NEG_INFINITY)), self.high.unwrap_or(V::from(f64::INFINITY))]
    }
    /// `ln P(X < x)` and `ln P(X >= x)` of the base.
    fn before(&self, x: V) -> [V; 2] {
        // Of counts, up to the one before.
        let x = if self.base.support().is_discrete() {
            V::apply(formula!(|x| R::of(x.re().ceil() - 1.0)), [x])
        } else {
            x
        };
        [self.base.log_cdf(x), self.base.log_sf(x)]
    }
    fn lower(&self) -> [V; 2] {
        self.low.map_or([V::from(f64::NEG_INFINITY), V::from(0.0)], |low| self.before(low))
    }
    fn upper(&self) -> [V; 2] {
        let all = [V::from(0.0), V::from(f64::NEG_INFINITY)];
        self.high.map_or(all, |high| [self.base.log_cdf(high), self.base.log_sf(high)])
    }
    /// The logarithm of the probability of the limits and what lies between.
    pub(super) fn log_mass(&self) -> V {
        let ([a, b], [c, d]) = (self.lower(), self.upper());
        V::apply(LogBetween, [a, b, c, d])
    }
    /// `ln P(X <= x)` or `ln P(X > x)`.
    fn log_tail(&self, x: V, upper: bool) -> V {
        let [low, high] = self.limits();
        let x_in = V::apply(Clamped, [x, low, high]);
        let at = [self.base.log_cdf(x_in), self.base.log_sf(x_in)];
        let ([a, b], [c, d]) = if upper { (at, self.upper()) } else { (self.lower(), at) };
        let tail = V::apply(LogBetween, [a, b, c, d]);
        // Before the limits nothing lies below, behind them nothing above.
        let lower = formula!(|x, tail, mass, low, high| if x < low {
            mass * 0.0 - f64::INFINITY
        } else if x >= high {
            mass * 0.0
        } else {
            tail - mass
        });
        let above = formula!(|x, tail, mass, low, high| if x < low {
            mass * 0.0
        } else if x >= high {
            mass * 0.0 - f64::INFINITY
        } else {
            tail - mass
        });
        let args = [x, tail, self.log_mass(), low, high];
        if upper { V::apply(above, args) } else { V::apply(lower, args) }
    }
    /// The quantile of the base at which `share` of the mass lies below.
    fn at(&self, share: V) -> V {
        let p = formula!(|share, lower, mass| {
            let outside = !(0.0..=1.0).contains(&share.re());
            let nan = R::of(f64::NAN);
            if outside { nan } else { lower.exp() + share * mass.exp() }
        });
        let p = V::apply(p, [share, self.lower()[0], self.log_mass()]);
        let [low, high] = self.limits();
        let inside = formula!(|p, x, low, high| if p < 0.0 || x.re().is_nan() {
            R::of(f64::NAN)
        } else if x < low {
            low
        } else if x > high {
            high
        } else {
            x
        });
        V::apply(inside, [p, self.base.quantile(p), low, high])
    }
}

impl<V: Value, D: Cdf<V>> Distribution<V> for Truncated<V, D> {
    const NAME: &'static str = "Truncated";

    fn event(&self) -> Event {
        self.base.event()
    }
    /// The values of the base between the limits.
    fn support(&self) -> Support<V> {
        let nearer = |a: Option<V>, b: Option<V>, upper: bool| match (a, b) {
            (Some(a), Some(b)) if upper => Some(V::apply(formula!(|a, b| a.min(b)), [a, b])),
            (Some(a), Some(b)) => Some(V::apply(formula!(|a, b| a.max(b)), [a, b])),
            (a, b) => a.or(b),
        };
        let (low, high) = match self.base.support() {
            Support::Real => (None, None),
            Support::Positive | Support::StrictlyPositive => (Some(V::from(0.0)), None),
            Support::Interval(low, high) => (Some(low), Some(high)),
            Support::GreaterThan(low) => (Some(low), None),
            Support::LessThan(high) => (None, Some(high)),
            other => return other,
        };
        match (nearer(self.low, low, false), nearer(self.high, high, true)) {
            (Some(low), Some(high)) => Support::Interval(low, high),
            (Some(low), None) => Support::GreaterThan(low),
            (None, Some(high)) => Support::LessThan(high),
            (None, None) => Support::Real,
        }
    }
    fn shape(&self) -> (usize, usize) {
        let ((r, c), (rows, cols)) = (common_shape(&self.limits()), self.base.shape());
        let join = |a: usize, b: usize| match (a, b) {
            (a, b) if a == b || a == 1 => b,
            (a, 1) => a,
            _ => 0,
        };
        match (join(r, rows), join(c, cols)) {
            (0, _) | (_, 0) => (0, 0),
            shape => shape,
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.base.check()?;
        if let Some(low) = self.low {
            finite(Self::NAME, "low", low)?;
        }
        if let Some(high) = self.high {
            finite(Self::NAME, "high", high)?;
        }
        let [low, high] = self.limits();
        if self.low.is_some() && self.high.is_some() { super::ordered(Self::NAME, low, high) } else { Ok(()) }
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        let [low, high] = self.limits();
        // Beyond the limits the base may have no slope.
        let inside = self.base.log_prob(V::apply(Clamped, [x, low, high]));
        V::apply_as(terms, TruncatedLogProb, [x, inside, self.log_mass(), low, high])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value, D: Cdf<V>> Sample<V> for Truncated<V, D> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let shape = self.shape();
        let least = (shape.0.max(least.0), shape.1.max(least.1));
        self.at(V::draw(cx, formula!(|u| u), [Draw::Uniform(key)], least))
    }
}
impl<V: Value, D: Cdf<V> + Reparameterized<V>> Reparameterized<V> for Truncated<V, D> {}

impl<V: Value, D: Cdf<V>> Cdf<V> for Truncated<V, D> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x| x.exp()), [self.log_cdf(x)])
    }
    fn sf(&self, x: V) -> V {
        V::apply(formula!(|x| x.exp()), [self.log_sf(x)])
    }
    fn log_cdf(&self, x: V) -> V {
        self.log_tail(x, false)
    }
    fn log_sf(&self, x: V) -> V {
        self.log_tail(x, true)
    }
    fn quantile(&self, p: V) -> V {
        self.at(p)
    }
}

impl<V: Value, D: Cdf<V>> Moments<V> for Truncated<V, D> {
    fn mean(&self) -> V {
        expectation(self, |x| x)
    }
    fn variance(&self) -> V {
        let mean = self.mean();
        expectation(self, |x| V::apply(formula!(|x, m| (x - m) * (x - m)), [x, mean]))
    }
}

impl<V: Value, D: Cdf<V>> Entropy<V> for Truncated<V, D> {
    fn entropy(&self) -> V {
        expectation(self, |x| -self.log_prob(x))
    }
}

crate::laws::family_of!(Truncated<Normal> { loc, scale, low, high }
    |d| [d.base.loc, d.base.scale, d.limits()[0], d.limits()[1]] =>
    Truncated { base: Normal { loc, scale }, low: Some(low), high: Some(high) },
    [0.3, 2.0, -1.0, 3.0], [0.0, 1.0, 0.5, 4.0], [1.0, 0.3, -4.0, 0.2]
);
