//! Inverse Gamma distribution on the positive numbers.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::{
    Gamma, all_ordinary, common_shape, gamma_entropy, ordinary_positive, overflown, positive_or_nan,
    probability,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{gamma, rand_draws};
use crate::special::{LogGammaSlope, entry_key, implicit_draw, implicit_root, log_gamma_draw};
use crate::support::Support;
use probity_autodiff::math::gamma_inc::{gamma_pdf, gamma_q_inv, log_density, log_density_fast};
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula, map_each};

/// `p(x) = scaleᵃ x⁻ᵃ⁻¹ exp(-scale / x) / Γ(a)` with `a` the concentration, `x > 0`: the inverse of
/// a Gamma variable whose rate is `scale`.
///
/// *Event*: entry. *Parameters*: `concentration > 0`, `scale > 0`.
#[derive(Clone, Copy, Debug)]
pub struct InverseGamma<V = f64> {
    /// Concentration (shape).
    pub concentration: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> InverseGamma<V> {
    /// With this concentration and scale.
    pub fn new(concentration: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { concentration: concentration.into(), scale: scale.into() }
    }

    /// The distribution of `1 / x`.
    fn inverse(&self) -> Gamma<V> {
        Gamma { concentration: self.concentration, rate: self.scale }
    }
    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.concentration, self.scale])
    }
    fn of<F: Formula<2>>(&self, f: F) -> V {
        V::apply(f, [self.concentration, self.scale])
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct InverseGammaLogProb;
impl Formula<3> for InverseGammaLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, a, scale]: [R; 3]) -> R {
        let (a, scale) = (positive_or_nan(a), positive_or_nan(scale));
        if !(x > 0.0 && x < f64::INFINITY) {
            return a * 0.0 + scale * 0.0 + x.re().clamp(-1.0, 1.0) * 0.0 - f64::INFINITY;
        }
        let (log, ln_x) = (scale.ln(), x.ln());
        let y = scale / x;
        if y == f64::INFINITY {
            overflown(log - ln_x) + a * 0.0
        } else {
            log_density(a, y, log - ln_x) - ln_x
        }
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, args: [R; 3]) -> (R, [R; 3], bool) {
        let [x, a, scale] = map_each(args, R::to_double);
        let inverse = x.recip();
        let y = scale * inverse;
        let (f, slope, holds) = log_density_fast(a, y, y.ln_normal(), R::is_single());
        let less = a - y;
        let partials = map_each([-(less + 1.0) * inverse, slope, less / scale], R::from_double);
        let holds = holds & all_ordinary([x, a, scale]) & ordinary_positive(y);
        (R::from_double(f - x.ln_normal()), partials, holds)
    }
}

#[derive(Clone, Copy, Debug)]
struct InverseGammaLogProbOfLog;
impl Formula<3> for InverseGammaLogProbOfLog {
    #[inline(always)]
    fn eval<R: Real>(&self, [u, a, scale]: [R; 3]) -> R {
        let (a, log) = (positive_or_nan(a), -u + positive_or_nan(scale).ln());
        let y = log.exp();
        if y == f64::INFINITY { overflown(log) + a * 0.0 } else { log_density(a, y, log) }
    }
}

impl<V: Value> Distribution<V> for InverseGamma<V> {
    const NAME: &'static str = "InverseGamma";

    fn support(&self) -> Support<V> {
        Support::StrictlyPositive
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.concentration, self.scale])
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "concentration", self.concentration)?;
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, InverseGammaLogProb, [x, self.concentration, self.scale])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, InverseGammaLogProbOfLog, [u, self.concentration, self.scale])
    }
    /// `-u` is the logarithm of a Gamma variable.
    #[track_caller]
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        self.inverse().kl_from_unconstrained_normal(-loc, scale, terms)
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

/// The inverse of a Gamma draw. A draw beyond the largest number is that number.
#[derive(Clone, Copy, Debug)]
struct InverseGammaDraw;
impl Formula<4> for InverseGammaDraw {
    #[inline]
    fn eval<R: Real>(&self, [a, scale, u, v]: [R; 4]) -> R {
        let log_z = log_gamma_draw(entry_key(u, v), a.re());
        let x = (-implicit_draw::<LogGammaSlope, _, 1>(log_z, [a]) + positive_or_nan(scale).ln()).exp();
        let single = R::is_single();
        let most = if single { f64::from(f32::MAX) } else { f64::MAX };
        if x > most { R::of(most) } else { x }
    }
}

