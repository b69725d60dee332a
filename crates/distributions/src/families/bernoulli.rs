//! Bernoulli distribution on 0 and 1.
//!
//! Elsewhere: torch e, Pyro e, NumPyro e, TFP ce, PyMC c.

use super::truncated_normal::mass;
use super::{HALF_LN_TAU, common_shape, infinite, not_negative, ordinary, probability};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Sample};
use crate::error::{ParameterError, require};
use crate::kl::{KlDivergence, KlMethod};
use crate::laws::Family;
use crate::random::{bernoulli, rand_draws};
use crate::special::{exp_minus_line, ln_bend};
use crate::support::Support;
use probity_autodiff::math::ln_1p_minus;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};

/// `P(1) = sigmoid(logits)`, or `P(1) = probs`, or `P(1) = Φ(probits)`.
///
/// Each parameterisation has its own formulas, because a conversion loses the tail that the other
/// one cannot express.
///
/// *Event*: entry. *Parameters*: `logits` or `probits` real (infinite is certain), or `probs` in
/// [0, 1].
#[derive(Clone, Copy, Debug)]
pub enum Bernoulli<V = f64> {
    /// By the log odds of 1.
    Logits(V),
    /// By the probability of 1.
    Probs(V),
    /// By the quantile of the probability of 1 under a standard Normal.
    Probits(V),
}
use Bernoulli::{Logits, Probits, Probs};

impl<V: Value> Bernoulli<V> {
    /// With this probability of 1.
    pub fn new(probs: impl Into<V>) -> Self {
        Probs(probs.into())
    }

    /// With these log odds of 1.
    pub fn from_logits(logits: impl Into<V>) -> Self {
        Logits(logits.into())
    }

    /// With this probit of 1: the probability is `Φ(probits)`.
    pub fn from_probits(probits: impl Into<V>) -> Self {
        Probits(probits.into())
    }

    /// The probability of 1.
    pub fn probs(&self) -> V {
        match *self {
            Probits(z) => V::apply(formula!(|z| z.ndtr()), [z]),
            Logits(l) => V::apply(formula!(|l| l.sigmoid()), [l]),
            Probs(p) => V::apply(formula!(|p| probability(p)), [p]),
        }
    }

    /// The log odds of 1.
    pub fn logits(&self) -> V {
        match *self {
            Logits(l) => l,
            Probits(z) => V::apply(formula!(|z| logit(z)), [z]),
            Probs(p) => V::apply(formula!(|p| probability(p).ln() - (-p).ln_1p()), [p]),
        }
    }

    fn parameter(&self) -> V {
        match *self {
            Logits(v) | Probs(v) | Probits(v) => v,
        }
    }
}

/// By the log odds, into which probabilities are converted.
impl Family for Bernoulli<f64> {
    type Of<V: Value> = Bernoulli<V>;
    const PARAMETERS: &'static [&'static str] = &["logits"];
    const EXAMPLES: &'static [&'static [f64]] = &[&[0.3], &[-4.0]];

    fn parameters(&self) -> Vec<f64> {
        vec![self.logits()]
    }
    #[track_caller]
    fn with<V: Value>(parameters: &[V]) -> Bernoulli<V> {
        let &[logits] = parameters else { panic!("Bernoulli: {} parameters", parameters.len()) };
        Logits(logits)
    }
}

/// The mass at a value that is neither 0 nor 1; a NaN, also one of the parameter, stays.
#[inline(always)]
fn outside<R: Real>(x: R, parameter: R) -> R {
    let nan = x.re().is_nan() || parameter.re().is_nan();
    R::of(if nan { f64::NAN } else { f64::NEG_INFINITY })
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LogitsLogProb;
impl Formula<2> for LogitsLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, l]: [R; 2]) -> R {
        let inside = (l * (x * 2.0 - 1.0)).log_sigmoid();
        if x == 0.0 || x == 1.0 { inside } else { outside(x, l) }
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, [x, l]: [R; 2]) -> (R, [R; 2], bool) {
        let sign = x * -2.0 + 1.0;
        let [loss, slope, _] = (l * sign).softplus_and_slopes();
        (-loss, [l * slope * 2.0, -sign * slope], ((x == 0.0) | (x == 1.0)) & ordinary(l))
    }
    compiled_here!(LogitsLogProb, 2, f64);
}

#[derive(Clone, Copy, Debug)]
struct ProbsLogProb;
impl Formula<2> for ProbsLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, p]: [R; 2]) -> R {
        let p = probability(p);
        if x == 1.0 {
            p.ln()
        } else if x == 0.0 {
            (-p).ln_1p()
        } else {
            outside(x, p)
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct ProbitsLogProb;
impl Formula<2> for ProbitsLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, z]: [R; 2]) -> R {
        let inside = (z * (x * 2.0 - 1.0)).log_ndtr();
        if x == 0.0 || x == 1.0 { inside } else { outside(x, z) }
    }
}

