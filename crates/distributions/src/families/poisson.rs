//! Poisson distribution on the counts.
//!
//! Elsewhere: torch, Pyro, NumPyro c, TFP c, PyMC c.

use super::{HALF_LN_TAU, ordinary_positive, positive_or_nan, probability};
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::rand_draws;
use crate::special::{count_quantile, entry_uniform, ln_bend, sum_of_counts};
use crate::support::Support;
use probity_autodiff::math::gamma_inc::{gamma_tails, log_density, log_density_fast};
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula, map_each};

/// `P(k) = rateᵏ e^-rate / k!`, `k = 0, 1, …`.
///
/// *Event*: entry. *Parameters*: `rate > 0` (mean and variance).
///
/// *Draws* are quantiles of one uniform number of 53 bits, whatever the rate. They have no
/// gradient.
#[derive(Clone, Copy, Debug)]
pub struct Poisson<V = f64> {
    /// The mean.
    pub rate: V,
}

impl<V: Value> Poisson<V> {
    /// With this rate.
    pub fn new(rate: impl Into<V>) -> Self {
        Self { rate: rate.into() }
    }
}

/// Whether a number is a count.
#[inline(always)]
pub(super) fn is_count<R: Real>(k: R) -> bool {
    let k = k.re();
    (0.0..f64::INFINITY).contains(&k) && k.fract() == 0.0
}

/// Whether a number is a count, and [ordinary](super::ordinary): without a call to round it.
#[inline(always)]
fn is_ordinary_count<R: Real>(k: R) -> bool {
    const TO_INTEGER: f64 = 4503599627370496.0; // 2⁵²
    let (k, size) = (k.re(), k.re().abs());
    (k == size) & (size < 1e15) & ((k + TO_INTEGER) - TO_INTEGER == k)
}

/// The log mass where there is none: `-∞`; NaN if the value or a parameter (here as a product with
/// 0) is NaN.
#[inline(always)]
pub(super) fn no_mass<R: Real>(k: R, parameters: R) -> R {
    let nan = k.re().is_nan();
    if nan { R::of(f64::NAN) } else { parameters - f64::INFINITY }
}

#[inline]
pub(crate) fn log_mass<R: Real>(k: R, rate: R) -> R {
    if k == 0.0 { -rate } else { log_density(k, rate, rate.ln()) - k.ln() }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PoissonLogProb;
impl Formula<2> for PoissonLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [k, rate]: [R; 2]) -> R {
        let rate = positive_or_nan(rate);
        if is_count(k) { log_mass(k, rate) } else { no_mass(k, rate * 0.0) }
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, args: [R; 2]) -> (R, [R; 2], bool) {
        let [k, rate] = map_each(args, R::to_double);
        let ln_rate = rate.ln_normal();
        // The density of a Gamma variable at the rate.
        let (f, slope, holds) = log_density_fast(k + 1.0, rate, ln_rate, R::is_single());
        let partials = map_each([slope, (k - rate) / rate], R::from_double);
        (R::from_double(f - ln_rate), partials, holds & is_ordinary_count(k) & ordinary_positive(rate))
    }
}

impl<V: Value> Distribution<V> for Poisson<V> {
    const NAME: &'static str = "Poisson";

    fn support(&self) -> Support<V> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        self.rate.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "rate", self.rate)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, PoissonLogProb, [x, self.rate])
    }
}

pub(super) fn quantile(p: f64, rate: f64) -> f64 {
    let tails = |k: f64| {
        let tails = gamma_tails(k + 1.0, rate);
        (tails.upper, tails.lower)
    };
    let rate = positive_or_nan(rate);
    count_quantile(p, (rate, rate.sqrt()), f64::INFINITY, tails)
}

impl<V: Value> Sample<V> for Poisson<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let f = formula!(|rate, u, v| R::of(quantile(entry_uniform(u, v), rate.re())));
        V::draw(cx, f, [Draw::Value(self.rate), Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
rand_draws!(Poisson, |d, rng| d.draw(rng));

impl<V: Value> Moments<V> for Poisson<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|rate| positive_or_nan(rate)), [self.rate])
    }
    fn variance(&self) -> V {
        self.mean()
    }
}

