//! Normal (Gaussian) distribution on the real line.
//!
//! Elsewhere: torch cqer, Pyro cqer, NumPyro cqer, TFP cqer, PyMC cq.

use super::{
    common_shape, finite_or_nan, flat, infinite, ln_ratio, not_negative, ordinary, ordinary_positive,
    outside, positive_or_nan, standardized,
};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{normal, rand_draws};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, compiled_here, formula};

/// `½ ln 2π`.
pub(crate) const HALF_LN_TAU: f64 = 0.918938533204672741780329736405617640;

/// `p(x) = exp(-½ ((x - loc) / scale)²) / (scale √(2π))`, `x` real.
///
/// *Event*: entry. *Parameters*: `loc` real, `scale > 0` (a standard deviation).
#[derive(Clone, Copy, Debug)]
pub struct Normal<V = f64> {
    /// Mean.
    pub loc: V,
    /// Standard deviation.
    pub scale: V,
}

impl<V: Value> Normal<V> {
    /// With this mean and standard deviation.
    #[inline]
    pub fn new(loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }

    /// Mean 0, standard deviation 1.
    pub fn standard() -> Self {
        Self::new(0.0, 1.0)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct NormalLogProb;
impl Formula<3> for NormalLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
        let z = standardized(x, loc, scale);
        let (inside, outside) = (z * z * -0.5 - scale.ln() - HALF_LN_TAU, outside(scale) + loc * 0.0);
        if infinite(x) { outside } else { inside }
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, args: [R; 3]) -> (R, [R; 3], bool) {
        let (squares, [x, loc, scale], holds) = Squares.fast_path(args);
        let f = squares - args[2].ln_normal() - HALF_LN_TAU;
        (f, [x, loc, scale - args[2].recip()], holds)
    }
    compiled_here!(NormalLogProb, 3, f64);
}

/// The same for a scale that is a bare constant: neither divisions nor logarithms.
#[derive(Clone, Copy, Debug)]
struct FixedScale {
    inverse: f64,
    /// `ln (scale √(2π))`.
    log: f64,
}
impl Formula<2> for FixedScale {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc]: [R; 2]) -> R {
        let z = (x - finite_or_nan(loc)) * self.inverse;
        let (inside, outside) = (z * z * -0.5 - self.log, z * 0.0 - f64::INFINITY);
        if infinite(x) { R::of(outside.re()) } else { inside }
    }
}

/// For so many terms with one scale it pays to take its logarithm once.
const ONE_LOGARITHM: usize = 128;

/// `-½ ((x - loc) / scale)²`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Squares;
impl Formula<3> for Squares {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
        let loc = finite_or_nan(loc);
        let (inside, outside) = (standardized(x, loc, scale).sq() * -0.5, outside(scale) + loc * 0.0);
        if infinite(x) { outside } else { inside }
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, [x, loc, scale]: [R; 3]) -> (R, [R; 3], bool) {
        let inverse = scale.recip();
        let z = (x - loc) * inverse;
        let d = z * inverse;
        (z * z * -0.5, [-d, d, z * d], ordinary(z) & ordinary_positive(scale))
    }
    compiled_here!(Squares, 3, f64);
}

/// `-count (ln scale + ½ ln 2π)`.
#[derive(Clone, Copy, Debug)]
struct LogScales {
    count: f64,
}
impl Formula<1> for LogScales {
    #[inline(always)]
    fn eval<R: Real>(&self, [scale]: [R; 1]) -> R {
        (positive_or_nan(scale).ln() + HALF_LN_TAU) * -self.count
    }
}

/// `x` in standard units; NaN for bad parameters.
#[inline(always)]
pub(super) fn z_score<R: Real>(x: R, loc: R, scale: R) -> R {
    flat(standardized(x, finite_or_nan(loc), positive_or_nan(scale)))
}

