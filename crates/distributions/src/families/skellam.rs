//! Skellam distribution on the whole numbers.
//!
//! Elsewhere: TFP.

use super::poisson::{self, no_mass};
use super::{positive_or_nan, probability};
use crate::by_functions::capabilities;
use crate::distribution::{Draws, Sample};
use crate::error::positive;
use crate::lift::Second;
use crate::random::rand_draws;
use crate::special::{count_quantile, entry_uniform, is_plain};
use crate::support::Support;
use probity_autodiff::math::gamma_inc::gamma_tails;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// The difference of two independent Poisson counts,
/// `P(k) = e^-(a + b) (a/b)^(k/2) I_|k|(2 √(a b))`, `k = …, -1, 0, 1, …`, `a` and `b` the rates.
///
/// *Event*: entry. *Parameters*: `rate1 > 0` (of what is added), `rate2 > 0` (of what is taken
/// off).
///
/// Masses and tails are sums over the second count, at most some hundred terms whatever the rates.
/// Draws have no gradient.
#[derive(Clone, Copy, Debug)]
pub struct Skellam<V = f64> {
    /// Rate of the count that is added.
    pub rate1: V,
    /// Rate of the count that is taken off.
    pub rate2: V,
}

impl<V: Value> Skellam<V> {
    /// The difference of counts with these rates.
    pub fn new(rate1: impl Into<V>, rate2: impl Into<V>) -> Self {
        Self { rate1: rate1.into(), rate2: rate2.into() }
    }
}

/// Where the second count lies, given the difference `k`: mode and standard deviation.
fn place(k: f64, a: f64, b: f64) -> (f64, f64) {
    // The root of j (j + k) = a b.
    let root = k.abs().hypot(2.0 * a.sqrt() * b.sqrt());
    let small = 2.0 * a * (b / (k.abs() + root));
    let small = if small.is_finite() { small } else { a.sqrt() * b.sqrt() };
    let mode = if k < 0.0 { small - k } else { small };
    let least = (-k).max(0.0);
    let (first, second) = ((mode + k).max(1.0), mode.max(1.0));
    (mode.floor().max(least), (first * (second / (first + second))).sqrt())
}

/// `Σ w`, `Σ w d`, `Σ w d²` over the counts `at + d >= least`, for log-concave weights given by
/// their logarithms relative to that at `at`, where they are near their largest. Every n-th count
/// stands for n where they are spread over many: see `sum_of_counts`.
fn sums(at: f64, sd: f64, least: f64, log: impl Fn(f64) -> f64) -> [f64; 3] {
    let stride = (sd / 8.0).floor().max(1.0);
    let mut sums = [1.0, 0.0, 0.0];
    for sign in [1.0, -1.0] {
        let mut d = sign * stride;
        let mut last = 1.0;
        // Beyond 2⁵³ neighbours are one number.
        while at + d >= least && at + d != at {
            let w = Real::exp(log(at + d));
            sums[0] += w;
            sums[1] += w * d;
            sums[2] += w * d * d;
            if w < last && w < 1e-18 * sums[0] || w.is_nan() {
                break;
            }
            last = w;
            d += sign * stride;
        }
    }
    sums.map(|s| s * stride)
}

/// `ln P(k)` with its derivatives in the logarithms of both rates.
fn log_mass(k: f64, a: f64, b: f64) -> Second {
    let (at, sd) = place(k, a, b);
    let joint = |j: f64| poisson::log_mass(k + j, a) + poisson::log_mass(j, b);
    let start = joint(at);
    if !start.is_finite() {
        // Out of the range of numbers.
        return Second { value: f64::NEG_INFINITY, slopes: [0.0; 2], bends: [0.0; 3] };
    }
    // Far out, where the second count hardly matters, and where sums of counts are rounded.
    if k.abs() > 9e15 && a * b < k.abs() {
        return Second { value: start, slopes: [at + k - a, at - b], bends: [-a, 0.0, -b] };
    }
    let [total, first, second] = sums(at, sd, (-k).max(0.0), |j| joint(j) - start);
    let mean = first / total;
    let variance = second / total - mean * mean;
    Second {
        value: start + Real::ln(total),
        slopes: [at + k - a + mean, at - b + mean],
        bends: [variance - a, variance, variance - b],
    }
}

fn log_prob<R: Real>(k: R, a: R, b: R) -> R {
    let (a, b) = (positive_or_nan(a), positive_or_nan(b));
    let rest = a * 0.0 + b * 0.0;
    let at = k.re();
    if !at.is_finite() || at.fract() != 0.0 || rest.re().is_nan() {
        return no_mass(k, rest);
    }
    let (log_a, log_b) = (a.widen().ln(), b.widen().ln());
    R::narrow(log_mass(at, a.re(), b.re()).at(log_a, log_b))
}

/// `ln P(X <= k)` of a whole `k` below the mean, as a sum over the second count.
fn log_lower(k: f64, a: f64, b: f64) -> f64 {
    let least = (-k).max(0.0);
    let (at, sd) = place(k, a, b);
    let term = |j: f64| poisson::log_mass(j, b) + gamma_tails(k + j + 1.0, a).log_upper;
    let start = term(at);
    if !start.is_finite() {
        return f64::NEG_INFINITY;
    }
    let total = sums(at, sd, least, |j| term(j) - start)[0];
    start + Real::ln(total)
}

