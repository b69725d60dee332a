//! Beta-binomial distribution on the counts up to a limit.
//!
//! Elsewhere: Pyro, NumPyro, TFP, PyMC c.

use super::binomial;
use super::poisson::{Place, is_count, no_mass, place};
use super::{positive_or_nan, probability};
use crate::by_functions::capabilities;
use crate::distribution::{Draws, Sample};
use crate::error::{ParameterError, positive, require};
use crate::random::rand_draws;
use crate::special::{count_quantile, entry_key, entry_uniform, log_gamma_draw};
use crate::support::Support;
use probity_autodiff::math::beta_inc::beta_log_density_of_logit;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// Binomial with a probability of success that is a Beta variable:
/// `P(k) = (n over k) B(k + a, n - k + b) / B(a, b)`, `k = 0, 1, …, n`.
///
/// *Event*: entry. *Parameters*: `total_count` a whole number of 0 or more (without a gradient),
/// `concentration1 > 0`, `concentration0 > 0`.
///
/// The distribution function and the entropy are sums of up to `n` terms. Draws have no gradient.
#[derive(Clone, Copy, Debug)]
pub struct BetaBinomial<V = f64> {
    /// The number of trials.
    pub total_count: V,
    /// Concentration of the probability at 1.
    pub concentration1: V,
    /// Concentration of the probability at 0.
    pub concentration0: V,
}

impl<V: Value> BetaBinomial<V> {
    /// With this number of trials and these concentrations of the probability at 1 and at 0.
    pub fn new(
        total_count: impl Into<V>,
        concentration1: impl Into<V>,
        concentration0: impl Into<V>,
    ) -> Self {
        Self {
            total_count: total_count.into(),
            concentration1: concentration1.into(),
            concentration0: concentration0.into(),
        }
    }

    /// With this number of trials, mean probability, and precision: the sum of the concentrations.
    pub fn from_mean(total_count: impl Into<V>, mean: impl Into<V>, precision: impl Into<V>) -> Self {
        let (mean, precision) = (mean.into(), precision.into());
        Self {
            total_count: total_count.into(),
            concentration1: mean * precision,
            concentration0: (-mean + 1.0) * precision,
        }
    }
}

fn whole<V: Value>(family: &'static str, parameter: &'static str, n: V) -> Result<(), ParameterError> {
    require(family, parameter, n, "a whole number of 0 or more", |n| {
        (0.0..f64::INFINITY).contains(&n) && n.fract() == 0.0
    })
}

/// By Bayes' rule at the mean `s` of the probability given `k`: Binomial times Beta, over the Beta
/// of the posterior, three densities without large parts. The product is the same at every `s`,
/// which therefore is a constant.
#[inline]
fn log_mass<R: Real>(k: R, n: R, a: R, b: R) -> R {
    let rest = n - k;
    let logit = R::of(((a.re() + k.re()) / (b.re() + rest.re())).ln());
    let posterior = beta_log_density_of_logit(a + k, b + rest, logit);
    binomial::log_mass(k, n, logit) + (beta_log_density_of_logit(a, b, logit) - posterior)
}

#[inline]
fn log_prob<R: Real>(k: R, n: R, a: R, b: R) -> R {
    let (n, a, b) = (binomial::trials(n), positive_or_nan(a), positive_or_nan(b));
    let inside = is_count(k) && !(k > n.re());
    let rest = n * 0.0 + a * 0.0 + b * 0.0;
    if inside && !rest.re().is_nan() { log_mass(k, n, a, b) } else { no_mass(k, rest) }
}