/// The log odds of the probability `Φ(z)`.
#[inline]
fn logit<R: Real>(z: R) -> R {
    z.log_ndtr() - (-z).log_ndtr()
}

impl<V: Value> Distribution<V> for Bernoulli<V> {
    const NAME: &'static str = "Bernoulli";

    fn support(&self) -> Support<V> {
        Support::Boolean
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.parameter()])
    }
    fn check(&self) -> Result<(), ParameterError> {
        match *self {
            Logits(l) => require(Self::NAME, "logits", l, "a number, not NaN", |l| !l.is_nan()),
            Probits(z) => require(Self::NAME, "probits", z, "a number, not NaN", |z| !z.is_nan()),
            Probs(p) => require(Self::NAME, "probs", p, "from 0 to 1", |p| (0.0..=1.0).contains(&p)),
        }
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        match *self {
            Logits(l) => V::apply_as(terms, LogitsLogProb, [x, l]),
            Probs(p) => V::apply_as(terms, ProbsLogProb, [x, p]),
            Probits(z) => V::apply_as(terms, ProbitsLogProb, [x, z]),
        }
    }
}

impl<V: Value> Sample<V> for Bernoulli<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = |v| [Draw::Value(v), Draw::Uniform(key)];
        // A NaN parameter gives NaN; otherwise a constant.
        match *self {
            Logits(l) => {
                let f = formula!(|l, u| R::of(if l.re().is_nan() {
                    f64::NAN
                } else {
                    f64::from(u < l.sigmoid())
                }));
                V::draw(cx, f, args(l), least)
            }
            Probits(z) => {
                let f =
                    formula!(|z, u| R::of(if z.re().is_nan() { f64::NAN } else { f64::from(u < z.ndtr()) }));
                V::draw(cx, f, args(z), least)
            }
            Probs(p) => {
                let f = formula!(|p, u| {
                    R::of(if probability(p).re().is_nan() { f64::NAN } else { f64::from(u < p) })
                });
                V::draw(cx, f, args(p), least)
            }
        }
    }
}
rand_draws!(Bernoulli, |d, rng| bernoulli(d.probs(), rng));

/// A tail: below 0, from 0 to below 1, where it is this, and from 1 on.
#[derive(Clone, Copy, Debug)]
struct Step(f64, f64);
impl Formula<2> for Step {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, between]: [R; 2]) -> R {
        let nan = x.re().is_nan() || between.re().is_nan();
        if nan {
            R::of(f64::NAN)
        } else if x < 0.0 {
            R::of(self.0)
        } else if x < 1.0 {
            between
        } else {
            R::of(self.1)
        }
    }
}

impl<V: Value> Cdf<V> for Bernoulli<V> {
    fn cdf(&self, x: V) -> V {
        let zero = V::apply(formula!(|log| log.exp()), [self.log_prob(V::from(0.0))]);
        V::apply(Step(0.0, 1.0), [x, zero])
    }
    fn sf(&self, x: V) -> V {
        let one = V::apply(formula!(|log| log.exp()), [self.log_prob(V::from(1.0))]);
        V::apply(Step(1.0, 0.0), [x, one])
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(Step(f64::NEG_INFINITY, 0.0), [x, self.log_prob(V::from(0.0))])
    }
    fn log_sf(&self, x: V) -> V {
        V::apply(Step(0.0, f64::NEG_INFINITY), [x, self.log_prob(V::from(1.0))])
    }
    /// Without a gradient.
    fn quantile(&self, p: V) -> V {
        let f = formula!(|p, log_zero| {
            let p = probability(p);
            let nan = p.re().is_nan() || log_zero.re().is_nan();
            R::of(if nan { f64::NAN } else { f64::from(u8::from(p > log_zero.exp())) })
        });
        V::apply(f, [p, self.log_prob(V::from(0.0))])
    }
}

