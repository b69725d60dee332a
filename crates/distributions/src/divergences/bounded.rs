//! Divergences of and to the continuous Bernoulli distribution, whose log density is linear, and to
//! Pareto, whose log density is a logarithm.

use crate::distribution::{Distribution, Entropy, Moments};
use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use probity_autodiff::{Formula, Real, Terms, Value, formula};

/// `ln(high - low)` less the entropy if all of [0, 1] is inside, its ends included; else infinite.
impl<V: Value> KlDivergence<Uniform<V>> for ContinuousBernoulli<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Uniform<V>, terms: Terms) -> V {
        let f = formula!(|entropy, low, high| {
            let high = above(low, high);
            let inside = (high - low).ln() - entropy;
            let outside = low > 0.0 || high < 1.0;
            not_negative(if outside { R::of((inside * 0.0).re() + f64::INFINITY) } else { inside })
        });
        V::apply_as(terms, f, [self.entropy(), p.low, p.high])
    }
}

/// Minus the entropy, less the log density at the mean; infinite if an end lies outside [0, 1].
#[derive(Clone, Copy, Debug)]
struct ToContinuousBernoulli;
impl Formula<4> for ToContinuousBernoulli {
    #[inline]
    fn eval<R: Real>(&self, [entropy, log_density, low, high]: [R; 4]) -> R {
        let inside = -entropy - log_density;
        let outside = low < 0.0 || high > 1.0;
        not_negative(if outside { R::of((entropy * 0.0).re() + f64::INFINITY) } else { inside })
    }
}

impl<V: Value> KlDivergence<ContinuousBernoulli<V>> for Beta<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &ContinuousBernoulli<V>, terms: Terms) -> V {
        let log_density = p.log_prob(self.mean());
        let ends = [V::from(0.0), V::from(1.0)];
        V::apply_as(terms, ToContinuousBernoulli, [self.entropy(), log_density, ends[0], ends[1]])
    }
}

impl<V: Value> KlDivergence<ContinuousBernoulli<V>> for Uniform<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &ContinuousBernoulli<V>, terms: Terms) -> V {
        // The logits count also where the mean has no density.
        let middle = formula!(|low, high| {
            let middle = low * 0.5 + high * 0.5;
            let outside = low < 0.0 || high > 1.0;
            if outside { middle * 0.0 + 0.5 } else { middle }
        });
        let log_density = p.log_prob(V::apply(middle, [self.low, self.high]));
        let f = formula!(|entropy, log_density, low, high| {
            let kl = ToContinuousBernoulli.eval([entropy, log_density, low, high]);
            if log_density.re().is_nan() { log_density } else { kl }
        });
        V::apply_as(terms, f, [self.entropy(), log_density, self.low, self.high])
    }
}

/// `(a + 1) E ln x - ln a - a ln t` less the entropy if `low >= t`, else infinite.
impl<V: Value> KlDivergence<Pareto<V>> for Uniform<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Pareto<V>, terms: Terms) -> V {
        let f = formula!(|low, high, t, a| {
            let (high, t, a) = (above(low, high), positive_or_nan(t), positive_or_nan(a));
            let rest = low * 0.0 + high * 0.0 + t * 0.0 + a * 0.0;
            if low < t || rest.re().is_nan() {
                return R::of(rest.re() + f64::INFINITY);
            }
            // E ln(x / t), with both ends in units of t.
            let far = mean_log_of_uniform(low / t, high / t);
            not_negative((a + 1.0) * far - a.ln() - ln_ratio(high - low, t))
        });
        V::apply_as(terms, f, [self.low, self.high, p.scale, p.alpha])
    }
}
