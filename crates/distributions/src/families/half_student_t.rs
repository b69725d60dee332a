//! Half of Student's t distribution, on the positive numbers.
//!
//! Elsewhere: TFP cer, PyMC q.

use super::student_t::StudentTLogProb;
use super::{StudentT, clamped, common_shape, infinite, outside, positive_or_nan, probability};
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::random::rand_draws;
use crate::special::implicit_root;
use crate::support::Support;
use probity_autodiff::math::student_t::{half_student_t_icdf, half_student_t_tails};
use probity_autodiff::{Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::LN_2;

/// `√(2/π)`.
const ROOT_2_OVER_PI: f64 = 0.797884560802865355879892119868763737;
/// `½ ln 2π`.
const HALF_LN_TAU: f64 = 0.918938533204672741780329736405617640;

/// Twice the density of `StudentT(df, 0, scale)`, `x >= 0`: the size of a variable of that
/// distribution.
///
/// *Event*: entry. *Parameters*: `df > 0` (degrees of freedom), `scale > 0`.
#[derive(Clone, Copy, Debug)]
pub struct HalfStudentT<V = f64> {
    /// Degrees of freedom.
    pub df: V,
    /// Scale.
    pub scale: V,
}

impl<V: Value> HalfStudentT<V> {
    /// With these degrees of freedom and this scale.
    pub fn new(df: impl Into<V>, scale: impl Into<V>) -> Self {
        Self { df: df.into(), scale: scale.into() }
    }

    /// The distribution of which this is the size.
    fn whole(&self) -> StudentT<V> {
        StudentT { df: self.df, loc: V::from(0.0), scale: self.scale }
    }
    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.df, self.scale])
    }
}

impl<V: Value> Distribution<V> for HalfStudentT<V> {
    const NAME: &'static str = "HalfStudentT";

    fn support(&self) -> Support<V> {
        Support::Positive
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.df, self.scale])
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "df", self.df)?;
        positive(Self::NAME, "scale", self.scale)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, HalfStudentTLogProb, [x, self.df, self.scale])
    }
    /// In terms of `w = u - ln scale`: `(df + 1) / 2` times the softplus of `2 w - ln df` is lost.
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        let f = formula!(|u, df, scale| {
            let df = positive_or_nan(df);
            let w = u - positive_or_nan(scale).ln();
            let fall = (df + 1.0) * (w * 2.0 - df.ln()).softplus() * 0.5;
            (df * 0.5).half_step() - (HALF_LN_TAU - LN_2) + w - fall
        });
        V::apply_as(terms, f, [u, self.df, self.scale])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

#[derive(Clone, Copy, Debug)]
struct HalfStudentTLogProb;
impl Formula<3> for HalfStudentTLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, df, scale]: [R; 3]) -> R {
        let outside = outside(scale) + positive_or_nan(df) * 0.0;
        let whole = StudentTLogProb.eval([x, df, R::zero(), scale]) + LN_2;
        if x < 0.0 || infinite(x) { outside } else { whole }
    }
}

impl<V: Value> Sample<V> for HalfStudentT<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        V::apply(formula!(|x| x.abs()), [self.whole().sample_shaped(cx, key, least)])
    }
}
impl<V: Value> Reparameterized<V> for HalfStudentT<V> {}
rand_draws!(HalfStudentT, |d, rng| d.whole().draw(rng).abs());

/// `E |T| = √(2/π) df / (df - 1) e^s`, `s` the half step of `ln Γ`, for `df > 1`.
#[inline(always)]
fn mean<R: Real>(df: R) -> R {
    df / (df - 1.0) * (df * 0.5).half_step().exp() * ROOT_2_OVER_PI
}

impl<V: Value> Moments<V> for HalfStudentT<V> {
    /// Infinite unless `df > 1`.
    fn mean(&self) -> V {
        let f = formula!(|df, scale| {
            let (df, scale) = (positive_or_nan(df), positive_or_nan(scale));
            if df <= 1.0 { scale * 0.0 + f64::INFINITY } else { scale * mean(df) }
        });
        V::apply(f, [self.df, self.scale])
    }
    /// Infinite if `1 < df <= 2`, NaN for `df <= 1`, where it is the difference of infinities.
    fn variance(&self) -> V {
        let f = formula!(|df, scale| {
            let (df, scale) = (positive_or_nan(df), positive_or_nan(scale));
            let m = mean(df);
            if df <= 1.0 {
                scale * f64::NAN
            } else if df <= 2.0 {
                scale * 0.0 + f64::INFINITY
            } else {
                scale * scale * (df / (df - 2.0) - m * m)
            }
        });
        V::apply(f, [self.df, self.scale])
    }
}

#[derive(Clone, Copy, Debug)]
struct HalfStudentTQuantile;
impl Formula<3> for HalfStudentTQuantile {
    #[inline]
    fn eval<R: Real>(&self, [p, df, scale]: [R; 3]) -> R {
        let (p, df, scale) = (probability(p), positive_or_nan(df), positive_or_nan(scale));
        let t = half_student_t_icdf(df.re(), p.re());
        if t == 0.0 {
            return scale * 0.0;
        }
        let pdf = |t| HalfStudentTLogProb.eval([t, df, R::one()]).exp();
        scale * implicit_root(t, |t| half_student_t_tails(df, t).lower - p, pdf)
    }
}

#[inline(always)]
fn z_score<R: Real>(x: R, scale: R) -> R {
    clamped(x) / positive_or_nan(scale)
}

impl<V: Value> Cdf<V> for HalfStudentT<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|x, df, scale| half_student_t_tails(df, z_score(x, scale)).lower), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|x, df, scale| half_student_t_tails(df, z_score(x, scale)).upper), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|x, df, scale| half_student_t_tails(df, z_score(x, scale)).log_lower), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|x, df, scale| half_student_t_tails(df, z_score(x, scale)).log_upper), x)
    }
    fn quantile(&self, p: V) -> V {
        self.at(HalfStudentTQuantile, p)
    }
}

impl<V: Value> Entropy<V> for HalfStudentT<V> {
    fn entropy(&self) -> V {
        self.whole().entropy() - LN_2
    }
}

crate::family!(HalfStudentT { df, scale } at [4.5, 1.0], [60.0, 7.0], [9.0, 0.3]);
