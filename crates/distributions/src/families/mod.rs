//! The families, one file each: density, sampling, capabilities, KL pairs.

mod asymmetric_laplace;
mod autoregressive;
mod bernoulli;
mod beta;
mod beta_binomial;
mod binomial;
mod categorical;
mod cauchy;
mod censored;
mod chi;
mod chi2;
mod conditional_autoregressive;
mod continuous_bernoulli;
mod delta;
mod diagonal_normal;
mod dirichlet;
mod dirichlet_multinomial;
mod discrete_uniform;
mod ex_gaussian;
mod exponential;
mod extreme_value;
#[cfg(test)]
mod fast_paths;
mod flat;
mod frechet;
mod gamma;
mod gaussian_random_walk;
mod generalised_pareto;
mod geometric;
mod gumbel;
mod half_cauchy;
mod half_normal;
mod half_student_t;
mod horseshoe;
mod hurdle;
mod intrinsic_autoregressive;
mod inverse_gamma;
mod inverse_gaussian;
mod inverse_wishart;
mod kumaraswamy;
mod laplace;
mod linear;
mod lkj_cholesky;
mod log_logistic;
mod log_normal;
mod logistic;
mod logit_normal;
mod low_rank_multivariate_normal;
mod masked;
mod matrix_normal;
mod mixture;
mod mixture_of_two;
mod multinomial;
mod multivariate_normal;
mod multivariate_student_t;
mod negative_binomial;
mod normal;
mod one_hot_categorical;
mod ordered_logistic;
mod ordered_probit;
mod pareto;
mod poisson;
mod relaxed_one_hot;
mod scale_mixture;
mod skellam;
mod skew_normal;
mod softplus_normal;
mod student_t;
mod triangular;
mod truncated;
mod truncated_normal;
mod uniform;
mod von_mises;
mod weibull;
mod wishart;
mod zero_inflated;
mod zero_sum_normal;

pub(crate) use bernoulli::LogitsKl;
pub(crate) use beta::entropy as beta_entropy;
pub(crate) use binomial::{log_mass as binomial_log_mass, size as binomial_size, trials};
pub(crate) use gamma::{divergence as gamma_divergence, entropy as gamma_entropy};
pub(crate) use gumbel::EULER;
pub(crate) use negative_binomial::{log_mass as negative_binomial_log_mass, size as negative_binomial_size};
pub(crate) use normal::{HALF_LN_TAU, NormalNormalKl};
pub(crate) use poisson::log_mass as poisson_log_mass;
pub(crate) use scale_mixture::valid as valid_mixture;
pub(crate) use uniform::{above, mean_log as mean_log_of_uniform};

use crate::error::ParameterError;
use probity_autodiff::{Real, Value, formula};

/// Exports the families, each from its module, and makes of their list the macro
/// [`for_each_family!`](crate::for_each_family). In brackets stands what they are distributions on:
/// `numbers` (any kind of values, by [`Family`](crate::laws::Family)), `tape` (matrices on a tape
/// only, by [`MatrixFamily`](crate::laws::MatrixFamily)), `of` another family, or `flat`.
macro_rules! catalogue {
    ($d:tt $($module:ident::$name:ident [$($kind:tt)+];)+) => {
        $(pub use $module::$name;)+

        /// `for_each_family!(m)` is `m! { [Name module (kind)] … }`, for tests and tools that go
        /// through all families of the library. The kinds are `numbers`, `of Base`, `tape`,
        /// `tape of Base` and `flat`.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! for_each_family {
            ($d with:ident) => {
                $d with! { $([$name $module ($($kind)+)])+ }
            };
        }
    };
}

