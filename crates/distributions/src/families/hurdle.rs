//! Distributions of counts whose zeros have a cause of their own.
//!
//! Elsewhere: NumPyro, PyMC.

use super::zero_inflated::{gate_entropy, tails_with_gate};
use super::{Poisson, ZeroInflated, probability};
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Sample};
use crate::error::{ParameterError, require};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// 0 with probability `gate`, and otherwise a draw of 1 or more from a distribution of counts:
/// `P(k) = (1 - gate) p(k) / (1 - p(0))`.
///
/// *Event*: entry. *Parameters*: `0 <= gate <= 1`, and those of the counts. Draws have no gradient;
/// they are quantiles of the counts, which must have a distribution function.
///
/// Its moments and its entropy follow from those of the counts and from their probability of 0,
/// which costs the entropy digits where that is nearly 1.
#[derive(Clone, Copy, Debug)]
pub struct Hurdle<V, D> {
    /// The probability of a zero.
    pub gate: V,
    /// The distribution of the counts, of which those above 0 are taken.
    pub counts: D,
}

impl<V, D> Hurdle<V, D> {
    /// With this probability of a zero, of these counts.
    pub fn new(gate: impl Into<V>, counts: D) -> Self {
        Self { gate: gate.into(), counts }
    }
}

/// Of `k`, `ln p(k)`, `ln p(0)` and the gate.
#[derive(Clone, Copy, Debug)]
struct HurdleLogProb;
impl Formula<4> for HurdleLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [k, log_mass, log_zero, gate]: [R; 4]) -> R {
        let gate = probability(gate);
        if k == 0.0 {
            gate.ln() + log_zero * 0.0
        } else if gate == 1.0 {
            log_mass * 0.0 - f64::INFINITY
        } else if log_mass == f64::NEG_INFINITY {
            log_mass + gate * 0.0
        } else {
            (-gate).ln_1p() + log_mass - (-log_zero).log1mexp()
        }
    }
}

impl<V: Value, D: Distribution<V>> Distribution<V> for Hurdle<V, D> {
    const NAME: &'static str = "Hurdle";

    fn event(&self) -> Event {
        self.counts.event()
    }
    fn support(&self) -> Support<V> {
        self.counts.support()
    }
    fn shape(&self) -> (usize, usize) {
        ZeroInflated { gate: self.gate, counts: self.counts }.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        require(Self::NAME, "gate", self.gate, "from 0 to 1", |p| (0.0..=1.0).contains(&p))?;
        self.counts.check()
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        let args = [x, self.counts.log_prob(x), self.counts.log_prob(V::from(0.0)), self.gate];
        V::apply_as(terms, HurdleLogProb, args)
    }
}

impl<V: Value, D: Cdf<V>> Sample<V> for Hurdle<V, D> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (gate_key, count_key) = key.split();
        let shape = self.shape();
        let least = (shape.0.max(least.0), shape.1.max(least.1));
        // The probability up to the count, of those above that of 0.
        let f = formula!(|log_zero, u| {
            let zero = log_zero.exp();
            zero + (-zero + 1.0) * u
        });
        let p = V::draw(
            cx,
            f,
            [Draw::Value(self.counts.log_prob(V::from(0.0))), Draw::Uniform(count_key)],
            least,
        );
        let f = formula!(|gate, k, u| {
            let gate = probability(gate);
            let k = R::of(if gate.re().is_nan() { f64::NAN } else { k.re() });
            if u < gate {
                R::zero()
            } else if k < 1.0 {
                R::one()
            } else {
                k
            }
        });
        let counts = Draw::Value(self.counts.quantile(p));
        V::draw(cx, f, [Draw::Value(self.gate), counts, Draw::Uniform(gate_key)], least)
    }
}

impl<V: Value, D: Moments<V>> Hurdle<V, D> {
    /// The probability that is left for a count, over that of the counts above 0.
    fn share(&self) -> V {
        let f = formula!(|gate, log_zero| {
            let rest = (-log_zero).log1mexp();
            ((-probability(gate)).ln_1p() - rest).exp()
        });
        V::apply(f, [self.gate, self.counts.log_prob(V::from(0.0))])
    }
}

impl<V: Value, D: Moments<V>> Moments<V> for Hurdle<V, D> {
    fn mean(&self) -> V {
        self.share() * self.counts.mean()
    }
    /// `s (v + m²) - (s m)²` with `s` the share: `s (v + (1 - s) m²)`.
    fn variance(&self) -> V {
        let f = formula!(|s, m, v| s * (v + (-s + 1.0) * m * m));
        V::apply(f, [self.share(), self.counts.mean(), self.counts.variance()])
    }
}

/// `P(X > k)` is `(1 - gate) P(k) / P(0)` with the upper tails of the counts.
impl<V: Value, D: Cdf<V>> Hurdle<V, D> {
    fn log_upper(&self, x: V) -> V {
        let f = formula!(|x, at, zero, gate| {
            let rest = (-probability(gate)).ln_1p();
            let beyond = rest + at - zero;
            if x < 0.0 {
                rest * 0.0 + at
            } else if x < 1.0 {
                rest + (at + zero) * 0.0
            } else if at == f64::NEG_INFINITY || gate == 1.0 {
                R::of(f64::NEG_INFINITY)
            } else {
                beyond
            }
        });
        V::apply(f, [x, self.counts.log_sf(x), self.counts.log_sf(V::from(0.0)), self.gate])
    }
}

tails_with_gate!(
    Hurdle,
    quantile | self,
    p | {
        // The part of the counts above 0, from their probability of 0 on.
        let f = formula!(|p, log_zero, gate| {
            let (p, gate, zero) = (probability(p), probability(gate), log_zero.exp());
            let share = (p - gate) / (-gate + 1.0);
            if p <= gate { R::zero() * (p + gate) } else { zero + (-zero + 1.0) * share }
        });
        let at = V::apply(f, [p, self.counts.log_prob(V::from(0.0)), self.gate]);
        let count = formula!(|p, k, gate| {
            let least = if k < 1.0 { R::one() } else { k };
            let p = probability(p);
            if p <= gate { R::zero() } else { least + (p + gate) * 0.0 }
        });
        V::apply(count, [p, self.counts.quantile(at), self.gate])
    }
);

impl<V: Value, D: Entropy<V>> Entropy<V> for Hurdle<V, D> {
    /// `h(gate) + (1 - gate) ((H + p₀ ln p₀) / (1 - p₀) + ln(1 - p₀))`, of the counts' `H` and
    /// `p₀`.
    fn entropy(&self) -> V {
        let f = formula!(|gate, h, log_zero| {
            let gate = probability(gate);
            let rest = (-log_zero).log1mexp();
            let zero = if log_zero == f64::NEG_INFINITY { R::zero() } else { log_zero.exp() * log_zero };
            gate_entropy(gate) + (-gate + 1.0) * ((h + zero) * (-rest).exp() + rest)
        });
        V::apply(f, [self.gate, self.counts.entropy(), self.counts.log_prob(V::from(0.0))])
    }
}

crate::laws::family_of!(Hurdle<Poisson> { gate, rate } |d| [d.gate, d.counts.rate] =>
    Hurdle { gate, counts: Poisson { rate } },
    [0.3, 2.0], [0.05, 0.4], [0.7, 30.0]
);
