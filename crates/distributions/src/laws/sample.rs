//! Laws of draws.

use super::{Law, LawError};
use crate::distribution::{Cdf, Draws, Moments, Sample};
use probity_autodiff::Key;

/// `n` draws follow the distribution function: the greatest distance of the empirical one from it
/// stays below `√(ln(2 / 10⁻⁶) / 2n)`, which a true sampler exceeds for at most one key in a
/// million.
///
/// *Source*: Massart (1990), the tight constant of the Dvoretzky-Kiefer-Wolfowitz inequality.
///
/// # Errors
/// If not.
pub fn samples_follow_cdf<D: Cdf<f64> + Sample<f64>>(d: &D, n: usize, key: Key) -> Result<(), LawError> {
    let law = Law::new("samples_follow_cdf", d);
    let bound = ((2.0 / 1e-6_f64).ln() / (2.0 * n as f64)).sqrt();
    let mut draws = d.draws(n, key);
    draws.sort_by(f64::total_cmp);
    let discrete = d.support().is_discrete();
    for (i, &x) in draws.iter().enumerate() {
        let cdf = d.cdf(x);
        let case = || format!("empirical cdf of {n} draws at {x:e}");
        // Of equal draws, only the last one stands at the upper end of its step.
        if draws.get(i + 1) != Some(&x) {
            law.holds(case, (i + 1) as f64 / n as f64, cdf, bound)?;
        }
        if !discrete {
            law.holds(case, i as f64 / n as f64, cdf, bound)?;
        }
    }
    Ok(())
}

/// Mean and mean square deviation of `n` draws lie within 6 standard errors of mean and variance
/// (one key in 10⁸ for a large `n` and light tails).
///
/// Infinite and undefined moments are not checked.
///
/// # Errors
/// If not.
pub fn samples_match_moments<D: Moments<f64> + Sample<f64>>(
    d: &D,
    n: usize,
    key: Key,
) -> Result<(), LawError> {
    let law = Law::new("samples_match_moments", d);
    let (mean, variance) = (d.mean(), d.variance());
    if !variance.is_finite() {
        return Ok(());
    }
    let draws = d.draws(n, key);
    let got = crate::Estimate::of(draws.iter().copied());
    law.holds(|| format!("mean of {n} draws"), got.value, mean, 6.0 * (variance / n as f64).sqrt())?;
    let got = crate::Estimate::of(draws.iter().map(|x| (x - mean).powi(2)));
    law.holds(|| format!("variance of {n} draws"), got.value, variance, 6.0 * got.standard_error)
}
