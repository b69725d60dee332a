//! Student's t distribution on the real line.
//!
//! Elsewhere: torch er, Pyro er, NumPyro cqer, TFP cqer, PyMC cq.

use super::normal::HALF_LN_TAU;
use super::normal::z_score;
use super::{
    Normal, common_shape, finite_or_nan, infinite, outside, positive_or_nan, probability, standardized,
};
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::quadrature::NormalStudentTKl;
use crate::random::{rand_draws, student_t};
use crate::special::{StudentTSlope, entry_key, implicit_draw, implicit_root, log_gamma_draw};
use crate::support::Support;
use probity_autodiff::math::ln_1p_minus;
use probity_autodiff::math::student_t::{
    student_t_cdf, student_t_icdf, student_t_log_cdf, student_t_log_sf, student_t_sf,
};
use probity_autodiff::{Draw, Dual, Formula, Key, Real, Terms, Value, compiled_here, formula};

/// `p(x) ∝ (1 + z² / df)^(-(df + 1) / 2) / scale`, `z = (x - loc) / scale`, `x` real.
///
/// *Event*: entry. *Parameters*: `df > 0` (degrees of freedom), `loc` real, `scale > 0` (not a
/// standard deviation).
#[derive(Clone, Copy, Debug)]
pub struct StudentT<V = f64> {
    /// Degrees of freedom.
    pub df: V,
    /// Location: the median.
    pub loc: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> StudentT<V> {
    /// With these degrees of freedom, location and scale.
    pub fn new(df: impl Into<V>, loc: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { df: df.into(), loc: loc.into(), scale: scale.into() }
    }
}

/// `ln Γ((df + 1) / 2) - ln Γ(df / 2) - ½ ln(df π)`: the logarithm of the density at the median.
#[inline(always)]
fn log_peak<R: Real>(df: R) -> R {
    (df * 0.5).half_step() - HALF_LN_TAU
}

/// A power of two that brings any quotient of numbers into their range.
#[inline(always)]
fn shrink<R: Real>() -> f64 {
    f64::from_bits(if R::is_single() { 1023 - 100 } else { 1023 - 600 } << 52)
}

/// `½ (df + 1) ln(1 + z² / df)`: what the log density has lost at `z`, of which `small` is
/// [`shrink`] times the size. Both ways are computed, so that a loop over it vectorises.
#[inline(always)]
fn log_fall<R: Real>(z: R, small: R, df: R) -> R {
    let (size, root) = (z.abs(), df.sqrt());
    let ratio = size / root;
    let w = z * z / df;
    // `½ z²` stands by itself, because it has no slope in df: the rest vanishes as df grows.
    let near = z * z * 0.5 + w * 0.5 + (df + 1.0) * ln_1p_minus(w) * 0.5;
    // The square itself may overflow.
    let far = ratio > 1.0;
    let less = if far { ratio.recip().sq() } else { w };
    let less = if ratio == f64::INFINITY { R::zero() } else { less };
    // Beyond the range of numbers, the ratio of a power of two of z.
    let log = if ratio == f64::INFINITY {
        (small / root).ln() - f64::ln(shrink::<R>())
    } else if far {
        ratio.ln()
    } else {
        R::zero()
    };
    let log = log * 2.0;
    let rest = (df + 1.0) * (log + less.ln_1p()) * 0.5;
    if ratio < 0.5 { near } else { rest }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct StudentTLogProb;
impl Formula<4> for StudentTLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, df, loc, scale]: [R; 4]) -> R {
        let (df, loc, scale) = (positive_or_nan(df), finite_or_nan(loc), positive_or_nan(scale));
        let z = standardized(x, loc, scale);
        // The quotient itself may overflow, where its logarithm is a number.
        let shrink = shrink::<R>();
        let small = (x * shrink - loc * shrink).abs() / scale;
        let inside = log_peak(df) - scale.ln() - log_fall(z, small, df);
        let outside = outside(scale) + df * 0.0 + loc * 0.0;
        if infinite(x) { outside } else { inside }
    }
    compiled_here!(StudentTLogProb, 4, f64);
}

impl<V: Value> Distribution<V> for StudentT<V> {
    const NAME: &'static str = "StudentT";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.df, self.loc, self.scale])
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "df", self.df)?;
        finite(Self::NAME, "loc", self.loc)?;
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, StudentTLogProb, [x, self.df, self.loc, self.scale])
    }
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((Normal { loc, scale }.kl_terms(self, terms), KlMethod::Quadrature))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> KlDivergence<StudentT<V>> for Normal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Quadrature;
    #[track_caller]
    fn kl_terms(&self, p: &StudentT<V>, terms: Terms) -> V {
        V::apply_as(terms, NormalStudentTKl, [self.loc, self.scale, p.df, p.loc, p.scale])
    }
}

