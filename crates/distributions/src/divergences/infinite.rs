//! Infinite divergences: the first family has mass outside the support of the second, or tails that
//! are too heavy for it.

use crate::distribution::{Entropy, Moments};
use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use probity_autodiff::{Terms, Value, formula};

/// Infinite, without derivatives; NaN where one of two numbers of the distributions is NaN.
#[track_caller]
fn infinite<V: Value>(terms: Terms, q: V, p: V) -> V {
    let f = formula!(|q, p| R::of((q * 0.0 + p * 0.0).re() + f64::INFINITY));
    V::apply_as(terms, f, [q, p])
}

/// Every one of the first list to every one of the second. The number that shows bad parameters is
/// the entropy, or the mean where that is a sum.
macro_rules! infinite {
    ($number:ident: [$($q:ident),+] || $ps:tt) => { $(infinite!(@row $number: $q || $ps);)+ };
    (@row $number:ident: $q:ident || [$($p:ident),+]) => {$(
        /// Infinite.
        impl<V: Value> KlDivergence<$p<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                infinite(terms, self.$number(), p.$number())
            }
        }
    )+};
}

infinite!(entropy: [Normal, Laplace] || [
    Beta, HalfCauchy, HalfNormal, HalfStudentT, InverseGamma, LogNormal, Weibull
]);
infinite!(entropy: [Cauchy, Gumbel, Logistic, StudentT] || [
    Beta, Exponential, Gamma, HalfCauchy, HalfNormal, HalfStudentT, InverseGamma, LogNormal, Uniform, Weibull
]);
infinite!(entropy: [Exponential, Gamma] || [Beta]);
infinite!(entropy: [HalfCauchy, HalfNormal, HalfStudentT, InverseGamma, LogNormal, Weibull] || [Beta, Uniform]);
// No mean, where the second family has exponential tails.
infinite!(entropy: [Cauchy] || [Gumbel, Laplace, Logistic, Normal]);
infinite!(entropy: [HalfCauchy] || [Exponential, Gamma, HalfNormal, Laplace, Logistic, Normal]);
// Counts without a limit.
infinite!(mean: [Geometric, NegativeBinomial, Poisson] || [Bernoulli, Binomial]);

infinite!(entropy: [Pareto] || [Beta, ContinuousBernoulli, Uniform]);
infinite!(entropy: [
    Beta, Cauchy, Chi, Chi2, ContinuousBernoulli, Exponential, Gamma, Gumbel, HalfCauchy, HalfNormal, HalfStudentT,
    InverseGamma, Laplace, LogNormal, Logistic, LogitNormal, Normal, StudentT, Weibull
] || [Pareto]);
infinite!(entropy: [
    Cauchy, Chi, Chi2, Exponential, Gamma, Gumbel, HalfCauchy, HalfNormal, HalfStudentT, InverseGamma, Laplace,
    LogNormal, Logistic, Normal, StudentT, Weibull
] || [ContinuousBernoulli]);
