//! Families and KL pairs against reference values computed with 50 digits.
//!
//! The bound is in units of what rounding the arguments does to a result, see
//! [`common::Comparison`].

use crate::common::{cdf, density, entropy, families, kl_pairs, moments};
use probity_distributions::*;

families! {
    normal: Normal, "Normal", 10.0, [density, cdf, moments, entropy];
    log_normal: LogNormal, "LogNormal", 10.0, [density, cdf, moments, entropy];
    half_normal: HalfNormal, "HalfNormal", 10.0, [density, cdf, moments, entropy];
    half_cauchy: HalfCauchy, "HalfCauchy", 10.0, [density, cdf, moments, entropy];
    laplace: Laplace, "Laplace", 10.0, [density, cdf, moments, entropy];
    exponential: Exponential, "Exponential", 10.0, [density, cdf, moments, entropy];
    uniform: Uniform, "Uniform", 10.0, [density, cdf, moments, entropy];
    student_t: StudentT, "StudentT", 10.0, [density, cdf, moments, entropy];
    gamma: Gamma, "Gamma", 10.0, [density, cdf, moments, entropy];
    bernoulli: Bernoulli, "Bernoulli_logits", 10.0, [density, moments, entropy];
}

kl_pairs! {
    kl_normal_normal: Normal || Normal, "scalar", 10.0;
    kl_normal_laplace: Normal || Laplace, "scalar", 10.0;
    kl_normal_exponential: Normal || Exponential, "scalar", 10.0;
    kl_normal_uniform: Normal || Uniform, "scalar", 10.0;
    // The slope in the locations, (1 - e^-m)/t, is a difference on the tape: absolutely right to
    // eps/t, relatively only to eps/m for locations that differ by m << 1 scales.
    kl_laplace_laplace: Laplace || Laplace, "scalar", 5000.0;
    kl_laplace_normal: Laplace || Normal, "scalar", 10.0;
    kl_laplace_exponential: Laplace || Exponential, "scalar", 10.0;
    kl_laplace_uniform: Laplace || Uniform, "scalar", 10.0;
    kl_exponential_exponential: Exponential || Exponential, "scalar", 10.0;
    kl_exponential_normal: Exponential || Normal, "scalar", 10.0;
    kl_exponential_uniform: Exponential || Uniform, "scalar", 10.0;
    kl_uniform_uniform: Uniform || Uniform, "scalar", 10.0;
    kl_uniform_normal: Uniform || Normal, "scalar", 10.0;
    kl_uniform_exponential: Uniform || Exponential, "scalar", 10.0;
    kl_half_normal_half_normal: HalfNormal || HalfNormal, "scalar", 10.0;
    kl_log_normal_log_normal: LogNormal || LogNormal, "scalar", 10.0;
    kl_gamma_gamma: Gamma || Gamma, "scalar", 10.0;
    kl_gamma_exponential: Gamma || Exponential, "scalar", 10.0;
    kl_gamma_normal: Gamma || Normal, "scalar", 10.0;
    kl_gamma_uniform: Gamma || Uniform, "scalar", 10.0;
    kl_exponential_gamma: Exponential || Gamma, "scalar", 10.0;
    kl_uniform_gamma: Uniform || Gamma, "scalar", 10.0;
    kl_normal_gamma: Normal || Gamma, "scalar", 10.0;
    kl_laplace_gamma: Laplace || Gamma, "scalar", 10.0;
    kl_bernoulli_bernoulli: Bernoulli || Bernoulli, "discrete", 10.0;
}