/// `n / √(2 g / df)` with `n` normal and `g` from Gamma(df / 2, 1), whose slope in `df` is that of
/// the inverse cdf: any coupling of the same draw has the same expected gradient, and this one has
/// the least variance.
#[derive(Clone, Copy, Debug)]
struct StudentTDraw;
impl Formula<6> for StudentTDraw {
    #[inline]
    fn eval<R: Real>(&self, [df, loc, scale, n, u, v]: [R; 6]) -> R {
        let (loc, scale) = (finite_or_nan(loc), positive_or_nan(scale));
        let half = df.re() * 0.5;
        // In logarithms: for a small df the gamma draw underflows.
        let log_widening = (half.ln() - log_gamma_draw(entry_key(u, v), half)) * 0.5;
        loc + scale * implicit_draw::<StudentTSlope, _, 1>(n.re() * log_widening.exp(), [df])
    }
    compiled_here!(StudentTDraw, 6, f64);
}

impl<V: Value> Sample<V> for StudentT<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let [df, loc, scale] = [self.df, self.loc, self.scale].map(Draw::Value);
        let args = [df, loc, scale, Draw::Normal(key), Draw::Uniform(u), Draw::Uniform(v)];
        V::draw(cx, StudentTDraw, args, least)
    }
}
impl<V: Value> Reparameterized<V> for StudentT<V> {}
rand_draws!(StudentT, |d, rng| if d.df < 0.1 || d.check().is_err() {
    // Heavier tails need our own draw: that of `rand_distr` divides by a gamma draw that may have
    // underflowed.
    d.draw(rng)
} else {
    d.loc + d.scale * student_t(d.df, rng)
});

impl<V: Value> Moments<V> for StudentT<V> {
    /// `loc` if `df > 1`, else NaN.
    fn mean(&self) -> V {
        let f = formula!(|df, loc, scale| {
            let (df, loc, scale) = (positive_or_nan(df), finite_or_nan(loc), positive_or_nan(scale));
            if df > 1.0 { loc + scale * 0.0 } else { R::of(f64::NAN) }
        });
        V::apply(f, [self.df, self.loc, self.scale])
    }
    /// `scale² df / (df - 2)` if `df > 2`, infinite if `1 < df <= 2`, else NaN.
    fn variance(&self) -> V {
        let f = formula!(|df, loc, scale| {
            let (df, rest) = (positive_or_nan(df), finite_or_nan(loc) * 0.0 + positive_or_nan(scale) * 0.0);
            if df > 2.0 {
                scale * scale * (df / (df - 2.0)) + rest
            } else if df > 1.0 {
                rest + f64::INFINITY
            } else {
                R::of(f64::NAN)
            }
        });
        V::apply(f, [self.df, self.loc, self.scale])
    }
}

#[derive(Clone, Copy, Debug)]
struct StudentTQuantile;
impl Formula<4> for StudentTQuantile {
    #[inline]
    fn eval<R: Real>(&self, [p, df, loc, scale]: [R; 4]) -> R {
        let (df, loc, scale) = (positive_or_nan(df), finite_or_nan(loc), positive_or_nan(scale));
        let p = probability(p);
        let t = student_t_icdf(df.re(), p.re());
        let pdf = |t: R| (log_peak(df) - log_fall(t, t.abs() * shrink::<R>(), df)).exp();
        loc + scale * implicit_root(t, |t| student_t_cdf(df, t) - p, pdf)
    }
}

impl<V: Value> StudentT<V> {
    fn at<F: Formula<4>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.df, self.loc, self.scale])
    }
}

impl<V: Value> Cdf<V> for StudentT<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|x, df, loc, scale| student_t_cdf(positive_or_nan(df), z_score(x, loc, scale))), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|x, df, loc, scale| student_t_sf(positive_or_nan(df), z_score(x, loc, scale))), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(
            formula!(|x, df, loc, scale| student_t_log_cdf(positive_or_nan(df), z_score(x, loc, scale))),
            x,
        )
    }
    fn log_sf(&self, x: V) -> V {
        self.at(
            formula!(|x, df, loc, scale| student_t_log_sf(positive_or_nan(df), z_score(x, loc, scale))),
            x,
        )
    }
    fn quantile(&self, p: V) -> V {
        self.at(StudentTQuantile, p)
    }
}

/// `½ (df + 1) (ψ((df + 1) / 2) - ψ(df / 2))` less the logarithm of the peak.
#[derive(Clone, Copy, Debug)]
struct StudentTEntropy;
impl Formula<3> for StudentTEntropy {
    #[inline]
    fn eval<R: Real>(&self, [df, loc, scale]: [R; 3]) -> R {
        if !(df > 0.0 && df.is_finite()) {
            return R::of(f64::NAN);
        }
        // ψ(x + ½) - ψ(x), by the slope of half a step of the gamma function.
        let x = df * 0.5;
        let gap = (x * 2.0).recip() + Dual::<R, 1>::variable(x, 0).half_step().du[0];
        (df + 1.0) * gap * 0.5 - log_peak(df) + positive_or_nan(scale).ln() + finite_or_nan(loc) * 0.0
    }
}

impl<V: Value> Entropy<V> for StudentT<V> {
    fn entropy(&self) -> V {
        V::apply(StudentTEntropy, [self.df, self.loc, self.scale])
    }
}

crate::family!(StudentT { df, loc, scale } at [4.5, 0.3, 2.0], [60.0, -1.0, 0.2], [9.0, 0.0, 1.0]);
