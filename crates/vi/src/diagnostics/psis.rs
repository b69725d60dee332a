//! Pareto-smoothed importance sampling.

use super::{Pareto, log_sum_exp};
use serde::{Deserialize, Serialize};

/// Smoothed importance weights, and what they are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Psis {
    /// The shape k̂ of the tail of the ratios. Above 0.7 (see [`k_limit`](Psis::k_limit)) estimates
    /// are not to be believed.
    ///
    /// +∞ if fewer than five draws lie in the tail, so that nothing is known of it: fewer than 21
    /// draws, or a few that outweigh all others. −∞ if the largest ratios are equal up to rounding,
    /// so that there is no tail: the guide is exact, or the ratios are bounded and reach their
    /// bound. NaN if a ratio is NaN or +∞, or all are −∞.
    #[serde(with = "probity_autodiff::serde_float")]
    pub k_hat: f64,
    /// The logarithms of the smoothed weights, which sum to 1. All NaN where `k_hat` is.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_weights: Vec<f64>,
    /// The effective sample size 1 / Σ w².
    #[serde(with = "probity_autodiff::serde_float")]
    pub ess: f64,
}

/// Smooths the importance weights exp(`log_ratios`), where a log ratio is ln p − ln q of a draw
/// from q, up to a constant.
///
/// The M largest of S ratios, M = ⌈min(S / 5, 3 √(S / r))⌉, are replaced by quantiles of a
/// generalised Pareto distribution fitted to them, and none gets a weight above the largest raw
/// one. `relative_efficiency` r is 1 for independent draws, and the effective sample size over S
/// for draws of a chain; one that is not a positive number counts as 1. A ratio of −∞ (outside the
/// support) has weight 0.
///
/// ```
/// use probity_vi::diagnostics::psis;
///
/// // Importance sampling of Normal(0, 0.9) with draws (here: quantiles) of Normal(0, 1).
/// let z: Vec<f64> = (1..1000).map(|i| (i as f64 / 1000.0 - 0.5) * 6.0).collect();
/// let smoothed = psis(&z.iter().map(|z| -0.5 * z * z * (1.0 / 0.81 - 1.0)).collect::<Vec<_>>(), 1.0);
/// assert!(smoothed.k_hat < 0.5 && smoothed.ess > 500.0);
/// ```
///
/// *Source*: Vehtari, Simpson, Gelman, Yao, Gabry 2024, "Pareto smoothed importance sampling",
/// algorithm 1.
pub fn psis(log_ratios: &[f64], relative_efficiency: f64) -> Psis {
    let n = log_ratios.len();
    let max = log_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !max.is_finite() || log_ratios.iter().any(|x| x.is_nan()) {
        return Psis { k_hat: f64::NAN, log_weights: vec![f64::NAN; n], ess: f64::NAN };
    }
    let mut log_weights: Vec<f64> = log_ratios.iter().map(|x| x - max).collect();
    let k_hat = smooth(&mut log_weights, relative_efficiency);
    let total = log_sum_exp(log_weights.iter().copied());
    log_weights.iter_mut().for_each(|w| *w -= total);
    let ess = 1.0 / log_weights.iter().map(|w| (2.0 * w).exp()).sum::<f64>();
    Psis { k_hat, log_weights, ess }
}

/// Log ratios that are equal within this are equal: rounding of log densities of thousands is
/// 1e-12.
const EQUAL: f64 = 1e-9;

/// Smooths the tail of ratios, of which the largest is 0, and gives its shape.
fn smooth(x: &mut [f64], relative_efficiency: f64) -> f64 {
    const LEAST_TAIL: usize = 5;
    let (n, r) = (x.len() as f64, relative_efficiency);
    let r = if r.is_finite() && r > 0.0 { r } else { 1.0 };
    let tail = (n / 5.0).min(3.0 * (n / r).sqrt()).ceil() as usize;
    if tail < LEAST_TAIL || tail >= x.len() {
        return f64::INFINITY;
    }
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]).then(a.cmp(&b)));
    let threshold = x[order[x.len() - tail - 1]].max(f64::MIN_POSITIVE.ln());
    if threshold >= -EQUAL {
        return f64::NEG_INFINITY;
    }
    let first = order.partition_point(|&i| x[i] <= threshold);
    let above = &order[first..];
    if above.len() < LEAST_TAIL {
        return f64::INFINITY;
    }
    let base = threshold.exp();
    let excess: Vec<f64> = above.iter().map(|&i| base * (x[i] - threshold).exp_m1()).collect();
    let pareto = Pareto::fit(&excess);
    if !pareto.shape.is_finite() {
        return f64::INFINITY;
    }
    for (i, &at) in above.iter().enumerate() {
        let p = (i as f64 + 0.5) / above.len() as f64;
        x[at] = (pareto.quantile(p) + base).ln().min(0.0);
    }
    pareto.shape
}

impl Psis {
    /// The largest k̂ with which estimates from n draws have a useful error: min(1 − 1 / log₁₀ n,
    /// 0.7).
    ///
    /// *Source*: Vehtari, Simpson, Gelman, Yao, Gabry 2024, equation 13.
    pub fn k_limit(n: usize) -> f64 {
        (1.0 - 1.0 / (n as f64).log10()).min(0.7)
    }

    /// Whether k̂ is within [`k_limit`](Psis::k_limit); not if it is NaN.
    pub fn is_reliable(&self) -> bool {
        self.k_hat <= Self::k_limit(self.log_weights.len())
    }

    /// The weights, which sum to 1.
    pub fn weights(&self) -> Vec<f64> {
        self.log_weights.iter().map(|w| w.exp()).collect()
    }

    /// The weighted mean of a number per draw. A draw with weight 0 does not count, whatever its
    /// number.
    ///
    /// # Panics
    /// If `values` has another length than the weights.
    pub fn mean(&self, values: &[f64]) -> f64 {
        assert_eq!(values.len(), self.log_weights.len(), "one value for every weight");
        let each = self.log_weights.iter().zip(values).map(|(w, x)| (w.exp(), x));
        each.filter(|(w, _)| *w != 0.0).map(|(w, x)| w * x).sum()
    }
}
