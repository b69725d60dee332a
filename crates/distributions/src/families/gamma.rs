//! Gamma distribution on the positive numbers.
//!
//! Elsewhere: torch cer, Pyro cer, NumPyro cqer, TFP cqer, PyMC cq.

use super::normal::HALF_LN_TAU;
use super::uniform::{above, mean_log};
use super::{
    Exponential, Laplace, Normal, Uniform, all_ordinary, common_shape, finite_or_nan, ln_ratio, not_negative,
    ordinary_positive, outside, overflown, positive_or_nan,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod, infinite_kl};
use crate::random::{gamma, rand_draws};
use crate::special::{
    LogGammaSlope, entry_key, implicit_draw, implicit_root, lgamma_above_tangent, log_gamma_draw,
};
use crate::support::Support;
use probity_autodiff::math::gamma_inc::{gamma_p_inv, gamma_pdf, log_density, log_density_fast};
use probity_autodiff::math::{ln_1p_minus, stirling};
use probity_autodiff::{Draw, Dual, Formula, Key, Real, Terms, Value, compiled_here, formula, map_each};

/// `p(x) = rateᵃ xᵃ⁻¹ exp(-rate x) / Γ(a)` with `a` the concentration, `x > 0`.
///
/// *Event*: entry. *Parameters*: `concentration > 0`, `rate > 0` (the mean is their quotient).
#[derive(Clone, Copy, Debug)]
pub struct Gamma<V = f64> {
    /// Concentration (shape).
    pub concentration: V,
    /// Rate (inverse scale).
    pub rate: V,
}

impl<V: Value> Gamma<V> {
    /// With this concentration and rate.
    pub fn new(concentration: impl Into<V>, rate: impl Into<V>) -> Self {
        Self { concentration: concentration.into(), rate: rate.into() }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct GammaLogProb;
impl Formula<3> for GammaLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, a, rate]: [R; 3]) -> R {
        let (a, rate) = (positive_or_nan(a), positive_or_nan(rate));
        let y = x * rate;
        let outside = outside(rate) + a * 0.0;
        if x < 0.0 || y == f64::INFINITY {
            return outside;
        }
        if x == 0.0 && a > 0.0 {
            // Where products with `ln 0` would be NaN.
            return if a == 1.0 {
                rate.ln() - y
            } else if a < 1.0 {
                -outside
            } else {
                outside
            };
        }
        if !(a >= 10.0) {
            return (a - 1.0) * x.ln() + a * rate.ln() - y - a.lgamma();
        }
        // For a large concentration the parts cancel; the logarithm of the product must survive its
        // underflow.
        let ln_y = if y > 1e-30 { y.ln() } else { x.ln() + rate.ln() };
        log_density(a, y, ln_y) - x.ln()
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, args: [R; 3]) -> (R, [R; 3], bool) {
        let [x, a, rate] = map_each(args, R::to_double);
        let y = x * rate;
        let (f, slope, holds) = log_density_fast(a, y, y.ln_normal(), R::is_single());
        let less = a - y;
        let partials = map_each([(less - 1.0) / x, slope, less / rate], R::from_double);
        let holds = holds & all_ordinary([x, a, rate]) & ordinary_positive(y);
        (R::from_double(f - x.ln_normal()), partials, holds)
    }
    compiled_here!(GammaLogProb, 3, f64);
}

/// The log density of `u = ln x`.
#[derive(Clone, Copy, Debug)]
pub(super) struct GammaLogProbOfLog;
impl Formula<3> for GammaLogProbOfLog {
    #[inline(always)]
    fn eval<R: Real>(&self, [u, a, rate]: [R; 3]) -> R {
        let (a, log) = (positive_or_nan(a), u + positive_or_nan(rate).ln());
        let y = log.exp();
        if y == f64::INFINITY { overflown(log) + a * 0.0 } else { log_density(a, y, log) }
    }
}

