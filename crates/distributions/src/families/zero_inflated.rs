//! Distributions of counts with more zeros.
//!
//! Elsewhere: Pyro, NumPyro, TFP c, PyMC.

use super::{Poisson, probability};
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Sample};
use crate::error::{ParameterError, require};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// 0 with probability `gate`, and otherwise a draw from a distribution of counts, which may be 0 as
/// well.
///
/// *Event*: entry. *Parameters*: `0 <= gate <= 1`, and those of the counts. Draws have no gradient.
#[derive(Clone, Copy, Debug)]
pub struct ZeroInflated<V, D> {
    /// The probability of an extra zero.
    pub gate: V,
    /// The distribution of the counts.
    pub counts: D,
}

impl<V, D> ZeroInflated<V, D> {
    /// With this probability of an extra zero, of these counts.
    pub fn new(gate: impl Into<V>, counts: D) -> Self {
        Self { gate: gate.into(), counts }
    }
}

#[derive(Clone, Copy, Debug)]
struct ZeroInflatedLogProb;
impl Formula<3> for ZeroInflatedLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [k, log_mass, gate]: [R; 3]) -> R {
        let gate = probability(gate);
        let rest = (-gate).ln_1p();
        if k == 0.0 {
            // ln(g + (1 - g) p) = ln p + ln(1 + g (1/p - 1)), whichever loses no digits.
            let mass = log_mass.exp();
            let near = (-(-gate + 1.0) * -log_mass.exp_m1()).ln_1p();
            let far = (gate + (-gate + 1.0) * mass).ln();
            if gate == 0.0 {
                log_mass + gate
            } else if mass > 0.5 {
                near
            } else {
                far
            }
        } else if gate == 1.0 {
            log_mass * 0.0 - f64::INFINITY
        } else {
            rest + log_mass
        }
    }
}

impl<V: Value, D: Distribution<V>> Distribution<V> for ZeroInflated<V, D> {
    const NAME: &'static str = "ZeroInflated";

    fn event(&self) -> Event {
        self.counts.event()
    }
    fn support(&self) -> Support<V> {
        self.counts.support()
    }
    fn shape(&self) -> (usize, usize) {
        let ((r, c), (rows, cols)) = (self.gate.shape(), self.counts.shape());
        let join = |a: usize, b: usize| {
            if a == b || a == 1 {
                b
            } else if b == 1 {
                a
            } else {
                0
            }
        };
        match (join(r, rows), join(c, cols)) {
            (0, _) | (_, 0) => (0, 0),
            shape => shape,
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        require(Self::NAME, "gate", self.gate, "from 0 to 1", |p| (0.0..=1.0).contains(&p))?;
        self.counts.check()
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, ZeroInflatedLogProb, [x, self.counts.log_prob(x), self.gate])
    }
}

impl<V: Value, D: Sample<V>> Sample<V> for ZeroInflated<V, D> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (gate_key, count_key) = key.split();
        let shape = self.shape();
        let least = (shape.0.max(least.0), shape.1.max(least.1));
        let counts = self.counts.sample_shaped(cx, count_key, least);
        let f = formula!(|gate, k, u| {
            let gate = probability(gate);
            let k = R::of(if gate.re().is_nan() { f64::NAN } else { k.re() });
            if u < gate { R::zero() } else { k }
        });
        V::draw(cx, f, [Draw::Value(self.gate), Draw::Value(counts), Draw::Uniform(gate_key)], least)
    }
}

impl<V: Value, D: Moments<V>> Moments<V> for ZeroInflated<V, D> {
    fn mean(&self) -> V {
        V::apply(formula!(|g, m| (-probability(g) + 1.0) * m), [self.gate, self.counts.mean()])
    }
    fn variance(&self) -> V {
        let f = formula!(|g, m, v| {
            let rest = -probability(g) + 1.0;
            rest * (v + g * m * m)
        });
        V::apply(f, [self.gate, self.counts.mean(), self.counts.variance()])
    }
}

