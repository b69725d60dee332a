//! Scale mixture of two Normals around 0.
//!
//! Elsewhere: none.

use super::{HALF_LN_TAU, Normal, common_shape, flat, infinite, outside, positive_or_nan, probability};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Sample};
use crate::error::{ParameterError, positive, require};
use crate::kl::{KlDivergence, KlMethod};
use crate::quadrature::{NormalScaleMixtureKl, ScaleMixtureEntropy};
use crate::random::{normal, rand_draws, uniform};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula, map_each};

/// `p(x) = mix N(x; 0, scale1) + (1 - mix) N(x; 0, scale2)`, `x` real: a spike at 0 with a slab, if
/// the scales are far apart.
///
/// *Event*: entry. *Parameters*: `0 < mix < 1`; `scale1, scale2 > 0` (standard deviations, in any
/// order).
///
/// *Source*: Blundell et al. 2015, *Weight Uncertainty in Neural Networks*, eq. 7.
#[derive(Clone, Copy, Debug)]
pub struct ScaleMixture<V = f64> {
    /// Probability of the first component.
    pub mix: V,
    /// Standard deviation of the first component.
    pub scale1: V,
    /// Standard deviation of the second component.
    pub scale2: V,
}

impl<V: Value> ScaleMixture<V> {
    /// With this probability of the first component, and these standard deviations.
    pub fn new(mix: impl Into<V>, scale1: impl Into<V>, scale2: impl Into<V>) -> Self {
        Self { mix: mix.into(), scale1: scale1.into(), scale2: scale2.into() }
    }
}

/// The parameters as they are, NaN where they are out of range.
#[inline(always)]
pub(crate) fn valid<R: Real>([mix, scale1, scale2]: [R; 3]) -> [R; 3] {
    let nan = mix * f64::NAN;
    let mix = if mix > 0.0 && mix < 1.0 { mix } else { nan };
    [mix, positive_or_nan(scale1), positive_or_nan(scale2)]
}

#[derive(Clone, Copy, Debug)]
struct ScaleMixtureLogProb;
impl Formula<4> for ScaleMixtureLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, mix, scale1, scale2]: [R; 4]) -> R {
        let [mix, scale1, scale2] = valid([mix, scale1, scale2]);
        let outside = outside(scale1) + mix * 0.0 + scale2 * 0.0;
        let (z1, z2) = (x / scale1, x / scale2);
        // Squares that overflow have no slope: products of 0 and infinity would be NaN.
        let first = flat(z1 * z1) * -0.5 - scale1.ln() + mix.ln();
        let second = flat(z2 * z2) * -0.5 - scale2.ln() + (-mix).ln_1p();
        let inside = first.log_add_exp(second) - HALF_LN_TAU;
        if infinite(x) { outside } else { inside }
    }
}

impl<V: Value> Distribution<V> for ScaleMixture<V> {
    const NAME: &'static str = "ScaleMixture";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.mix, self.scale1, self.scale2])
    }
    fn check(&self) -> Result<(), ParameterError> {
        require(Self::NAME, "mix", self.mix, "between 0 and 1", |p| p > 0.0 && p < 1.0)?;
        positive(Self::NAME, "scale1", self.scale1)?;
        positive(Self::NAME, "scale2", self.scale2)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, ScaleMixtureLogProb, [x, self.mix, self.scale1, self.scale2])
    }
    #[track_caller]
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((Normal { loc, scale }.kl_terms(self, terms), KlMethod::Quadrature))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for ScaleMixture<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        // A constant: the path through the choice of the component has no derivative in `mix`, and
        // half a gradient misleads.
        let f = formula!(|mix, scale1, scale2, u, z| {
            let [mix, scale1, scale2] = valid([mix, scale1, scale2]);
            let scale = if u < mix { scale1 } else { scale2 };
            R::of((scale * z + (mix * 0.0 + scale1 * 0.0 + scale2 * 0.0)).re())
        });
        let (choice, noise) = key.split();
        let [mix, scale1, scale2] = [self.mix, self.scale1, self.scale2].map(Draw::Value);
        V::draw(cx, f, [mix, scale1, scale2, Draw::Uniform(choice), Draw::Normal(noise)], least)
    }
}
rand_draws!(ScaleMixture, |d, rng| {
    let [mix, scale1, scale2] = valid([d.mix, d.scale1, d.scale2]);
    let scale = if uniform(rng) < mix { scale1 } else { scale2 };
    scale * normal(rng) + (mix * 0.0 + scale1 * 0.0 + scale2 * 0.0)
});

impl<V: Value> Moments<V> for ScaleMixture<V> {
    fn mean(&self) -> V {
        let f = formula!(|mix, s1, s2| {
            let [mix, s1, s2] = valid([mix, s1, s2]);
            mix * 0.0 + s1 * 0.0 + s2 * 0.0
        });
        V::apply(f, [self.mix, self.scale1, self.scale2])
    }
    fn variance(&self) -> V {
        let f = formula!(|mix, s1, s2| {
            let [mix, s1, s2] = valid([mix, s1, s2]);
            mix * s1 * s1 + (-mix + 1.0) * s2 * s2
        });
        V::apply(f, [self.mix, self.scale1, self.scale2])
    }
}