/// `E y - a E ln y + ln Γ(a)` less the entropy, for `ln x ~ N(m, s)` and `y = rate x`.
#[derive(Clone, Copy, Debug)]
struct LogNormalGammaKl;
impl Formula<4> for LogNormalGammaKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [m, s, a, rate]: [R; 4]) -> R {
        let (s, a) = (positive_or_nan(s), positive_or_nan(a));
        let log = finite_or_nan(m) + positive_or_nan(rate).ln();
        let (y, half) = (log.exp(), s * s * 0.5);
        if y == f64::INFINITY {
            return -overflown(log) + a * 0.0 + s * 0.0;
        }
        // E y - y.
        let more = if half < 1.0 { y * half.exp_m1() } else { (log + half).exp() - y };
        not_negative(more - log_density(a, y, log) - s.ln() - (HALF_LN_TAU + 0.5))
    }
}

impl<V: Value> Distribution<V> for Gamma<V> {
    const NAME: &'static str = "Gamma";

    fn support(&self) -> Support<V> {
        Support::StrictlyPositive
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.concentration, self.rate])
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "concentration", self.concentration)?;
        positive(Self::NAME, "rate", self.rate)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, GammaLogProb, [x, self.concentration, self.rate])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, GammaLogProbOfLog, [u, self.concentration, self.rate])
    }
    #[track_caller]
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        let args = [loc, scale, self.concentration, self.rate];
        Some((V::apply_as(terms, LogNormalGammaKl, args), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

/// A draw, from two uniform numbers that name the entry's own stream: rejection takes a number of
/// draws that is not known before. A draw below the smallest positive number is that number.
#[derive(Clone, Copy, Debug)]
struct GammaDraw;
impl Formula<4> for GammaDraw {
    #[inline]
    fn eval<R: Real>(&self, [a, rate, u, v]: [R; 4]) -> R {
        let log_z = log_gamma_draw(entry_key(u, v), a.re());
        let x = (implicit_draw::<LogGammaSlope, _, 1>(log_z, [a]) - positive_or_nan(rate).ln()).exp();
        let least = R::of(f64::MIN_POSITIVE);
        let least = if least > 0.0 { least } else { R::of(f64::from(f32::MIN_POSITIVE)) };
        if x < least { least } else { x }
    }
    compiled_here!(GammaDraw, 4, f64);
}

impl<V: Value> Sample<V> for Gamma<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let noise = (Draw::Uniform(u), Draw::Uniform(v));
        let args = [Draw::Value(self.concentration), Draw::Value(self.rate), noise.0, noise.1];
        V::draw(cx, GammaDraw, args, least)
    }
}
impl<V: Value> Reparameterized<V> for Gamma<V> {}
rand_draws!(Gamma, |d, rng| {
    let x = gamma(positive_or_nan(d.concentration), rng) / positive_or_nan(d.rate);
    if x < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { x }
});

impl<V: Value> Moments<V> for Gamma<V> {
    fn mean(&self) -> V {
        V::apply(
            formula!(|a, rate| positive_or_nan(a) / positive_or_nan(rate)),
            [self.concentration, self.rate],
        )
    }
    fn variance(&self) -> V {
        V::apply(
            formula!(|a, rate| positive_or_nan(a) / positive_or_nan(rate) / rate),
            [self.concentration, self.rate],
        )
    }
}

#[derive(Clone, Copy, Debug)]
struct GammaQuantile;
impl Formula<3> for GammaQuantile {
    #[inline]
    fn eval<R: Real>(&self, [p, a, rate]: [R; 3]) -> R {
        let (a, rate) = (positive_or_nan(a), positive_or_nan(rate));
        let z = gamma_p_inv(a.re(), p.re());
        implicit_root(z, |z| a.gamma_p(z) - p, |z| gamma_pdf(a, z)) / rate
    }
}