/// Where a count lies.
pub(super) enum Place<R> {
    /// Below 0.
    Below,
    /// At a count, rounded down.
    At(R),
    /// At infinity.
    Beyond,
}

#[inline]
pub(super) fn place<R: Real>(k: R) -> Place<R> {
    let k = k.re();
    if k < 0.0 {
        Place::Below
    } else if k == f64::INFINITY {
        Place::Beyond
    } else {
        Place::At(R::of(k.floor()))
    }
}

impl<V: Value> Cdf<V> for Poisson<V> {
    fn cdf(&self, x: V) -> V {
        let f = formula!(|k, rate| match place(k) {
            Place::At(k) => (k + 1.0).gamma_q(positive_or_nan(rate)),
            Place::Below => positive_or_nan(rate) * 0.0,
            Place::Beyond => positive_or_nan(rate) * 0.0 + 1.0,
        });
        V::apply(f, [x, self.rate])
    }
    fn sf(&self, x: V) -> V {
        let f = formula!(|k, rate| match place(k) {
            Place::At(k) => (k + 1.0).gamma_p(positive_or_nan(rate)),
            Place::Below => positive_or_nan(rate) * 0.0 + 1.0,
            Place::Beyond => positive_or_nan(rate) * 0.0,
        });
        V::apply(f, [x, self.rate])
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|k, rate| match place(k) {
            Place::At(k) => (k + 1.0).log_gamma_q(positive_or_nan(rate)),
            Place::Below => positive_or_nan(rate) * 0.0 - f64::INFINITY,
            Place::Beyond => positive_or_nan(rate) * 0.0,
        });
        V::apply(f, [x, self.rate])
    }
    fn log_sf(&self, x: V) -> V {
        let f = formula!(|k, rate| match place(k) {
            Place::At(k) => (k + 1.0).log_gamma_p(positive_or_nan(rate)),
            Place::Below => positive_or_nan(rate) * 0.0,
            Place::Beyond => positive_or_nan(rate) * 0.0 - f64::INFINITY,
        });
        V::apply(f, [x, self.rate])
    }
    /// Without a derivative.
    fn quantile(&self, p: V) -> V {
        V::apply(formula!(|p, rate| R::of(quantile(probability(p).re(), rate.re()))), [p, self.rate])
    }
}

impl<V: Value> Entropy<V> for Poisson<V> {
    /// By its sum; of large rates that of a Normal distribution and the next term of the series,
    /// the one after which is `1 / 24 rate²` (Evans, Boersma, Blachman and Jagers 1988).
    fn entropy(&self) -> V {
        let f = formula!(|rate| {
            let rate = positive_or_nan(rate);
            if rate > 1e8 {
                rate.ln() * 0.5 + (HALF_LN_TAU + 0.5) - (rate * 12.0).recip()
            } else {
                let size = (rate.re(), rate.re().sqrt());
                sum_of_counts(size, f64::INFINITY, |k| {
                    let log = log_mass(k, rate);
                    -log.exp() * log
                })
            }
        });
        V::apply(f, [self.rate])
    }
}

/// `a (e - ln(1 + e))`, `e = (b - a) / a`.
#[derive(Clone, Copy, Debug)]
struct PoissonPoissonKl;
impl Formula<2> for PoissonPoissonKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b]: [R; 2]) -> R {
        let (a, b) = (positive_or_nan(a), positive_or_nan(b));
        let ratio = b / a;
        // Beyond the range of quotients the product is still a number.
        let far = b - a - a * (b.ln() - a.ln());
        if !(1e-300..=1e300).contains(&ratio.re()) { far } else { -a * ln_bend((b - a) / a, ratio) }
    }
}

impl<V: Value> KlDivergence<Poisson<V>> for Poisson<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Poisson<V>, terms: Terms) -> V {
        V::apply_as(terms, PoissonPoissonKl, [self.rate, p.rate])
    }
}

crate::family!(Poisson { rate } at [0.02], [1.0], [7.5], [300.0]);
