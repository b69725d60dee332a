//! Binomial distribution on the counts up to a limit.
//!
//! Elsewhere: torch e, Pyro e, NumPyro, TFP c, PyMC c.

use super::bernoulli::LogitsKl;
use super::poisson::{Place, is_count, no_mass, place};
use super::{common_shape, finite_or_nan, not_negative, probability};
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Sample};
use crate::error::{ParameterError, finite, require};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::rand_draws;
use crate::special::{count_quantile, entry_uniform, sum_of_counts};
use crate::support::Support;
use probity_autodiff::math::Tails;
use probity_autodiff::math::beta_inc::{beta_log_density_of_logit, beta_tails_of_logit};
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(k) = (n over k) sᵏ (1 - s)ⁿ⁻ᵏ` with `n` the total count and `s = σ(logits)`,
/// `k = 0, 1, …, n`.
///
/// *Event*: entry. *Parameters*: `total_count` a whole number of 0 or more (without a gradient),
/// `logits` real.
///
/// *Draws* are quantiles of one uniform number of 53 bits, whatever the total count. They have no
/// gradient.
#[derive(Clone, Copy, Debug)]
pub struct Binomial<V = f64> {
    /// The number of trials.
    pub total_count: V,
    /// The log odds of a success.
    pub logits: V,
}

impl<V: Value> Binomial<V> {
    /// With this number of trials and these log odds of a success.
    pub fn from_logits(total_count: impl Into<V>, logits: impl Into<V>) -> Self {
        Self { total_count: total_count.into(), logits: logits.into() }
    }

    /// With this number of trials and this probability of a success, between 0 and 1.
    pub fn new(total_count: impl Into<V>, probs: impl Into<V>) -> Self {
        let logits = V::apply(formula!(|p| p.ln() - (-p).ln_1p()), [probs.into()]);
        Self { total_count: total_count.into(), logits }
    }

    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.total_count, self.logits])
    }
    fn of<F: Formula<2>>(&self, f: F) -> V {
        V::apply(f, [self.total_count, self.logits])
    }
}

/// A number of trials, without a gradient; NaN if it is none.
#[inline(always)]
pub(crate) fn trials<R: Real>(n: R) -> R {
    R::of(if is_count(n) { n.re() } else { f64::NAN })
}

/// Between the ends by the density of a Beta variable, which does not cancel:
/// `(n over k) = n / (k (n - k) B(k, n - k))`.
#[inline]
pub(crate) fn log_mass<R: Real>(k: R, n: R, l: R) -> R {
    let rest = n - k;
    if k == 0.0 {
        n * (-l).log_sigmoid()
    } else if rest == 0.0 {
        n * l.log_sigmoid()
    } else {
        beta_log_density_of_logit(k, rest, l) + (n / k / rest).ln()
    }
}

#[derive(Clone, Copy, Debug)]
struct BinomialLogProb;
impl Formula<3> for BinomialLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [k, n, l]: [R; 3]) -> R {
        let (n, l) = (trials(n), finite_or_nan(l));
        let inside = is_count(k) && !(k > n.re());
        if inside { log_mass(k, n, l) } else { no_mass(k, n * 0.0 + l * 0.0) }
    }
}

impl<V: Value> Distribution<V> for Binomial<V> {
    const NAME: &'static str = "Binomial";

    fn support(&self) -> Support<V> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.total_count, self.logits])
    }
    fn check(&self) -> Result<(), ParameterError> {
        let whole = |n: f64| (0.0..f64::INFINITY).contains(&n) && n.fract() == 0.0;
        require(Self::NAME, "total_count", self.total_count, "a whole number of 0 or more", whole)?;
        finite(Self::NAME, "logits", self.logits)
    }
    /// `-∞` for counts above the total.
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, BinomialLogProb, [x, self.total_count, self.logits])
    }
}

/// `P(X <= k) = I(n - k, k + 1)` at `1 - s`.
#[inline]
fn tails<R: Real>(k: R, n: R, l: R) -> Tails<R> {
    let (n, l) = (trials(n), finite_or_nan(l));
    let constant = |lower: f64, upper: f64| {
        let rest = n * 0.0 + l * 0.0;
        let [lower, upper, log_lower, log_upper] = [lower, upper, lower.ln(), upper.ln()].map(|x| rest + x);
        Tails { lower, upper, log_lower, log_upper }
    };
    match place(k) {
        Place::Below => constant(0.0, 1.0),
        Place::At(k) if !(k >= n.re()) => beta_tails_of_logit(n - k, k + 1.0, -l),
        Place::At(k) => {
            let nan = k.re().is_nan();
            if nan { constant(f64::NAN, f64::NAN) } else { constant(1.0, 0.0) }
        }
        Place::Beyond => constant(1.0, 0.0),
    }
}

/// Mean and standard deviation.
pub(crate) fn size(n: f64, l: f64) -> (f64, f64) {
    let (n, l) = (trials(n), finite_or_nan(l));
    (n * l.sigmoid(), (n * l.sigmoid() * (-l).sigmoid()).sqrt())
}

pub(super) fn quantile(p: f64, n: f64, l: f64) -> f64 {
    count_quantile(p, size(n, l), trials(n), |k| {
        let tails = tails(k, n, l);
        (tails.lower, tails.upper)
    })
}

impl<V: Value> Sample<V> for Binomial<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let [n, l] = [self.total_count, self.logits].map(Draw::Value);
        let f = formula!(|n, l, u, v| R::of(quantile(entry_uniform(u, v), n.re(), l.re())));
        V::draw(cx, f, [n, l, Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
rand_draws!(Binomial, |d, rng| d.draw(rng));

impl<V: Value> Moments<V> for Binomial<V> {
    fn mean(&self) -> V {
        self.of(formula!(|n, l| trials(n) * finite_or_nan(l).sigmoid()))
    }
    fn variance(&self) -> V {
        self.of(formula!(|n, l| {
            let l = finite_or_nan(l);
            trials(n) * l.sigmoid() * (-l).sigmoid()
        }))
    }
}

impl<V: Value> Cdf<V> for Binomial<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|k, n, l| tails(k, n, l).lower), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|k, n, l| tails(k, n, l).upper), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|k, n, l| tails(k, n, l).log_lower), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|k, n, l| tails(k, n, l).log_upper), x)
    }
    /// Without a derivative.
    fn quantile(&self, p: V) -> V {
        self.at(formula!(|p, n, l| R::of(quantile(probability(p).re(), n.re(), l.re()))), p)
    }
}

impl<V: Value> Entropy<V> for Binomial<V> {
    /// By its sum.
    fn entropy(&self) -> V {
        self.of(formula!(|n, l| {
            let (n, l) = (trials(n), finite_or_nan(l));
            sum_of_counts(size(n.re(), l.re()), n.re(), |k| {
                let log = log_mass(k, n, l);
                // A mass that underflows adds nothing.
                if log < -700.0 { R::zero() } else { -log.exp() * log }
            })
        }))
    }
}

/// For the same number of trials `n` times that of one; infinite where `Self` has more trials; else
/// the sum over its counts.
impl<V: Value> KlDivergence<Binomial<V>> for Binomial<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Binomial<V>, terms: Terms) -> V {
        V::apply_as(terms, BinomialKl, [self.total_count, self.logits, p.total_count, p.logits])
    }
}

#[derive(Clone, Copy, Debug)]
struct BinomialKl;
impl Formula<4> for BinomialKl {
    #[inline]
    fn eval<R: Real>(&self, [n, a, m, b]: [R; 4]) -> R {
        let (n, a, m, b) = (trials(n), finite_or_nan(a), trials(m), finite_or_nan(b));
        let rest = n * 0.0 + a * 0.0 + m * 0.0 + b * 0.0;
        if rest.re().is_nan() {
            return rest;
        }
        if n == m {
            return n * LogitsKl.eval([a, b]);
        }
        if n > m {
            return R::of(f64::INFINITY);
        }
        not_negative(sum_of_counts(size(n.re(), a.re()), n.re(), |k| {
            let log = log_mass(k, n, a);
            if log < -700.0 { R::zero() } else { log.exp() * (log - log_mass(k, m, b)) }
        }))
    }
}

crate::family!(Binomial { total_count, logits } at [1.0, 0.3], [12.0, -1.0], [500.0, 0.2]);
