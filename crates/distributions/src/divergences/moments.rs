//! Divergences to families whose log density is a polynomial: entropy, mean and variance are
//! enough.

use crate::distribution::{Entropy, Moments};
use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use probity_autodiff::{Formula, Real, Terms, Value, formula};

/// `½ ((mean - b) / t)² + ½ variance / t² + ln t + ½ ln 2π` less the entropy.
#[derive(Clone, Copy, Debug)]
struct ToNormal;
impl Formula<5> for ToNormal {
    #[inline(always)]
    fn eval<R: Real>(&self, [entropy, mean, variance, b, t]: [R; 5]) -> R {
        let (b, t) = (finite_or_nan(b), positive_or_nan(t));
        let squares = standardized(mean, b, t).sq() + variance / t / t;
        not_negative(squares * 0.5 + t.ln() + HALF_LN_TAU - entropy)
    }
}

macro_rules! to_normal {
    ($($q:ident),+) => {$(
        /// By mean and variance.
        impl<V: Value> KlDivergence<Normal<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
                let moments = [self.entropy(), self.mean(), self.variance()];
                V::apply_as(terms, ToNormal, [moments[0], moments[1], moments[2], p.loc, p.scale])
            }
        }
    )+};
}
to_normal!(Beta, Gumbel, HalfNormal, HalfStudentT, InverseGamma, LogNormal, Logistic, Weibull);
to_normal!(
    Chi,
    Chi2,
    ContinuousBernoulli,
    Frechet,
    InverseGaussian,
    Kumaraswamy,
    Pareto,
    Triangular,
    TruncatedNormal
);

/// By mean and variance; infinite where these are.
impl<V: Value> KlDivergence<Normal<V>> for StudentT<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
        // Its mean is undefined where its tails make the divergence infinite.
        let variance = formula!(|df, scale| {
            let infinite = R::of(f64::INFINITY);
            if df > 2.0 { scale * scale * (df / (df - 2.0)) } else { infinite }
        });
        let variance = V::apply(variance, [self.df, self.scale]);
        V::apply_as(terms, ToNormal, [self.entropy(), self.loc, variance, p.loc, p.scale])
    }
}

/// `rate mean - ln rate` less the entropy.
#[derive(Clone, Copy, Debug)]
struct ToExponential;
impl Formula<3> for ToExponential {
    #[inline(always)]
    fn eval<R: Real>(&self, [entropy, mean, rate]: [R; 3]) -> R {
        let rate = positive_or_nan(rate);
        not_negative(rate * mean - rate.ln() - entropy)
    }
}

macro_rules! to_exponential {
    ($($q:ident),+) => {$(
        /// By the mean.
        impl<V: Value> KlDivergence<Exponential<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &Exponential<V>, terms: Terms) -> V {
                V::apply_as(terms, ToExponential, [self.entropy(), self.mean(), p.rate])
            }
        }
    )+};
}
to_exponential!(Beta, HalfNormal, HalfStudentT, InverseGamma, LogNormal, Weibull);
to_exponential!(Chi, Chi2, ContinuousBernoulli, InverseGaussian, Kumaraswamy, Pareto);
