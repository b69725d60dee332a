//! What draws are worth: importance weights, convergence of chains, and predictive accuracy by
//! cross-validation.
//!
//! * [`psis`]: Pareto-smoothed importance weights of draws from a guide, with the shape k̂ of their
//!   tail.
//! * [`Chains`]: rank-normalised split R̂, effective sample sizes, Monte Carlo standard errors.
//! * [`Loo`] and [`Waic`]: expected log predictive density from a pointwise log likelihood;
//!   [`compare`] of models.
//!
//! All take plain numbers, from any program. Numbers that are not finite give a documented result,
//! never a panic.

mod chains;
mod ess;
mod loo;
mod mcse;
mod pareto;
mod psis;
mod rhat;
mod waic;

pub use chains::Chains;
pub use loo::{Comparison, Elpd, Loo, compare};
pub use pareto::Pareto;
pub use psis::{Psis, psis};
pub use waic::Waic;

/// ln Σ exp(x); −∞ for none, +∞ if one is, NaN if one is.
pub(crate) fn log_sum_exp(x: impl Iterator<Item = f64> + Clone) -> f64 {
    if x.clone().any(f64::is_nan) {
        return f64::NAN;
    }
    let max = x.clone().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { max + x.map(|x| (x - max).exp()).sum::<f64>().ln() }
}

/// The mean; NaN for none.
pub(crate) fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The variance with n − 1; NaN for fewer than two.
pub(crate) fn variance(x: &[f64]) -> f64 {
    if x.len() < 2 {
        return f64::NAN;
    }
    let mean = mean(x);
    x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (x.len() - 1) as f64
}
