//! Mixtures of two distributions of different families.
//!
//! Elsewhere: NumPyro c, TFP c, PyMC.

use super::{Laplace, Normal, common_shape, probability};
use crate::distribution::{Cdf, Distribution, Event, Moments, Sample};
use crate::error::{ParameterError, require};
use crate::root_of_cdf::quantile_between;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};

/// `p(x) = w a(x) + (1 - w) b(x)`: of distributions of entries of any two families, which may be
/// mixtures themselves.
///
/// *Event*: entry. *Parameters*: the `weight` `w` of the first, from 0 to 1, and those of both. The
/// support is the real line, half of it, or the counts, whichever both lie in. Draws have no
/// gradient.
///
/// ```
/// use probity_distributions::{Distribution, Laplace, MixtureOfTwo, Normal};
/// let d = MixtureOfTwo::new(0.9, Normal::new(0.0, 1.0), Laplace::new(0.0, 5.0));
/// assert!(d.log_prob(20.0) > Normal::<f64>::new(0.0, 1.0).log_prob(20.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MixtureOfTwo<V, A, B> {
    /// The weight of the first.
    pub weight: V,
    /// The first.
    pub first: A,
    /// The second.
    pub second: B,
}

impl<V, A, B> MixtureOfTwo<V, A, B> {
    /// With this weight of the first.
    pub fn new(weight: impl Into<V>, first: A, second: B) -> Self {
        Self { weight: weight.into(), first, second }
    }
}

/// Of both log densities and the weight.
#[derive(Clone, Copy, Debug)]
struct LogMixture;
impl Formula<3> for LogMixture {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b, w]: [R; 3]) -> R {
        let w = probability(w);
        // A component without weight or density has no part, and no slope.
        let first = if w == 0.0 || a == f64::NEG_INFINITY { R::of(f64::NEG_INFINITY) } else { w.ln() + a };
        let second =
            if w == 1.0 || b == f64::NEG_INFINITY { R::of(f64::NEG_INFINITY) } else { (-w).ln_1p() + b };
        let nan = R::of((a + b + w).re() * 0.0);
        if nan.re().is_nan() && (a.re().is_nan() || b.re().is_nan() || w.re().is_nan()) {
            R::of(f64::NAN)
        } else if first == f64::NEG_INFINITY {
            second
        } else if second == f64::NEG_INFINITY {
            first
        } else {
            first.log_add_exp(second)
        }
    }
}

/// Of the weight and what is mixed.
fn weighted() -> impl Formula<3> {
    formula!(|w, a, b| probability(w) * a + (-w + 1.0) * b)
}

impl<V: Value, A: Distribution<V>, B: Distribution<V>> Distribution<V> for MixtureOfTwo<V, A, B> {
    const NAME: &'static str = "MixtureOfTwo";

    fn support(&self) -> Support<V> {
        match (self.first.support(), self.second.support()) {
            (a, b) if a.is_discrete() && b.is_discrete() => match (a, b) {
                (Support::Boolean, Support::Boolean) => Support::Boolean,
                (Support::Integer, _) | (_, Support::Integer) => Support::Integer,
                _ => Support::NonNegativeInteger,
            },
            (Support::StrictlyPositive, Support::StrictlyPositive) => Support::StrictlyPositive,
            (
                Support::Positive | Support::StrictlyPositive,
                Support::Positive | Support::StrictlyPositive,
            ) => Support::Positive,
            _ => Support::Real,
        }
    }
    /// 0 × 0 for components whose events are not entries.
    fn shape(&self) -> (usize, usize) {
        if self.first.event() != Event::Entry || self.second.event() != Event::Entry {
            return (0, 0);
        }
        let join = |a: (usize, usize), b: (usize, usize)| {
            let one = |a: usize, b: usize| match (a, b) {
                (a, b) if a == b || b == 1 => a,
                (1, b) => b,
                _ => 0,
            };
            match (one(a.0, b.0), one(a.1, b.1)) {
                (0, _) | (_, 0) => (0, 0),
                shape => shape,
            }
        };
        join(join(self.first.shape(), self.second.shape()), common_shape(&[self.weight]))
    }
    fn check(&self) -> Result<(), ParameterError> {
        require(Self::NAME, "weight", self.weight, "from 0 to 1", |w| (0.0..=1.0).contains(&w))?;
        self.first.check()?;
        self.second.check()
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, LogMixture, [self.first.log_prob(x), self.second.log_prob(x), self.weight])
    }
}