/// The concentration, 0 (NaN for bad parameters), and `rate x` unless `x` lies below the support.
#[inline(always)]
fn point<R: Real>(x: R, a: R, rate: R) -> (R, R, Option<R>) {
    let (a, rate) = (positive_or_nan(a), positive_or_nan(rate));
    (a, a * 0.0 + rate * 0.0, if x < 0.0 { None } else { Some(x * rate) })
}

impl<V: Value> Cdf<V> for Gamma<V> {
    fn cdf(&self, x: V) -> V {
        let f = formula!(|x, a, rate| match point(x, a, rate) {
            (a, rest, Some(y)) => a.gamma_p(y) + rest,
            (_, rest, None) => rest,
        });
        V::apply(f, [x, self.concentration, self.rate])
    }
    fn sf(&self, x: V) -> V {
        let f = formula!(|x, a, rate| match point(x, a, rate) {
            (a, rest, Some(y)) => a.gamma_q(y) + rest,
            (_, rest, None) => rest + 1.0,
        });
        V::apply(f, [x, self.concentration, self.rate])
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|x, a, rate| match point(x, a, rate) {
            (a, rest, Some(y)) => a.log_gamma_p(y) + rest,
            (_, rest, None) => rest - f64::INFINITY,
        });
        V::apply(f, [x, self.concentration, self.rate])
    }
    fn log_sf(&self, x: V) -> V {
        let f = formula!(|x, a, rate| match point(x, a, rate) {
            (a, rest, Some(y)) => a.log_gamma_q(y) + rest,
            (_, rest, None) => rest,
        });
        V::apply(f, [x, self.concentration, self.rate])
    }
    fn quantile(&self, p: V) -> V {
        V::apply(GammaQuantile, [p, self.concentration, self.rate])
    }
}

/// `a - ln rate + ln Γ(a) + (1 - a) ψ(a)`.
#[inline]
pub(crate) fn entropy<R: Real>(a: R, rate: R) -> R {
    if !(a >= 10.0) {
        return a - rate.ln() + a.lgamma() + (-a + 1.0) * a.digamma();
    }
    // With the Stirling series for ln Γ and its derivative for ψ, the large parts are gone.
    let Dual { re: series, du: [slope] } = stirling(Dual::<R, 1>::variable(a, 0));
    a.ln() * 0.5 - rate.ln() + series + (a - 1.0) * ((a * 2.0).recip() - slope) + HALF_LN_TAU
}

#[derive(Clone, Copy, Debug)]
struct GammaEntropy;
impl Formula<2> for GammaEntropy {
    #[inline]
    fn eval<R: Real>(&self, [a, rate]: [R; 2]) -> R {
        entropy(positive_or_nan(a), positive_or_nan(rate))
    }
}

impl<V: Value> Entropy<V> for Gamma<V> {
    fn entropy(&self) -> V {
        V::apply(GammaEntropy, [self.concentration, self.rate])
    }
}

/// `ln Γ(b) - ln Γ(a) - (b - a) ψ(a) + a (s/r - 1 - ln s/r) + (a - b) ln s/r` for
/// `KL(Γ(a, r) ‖ Γ(b, s))`.
#[derive(Clone, Copy, Debug)]
struct GammaGammaKl;
impl Formula<4> for GammaGammaKl {
    #[inline]
    fn eval<R: Real>(&self, [a, r, b, s]: [R; 4]) -> R {
        let valid = |x: R| x > 0.0 && x < f64::INFINITY;
        if ![a, r, b, s].into_iter().all(valid) {
            return R::of(f64::NAN);
        }
        let excess = (s - r) / r;
        let log_ratio = if is_near(excess) { excess.ln_1p() } else { ln_ratio(s, r) };
        divergence(a, b, excess, log_ratio)
    }
}

/// As above, from `s/r - 1` and `ln s/r`.
#[inline]
pub(crate) fn divergence<R: Real>(a: R, b: R, excess: R, log_ratio: R) -> R {
    if excess == f64::INFINITY || b / a == f64::INFINITY {
        return R::of(f64::INFINITY);
    }
    let bend = if is_near(excess) { ln_1p_minus(excess) } else { log_ratio - excess };
    not_negative(lgamma_above_tangent(b, a) - a * bend + (a - b) * log_ratio)
}

