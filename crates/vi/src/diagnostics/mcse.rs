//! Monte Carlo standard errors of chains.

use super::Chains;
use probity_autodiff::math::beta_inc::beta_inc_inv;

/// *Source of all*: Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, "Rank-normalization,
/// folding, and localization", section 4.4.
impl Chains {
    /// Of the mean: sd / √ESS.
    pub fn mcse_mean(&self) -> f64 {
        self.sd() / self.ess_mean().sqrt()
    }

    /// Of the standard deviation, by the delta method from the variance of squared distances from
    /// the mean.
    pub fn mcse_sd(&self) -> f64 {
        let mean = self.mean();
        let squared = self.map(|x| (x - mean).powi(2));
        let variance = squared.mean();
        let spread = (squared.map(|x| x * x).mean() - variance * variance).max(0.0);
        (spread / self.ess_sd() / variance / 4.0).sqrt()
    }

    /// Of the quantile of 0 ≤ p ≤ 1: half the width of an interval of 68 % between order
    /// statistics.
    pub fn mcse_quantile(&self, p: f64) -> f64 {
        let ess = self.ess_quantile(p);
        if ess.is_nan() || !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        // The probabilities of one standard deviation below and above the mean of a Normal
        // distribution.
        let [low, high] =
            [0.1586553, 0.8413447].map(|q| beta_inc_inv(ess * p + 1.0, ess * (1.0 - p) + 1.0, q).0);
        let sorted = self.sorted();
        let last = sorted.len() - 1;
        let at = |p: f64| p * sorted.len() as f64 - 1.0;
        let low = at(low).floor().max(0.0) as usize;
        let high = at(high).min(last as f64).ceil().max(0.0) as usize;
        (sorted[high] - sorted[low.min(last)]) / 2.0
    }
}