/// `-g ln g - (1 - g) ln(1 - g)`.
#[inline(always)]
pub(super) fn gate_entropy<R: Real>(gate: R) -> R {
    let rest = -gate + 1.0;
    let log_rest = if gate == 1.0 { R::zero() } else { (-gate).ln_1p() };
    -gate.xlogy(gate) - rest * log_rest
}

/// The tails of counts with a gate by `log_upper`, `ln P(X > x)`, and a quantile.
macro_rules! tails_with_gate {
    ($name:ident, quantile |$self:ident, $p:ident| $quantile:block) => {
        impl<V: Value, D: Cdf<V>> Cdf<V> for $name<V, D> {
            fn cdf(&self, x: V) -> V {
                let f = formula!(|x, upper| {
                    let nan = upper.re().is_nan();
                    if x < 0.0 && !nan { R::zero() } else { -upper.exp_m1() }
                });
                V::apply(f, [x, self.log_upper(x)])
            }
            fn sf(&self, x: V) -> V {
                V::apply(formula!(|upper| upper.exp()), [self.log_upper(x)])
            }
            fn log_cdf(&self, x: V) -> V {
                let f = formula!(|x, upper| {
                    let nan = upper.re().is_nan();
                    if x < 0.0 && !nan { R::of(f64::NEG_INFINITY) } else { (-upper).log1mexp() }
                });
                V::apply(f, [x, self.log_upper(x)])
            }
            fn log_sf(&self, x: V) -> V {
                self.log_upper(x)
            }
            fn quantile(&$self, $p: V) -> V $quantile
        }
    };
}
pub(super) use tails_with_gate;

impl<V: Value, D: Cdf<V>> ZeroInflated<V, D> {
    fn log_upper(&self, x: V) -> V {
        let f = formula!(|x, at, gate| {
            let rest = (-probability(gate)).ln_1p();
            if x < 0.0 {
                rest * 0.0 + at
            } else if at == f64::NEG_INFINITY || gate == 1.0 {
                R::of(f64::NEG_INFINITY)
            } else {
                rest + at
            }
        });
        V::apply(f, [x, self.counts.log_sf(x), self.gate])
    }
}

tails_with_gate!(
    ZeroInflated,
    quantile | self,
    p | {
        let f = formula!(|p, gate| {
            let (p, gate) = (probability(p), probability(gate));
            if p <= gate { R::zero() * (p + gate) } else { (p - gate) / (-gate + 1.0) }
        });
        let at = V::apply(f, [p, self.gate]);
        let count = formula!(|p, k, gate| {
            let p = probability(p);
            if p <= gate { R::zero() } else { k + (p + gate) * 0.0 }
        });
        V::apply(count, [p, self.counts.quantile(at), self.gate])
    }
);

impl<V: Value, D: Entropy<V>> Entropy<V> for ZeroInflated<V, D> {
    /// `-P(0) ln P(0) + (1 - gate) (H + p₀ ln p₀ - (1 - p₀) ln(1 - gate))`, of the counts' `H` and
    /// `p₀`.
    fn entropy(&self) -> V {
        let f = formula!(|gate, h, log_zero, log_all| {
            let gate = probability(gate);
            let rest = -gate + 1.0;
            let log_rest = if gate == 1.0 { R::zero() } else { (-gate).ln_1p() };
            let term = |log: R| if log == f64::NEG_INFINITY { R::zero() } else { log.exp() * log };
            -term(log_all) + rest * (h + term(log_zero) + log_zero.exp_m1() * log_rest)
        });
        let zero = V::from(0.0);
        let args = [self.gate, self.counts.entropy(), self.counts.log_prob(zero), self.log_prob(zero)];
        V::apply(f, args)
    }
}

crate::laws::family_of!(ZeroInflated<Poisson> { gate, rate } |d| [d.gate, d.counts.rate] =>
    ZeroInflated { gate, counts: Poisson { rate } },
    [0.3, 2.0], [0.05, 0.4], [0.7, 30.0]
);