impl<V: Value> Distribution<V> for Normal<V> {
    const NAME: &'static str = "Normal";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    #[inline]
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.loc, self.scale])
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "loc", self.loc)?;
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        // In single precision, too, the inverse is a number.
        if let Some(scale) = self.scale.fixed().filter(|scale| (1e-30..1e30).contains(scale)) {
            let formula = FixedScale { inverse: 1.0 / scale, log: scale.ln() + HALF_LN_TAU };
            return V::apply_as(terms, formula, [x, self.loc]);
        }
        let args = [x, self.loc, self.scale];
        let (rows, cols) = common_shape(&args);
        let count = rows * cols;
        if terms == Terms::Sum && self.scale.shape() == (1, 1) && count >= ONE_LOGARITHM {
            // Added, and not by a formula, which would need the first sum before the backward pass.
            return V::apply_sum(Squares, args) + V::apply(LogScales { count: count as f64 }, [self.scale]);
        }
        V::apply_as(terms, NormalLogProb, args)
    }
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((Normal { loc, scale }.kl_terms(self, terms), KlMethod::Closed))
    }
    fn as_normal(&self) -> Option<(V, V)> {
        Some((self.loc, self.scale))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Normal<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.loc), Draw::Value(self.scale), Draw::Normal(key)];
        V::draw(
            cx,
            formula!(f64 | loc, scale, z | finite_or_nan(loc) + positive_or_nan(scale) * z),
            args,
            least,
        )
    }
}
impl<V: Value> Reparameterized<V> for Normal<V> {}
rand_draws!(Normal, |d, rng| finite_or_nan(d.loc) + positive_or_nan(d.scale) * normal(rng));

impl<V: Value> Moments<V> for Normal<V> {
    fn mean(&self) -> V {
        V::apply(
            formula!(|loc, scale| finite_or_nan(loc) + positive_or_nan(scale) * 0.0),
            [self.loc, self.scale],
        )
    }
    fn variance(&self) -> V {
        V::apply(
            formula!(|loc, scale| positive_or_nan(scale).sq() + finite_or_nan(loc) * 0.0),
            [self.loc, self.scale],
        )
    }
}

impl<V: Value> Cdf<V> for Normal<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| z_score(x, loc, scale).ndtr()), [x, self.loc, self.scale])
    }
    fn sf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| (-z_score(x, loc, scale)).ndtr()), [x, self.loc, self.scale])
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| z_score(x, loc, scale).log_ndtr()), [x, self.loc, self.scale])
    }
    fn log_sf(&self, x: V) -> V {
        V::apply(formula!(|x, loc, scale| (-z_score(x, loc, scale)).log_ndtr()), [x, self.loc, self.scale])
    }
    fn quantile(&self, p: V) -> V {
        V::apply(
            formula!(|p, loc, scale| finite_or_nan(loc) + positive_or_nan(scale) * p.ndtri()),
            [p, self.loc, self.scale],
        )
    }
}

impl<V: Value> Entropy<V> for Normal<V> {
    fn entropy(&self) -> V {
        V::apply(
            formula!(|loc, scale| positive_or_nan(scale).ln()
                + finite_or_nan(loc) * 0.0
                + (HALF_LN_TAU + 0.5)),
            [self.loc, self.scale],
        )
    }
}

/// `KL(N(a, s) ‖ N(b, t)) = ½ ((s/t)² - 1 - ln (s/t)²) + ½ ((a - b)/t)²`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormalNormalKl;
impl Formula<4> for NormalNormalKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, s, b, t]: [R; 4]) -> R {
        let (a, b) = (finite_or_nan(a), finite_or_nan(b));
        let (s, t) = (positive_or_nan(s), positive_or_nan(t));
        let shift = standardized(a, b, t);
        // (r² - 1 - ln r²) / 2 cancels near r = 1, where r - 1 = (s - t)/t is exact.
        let d = (s - t) / t;
        not_negative((d * (d + 2.0)) * 0.5 - ln_ratio(s, t) + shift * shift * 0.5)
    }
    compiled_here!(NormalNormalKl, 4, f64);
}

impl<V: Value> KlDivergence<Normal<V>> for Normal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
        V::apply_as(terms, NormalNormalKl, [self.loc, self.scale, p.loc, p.scale])
    }
}

crate::family!(Normal { loc, scale } at [0.3, 2.0], [-5.0, 0.1]);
