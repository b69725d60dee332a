//! The families, one file each: density, sampling, capabilities, KL pairs.

mod bernoulli;
mod categorical;
mod diagonal_normal;
mod exponential;
mod flat;
mod gamma;
mod half_cauchy;
mod half_normal;
mod laplace;
mod log_normal;
mod multivariate_normal;
mod normal;
mod scale_mixture;
mod softplus_normal;
mod student_t;
mod uniform;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use diagonal_normal::DiagonalNormal;
pub use exponential::Exponential;
pub use flat::Flat;
pub use gamma::Gamma;
pub use half_cauchy::HalfCauchy;
pub use half_normal::HalfNormal;
pub use laplace::Laplace;
pub use log_normal::LogNormal;
pub use multivariate_normal::MultivariateNormal;
pub use normal::Normal;
pub(crate) use normal::{HALF_LN_TAU, NormalNormalKl};
pub use scale_mixture::ScaleMixture;
pub use softplus_normal::SoftplusNormal;
pub use student_t::StudentT;
pub use uniform::Uniform;

use probity_autodiff::{Real, Value};

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

/// A scale or rate as it is, NaN if it is not positive: for formulas that a bad one would not show in.
#[inline(always)]
pub(crate) fn positive_or_nan<R: Real>(x: R) -> R {
    let nan = x * f64::NAN;
    if x > 0.0 { x } else { nan }
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

/// The log density outside the support: `-∞`, NaN if the scale (rate, width) is not positive.
#[inline(always)]
pub(crate) fn outside<R: Real>(scale: R) -> R {
    positive_or_nan(scale) * 0.0 - f64::INFINITY
}

/// A KL divergence whose value rounding took below 0: 0, with the derivatives as they are.
#[inline(always)]
pub(crate) fn not_negative<R: Real>(kl: R) -> R {
    let zero = kl - kl.re();
    if kl < 0.0 { zero } else { kl }
}