/// Whether `s/r - 1` is so small that its logarithm is better taken from it.
#[inline]
fn is_near<R: Real>(excess: R) -> bool {
    excess.re().abs() < 0.35
}

impl<V: Value> KlDivergence<Gamma<V>> for Gamma<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Gamma<V>, terms: Terms) -> V {
        V::apply_as(terms, GammaGammaKl, [self.concentration, self.rate, p.concentration, p.rate])
    }
}

/// `E ½ ((x - loc) / scale)² + ln scale + ½ ln 2π` less the entropy.
#[derive(Clone, Copy, Debug)]
struct GammaNormalKl;
impl Formula<4> for GammaNormalKl {
    #[inline]
    fn eval<R: Real>(&self, [a, rate, loc, scale]: [R; 4]) -> R {
        let (a, rate) = (positive_or_nan(a), positive_or_nan(rate));
        let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
        let shift = (a / rate - loc) / scale;
        let spread = (rate * scale).recip();
        not_negative(
            (shift * shift + a * spread * spread) * 0.5 + scale.ln() + HALF_LN_TAU - entropy(a, rate),
        )
    }
}

impl<V: Value> KlDivergence<Normal<V>> for Gamma<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
        V::apply_as(terms, GammaNormalKl, [self.concentration, self.rate, p.loc, p.scale])
    }
}

impl<V: Value> KlDivergence<Exponential<V>> for Gamma<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Exponential<V>, terms: Terms) -> V {
        self.kl_terms(&Gamma::new(1.0, p.rate), terms)
    }
}

impl<V: Value> KlDivergence<Gamma<V>> for Exponential<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Gamma<V>, terms: Terms) -> V {
        Gamma::new(1.0, self.rate).kl_terms(p, terms)
    }
}

/// `ln Γ(c) - c ln r - ln(b - a) + r (a + b)/2 - (c - 1) E ln x` for `KL(U(a, b) ‖ Γ(c, r))` if
/// `a >= 0`, else infinite.
#[derive(Clone, Copy, Debug)]
struct UniformGammaKl;
impl Formula<4> for UniformGammaKl {
    #[inline]
    fn eval<R: Real>(&self, [a, b, c, r]: [R; 4]) -> R {
        let (b, c, r) = (above(a, b), positive_or_nan(c), positive_or_nan(r));
        if a < 0.0 {
            return a * 0.0 + b * 0.0 + c * 0.0 + r * 0.0 + f64::INFINITY;
        }
        let (width, mean_log) = (b - a, mean_log(a, b));
        not_negative(c.lgamma() - c * r.ln() - width.ln() + r * (a + width * 0.5) - (c - 1.0) * mean_log)
    }
}

impl<V: Value> KlDivergence<Gamma<V>> for Uniform<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Gamma<V>, terms: Terms) -> V {
        V::apply_as(terms, UniformGammaKl, [self.low, self.high, p.concentration, p.rate])
    }
}

infinite_kl!(
    Normal { loc, scale } || Gamma { concentration, rate },
    [finite_or_nan(loc), positive_or_nan(scale), positive_or_nan(concentration), positive_or_nan(rate)]
);
infinite_kl!(
    Laplace { loc, scale } || Gamma { concentration, rate },
    [finite_or_nan(loc), positive_or_nan(scale), positive_or_nan(concentration), positive_or_nan(rate)]
);
infinite_kl!(
    Gamma { concentration, rate } || Uniform { low, high },
    [positive_or_nan(concentration), positive_or_nan(rate), above(low, high)]
);

crate::family!(Gamma { concentration, rate } at [0.4, 2.0], [1.0, 0.3], [9.9, 1.0], [300.0, 50.0]);