/// `P(X <= x)`.
fn lower<R: Real>([x, mix, scale1, scale2]: [R; 4]) -> R {
    let [mix, scale1, scale2] = valid([mix, scale1, scale2]);
    mix * flat(x / scale1).ndtr() + (-mix + 1.0) * flat(x / scale2).ndtr()
}

/// `ln P(X <= x)`: by logarithms in the lower tail, from the complement in the upper.
fn log_lower<R: Real>([x, mix, scale1, scale2]: [R; 4]) -> R {
    let [mix, scale1, scale2] = valid([mix, scale1, scale2]);
    if x > 0.0 {
        (-lower([-x, mix, scale1, scale2])).ln_1p()
    } else {
        let (first, second) = (flat(x / scale1).log_ndtr(), flat(x / scale2).log_ndtr());
        (mix.ln() + first).log_add_exp((-mix).ln_1p() + second)
    }
}

/// The quantile, by Newton's method on `ln P(X <= x)` in the lower half.
#[derive(Clone, Copy, Debug)]
struct ScaleMixtureQuantile;
impl Formula<4> for ScaleMixtureQuantile {
    #[inline(always)]
    fn eval<R: Real>(&self, x: [R; 4]) -> R {
        R::narrow(quantile(map_each(x, R::widen)))
    }
}

fn quantile<R: Real>([p, mix, scale1, scale2]: [R; 4]) -> R {
    let ([mix, scale1, scale2], p) = (valid([mix, scale1, scale2]), probability(p));
    if p > 0.5 {
        return -quantile([-p + 1.0, mix, scale1, scale2]);
    }
    let ln_p = p.ln();
    // Newton's step from x, and the slope of ln P.
    let newton = |x: R| {
        let log_cdf = log_lower([x, mix, scale1, scale2]);
        let log_pdf = ScaleMixtureLogProb.eval([x, mix, scale1, scale2]);
        x - (log_cdf - ln_p) * (log_cdf - log_pdf).exp()
    };
    // The quantiles of the components are on either side.
    let (first, second) = (scale1.re() * p.re().ndtri(), scale2.re() * p.re().ndtri());
    let (mut low, mut high) = (first.min(second), first.max(second));
    if !(low.is_finite() && high.is_finite()) {
        // 0 gives -inf; below 0, NaN.
        return flat(ln_p + mix * 0.0 + scale1 * 0.0 + scale2 * 0.0);
    }
    let mut x = high;
    for _ in 0..100 {
        let next = newton(R::of(x)).re();
        if log_lower([R::of(x), mix, scale1, scale2]) < ln_p {
            low = low.max(x)
        } else {
            high = high.min(x)
        }
        // The ends may differ by orders of magnitude: a step that leaves them is replaced by their
        // geometric mean.
        let next = if next >= low && next <= high { next } else { -(low * high).sqrt() };
        let moved = (next - x).abs();
        x = next;
        if !(moved > 1e-15 * x.abs()) {
            break;
        }
    }
    // The root's derivatives: of first order by one step from the constant, of second by another.
    newton(newton(R::of(x)))
}

impl<V: Value> Cdf<V> for ScaleMixture<V> {
    fn cdf(&self, x: V) -> V {
        let f = formula!(|x, mix, s1, s2| lower([x, mix, s1, s2]));
        V::apply(f, [x, self.mix, self.scale1, self.scale2])
    }
    fn sf(&self, x: V) -> V {
        let f = formula!(|x, mix, s1, s2| lower([-x, mix, s1, s2]));
        V::apply(f, [x, self.mix, self.scale1, self.scale2])
    }
    fn log_cdf(&self, x: V) -> V {
        let f = formula!(|x, mix, s1, s2| log_lower([x, mix, s1, s2]));
        V::apply(f, [x, self.mix, self.scale1, self.scale2])
    }
    fn log_sf(&self, x: V) -> V {
        let f = formula!(|x, mix, s1, s2| log_lower([-x, mix, s1, s2]));
        V::apply(f, [x, self.mix, self.scale1, self.scale2])
    }
    fn quantile(&self, p: V) -> V {
        V::apply(ScaleMixtureQuantile, [p, self.mix, self.scale1, self.scale2])
    }
}

impl<V: Value> Entropy<V> for ScaleMixture<V> {
    fn entropy(&self) -> V {
        V::apply(ScaleMixtureEntropy, [self.mix, self.scale1, self.scale2])
    }
}

impl<V: Value> KlDivergence<ScaleMixture<V>> for Normal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Quadrature;
    #[track_caller]
    fn kl_terms(&self, p: &ScaleMixture<V>, terms: Terms) -> V {
        V::apply_as(terms, NormalScaleMixtureKl, [self.loc, self.scale, p.mix, p.scale1, p.scale2])
    }
}

crate::family!(ScaleMixture { mix, scale1, scale2 } at [0.25, 1.0, 0.1], [0.6, 0.3, 2.0]);
