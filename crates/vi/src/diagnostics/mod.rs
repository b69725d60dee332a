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

/// `ln Σ exp(x)`, without overflow or underflow of the exponentials; −∞ for none, +∞ if one is, NaN
/// if one is.
pub fn log_sum_exp(x: impl Iterator<Item = f64> + Clone) -> f64 {
    log_sum_exp_over(x, 1.0)
}

/// `ln (Σ exp(x) / n)` for `n` logarithms, that of their mean; NaN for none. Equal ones are their
/// mean exactly.
pub fn log_mean_exp(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = x.clone().count();
    if n == 0 { f64::NAN } else { log_sum_exp_over(x, n as f64) }
}

fn log_sum_exp_over(x: impl Iterator<Item = f64> + Clone, n: f64) -> f64 {
    if x.clone().any(f64::is_nan) {
        return f64::NAN;
    }
    let max = x.clone().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { max + (x.map(|x| (x - max).exp()).sum::<f64>() / n).ln() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_variances_at_the_edges() {
        let infinity = f64::INFINITY;
        let of = |x: &[f64]| log_sum_exp(x.iter().copied());
        assert_eq!((of(&[]), of(&[-infinity]), of(&[0.0, infinity])), (-infinity, -infinity, infinity));
        assert!(of(&[f64::NAN, infinity]).is_nan() && of(&[0.0, f64::NAN]).is_nan());
        // Neither is a number by itself.
        assert!((of(&[1000.0, 1000.0]) - 1000.0 - 2.0_f64.ln()).abs() < 1e-12);
        assert!((of(&[-1000.0, -1000.0]) + 1000.0 - 2.0_f64.ln()).abs() < 1e-12);
        let of = |x: &[f64]| log_mean_exp(x.iter().copied());
        assert_eq!((of(&[-infinity]), of(&[0.0, infinity]), of(&[0.3; 7])), (-infinity, infinity, 0.3));
        assert!(of(&[]).is_nan() && of(&[0.0, f64::NAN]).is_nan());
        assert!((of(&[-1000.0, -infinity]) + 1000.0 + 2.0_f64.ln()).abs() < 1e-12);
        assert!(variance(&[]).is_nan() && variance(&[3.0]).is_nan() && mean(&[]).is_nan());
        assert_eq!((variance(&[1.0, 3.0]), mean(&[1.0, 3.0])), (2.0, 2.0));
    }
}
