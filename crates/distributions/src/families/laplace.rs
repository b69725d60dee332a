//! Laplace distribution on the real line.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::normal::z_score;
use super::{
    Normal, common_shape, finite_or_nan, infinite, ln_ratio, not_negative, ordinary, ordinary_positive,
    outside, positive_or_nan, probability, standardized,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{exponential, rand_draws, uniform};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};

use super::normal::HALF_LN_TAU;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// `√(2/π)`.
const SQRT_2_OVER_PI: f64 = 0.797884560802865355879892119868763737;

/// `p(x) = exp(-|x - loc| / scale) / (2 scale)`, `x` real.
///
/// *Event*: entry. *Parameters*: `loc` real, `scale > 0` (`1/√2` of the standard deviation).
#[derive(Clone, Copy, Debug)]
pub struct Laplace<V = f64> {
    /// Mean.
    pub loc: V,
    /// Mean absolute deviation.
    pub scale: V,
}

impl<V: Value> Laplace<V> {
    /// With this mean and scale.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LaplaceLogProb;
impl Formula<3> for LaplaceLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
        let inside = -standardized(x, loc, scale).abs() - scale.ln() - LN_2;
        let outside = outside(scale) + loc * 0.0;
        if infinite(x) { outside } else { inside }
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, [x, loc, scale]: [R; 3]) -> (R, [R; 3], bool) {
        let inverse = scale.recip();
        let z = (x - loc) * inverse;
        let d = z.signum() * inverse;
        let f = -z.abs() - scale.ln_normal() - LN_2;
        (f, [-d, d, z * d - inverse], ordinary(z) & ordinary_positive(scale))
    }
    compiled_here!(LaplaceLogProb, 3, f64);
}

/// The cdf at `z` standard units.
#[inline(always)]
fn cdf<R: Real>(z: R) -> R {
    let tail = (-z.abs()).exp() * 0.5;
    if z < 0.0 { tail } else { -tail + 1.0 }
}

/// Its logarithm.
#[inline(always)]
fn log_cdf<R: Real>(z: R) -> R {
    let (below, above) = (z - LN_2, ((-z).exp() * -0.5).ln_1p());
    if z < 0.0 { below } else { above }
}

/// The quantile in standard units.
#[inline(always)]
fn quantile<R: Real>(p: R) -> R {
    let (below, above) = ((p * 2.0).ln(), -((-p + 1.0) * 2.0).ln());
    if p < 0.5 { below } else { above }
}

impl<V: Value> Distribution<V> for Laplace<V> {
    const NAME: &'static str = "Laplace";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.loc, self.scale])
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "loc", self.loc)?;
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, LaplaceLogProb, [x, self.loc, self.scale])
    }
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((Normal { loc, scale }.kl_terms(self, terms), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Laplace<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.loc), Draw::Value(self.scale), Draw::Uniform(key)];
        V::draw(
            cx,
            formula!(|loc, scale, u| finite_or_nan(loc) + positive_or_nan(scale) * quantile(u)),
            args,
            least,
        )
    }
}
impl<V: Value> Reparameterized<V> for Laplace<V> {}
rand_draws!(Laplace, |d, rng| {
    let sign = if uniform(rng) < 0.5 { -1.0 } else { 1.0 };
    finite_or_nan(d.loc) + positive_or_nan(d.scale) * sign * exponential(rng)
});

impl<V: Value> Moments<V> for Laplace<V> {
    fn mean(&self) -> V {
        V::apply(
            formula!(|loc, scale| finite_or_nan(loc) + positive_or_nan(scale) * 0.0),
            [self.loc, self.scale],
        )
    }
    fn variance(&self) -> V {
        let f = formula!(|loc, scale| positive_or_nan(scale).sq() * 2.0 + finite_or_nan(loc) * 0.0);
        V::apply(f, [self.loc, self.scale])
    }
}

impl<V: Value> Cdf<V> for Laplace<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x, a, s| cdf(z_score(x, a, s))), [x, self.loc, self.scale])
    }
    fn sf(&self, x: V) -> V {
        V::apply(formula!(|x, a, s| cdf(-z_score(x, a, s))), [x, self.loc, self.scale])
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(formula!(|x, a, s| log_cdf(z_score(x, a, s))), [x, self.loc, self.scale])
    }
    fn log_sf(&self, x: V) -> V {
        V::apply(formula!(|x, a, s| log_cdf(-z_score(x, a, s))), [x, self.loc, self.scale])
    }
    fn quantile(&self, p: V) -> V {
        let f =
            formula!(|p, loc, scale| finite_or_nan(loc) + positive_or_nan(scale) * quantile(probability(p)));
        V::apply(f, [p, self.loc, self.scale])
    }
}

