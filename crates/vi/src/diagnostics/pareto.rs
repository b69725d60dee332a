//! The generalised Pareto distribution, fitted to the excesses over a threshold.

use serde::{Deserialize, Serialize};

/// A generalised Pareto distribution of excesses x > 0: its cdf is 1 − (1 + k x / σ)^(−1/k).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pareto {
    /// The shape k: moments of order 1/k and above do not exist.
    #[serde(with = "probity_autodiff::serde_float")]
    pub shape: f64,
    /// The scale σ.
    #[serde(with = "probity_autodiff::serde_float")]
    pub scale: f64,
}

impl Pareto {
    /// The fit to sorted positive excesses: the posterior mean of Zhang and Stephens' profile
    /// likelihood, with its shape drawn to 0.5 as if by ten observations.
    ///
    /// Shape and scale are NaN if there are none, or if the lower quartile is not positive.
    ///
    /// *Source*: Zhang, Stephens 2009, "A new and efficient estimation method for the generalized
    /// Pareto distribution"; Vehtari, Simpson, Gelman, Yao, Gabry 2024, "Pareto smoothed importance
    /// sampling", appendix C.
    pub fn fit(sorted: &[f64]) -> Self {
        const PRIOR_B: f64 = 3.0;
        const PRIOR_K: f64 = 10.0;
        let failed = Self { shape: f64::NAN, scale: f64::NAN };
        let n = sorted.len();
        let quartile = (n as f64 / 4.0 + 0.5).floor() as usize;
        let (Some(&last), Some(at)) = (sorted.last(), quartile.checked_sub(1)) else { return failed };
        if !(sorted[at] > 0.0 && last.is_finite()) {
            return failed;
        }
        // The mean of ln(1 - b x) is minus the shape that maximises the likelihood at this b.
        let shape_at = |b: f64| sorted.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / n as f64;
        let points = 30 + (n as f64).sqrt() as usize;
        let grid: Vec<(f64, f64)> = (0..points)
            .map(|i| {
                let b =
                    (1.0 - (points as f64 / (i as f64 + 0.5)).sqrt()) / (PRIOR_B * sorted[at]) + 1.0 / last;
                let k = shape_at(b);
                (b, n as f64 * ((-b / k).ln() - k - 1.0))
            })
            .collect();
        let max = grid.iter().fold(f64::NEG_INFINITY, |m, g| m.max(g.1));
        let total: f64 = grid.iter().map(|g| (g.1 - max).exp()).filter(|w| w.is_finite()).sum();
        // Weights below rounding are left out.
        let kept =
            grid.iter().map(|g| (g.0, (g.1 - max).exp() / total)).filter(|g| g.1 >= 10.0 * f64::EPSILON);
        let (sum, weighted) = kept.fold((0.0, 0.0), |(s, b), g| (s + g.1, b + g.0 * g.1));
        let b = weighted / sum;
        let k = shape_at(b);
        Self { shape: (n as f64 * k + 0.5 * PRIOR_K) / (n as f64 + PRIOR_K), scale: -k / b }
    }

    /// The quantile of 0 ≤ p < 1.
    pub fn quantile(&self, p: f64) -> f64 {
        let exceed = (-p).ln_1p();
        if self.shape.abs() < f64::EPSILON {
            -self.scale * exceed
        } else {
            self.scale * (-self.shape * exceed).exp_m1() / self.shape
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_invert_the_cdf() {
        for shape in [-0.7, -1e-3, 0.0, 1e-3, 0.5, 2.0] {
            let pareto = Pareto { shape, scale: 3.0 };
            for p in [1e-12, 0.1, 0.5, 0.99] {
                let x = pareto.quantile(p) / 3.0;
                // 1 - p = (1 + k x)^(-1/k), by logarithms.
                let log_sf = if shape == 0.0 { -x } else { -(shape * x).ln_1p() / shape };
                assert!((log_sf - (-p).ln_1p()).abs() <= 1e-12 * log_sf.abs(), "{shape} {p}");
            }
        }
    }

    #[test]
    fn quantiles_are_fitted_well() {
        // Not draws but exact quantiles: the fit differs from the truth by its prior and O(1/n)
        // alone.
        for shape in [-0.3, 0.0, 0.3, 0.7, 1.2] {
            let truth = Pareto { shape, scale: 2.0 };
            let x: Vec<f64> = (0..4000).map(|i| truth.quantile((i as f64 + 0.5) / 4000.0)).collect();
            let fit = Pareto::fit(&x);
            assert!((fit.shape - shape).abs() < 0.01 && (fit.scale - 2.0).abs() < 0.03, "{fit:?} {shape}");
        }
    }

    #[test]
    fn no_fit_is_not_a_number() {
        for x in [&[] as &[f64], &[1.0], &[0.0, 0.0, 0.0, 1.0], &[1.0, 2.0, f64::INFINITY], &[f64::NAN; 9]] {
            let fit = Pareto::fit(x);
            assert!(fit.shape.is_nan() && fit.scale.is_nan(), "{x:?}");
        }
    }
}