/// The sums of the masses up to `k` and beyond, each by the ratios of neighbours from its end next
/// to `k`; as logarithms.
fn log_tails<R: Real>(k: R, n: R, a: R, b: R) -> [R; 2] {
    let (n, a, b) = (binomial::trials(n), positive_or_nan(a), positive_or_nan(b));
    let rest = n * 0.0 + a * 0.0 + b * 0.0;
    let (below, beyond) = ([rest - f64::INFINITY, rest], [rest, rest - f64::INFINITY]);
    let k = match place(k) {
        Place::Below => return below,
        Place::At(k) if k < n.re() && !rest.re().is_nan() => k,
        Place::At(k) => return if k.re().is_nan() { [k, k] } else { beyond },
        Place::Beyond => return beyond,
    };
    let sum = |first: R, up: bool| {
        let (mut j, mut term, mut total) = (first, R::one(), R::one());
        // A tail that has fallen to nothing falls on, but a mass may have two ends.
        while if up { j < n.re() } else { j > 0.0 } {
            term *= if up {
                (n - j) / (j + 1.0) * ((a + j) / (b + n - j - 1.0))
            } else {
                j / (n - j + 1.0) * ((b + n - j) / (a + j - 1.0))
            };
            j = j + if up { 1.0 } else { -1.0 };
            total += term;
        }
        log_mass(first, n, a, b) + total.ln()
    };
    let (lower, upper) = (sum(k, false), sum(k + 1.0, true));
    if lower < upper { [lower, (-lower.exp()).ln_1p()] } else { [(-upper.exp()).ln_1p(), upper] }
}

fn cdf<R: Real>(k: R, n: R, a: R, b: R) -> R {
    log_tails(k, n, a, b)[0].exp()
}
fn sf<R: Real>(k: R, n: R, a: R, b: R) -> R {
    log_tails(k, n, a, b)[1].exp()
}
fn log_cdf<R: Real>(k: R, n: R, a: R, b: R) -> R {
    log_tails(k, n, a, b)[0]
}
fn log_sf<R: Real>(k: R, n: R, a: R, b: R) -> R {
    log_tails(k, n, a, b)[1]
}

/// Without a derivative.
fn quantile<R: Real>(p: R, n: R, a: R, b: R) -> R {
    let [n, a, b] = [binomial::trials(n), positive_or_nan(a), positive_or_nan(b)].map(|x| x.re());
    let size = (mean(n, a, b), variance(n, a, b).sqrt());
    let tails = |k: f64| (cdf(k, n, a, b), sf(k, n, a, b));
    R::of(count_quantile(probability(p).re(), size, n, tails))
}

fn mean<R: Real>(n: R, a: R, b: R) -> R {
    let (n, a, b) = (binomial::trials(n), positive_or_nan(a), positive_or_nan(b));
    n * (a / (a + b))
}
fn variance<R: Real>(n: R, a: R, b: R) -> R {
    let (n, a, b) = (binomial::trials(n), positive_or_nan(a), positive_or_nan(b));
    let sum = a + b;
    n * (a / sum) * (b / sum) * ((sum + n) / (sum + 1.0))
}

/// The mean of a function of the count, by its sum.
pub(super) fn expectation<R: Real>(n: R, a: R, b: R, f: impl Fn(R) -> R) -> R {
    let (n, a, b) = (binomial::trials(n), positive_or_nan(a), positive_or_nan(b));
    let mut sum = n * 0.0 + a * 0.0 + b * 0.0;
    let mut k = if sum.re().is_nan() { f64::INFINITY } else { 0.0 };
    while k <= n.re() {
        let log = log_mass(R::of(k), n, a, b);
        // A mass that underflows adds nothing.
        sum += if log < -700.0 { R::zero() } else { log.exp() * f(R::of(k)) };
        k += 1.0;
    }
    sum
}

fn entropy<R: Real>(n: R, a: R, b: R) -> R {
    expectation(n, a, b, |k| -log_mass(k, binomial::trials(n), positive_or_nan(a), positive_or_nan(b)))
}

capabilities!(BetaBinomial { total_count: whole, concentration1: positive, concentration0: positive }:
    at [7.0, 0.6, 2.5], [40.0, 3.0, 8.0], [1.0, 0.5, 0.5];
    density log_prob, |_| Support::NonNegativeInteger;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);

impl<V: Value> Sample<V> for BetaBinomial<V> {
    /// A probability from the Beta distribution, by its logit, and a quantile of the Binomial.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let args = [self.total_count, self.concentration1, self.concentration0].map(Draw::Value);
        let f = formula!(|n, a, b, u, v| {
            let key = entry_key(u, v);
            let logit = log_gamma_draw(key.fold_in(1), a.re()) - log_gamma_draw(key.fold_in(0), b.re());
            // Beyond, all or none succeed in any number of trials.
            R::of(binomial::quantile(entry_uniform(u, v), n.re(), logit.clamp(-700.0, 700.0)))
        });
        V::draw(cx, f, [args[0], args[1], args[2], Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
rand_draws!(BetaBinomial, |d, rng| Draws::draw(d, rng));
