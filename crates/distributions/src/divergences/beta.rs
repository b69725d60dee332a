//! Divergences between distributions on an interval.

use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use probity_autodiff::{Formula, Real, Terms, Value};

/// `ln(high - low)` less the entropy, if all of [0, 1] is inside; else infinite.
#[derive(Clone, Copy, Debug)]
struct BetaUniformKl;
impl Formula<4> for BetaUniformKl {
    #[inline]
    fn eval<R: Real>(&self, [a, b, low, high]: [R; 4]) -> R {
        let (a, b, high) = (positive_or_nan(a), positive_or_nan(b), above(low, high));
        let rest = a * 0.0 + b * 0.0 + low * 0.0 + high * 0.0;
        if low > 0.0 || high < 1.0 {
            return R::of(rest.re() + f64::INFINITY);
        }
        not_negative((high - low).ln() - beta_entropy(a, b) + rest)
    }
}

impl<V: Value> KlDivergence<Uniform<V>> for Beta<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Uniform<V>, terms: Terms) -> V {
        V::apply_as(terms, BetaUniformKl, [self.concentration1, self.concentration0, p.low, p.high])
    }
}

/// `ln B(a, b) - (a - 1) E ln x - (b - 1) E ln(1 - x) - ln(high - low)` if all of the interval lies
/// in [0, 1]; else infinite.
#[derive(Clone, Copy, Debug)]
struct UniformBetaKl;
impl Formula<4> for UniformBetaKl {
    #[inline]
    fn eval<R: Real>(&self, [low, high, a, b]: [R; 4]) -> R {
        let (high, a, b) = (above(low, high), positive_or_nan(a), positive_or_nan(b));
        let rest = a * 0.0 + b * 0.0 + low * 0.0 + high * 0.0;
        if rest.re().is_nan() {
            return rest;
        }
        if low < 0.0 || high > 1.0 {
            return R::of(f64::INFINITY);
        }
        let ends = mean_log_of_uniform(-high + 1.0, -low + 1.0);
        let logs = (a - 1.0) * mean_log_of_uniform(low, high) + (b - 1.0) * ends;
        not_negative(a.ln_beta(b) - logs - (high - low).ln())
    }
}

impl<V: Value> KlDivergence<Beta<V>> for Uniform<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Beta<V>, terms: Terms) -> V {
        V::apply_as(terms, UniformBetaKl, [self.low, self.high, p.concentration1, p.concentration0])
    }
}
