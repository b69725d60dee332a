//! Negative binomial distribution on the counts.
//!
//! Elsewhere: torch, Pyro, NumPyro c, TFP c, PyMC c.

use super::poisson::{Place, is_count, no_mass, place};
use super::{common_shape, finite_or_nan, positive_or_nan, probability};
use crate::counts::sum_of_heavy_counts;
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::random::rand_draws;
use crate::special::{count_quantile, entry_uniform};
use crate::support::Support;
use probity_autodiff::math::Tails;
use probity_autodiff::math::beta_inc::{beta_log_density_of_logit, beta_tails_of_logit};
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `P(k) = Γ(k + r) / (k! Γ(r)) (1 - s)ʳ sᵏ` with `r` the total count and `s = σ(logits)`,
/// `k = 0, 1, …`: the successes before `r` failures; a Poisson distribution whose rate is a Gamma
/// variable of concentration `r`.
///
/// *Event*: entry. *Parameters*: `total_count > 0` (real), `logits` real. The mean is
/// `r e^logits`; [`from_mean`](NegativeBinomial::from_mean) takes it.
///
/// *Draws* are quantiles of one uniform number of 53 bits. They have no gradient.
#[derive(Clone, Copy, Debug)]
pub struct NegativeBinomial<V = f64> {
    /// The number of failures, or concentration of the rate.
    pub total_count: V,
    /// The log odds of a success.
    pub logits: V,
}

impl<V: Value> NegativeBinomial<V> {
    /// With this number of failures and these log odds of a success.
    pub fn from_logits(total_count: impl Into<V>, logits: impl Into<V>) -> Self {
        Self { total_count: total_count.into(), logits: logits.into() }
    }

    /// With this number of failures and this probability of a success, between 0 and 1.
    pub fn new(total_count: impl Into<V>, probs: impl Into<V>) -> Self {
        let logits = V::apply(formula!(|p| p.ln() - (-p).ln_1p()), [probs.into()]);
        Self { total_count: total_count.into(), logits }
    }

    /// With this mean and concentration: the variance is `mean + mean² / concentration`.
    pub fn from_mean(mean: impl Into<V>, concentration: impl Into<V>) -> Self {
        let (mean, total_count) = (mean.into(), concentration.into());
        let logits = V::apply(formula!(|mean, r| mean.ln() - r.ln()), [mean, total_count]);
        Self { total_count, logits }
    }

    /// With a Gamma variable of this concentration and rate as the rate of the counts.
    pub fn from_gamma(concentration: impl Into<V>, rate: impl Into<V>) -> Self {
        let logits = V::apply(formula!(|rate| -rate.ln()), [rate.into()]);
        Self { total_count: concentration.into(), logits }
    }

    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.total_count, self.logits])
    }
    fn of<F: Formula<2>>(&self, f: F) -> V {
        V::apply(f, [self.total_count, self.logits])
    }
}

#[inline]
pub(crate) fn log_mass<R: Real>(k: R, r: R, l: R) -> R {
    if k == 0.0 { r * (-l).log_sigmoid() } else { beta_log_density_of_logit(k, r, l) - k.ln() }
}

#[derive(Clone, Copy, Debug)]
struct NegativeBinomialLogProb;
impl Formula<3> for NegativeBinomialLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [k, r, l]: [R; 3]) -> R {
        let (r, l) = (positive_or_nan(r), finite_or_nan(l));
        if is_count(k) { log_mass(k, r, l) } else { no_mass(k, r * 0.0 + l * 0.0) }
    }
}

impl<V: Value> Distribution<V> for NegativeBinomial<V> {
    const NAME: &'static str = "NegativeBinomial";

    fn support(&self) -> Support<V> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.total_count, self.logits])
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "total_count", self.total_count)?;
        finite(Self::NAME, "logits", self.logits)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, NegativeBinomialLogProb, [x, self.total_count, self.logits])
    }
}

/// `P(X <= k) = I(r, k + 1)` at `1 - s`.
#[inline]
fn tails<R: Real>(k: R, r: R, l: R) -> Tails<R> {
    let (r, l) = (positive_or_nan(r), finite_or_nan(l));
    let constant = |lower: f64, upper: f64| {
        let rest = r * 0.0 + l * 0.0;
        let [lower, upper, log_lower, log_upper] = [lower, upper, lower.ln(), upper.ln()].map(|x| rest + x);
        Tails { lower, upper, log_lower, log_upper }
    };
    match place(k) {
        Place::At(k) => beta_tails_of_logit(r, k + 1.0, -l),
        Place::Below => constant(0.0, 1.0),
        Place::Beyond => constant(1.0, 0.0),
    }
}

/// Mean, standard deviation, and the length of the exponential tail.
pub(crate) fn size(r: f64, l: f64) -> (f64, f64, f64) {
    let mean = positive_or_nan(r) * Real::exp(finite_or_nan(l));
    (mean, (mean * (1.0 + Real::exp(l))).sqrt(), 1.0 / (-l).softplus())
}

fn quantile(p: f64, r: f64, l: f64) -> f64 {
    let (mean, sd, _) = size(r, l);
    count_quantile(p, (mean, sd), f64::INFINITY, |k| {
        let tails = tails(k, r, l);
        (tails.lower, tails.upper)
    })
}

impl<V: Value> Sample<V> for NegativeBinomial<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let [r, l] = [self.total_count, self.logits].map(Draw::Value);
        let f = formula!(|r, l, u, v| R::of(quantile(entry_uniform(u, v), r.re(), l.re())));
        V::draw(cx, f, [r, l, Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
rand_draws!(NegativeBinomial, |d, rng| d.draw(rng));

impl<V: Value> Moments<V> for NegativeBinomial<V> {
    fn mean(&self) -> V {
        self.of(formula!(|r, l| positive_or_nan(r) * finite_or_nan(l).exp()))
    }
    fn variance(&self) -> V {
        self.of(formula!(|r, l| {
            let odds = finite_or_nan(l).exp();
            positive_or_nan(r) * odds * (odds + 1.0)
        }))
    }
}

impl<V: Value> Cdf<V> for NegativeBinomial<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|k, r, l| tails(k, r, l).lower), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|k, r, l| tails(k, r, l).upper), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|k, r, l| tails(k, r, l).log_lower), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|k, r, l| tails(k, r, l).log_upper), x)
    }
    /// Without a derivative.
    fn quantile(&self, p: V) -> V {
        self.at(formula!(|p, r, l| R::of(quantile(probability(p).re(), r.re(), l.re()))), p)
    }
}

impl<V: Value> Entropy<V> for NegativeBinomial<V> {
    /// By its sum.
    fn entropy(&self) -> V {
        self.of(formula!(|r, l| {
            let (r, l) = (positive_or_nan(r), finite_or_nan(l));
            sum_of_heavy_counts(size(r.re(), l.re()), |k| {
                let log = log_mass(k, r, l);
                // A mass that underflows adds nothing.
                if log < -700.0 { R::zero() } else { -log.exp() * log }
            })
        }))
    }
}

crate::family!(NegativeBinomial { total_count, logits } at [0.3, 0.5], [1.0, 0.0], [5.0, -1.0], [80.0, 0.4]);
