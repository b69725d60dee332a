//! Cauchy distribution on the real line.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::{
    common_shape, finite_or_nan, infinite, ordinary, ordinary_positive, outside, positive_or_nan,
    probability, standardized,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{cauchy, rand_draws};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::{FRAC_1_PI, PI};

/// `ln π`.
const LN_PI: f64 = 1.144729885849400174143427351353058712;
/// `ln 4π`.
const LN_4PI: f64 = 2.531024246969290792977891594269411848;

/// `p(x) = 1 / (π scale (1 + z²))`, `z = (x - loc) / scale`, `x` real.
///
/// *Event*: entry. *Parameters*: `loc` real (the median), `scale > 0` (half the distance of the
/// quartiles). Mean and variance are undefined (NaN).
#[derive(Clone, Copy, Debug)]
pub struct Cauchy<V = f64> {
    /// Location: the median.
    pub loc: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> Cauchy<V> {
    /// With this location and scale.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }

    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.loc, self.scale])
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct CauchyLogProb;
impl Formula<3> for CauchyLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
        let outside = outside(scale) + loc * 0.0;
        // Halves, where the difference overflows.
        let part = if infinite(x - loc) { 0.5 } else { 1.0 };
        let d = (x * part - loc * part).abs();
        let s = scale * part;
        let far = d > s;
        // The smaller ratio is squared, so that nothing overflows.
        let (up, down) = (d / s, s / d);
        let ratio = if far { down } else { up };
        let (near_lead, far_lead) = (-scale.ln(), scale.ln() - (d.ln() - f64::ln(part)) * 2.0);
        let lead = if far { far_lead } else { near_lead };
        if infinite(x) { outside } else { lead - ratio.sq().ln_1p() - LN_PI }
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
        let f = -(z * z).ln_1p() - scale.ln_normal() - LN_PI;
        let d = z * 2.0 / (z * z + 1.0) * inverse;
        (f, [-d, d, z * d - inverse], ordinary(z) & ordinary_positive(scale))
    }
}

/// `P(X > |z|)`, at most one half.
#[inline(always)]
fn tail<R: Real>(z: R) -> R {
    let size = z.abs();
    let near = -size.atan() * FRAC_1_PI + 0.5;
    if size > 1.0 { size.recip().atan() * FRAC_1_PI } else { near }
}

#[inline(always)]
fn z_score<R: Real>(x: R, loc: R, scale: R) -> R {
    standardized(x, finite_or_nan(loc), positive_or_nan(scale))
}

/// The quantile of the standard distribution.
#[inline(always)]
fn quantile<R: Real>(p: R) -> R {
    let (low, high) = (-(p * PI).tan().recip(), ((-p + 1.0) * PI).tan().recip());
    let middle = ((p - 0.5) * PI).tan();
    if p < 0.25 {
        low
    } else if p > 0.75 {
        high
    } else {
        middle
    }
}

impl<V: Value> Distribution<V> for Cauchy<V> {
    const NAME: &'static str = "Cauchy";

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
        V::apply_as(terms, CauchyLogProb, [x, self.loc, self.scale])
    }
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        super::StudentT::new(1.0, self.loc, self.scale).kl_from_normal(loc, scale, terms)
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Cauchy<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.loc), Draw::Value(self.scale), Draw::Uniform(key)];
        let f = formula!(|loc, scale, u| finite_or_nan(loc) + positive_or_nan(scale) * quantile(u));
        V::draw(cx, f, args, least)
    }
}
impl<V: Value> Reparameterized<V> for Cauchy<V> {}
rand_draws!(Cauchy, |d, rng| finite_or_nan(d.loc) + cauchy(positive_or_nan(d.scale), rng));

impl<V: Value> Moments<V> for Cauchy<V> {
    /// Undefined: NaN.
    fn mean(&self) -> V {
        V::apply(formula!(|loc, scale| (loc + scale) * f64::NAN), [self.loc, self.scale])
    }
    /// Undefined: NaN.
    fn variance(&self) -> V {
        self.mean()
    }
}

impl<V: Value> Cdf<V> for Cauchy<V> {
    fn cdf(&self, x: V) -> V {
        self.at(
            formula!(|x, loc, scale| {
                let z = z_score(x, loc, scale);
                if z < 0.0 { tail(z) } else { -tail(z) + 1.0 }
            }),
            x,
        )
    }
    fn sf(&self, x: V) -> V {
        self.at(
            formula!(|x, loc, scale| {
                let z = z_score(x, loc, scale);
                if z < 0.0 { -tail(z) + 1.0 } else { tail(z) }
            }),
            x,
        )
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(
            formula!(|x, loc, scale| {
                let z = z_score(x, loc, scale);
                if z < 0.0 { tail(z).ln() } else { (-tail(z)).ln_1p() }
            }),
            x,
        )
    }
    fn log_sf(&self, x: V) -> V {
        self.at(
            formula!(|x, loc, scale| {
                let z = z_score(x, loc, scale);
                if z < 0.0 { (-tail(z)).ln_1p() } else { tail(z).ln() }
            }),
            x,
        )
    }
    fn quantile(&self, p: V) -> V {
        let f = formula!(|p, loc, scale| {
            let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
            loc + scale * quantile(probability(p))
        });
        self.at(f, p)
    }
}

impl<V: Value> Entropy<V> for Cauchy<V> {
    fn entropy(&self) -> V {
        let f = formula!(|loc, scale| positive_or_nan(scale).ln() + finite_or_nan(loc) * 0.0 + LN_4PI);
        V::apply(f, [self.loc, self.scale])
    }
}

/// `ln(1 + ((s - t)² + (a - b)²) / (4 s t))`.
///
/// Source: Chyzak and Nielsen 2019, "A closed-form formula for the Kullback-Leibler divergence
/// between Cauchy distributions", theorem 1.
#[derive(Clone, Copy, Debug)]
struct CauchyCauchyKl;
impl Formula<4> for CauchyCauchyKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, s, b, t]: [R; 4]) -> R {
        let (a, s) = (finite_or_nan(a), positive_or_nan(s));
        let (b, t) = (finite_or_nan(b), positive_or_nan(t));
        // In units of both scales, so that no square overflows before the result is large.
        let (gap, shift) = (s - t, a - b);
        let square = gap / s * (gap / t) + shift / s * (shift / t);
        let far = ((gap / s).abs() + (gap / t).abs() + (shift / s).abs() + (shift / t).abs()) > 1e8;
        let near = (square * 0.25).ln_1p();
        // ln of a sum of squares over a product, by logarithms.
        let size = {
            let (x, y) = ((s + t).ln(), shift.abs().ln());
            let (top, low) = if x < y { (y, x) } else { (x, y) };
            top * 2.0 + ((low - top) * 2.0).exp().ln_1p()
        };
        let distant = size - s.ln() - t.ln() - f64::ln(4.0);
        if far { distant } else { near }
    }
}

impl<V: Value> KlDivergence<Cauchy<V>> for Cauchy<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Cauchy<V>, terms: Terms) -> V {
        V::apply_as(terms, CauchyCauchyKl, [self.loc, self.scale, p.loc, p.scale])
    }
}

crate::family!(Cauchy { loc, scale } at [0.7, 2.2], [-3.0, 0.4]);