catalogue! { $
    asymmetric_laplace::AsymmetricLaplace [numbers];
    autoregressive::Autoregressive [tape];
    bernoulli::Bernoulli [numbers];
    beta::Beta [numbers];
    beta_binomial::BetaBinomial [numbers];
    binomial::Binomial [numbers];
    categorical::Categorical [tape];
    cauchy::Cauchy [numbers];
    censored::Censored [of Normal];
    chi::Chi [numbers];
    chi2::Chi2 [numbers];
    conditional_autoregressive::ConditionalAutoregressive [tape];
    continuous_bernoulli::ContinuousBernoulli [numbers];
    delta::Delta [numbers];
    diagonal_normal::DiagonalNormal [tape];
    dirichlet::Dirichlet [tape];
    dirichlet_multinomial::DirichletMultinomial [tape];
    discrete_uniform::DiscreteUniform [numbers];
    ex_gaussian::ExGaussian [numbers];
    exponential::Exponential [numbers];
    extreme_value::GeneralisedExtremeValue [numbers];
    flat::Flat [flat];
    frechet::Frechet [numbers];
    gamma::Gamma [numbers];
    gaussian_random_walk::GaussianRandomWalk [tape];
    generalised_pareto::GeneralisedPareto [numbers];
    geometric::Geometric [numbers];
    gumbel::Gumbel [numbers];
    half_cauchy::HalfCauchy [numbers];
    half_normal::HalfNormal [numbers];
    half_student_t::HalfStudentT [numbers];
    horseshoe::Horseshoe [numbers];
    hurdle::Hurdle [of Poisson];
    intrinsic_autoregressive::IntrinsicAutoregressive [tape];
    inverse_gamma::InverseGamma [numbers];
    inverse_gaussian::InverseGaussian [numbers];
    inverse_wishart::InverseWishart [tape];
    kumaraswamy::Kumaraswamy [numbers];
    laplace::Laplace [numbers];
    lkj_cholesky::LkjCholesky [tape];
    log_logistic::LogLogistic [numbers];
    log_normal::LogNormal [numbers];
    logistic::Logistic [numbers];
    logit_normal::LogitNormal [numbers];
    low_rank_multivariate_normal::LowRankMultivariateNormal [tape];
    masked::Masked [of Normal];
    matrix_normal::MatrixNormal [tape];
    mixture::Mixture [tape of Normal];
    mixture_of_two::MixtureOfTwo [of Normal Laplace];
    multinomial::Multinomial [tape];
    multivariate_normal::MultivariateNormal [tape];
    multivariate_student_t::MultivariateStudentT [tape];
    negative_binomial::NegativeBinomial [numbers];
    normal::Normal [numbers];
    one_hot_categorical::OneHotCategorical [tape];
    ordered_logistic::OrderedLogistic [tape];
    ordered_probit::OrderedProbit [tape];
    pareto::Pareto [numbers];
    poisson::Poisson [numbers];
    relaxed_one_hot::RelaxedOneHot [tape];
    scale_mixture::ScaleMixture [numbers];
    skellam::Skellam [numbers];
    skew_normal::SkewNormal [numbers];
    softplus_normal::SoftplusNormal [numbers];
    student_t::StudentT [numbers];
    triangular::Triangular [numbers];
    truncated::Truncated [of Normal];
    truncated_normal::TruncatedNormal [numbers];
    uniform::Uniform [numbers];
    von_mises::VonMises [numbers];
    weibull::Weibull [numbers];
    wishart::Wishart [tape];
    zero_inflated::ZeroInflated [of Poisson];
    zero_sum_normal::ZeroSumNormal [tape];
}

/// The common shape of parameters that broadcast; 0 × 0 if they do not.
#[inline]
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

/// Whether a number is of a size whose square and product with another one are far from the limits
/// of both precisions: where the fast path of a formula holds.
#[inline(always)]
pub(crate) fn ordinary<R: Real>(x: R) -> bool {
    x.abs() < 1e15
}

/// Whether a positive number is [`ordinary`], and its reciprocal too.
#[inline(always)]
pub(crate) fn ordinary_positive<R: Real>(x: R) -> bool {
    (x > 1e-15) & (x < 1e15)
}

/// Whether all are [`ordinary_positive`].
#[inline(always)]
pub(crate) fn all_ordinary<R: Real, const N: usize>(x: [R; N]) -> bool {
    x.into_iter().fold(true, |all, x| all & ordinary_positive(x))
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
    log.abs() * if R::is_single() { -f64::from(f32::MAX) } else { -f64::MAX }
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