impl<V: Value> Moments<V> for Bernoulli<V> {
    fn mean(&self) -> V {
        self.probs()
    }
    fn variance(&self) -> V {
        match *self {
            Logits(l) => V::apply(formula!(|l| l.sigmoid() * (-l).sigmoid()), [l]),
            Probs(p) => V::apply(formula!(|p| probability(p) * (-p + 1.0)), [p]),
            Probits(z) => V::apply(formula!(|z| z.ndtr() * (-z).ndtr()), [z]),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct LogitsEntropy;
impl Formula<1> for LogitsEntropy {
    #[inline(always)]
    fn eval<R: Real>(&self, [l]: [R; 1]) -> R {
        // Even in the log odds; of two parts that are both positive. At infinity nothing is left.
        let a = l.abs();
        let h = (-a).softplus() + a * (-a).sigmoid();
        if a == f64::INFINITY { R::zero() } else { h }
    }
}

#[derive(Clone, Copy, Debug)]
struct ProbsEntropy;
impl Formula<1> for ProbsEntropy {
    #[inline(always)]
    fn eval<R: Real>(&self, [p]: [R; 1]) -> R {
        let p = probability(p);
        let q = -p + 1.0;
        let log_q = if q == 0.0 { R::zero() } else { (-p).ln_1p() };
        -p.xlogy(p) - q * log_q
    }
}

#[derive(Clone, Copy, Debug)]
struct ProbitsEntropy;
impl Formula<1> for ProbitsEntropy {
    #[inline(always)]
    fn eval<R: Real>(&self, [z]: [R; 1]) -> R {
        let z = z.abs();
        // Both parts are positive; at infinity nothing is left.
        let h = -(-z).ndtr() * (-z).log_ndtr() - z.ndtr() * z.log_ndtr();
        if z == f64::INFINITY { R::zero() } else { h }
    }
}

impl<V: Value> Entropy<V> for Bernoulli<V> {
    fn entropy(&self) -> V {
        match *self {
            Logits(l) => V::apply(LogitsEntropy, [l]),
            Probs(p) => V::apply(ProbsEntropy, [p]),
            Probits(z) => V::apply(ProbitsEntropy, [z]),
        }
    }
}

/// `softplus(b) - softplus(a) - (b - a) sigmoid(a)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogitsKl;
impl Formula<2> for LogitsKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b]: [R; 2]) -> R {
        // The same for 1 - x; with a probability of at most one half nothing below cancels.
        let (a, b) = if a > 0.0 { (-a, -b) } else { (a, b) };
        if infinite(b) && b != a && !a.re().is_nan() {
            return R::of(f64::INFINITY);
        }
        if a == f64::NEG_INFINITY {
            return b.softplus();
        }
        let (p, h) = (a.sigmoid(), b - a);
        if h.re().abs() < 1.0 {
            // ln(1 + p (eʰ - 1)) - p h.
            return not_negative(ln_1p_minus(p * h.exp_m1()) + p * exp_minus_line(h));
        }
        not_negative(b.softplus() - a.softplus() - p * h)
    }
}

/// `p ln(p/q) + (1 - p) ln((1 - p)/(1 - q))`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbsKl;
impl Formula<2> for ProbsKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [p, q]: [R; 2]) -> R {
        let (p, q) = (probability(p), probability(q));
        if (q == 0.0 || q == 1.0) && p != q && !p.re().is_nan() {
            return R::of(f64::INFINITY);
        }
        if p == 0.0 {
            return -(-q).ln_1p() + p;
        }
        if p == 1.0 {
            return -q.ln();
        }
        // The first-order parts of both logarithms cancel; without them each term is positive.
        let (d, rest) = (q - p, -p + 1.0);
        not_negative(-p * ln_bend(d / p, q / p) - rest * ln_bend(-d / rest, (-q + 1.0) / rest))
    }
}

/// The same of `Φ(a)` and `Φ(b)`, whose difference is an integral.
#[derive(Clone, Copy, Debug)]
struct ProbitsKl;
impl Formula<2> for ProbitsKl {
    #[inline]
    fn eval<R: Real>(&self, [a, b]: [R; 2]) -> R {
        // The same for 1 - x; the probability is then at most one half.
        let (a, b) = if a > 0.0 { (-a, -b) } else { (a, b) };
        // Beyond, probabilities underflow or their quotient overflows: log odds are exact there.
        if !(a > -35.0) || !(b.re().abs() < 25.0) {
            return LogitsKl
                .eval([if infinite(a) { a } else { logit(a) }, if infinite(b) { b } else { logit(b) }]);
        }
        let (wide_a, wide_b) = (a.widen(), b.widen());
        let (log_p, log_q) = (wide_a.log_ndtr(), wide_b.log_ndtr());
        let (rest, other) = ((-wide_a).ndtr(), (-wide_b).ndtr());
        let (low, high) = if b < a { (wide_b, wide_a) } else { (wide_a, wide_b) };
        let (size, centre) = mass(low, high, high - low);
        let size = if b < a { -size } else { size };
        // (q - p) / p, and the same difference over 1 - p.
        let gap = |log: R::Wide| size * (centre * centre * -0.5 - HALF_LN_TAU - log).exp();
        let (up, down) = (gap(log_p), -gap(rest.ln()));
        let kl = -log_p.exp() * ln_bend(up, (log_q - log_p).exp()) - rest * ln_bend(down, other / rest);
        not_negative(R::narrow(kl))
    }
}

impl<V: Value> KlDivergence<Bernoulli<V>> for Bernoulli<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Bernoulli<V>, terms: Terms) -> V {
        match (*self, *p) {
            (Probs(a), Probs(b)) => V::apply_as(terms, ProbsKl, [a, b]),
            (Probits(a), Probits(b)) => V::apply_as(terms, ProbitsKl, [a, b]),
            _ => V::apply_as(terms, LogitsKl, [self.logits(), p.logits()]),
        }
    }
}
