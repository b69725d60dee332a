//! The families, one file each: density, sampling, capabilities, KL pairs.

mod bernoulli;
mod categorical;
mod diagonal_normal;
mod exponential;
mod gamma;
mod half_cauchy;
mod half_normal;
mod laplace;
mod log_normal;
mod multivariate_normal;
mod normal;
mod student_t;
mod uniform;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use diagonal_normal::DiagonalNormal;
pub use exponential::Exponential;
pub use gamma::Gamma;
pub use half_cauchy::HalfCauchy;
pub use half_normal::HalfNormal;
pub use laplace::Laplace;
pub use log_normal::LogNormal;
pub use multivariate_normal::MultivariateNormal;
pub use normal::Normal;
pub use student_t::StudentT;
pub use uniform::Uniform;

use probity_autodiff::{Real, Value};

/// The common shape of parameters that broadcast.
pub(crate) fn common_shape<V: Value>(parameters: &[V]) -> (usize, usize) {
    parameters.iter().fold((1, 1), |(r, c), p| {
        let (pr, pc) = p.shape();
        (r.max(pr), c.max(pc))
    })
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
    if p >= 0.0 && p <= 1.0 { p } else { nan }
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