impl<V: Value> Sample<V> for InverseGamma<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let [a, scale] = [self.concentration, self.scale].map(Draw::Value);
        V::draw(cx, InverseGammaDraw, [a, scale, Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
impl<V: Value> Reparameterized<V> for InverseGamma<V> {}
rand_draws!(InverseGamma, |d, rng| {
    let x = positive_or_nan(d.scale) / gamma(positive_or_nan(d.concentration), rng);
    if x > f64::MAX { f64::MAX } else { x }
});

impl<V: Value> Moments<V> for InverseGamma<V> {
    /// `scale / (a - 1)`, infinite unless `a > 1`.
    fn mean(&self) -> V {
        self.of(formula!(|a, scale| {
            let (a, scale) = (positive_or_nan(a), positive_or_nan(scale));
            if a <= 1.0 { scale * 0.0 + f64::INFINITY } else { scale / (a - 1.0) }
        }))
    }
    /// The squared mean over `a - 2`, infinite unless `a > 2`.
    fn variance(&self) -> V {
        self.of(formula!(|a, scale| {
            let (a, scale) = (positive_or_nan(a), positive_or_nan(scale));
            let mean = scale / (a - 1.0);
            if a <= 2.0 { scale * 0.0 + f64::INFINITY } else { mean * mean / (a - 2.0) }
        }))
    }
}

/// The concentration, 0 (NaN for bad parameters), and `scale / x` for an `x` above 0.
#[inline(always)]
fn point<R: Real>(x: R, a: R, scale: R) -> (R, R, Option<R>) {
    let (a, scale) = (positive_or_nan(a), positive_or_nan(scale));
    (a, a * 0.0 + scale * 0.0, if x <= 0.0 { None } else { Some(scale / x) })
}

#[derive(Clone, Copy, Debug)]
struct InverseGammaQuantile;
impl Formula<3> for InverseGammaQuantile {
    #[inline]
    fn eval<R: Real>(&self, [p, a, scale]: [R; 3]) -> R {
        let (p, a, scale) = (probability(p), positive_or_nan(a), positive_or_nan(scale));
        let z = gamma_q_inv(a.re(), p.re());
        if z == f64::INFINITY {
            return scale * 0.0;
        }
        scale / implicit_root(z, |z| -a.gamma_q(z) + p, |z| gamma_pdf(a, z))
    }
}

impl<V: Value> Cdf<V> for InverseGamma<V> {
    fn cdf(&self, x: V) -> V {
        let f = formula!(|x, a, scale| match point(x, a, scale) {
            (a, rest, Some(y)) => a.gamma_q(y) + rest,
            (_, rest, None) => rest,
        });
        self.at(f, x)
    }
    fn sf(&self, x: V) -> V {
        let f = formula!(|x, a, scale| match point(x, a, scale) {
            (a, rest, Some(y)) => a.gamma_p(y) + rest,
            (_, rest, None) => rest + 1.0,
        });
        self.at(f, x)
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|x, a, scale| match point(x, a, scale) {
            (a, rest, Some(y)) => a.log_gamma_q(y) + rest,
            (_, rest, None) => rest - f64::INFINITY,
        });
        self.at(f, x)
    }
    fn log_sf(&self, x: V) -> V {
        let f = formula!(|x, a, scale| match point(x, a, scale) {
            (a, rest, Some(y)) => a.log_gamma_p(y) + rest,
            (_, rest, None) => rest,
        });
        self.at(f, x)
    }
    fn quantile(&self, p: V) -> V {
        self.at(InverseGammaQuantile, p)
    }
}

impl<V: Value> Entropy<V> for InverseGamma<V> {
    /// That of the logarithm and its mean: `h(a) + ln scale - 2 ψ(a)`, `h` the entropy of
    /// Gamma(a, 1).
    fn entropy(&self) -> V {
        self.of(formula!(|a, scale| {
            let (a, scale) = (positive_or_nan(a), positive_or_nan(scale));
            gamma_entropy(a, R::one()) + scale.ln() - a.digamma() * 2.0
        }))
    }
}

/// That of the inverse variables.
impl<V: Value> KlDivergence<InverseGamma<V>> for InverseGamma<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &InverseGamma<V>, terms: Terms) -> V {
        self.inverse().kl_terms(&p.inverse(), terms)
    }
}

crate::family!(InverseGamma { concentration, scale } at [5.5, 1.0], [9.9, 0.3], [40.0, 7.0]);