impl<V: Value> Entropy<V> for Laplace<V> {
    fn entropy(&self) -> V {
        V::apply(
            formula!(|loc, scale| positive_or_nan(scale).ln() + finite_or_nan(loc) * 0.0 + (LN_2 + 1.0)),
            [self.loc, self.scale],
        )
    }
}

/// `KL(Laplace(a, s) ‖ Laplace(b, t)) = r (e⁻ᵐ - 1 + m) + r - 1 - ln r`, with `r = s/t` and
/// `m = |a - b|/s`.
#[derive(Clone, Copy, Debug)]
struct LaplaceLaplaceKl;
impl Formula<4> for LaplaceLaplaceKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, s, b, t]: [R; 4]) -> R {
        let (a, b) = (finite_or_nan(a), finite_or_nan(b));
        let (s, t) = (positive_or_nan(s), positive_or_nan(t));
        let ratio = s / t;
        let moved = standardized(a, b, t).abs() + ratio * (-standardized(a, b, s).abs()).exp_m1();
        // Where the second scale is negligible, both parts are infinite, of opposite sign, and less
        // than what follows.
        let moved = if ratio == f64::INFINITY { a * 0.0 + b * 0.0 } else { moved };
        not_negative(moved + ((s - t) / t - ln_ratio(s, t)))
    }
}

impl<V: Value> KlDivergence<Laplace<V>> for Laplace<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Laplace<V>, terms: Terms) -> V {
        V::apply_as(terms, LaplaceLaplaceKl, [self.loc, self.scale, p.loc, p.scale])
    }
}

/// `KL(Laplace(a, s) ‖ N(b, t)) = (s/t)² + ½ ((a - b)/t)² - ln(s/t) + ½ ln(π/2) - 1`.
#[derive(Clone, Copy, Debug)]
struct LaplaceNormalKl;
impl Formula<4> for LaplaceNormalKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, s, b, t]: [R; 4]) -> R {
        let (a, b) = (finite_or_nan(a), finite_or_nan(b));
        let (s, t) = (positive_or_nan(s), positive_or_nan(t));
        let squares = (s / t).sq() + standardized(a, b, t).sq() * 0.5;
        not_negative(squares - ln_ratio(s, t) + (HALF_LN_TAU - LN_2 - 1.0))
    }
}

impl<V: Value> KlDivergence<Normal<V>> for Laplace<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
        V::apply_as(terms, LaplaceNormalKl, [self.loc, self.scale, p.loc, p.scale])
    }
}

/// `KL(N(a, s) ‖ Laplace(b, t)) = E|x - b| / t - ln(s/t) - ½ ln(π/2) - ½`, with
/// `E|x - b| = s √(2/π) exp(-½ d²) + (a - b) erf(d/√2)` and `d = (a - b)/s`.
#[derive(Clone, Copy, Debug)]
struct NormalLaplaceKl;
impl Formula<4> for NormalLaplaceKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, s, b, t]: [R; 4]) -> R {
        let (a, b) = (finite_or_nan(a), finite_or_nan(b));
        let (s, t) = (positive_or_nan(s), positive_or_nan(t));
        let (ratio, d) = (s / t, standardized(a, b, s));
        let near = (d.sq() * -0.5).exp() * SQRT_2_OVER_PI;
        // Far away nothing of it is left, whatever the ratio.
        let near = if near == 0.0 { R::zero() } else { ratio * near };
        let far = standardized(a, b, t) * (d * FRAC_1_SQRT_2).erf();
        not_negative(near + far - ln_ratio(s, t) - (HALF_LN_TAU - LN_2 + 0.5))
    }
}

impl<V: Value> KlDivergence<Laplace<V>> for Normal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Laplace<V>, terms: Terms) -> V {
        V::apply_as(terms, NormalLaplaceKl, [self.loc, self.scale, p.loc, p.scale])
    }
}

crate::family!(Laplace { loc, scale } at [0.3, 2.0], [-5.0, 0.1]);
