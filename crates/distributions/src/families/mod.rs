//! The families, one file each: density, sampling, capabilities, KL pairs.

mod bernoulli;
mod beta;
mod binomial;
mod categorical;
mod cauchy;
mod diagonal_normal;
mod dirichlet;
mod exponential;
mod flat;
mod gamma;
mod geometric;
mod gumbel;
mod half_cauchy;
mod half_normal;
mod half_student_t;
mod inverse_gamma;
mod laplace;
mod lkj_cholesky;
mod log_normal;
mod logistic;
mod mixture;
mod multinomial;
mod multivariate_normal;
mod negative_binomial;
mod normal;
mod poisson;
mod scale_mixture;
mod softplus_normal;
mod student_t;
mod uniform;
mod weibull;
mod zero_inflated;

mod asymmetric_laplace;
mod beta_binomial;
mod censored;
mod chi;
mod chi2;
mod continuous_bernoulli;
mod delta;
mod discrete_uniform;
mod ex_gaussian;
mod extreme_value;
mod frechet;
mod generalised_pareto;
mod horseshoe;
mod hurdle;
mod inverse_gaussian;
mod kumaraswamy;
mod log_logistic;
mod logit_normal;
mod ordered_logistic;
mod ordered_probit;
mod pareto;
mod skellam;
mod skew_normal;
mod triangular;
mod truncated;
mod truncated_normal;
mod von_mises;

pub use bernoulli::Bernoulli;
pub use beta::Beta;
pub use binomial::Binomial;
pub use categorical::Categorical;
pub use cauchy::Cauchy;
pub use diagonal_normal::DiagonalNormal;
pub use dirichlet::Dirichlet;
pub use exponential::Exponential;
pub use flat::Flat;
pub use gamma::Gamma;
pub(crate) use gamma::entropy as gamma_entropy;
pub use geometric::Geometric;
pub use gumbel::Gumbel;
pub use half_cauchy::HalfCauchy;
pub use half_normal::HalfNormal;
pub use half_student_t::HalfStudentT;
pub use inverse_gamma::InverseGamma;
pub use laplace::Laplace;
pub use lkj_cholesky::LkjCholesky;
pub use log_normal::LogNormal;
pub use logistic::Logistic;
pub use mixture::Mixture;
pub use multinomial::Multinomial;
pub use multivariate_normal::MultivariateNormal;
pub use negative_binomial::NegativeBinomial;
pub use normal::Normal;
pub(crate) use normal::{HALF_LN_TAU, NormalNormalKl};
pub use poisson::Poisson;
pub use scale_mixture::ScaleMixture;
pub(crate) use scale_mixture::valid as valid_mixture;
pub use softplus_normal::SoftplusNormal;
pub use student_t::StudentT;
pub use uniform::Uniform;
pub use weibull::Weibull;
pub use zero_inflated::ZeroInflated;

pub use asymmetric_laplace::AsymmetricLaplace;
pub use beta_binomial::BetaBinomial;
pub use censored::Censored;
pub use chi::Chi;
pub use chi2::Chi2;
pub use continuous_bernoulli::ContinuousBernoulli;
pub use delta::Delta;
pub use discrete_uniform::DiscreteUniform;
pub use ex_gaussian::ExGaussian;
pub use extreme_value::GeneralisedExtremeValue;
pub use frechet::Frechet;
pub use generalised_pareto::GeneralisedPareto;
pub use horseshoe::Horseshoe;
pub use hurdle::Hurdle;
pub use inverse_gaussian::InverseGaussian;
pub use kumaraswamy::Kumaraswamy;
pub use log_logistic::LogLogistic;
pub use logit_normal::LogitNormal;
pub use ordered_logistic::OrderedLogistic;
pub use ordered_probit::OrderedProbit;
pub use pareto::Pareto;
pub use skellam::Skellam;
pub use skew_normal::SkewNormal;
pub use triangular::Triangular;
pub use truncated::Truncated;
pub use truncated_normal::TruncatedNormal;
pub use von_mises::VonMises;

use crate::error::ParameterError;
use probity_autodiff::{Real, Value, formula};

/// The common shape of parameters that broadcast; 0 × 0 if they do not.
pub(crate) fn common_shape<V: Value>(parameters: &[V]) -> (usize, usize) {
    let join = |a: usize, b: usize| match (a, b) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    };
    let joined = parameters.iter().try_fold((1, 1), |(r, c), p| {
        let (pr, pc) = p.shape();
        Some((join(r, pr)?, join(c, pc)?))
    });
    joined.unwrap_or((0, 0))
}

