//! Gumbel distribution (of maxima) on the real line.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqr, TFP cqer, PyMC cq.

use super::normal::z_score;
use super::{
    HALF_LN_TAU, Normal, common_shape, finite_or_nan, infinite, not_negative, ordinary_positive, outside,
    overflown, positive_or_nan, probability, standardized,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{exponential, rand_draws};
use crate::special::{exp_minus_line, lgamma_above_tangent};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::PI;

/// Euler's constant.
pub(crate) const EULER: f64 = 0.577215664901532860606512090082402431;

/// `P(X <= x) = exp(-e⁻ᶻ)`, `z = (x - loc) / scale`, `x` real: the limit of maxima.
///
/// *Event*: entry. *Parameters*: `loc` real (the mode), `scale > 0`.
#[derive(Clone, Copy, Debug)]
pub struct Gumbel<V = f64> {
    /// Location: the mode.
    pub loc: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> Gumbel<V> {
    /// With this location and scale.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }

    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.loc, self.scale])
    }
    fn of<F: Formula<2>>(&self, f: F) -> V {
        V::apply(f, [self.loc, self.scale])
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct GumbelLogProb;
impl Formula<3> for GumbelLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        let outside = outside(scale) + finite_or_nan(loc) * 0.0;
        let z = z_score(x, loc, scale);
        // Together, so that the derivatives do not cancel near the mode.
        let inside = -exp_minus_line(-z) - scale.ln() - 1.0;
        if infinite(x) || infinite(z) { outside } else { inside }
    }
    const FAST_PATH: bool = true;
    const STAGED: bool = true;
    #[inline(always)]
    fn first_stage<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        (x - loc) * scale.recip()
    }
    #[inline(always)]
    fn second_stage<R: Real>(&self, z: R, [_, _, scale]: [R; 3]) -> (R, [R; 3], bool) {
        let inverse = scale.recip();
        let excess = (-z).exp_m1_moderate();
        let d = -excess * inverse;
        let f = -z - excess - 1.0 - scale.ln_normal();
        (f, [-d, d, z * d - inverse], (z.abs() < 80.0) & ordinary_positive(scale))
    }
}

impl<V: Value> Distribution<V> for Gumbel<V> {
    const NAME: &'static str = "Gumbel";

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
        V::apply_as(terms, GumbelLogProb, [x, self.loc, self.scale])
    }
    #[track_caller]
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((Normal { loc, scale }.kl_terms(self, terms), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Gumbel<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.loc), Draw::Value(self.scale), Draw::Uniform(key)];
        let f = formula!(|loc, scale, u| finite_or_nan(loc) - positive_or_nan(scale) * (-u.ln()).ln());
        V::draw(cx, f, args, least)
    }
}
impl<V: Value> Reparameterized<V> for Gumbel<V> {}
rand_draws!(Gumbel, |d, rng| {
    finite_or_nan(d.loc) - positive_or_nan(d.scale) * Real::ln(exponential(rng).max(f64::MIN_POSITIVE))
});

impl<V: Value> Moments<V> for Gumbel<V> {
    fn mean(&self) -> V {
        self.of(formula!(|loc, scale| finite_or_nan(loc) + positive_or_nan(scale) * EULER))
    }
    fn variance(&self) -> V {
        self.of(formula!(|loc, scale| {
            positive_or_nan(scale).sq() * (PI * PI / 6.0) + finite_or_nan(loc) * 0.0
        }))
    }
}

/// `ln(1 - exp(-e⁻ᶻ))`, also where the exponential underflows.
#[inline(always)]
pub(super) fn log_sf<R: Real>(z: R) -> R {
    let w = (-z).exp();
    let (body, tail) = (w.log1mexp(), -z - w * 0.5);
    if z > 30.0 { tail } else { body }
}

impl<V: Value> Cdf<V> for Gumbel<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| (-(-z_score(x, loc, scale)).exp()).exp()), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| -(-(-z_score(x, loc, scale)).exp()).exp_m1()), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| -(-z_score(x, loc, scale)).exp()), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|x, loc, scale| log_sf(z_score(x, loc, scale))), x)
    }
    fn quantile(&self, p: V) -> V {
        let f = formula!(|p, loc, scale| {
            finite_or_nan(loc) - positive_or_nan(scale) * (-probability(p).ln()).ln()
        });
        self.at(f, p)
    }
}

impl<V: Value> Entropy<V> for Gumbel<V> {
    fn entropy(&self) -> V {
        self.of(formula!(|loc, scale| {
            positive_or_nan(scale).ln() + finite_or_nan(loc) * 0.0 + (1.0 + EULER)
        }))
    }
}

/// `(eᵍ - 1 - g) + D(r, 1)` with `r` the ratio of the scales, `g = ln Γ(1 + r) - (a - b) / t`, and
/// `D` the height of `ln Γ` above its tangent: two parts that are never negative.
#[derive(Clone, Copy, Debug)]
pub(super) struct GumbelGumbelKl;
impl Formula<4> for GumbelGumbelKl {
    #[inline]
    fn eval<R: Real>(&self, [a, s, b, t]: [R; 4]) -> R {
        let (a, s) = (finite_or_nan(a), positive_or_nan(s));
        let (b, t) = (finite_or_nan(b), positive_or_nan(t));
        extreme_kl(s / t, standardized(a, b, t))
    }
}

/// The divergence of Gumbel distributions with this ratio of scales and distance in units of the
/// second scale.
#[inline]
pub(super) fn extreme_kl<R: Real>(ratio: R, distance: R) -> R {
    if ratio.re().is_nan() || distance.re().is_nan() {
        return R::of(f64::NAN);
    }
    let g = (ratio + 1.0).lgamma() - distance;
    if !ratio.is_finite() || g > 700.0 || infinite(g) {
        return R::of(f64::INFINITY);
    }
    not_negative(exp_minus_line(g) + lgamma_above_tangent(ratio, R::one()))
}

impl<V: Value> KlDivergence<Gumbel<V>> for Gumbel<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Gumbel<V>, terms: Terms) -> V {
        V::apply_as(terms, GumbelGumbelKl, [self.loc, self.scale, p.loc, p.scale])
    }
}

/// `E e⁻ᶻ + E z + ln t` less the entropy, `z = (x - b) / t` for `x ~ N(m, s)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct NormalGumbelKl;
impl Formula<4> for NormalGumbelKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [m, s, b, t]: [R; 4]) -> R {
        let (m, s) = (finite_or_nan(m), positive_or_nan(s));
        let z = standardized(m, finite_or_nan(b), positive_or_nan(t));
        let width = s / t;
        let log = width * width * 0.5 - z;
        let tail = if log < 709.0 { log.exp() } else { -overflown(log) };
        not_negative(tail + z - width.ln() - (HALF_LN_TAU + 0.5))
    }
}

impl<V: Value> KlDivergence<Gumbel<V>> for Normal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Gumbel<V>, terms: Terms) -> V {
        V::apply_as(terms, NormalGumbelKl, [self.loc, self.scale, p.loc, p.scale])
    }
}

crate::family!(Gumbel { loc, scale } at [-0.7, 1.5], [2.0, 0.3]);
