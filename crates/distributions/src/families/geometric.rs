//! Geometric distribution on the counts.
//!
//! Elsewhere: torch e, Pyro e, NumPyro e, TFP ce, PyMC cq.

use super::bernoulli::ProbsKl;
use super::poisson::{is_count, no_mass};
use super::probability;
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Sample};
use crate::error::{ParameterError, require};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{rand_draws, uniform};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(k) = probs (1 - probs)ᵏ`, `k = 0, 1, …`: the failures before the first success.
///
/// *Event*: entry. *Parameters*: `0 < probs <= 1`. Draws have no gradient.
#[derive(Clone, Copy, Debug)]
pub struct Geometric<V = f64> {
    /// The probability of a success.
    pub probs: V,
}

impl<V: Value> Geometric<V> {
    /// With this probability of a success.
    pub fn new(probs: impl Into<V>) -> Self {
        Self { probs: probs.into() }
    }

    fn at<F: Formula<2>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.probs])
    }
}

/// A probability above 0, else NaN.
#[inline(always)]
fn valid<R: Real>(p: R) -> R {
    let nan = p * f64::NAN;
    if p > 0.0 && p <= 1.0 { p } else { nan }
}

#[derive(Clone, Copy, Debug)]
struct GeometricLogProb;
impl Formula<2> for GeometricLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [k, p]: [R; 2]) -> R {
        let p = valid(p);
        if !is_count(k) {
            no_mass(k, p * 0.0)
        } else if k == 0.0 {
            p.ln()
        } else {
            k * (-p).ln_1p() + p.ln()
        }
    }
}

impl<V: Value> Distribution<V> for Geometric<V> {
    const NAME: &'static str = "Geometric";

    fn support(&self) -> Support<V> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        self.probs.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        require(Self::NAME, "probs", self.probs, "greater than 0 and at most 1", |p| p > 0.0 && p <= 1.0)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, GeometricLogProb, [x, self.probs])
    }
}

/// The first count whose `ln P(X > k)` is at most this.
#[inline]
fn count_at<R: Real>(log_sf: R, p: R) -> R {
    if p == 1.0 && !log_sf.re().is_nan() {
        return R::zero();
    }
    let k = log_sf.re() / Real::ln_1p(-valid(p).re()) - 1.0;
    // A quotient that rounds past a count stands for that count.
    let near = k.round();
    let k = if (k - near).abs() <= 4.0 * f64::EPSILON * near.abs() { near } else { k.ceil() };
    R::of(if k < 0.0 { 0.0 } else { k })
}

impl<V: Value> Sample<V> for Geometric<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.probs), Draw::Uniform(key)];
        V::draw(cx, formula!(|p, u| count_at(u.ln(), p)), args, least)
    }
}
rand_draws!(Geometric, |d, rng| count_at(Real::ln(uniform(rng)), d.probs));

impl<V: Value> Moments<V> for Geometric<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|p| (-valid(p) + 1.0) / p), [self.probs])
    }
    fn variance(&self) -> V {
        V::apply(formula!(|p| (-valid(p) + 1.0) / p / p), [self.probs])
    }
}

/// `ln P(X > k)`.
#[inline]
fn log_sf<R: Real>(k: R, p: R) -> R {
    let (count, p) = ((k.re().floor() + 1.0).max(0.0), valid(p));
    if k.re().is_nan() {
        R::of(f64::NAN)
    } else if count == 0.0 {
        p * 0.0
    } else if p == 1.0 || count == f64::INFINITY {
        p * 0.0 - f64::INFINITY
    } else {
        (-p).ln_1p() * count
    }
}

impl<V: Value> Cdf<V> for Geometric<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|k, p| -log_sf(k, p).exp_m1()), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|k, p| log_sf(k, p).exp()), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|k, p| (-log_sf(k, p)).log1mexp()), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|k, p| log_sf(k, p)), x)
    }
    /// Without a derivative.
    fn quantile(&self, p: V) -> V {
        self.at(formula!(|q, p| count_at((-probability(q)).ln_1p(), p)), p)
    }
}

impl<V: Value> Entropy<V> for Geometric<V> {
    fn entropy(&self) -> V {
        let f = formula!(|p| {
            let (p, q) = (valid(p), -p + 1.0);
            let rest = if q == 0.0 { p * 0.0 } else { q / p * (-p).ln_1p() };
            -p.ln() - rest
        });
        V::apply(f, [self.probs])
    }
}

/// That of one trial, times the expected number of trials `1 / probs`.
impl<V: Value> KlDivergence<Geometric<V>> for Geometric<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Geometric<V>, terms: Terms) -> V {
        let f = formula!(|a, b| ProbsKl.eval([valid(a), valid(b)]) / a);
        V::apply_as(terms, f, [self.probs, p.probs])
    }
}

crate::family!(Geometric { probs } at [0.03], [0.4], [0.9]);