/// A scale or rate as it is, NaN if it is not positive and finite: for formulas that a bad one
/// would not show in.
#[inline(always)]
pub(crate) fn positive_or_nan<R: Real>(x: R) -> R {
    let nan = x * f64::NAN;
    if x > 0.0 && x < f64::INFINITY { x } else { nan }
}

/// A location as it is, NaN if it is infinite.
#[inline(always)]
pub(crate) fn finite_or_nan<R: Real>(x: R) -> R {
    let nan = x * f64::NAN;
    if x > f64::NEG_INFINITY && x < f64::INFINITY { x } else { nan }
}

/// Requires `low < high` in every entry.
pub(crate) fn ordered<V: Value>(family: &'static str, low: V, high: V) -> Result<(), ParameterError> {
    // Finite numbers only: on a tape that looks for the origin of others, these would be taken for
    // it.
    let bad = formula!(|low, high| if high > low { R::zero() } else { R::one() });
    if V::apply(bad, [low, high]).find(|bad| bad != 0.0).is_none() {
        return Ok(());
    }
    // The limits that are in order become a number that is hardly a limit, the others stay to be
    // shown.
    const IN_ORDER: f64 = f64::from_bits((1023 + 126) << 52);
    let bad = formula!(|low, high| if high > low { R::of(IN_ORDER) } else { high });
    let got = V::apply(bad, [low, high]).find(|x| x != IN_ORDER).unwrap_or(IN_ORDER);
    Err(ParameterError { family, parameter: "high", want: "greater than low", got })
}

/// Whether a value is infinite: no density there, and no slope.
#[inline(always)]
pub(crate) fn infinite<R: Real>(x: R) -> bool {
    x.re().is_infinite()
}

/// `(x - loc) / scale`, also where the difference overflows and the quotient does not.
#[inline(always)]
pub(crate) fn standardized<R: Real>(x: R, loc: R, scale: R) -> R {
    let part = if infinite(x - loc) { 0.5 } else { 1.0 };
    (x * part - loc * part) / (scale * part)
}

/// `ln(a / b)` of positive numbers, also where the quotient or its derivatives leave the range of
/// numbers.
#[inline(always)]
pub(crate) fn ln_ratio<R: Real>(a: R, b: R) -> R {
    // The quotient loses no digits near 1; far from it the logarithms differ by more than their own
    // rounding.
    let ratio = a / b;
    let near = ratio > 1e-8 && ratio < 1e8;
    let (over, under) = if near { (ratio, R::one()) } else { (a, b) };
    over.ln() - under.ln()
}

/// A probability as it is, NaN if it is none.
#[inline(always)]
pub(crate) fn probability<R: Real>(p: R) -> R {
    let nan = p * f64::NAN;
    if (0.0..=1.0).contains(&p.re()) { p } else { nan }
}

/// `x`, or 0 for a negative number: where distributions on the positive numbers begin.
#[inline(always)]
pub(crate) fn clamped<R: Real>(x: R) -> R {
    if x < 0.0 { R::zero() } else { x }
}

/// The log density outside the support and at infinity: `-∞`, NaN if the scale (rate, width) is not
/// positive.
#[inline(always)]
pub(crate) fn outside<R: Real>(scale: R) -> R {
    positive_or_nan(scale) * 0.0 - f64::INFINITY
}

/// The log density of `ln x` where `eᵘ` overflows: `-∞`, with a slope as steep as the numbers
/// allow. `log` is `u` with what moves it.
#[inline(always)]
pub(crate) fn overflown<R: Real>(log: R) -> R {
    let single = R::of(f64::MIN_POSITIVE) == 0.0;
    log.abs() * if single { -f64::from(f32::MAX) } else { -f64::MAX }
}

/// An infinite number without derivatives, which would be products of 0 and infinity; all others as
/// they are.
#[inline(always)]
pub(crate) fn flat<R: Real>(x: R) -> R {
    let constant = R::of(x.re());
    if infinite(x) { constant } else { x }
}

/// A KL divergence. What rounding took below 0 is 0, with the derivatives as they are; what is
/// infinite has none.
#[inline(always)]
pub(crate) fn not_negative<R: Real>(kl: R) -> R {
    let zero = kl - kl.re();
    flat(if kl < 0.0 { zero } else { kl })
}