impl<V: Value, A: Sample<V>, B: Sample<V>> Sample<V> for MixtureOfTwo<V, A, B> {
    /// A draw of each, and one of them by the weight.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (which, draws) = key.split();
        let (first, second) = draws.split();
        let shape = self.shape();
        let least = (shape.0.max(least.0), shape.1.max(least.1));
        let f = formula!(|a, b, w, u| {
            let w = probability(w);
            R::of(if w.re().is_nan() {
                f64::NAN
            } else if u < w {
                a.re()
            } else {
                b.re()
            })
        });
        let (a, b) =
            (self.first.sample_shaped(cx, first, least), self.second.sample_shaped(cx, second, least));
        V::draw(
            cx,
            f,
            [Draw::Value(a), Draw::Value(b), Draw::Value(self.weight), Draw::Uniform(which)],
            least,
        )
    }
}

impl<V: Value, A: Cdf<V>, B: Cdf<V>> Cdf<V> for MixtureOfTwo<V, A, B> {
    fn cdf(&self, x: V) -> V {
        V::apply(weighted(), [self.weight, self.first.cdf(x), self.second.cdf(x)])
    }
    fn sf(&self, x: V) -> V {
        V::apply(weighted(), [self.weight, self.first.sf(x), self.second.sf(x)])
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(LogMixture, [self.first.log_cdf(x), self.second.log_cdf(x), self.weight])
    }
    fn log_sf(&self, x: V) -> V {
        V::apply(LogMixture, [self.first.log_sf(x), self.second.log_sf(x), self.weight])
    }
    /// Between the quantiles of both.
    fn quantile(&self, p: V) -> V {
        let (a, b) = (self.first.quantile(p), self.second.quantile(p));
        let least =
            formula!(|a, b, w| R::of(probability(w).re() * 0.0 + if a < b { a.re() } else { b.re() }));
        let most = formula!(|a, b, w| R::of(probability(w).re() * 0.0 + if a < b { b.re() } else { a.re() }));
        let ends = [V::apply(least, [a, b, self.weight]), V::apply(most, [a, b, self.weight])];
        quantile_between(self, p, ends)
    }
}

impl<V: Value, A: Moments<V>, B: Moments<V>> Moments<V> for MixtureOfTwo<V, A, B> {
    fn mean(&self) -> V {
        V::apply(weighted(), [self.weight, self.first.mean(), self.second.mean()])
    }
    fn variance(&self) -> V {
        let f = formula!(|w, a, b, v, u| {
            let (w, rest) = (probability(w), -w + 1.0);
            w * v + rest * u + w * rest * (a - b) * (a - b)
        });
        let means = [self.first.mean(), self.second.mean()];
        V::apply(f, [self.weight, means[0], means[1], self.first.variance(), self.second.variance()])
    }
}

crate::laws::family_of!(MixtureOfTwo<Normal, Laplace> { weight, loc1, scale1, loc2, scale2 }
    |d| [d.weight, d.first.loc, d.first.scale, d.second.loc, d.second.scale] =>
    MixtureOfTwo {
        weight,
        first: Normal { loc: loc1, scale: scale1 },
        second: Laplace { loc: loc2, scale: scale2 },
    },
    [0.3, -1.0, 0.5, 2.0, 1.5], [0.9, 0.0, 1.0, 0.3, 5.0]
);