/// `ln P(X <= k)` and `ln P(X > k)`. The slope of the first probability is `-P(k)` in the first
/// rate and `P(k + 1)` in the second.
fn log_tails<R: Real>(k: R, a: R, b: R) -> [R::Wide; 2] {
    let (a, b) = (positive_or_nan(a).widen(), positive_or_nan(b).widen());
    let rest = a * 0.0 + b * 0.0;
    let at = k.re().floor();
    if at.is_infinite() || at.is_nan() || rest.re().is_nan() {
        let (lower, upper) = if at > 0.0 { (0.0, f64::NEG_INFINITY) } else { (f64::NEG_INFINITY, 0.0) };
        let nan = if at.is_nan() { f64::NAN } else { 0.0 };
        return [rest + lower + nan, rest + upper + nan];
    }
    let (x, y) = (a.re(), b.re());
    let below = at < x - y;
    // The upper tail is the lower one of the other difference.
    let log = if below { log_lower(at, x, y) } else { log_lower(-at - 1.0, y, x) };
    if log == f64::NEG_INFINITY {
        let (none, all) = (rest + log, rest);
        return if below { [none, all] } else { [all, none] };
    }
    if is_plain::<R>() {
        let (small, large) = (rest + log, rest + Real::ln_1p(-Real::exp(log)));
        return if below { [small, large] } else { [large, small] };
    }
    let mass = |k: f64| Real::exp(log_mass(k, x, y).value - log);
    let (m, n) = (mass(at), mass(at + 1.0));
    let sign = if below { 1.0 } else { -1.0 };
    let tail = Second {
        value: 1.0,
        slopes: [-m * sign, n * sign],
        bends: [m - mass(at - 1.0), m - n, mass(at + 2.0) - n].map(|x| x * sign),
    };
    let small = tail.at(a, b).ln() + log;
    let large = (-small.exp()).ln_1p();
    if below { [small, large] } else { [large, small] }
}

fn log_cdf<R: Real>(k: R, a: R, b: R) -> R {
    R::narrow(log_tails(k, a, b)[0])
}
fn log_sf<R: Real>(k: R, a: R, b: R) -> R {
    R::narrow(log_tails(k, a, b)[1])
}
fn cdf<R: Real>(k: R, a: R, b: R) -> R {
    R::narrow(log_tails(k, a, b)[0].exp())
}
fn sf<R: Real>(k: R, a: R, b: R) -> R {
    R::narrow(log_tails(k, a, b)[1].exp())
}

/// Without a derivative.
fn quantile<R: Real>(p: R, a: R, b: R) -> R {
    let (p, a, b) = (probability(p).re(), positive_or_nan(a.re()), positive_or_nan(b.re()));
    let (mean, sd) = (a - b, (a + b).sqrt());
    if p == 0.0 {
        return R::of(mean * 0.0 - f64::INFINITY);
    }
    // Counted from where there is no mass.
    let first = (mean - 60.0 * sd - 2000.0).floor();
    let tails = |k: f64| log_tails(k + first, a, b).map(Real::exp).into();
    R::of(count_quantile(p, (mean - first, sd), f64::INFINITY, tails) + first)
}

fn mean<R: Real>(a: R, b: R) -> R {
    positive_or_nan(a) - positive_or_nan(b)
}
fn variance<R: Real>(a: R, b: R) -> R {
    positive_or_nan(a) + positive_or_nan(b)
}

/// By its sum.
fn entropy<R: Real>(a: R, b: R) -> R {
    let (a, b) = (positive_or_nan(a).widen(), positive_or_nan(b).widen());
    let mut sum = a * 0.0 + b * 0.0;
    if sum.re().is_nan() {
        return R::narrow(sum);
    }
    let (x, y) = (a.re(), b.re());
    let sd = (x + y).sqrt();
    let stride = (sd / 8.0).floor().max(1.0);
    let (log_a, log_b) = (a.ln(), b.ln());
    for sign in [1.0, -1.0] {
        let mut k = (x - y).round() + if sign < 0.0 { -stride } else { 0.0 };
        loop {
            let log = log_mass(k, x, y).at(log_a, log_b);
            if !(log > -50.0) && (k - (x - y)).abs() > sd {
                break;
            }
            sum -= log.exp() * log * stride;
            k += sign * stride;
        }
    }
    R::narrow(sum)
}

capabilities!(Skellam { rate1: positive, rate2: positive }:
    at [1.3, 0.4], [7.0, 12.0];
    density log_prob, |_| Support::Integer;
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);

impl<V: Value> Sample<V> for Skellam<V> {
    /// The difference of two quantiles of Poisson counts.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let [a, b] = [self.rate1, self.rate2].map(Draw::Value);
        let f = formula!(|a, b, u, v| {
            let (p, q) = (entry_uniform(u, v), entry_uniform(v, u));
            R::of(poisson::quantile(p, a.re()) - poisson::quantile(q, b.re()))
        });
        V::draw(cx, f, [a, b, Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
rand_draws!(Skellam, |d, rng| Draws::draw(d, rng));
