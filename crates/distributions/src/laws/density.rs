//! Laws between a density and what follows from it: mass, distribution function, moments, entropy.

use super::pieces::Pieces;
use super::{Law, LawError};
use crate::distribution::{Cdf, Entropy, Moments, Sample};

/// The density integrates (the masses sum) to 1, within 1e-9.
///
/// # Errors
/// If not.
pub fn integrates_to_one<D: Sample<f64>>(d: &D) -> Result<(), LawError> {
    let total = Pieces::of(d).expectation(d, |_| 1.0);
    Law::new("integrates_to_one", d).holds(|| "the total".into(), total, 1.0, 1e-9)
}

/// `cdf` and `sf` are the integrals of the density up to a draw and from it, within 1e-8 relatively
/// or 1e-11; `log_cdf` and `log_sf` are their logarithms.
///
/// # Errors
/// If not.
pub fn cdf_matches_density<D: Cdf<f64> + Sample<f64>>(d: &D) -> Result<(), LawError> {
    let law = Law::new("cdf_matches_density", d);
    let pieces = Pieces::of(d);
    let masses = pieces.integrals(&|x| d.log_prob(x).exp());
    let (mut below, mut above) = (0.0, vec![0.0; masses.len() + 1]);
    for i in (0..masses.len()).rev() {
        above[i] = above[i + 1] + masses[i];
    }
    for (i, &x) in pieces.points.iter().enumerate() {
        below += masses[i];
        let above = above[i + 1];
        for (name, got, log, want) in
            [("cdf", d.cdf(x), d.log_cdf(x), below), ("sf", d.sf(x), d.log_sf(x), above)]
        {
            law.holds(|| format!("{name} at {x:e}"), got, want, 1e-8 * want + 1e-11)?;
            // The logarithm may go on where the probability is subnormal, or rounds to 1.
            if got > 1e-300 {
                let tolerance = 1e-12 * (1.0 + got.ln().abs());
                law.holds(|| format!("log_{name} at {x:e}"), log, got.ln(), tolerance)?;
            }
        }
    }
    Ok(())
}

/// `quantile(p)` is where `cdf` is `p`; for counts, the first number at which `cdf` is at least
/// `p`.
///
/// # Errors
/// If not, for 12 probabilities between 1e-12 and 1 - 1e-9.
pub fn quantile_inverts_cdf<D: Cdf<f64>>(d: &D) -> Result<(), LawError> {
    let law = Law::new("quantile_inverts_cdf", d);
    for p in [1e-12, 1e-9, 1e-6, 1e-3, 0.03, 0.2, 0.5, 0.7, 0.97, 0.999, 0.999_999, 0.999_999_999] {
        let x = d.quantile(p);
        let case = || format!("p = {p:e}, quantile {x:e}");
        if d.support().is_discrete() {
            // A NaN must not pass for "enough", as it would with `min` and `max`.
            let (here, before) = (d.cdf(x), d.cdf(x - 1.0));
            law.holds(case, if here >= p { p } else { here }, p, 1e-12)?;
            law.holds(case, if before <= p { p } else { before }, p, 1e-12)?;
        } else {
            // A rounded x moves the cdf by its density.
            let tolerance = 1e-10 * p + 64.0 * f64::EPSILON * x.abs() * d.log_prob(x).exp();
            law.holds(case, d.cdf(x), p, tolerance)?;
        }
    }
    Ok(())
}

/// Mean and variance are those of the density, within 1e-7 standard deviations (of the variance,
/// relatively).
///
/// Infinite and undefined moments are not checked.
///
/// # Errors
/// If not.
pub fn moments_match_density<D: Moments<f64> + Sample<f64>>(d: &D) -> Result<(), LawError> {
    let law = Law::new("moments_match_density", d);
    let pieces = Pieces::of(d);
    let (mean, variance) = (d.mean(), d.variance());
    if !mean.is_finite() {
        return Ok(());
    }
    let center = pieces.points.get(pieces.points.len() / 2).copied().unwrap_or(0.0);
    let shift = pieces.expectation(d, |x| x - center);
    let width = if variance.is_finite() { variance.sqrt() } else { shift.abs() + center.abs() };
    law.holds(|| "mean".into(), mean, center + shift, 1e-7 * width + 4.0 * f64::EPSILON * mean.abs())?;
    if !variance.is_finite() {
        return Ok(());
    }
    let spread = pieces.expectation(d, |x| (x - mean).powi(2));
    law.holds(|| "variance".into(), variance, spread, 1e-7 * spread)
}

/// The entropy is the integral (sum) of `-p ln p`, within 1e-8.
///
/// # Errors
/// If not.
pub fn entropy_matches_density<D: Entropy<f64> + Sample<f64>>(d: &D) -> Result<(), LawError> {
    let want = -Pieces::of(d).expectation(d, |x| d.log_prob(x));
    let law = Law::new("entropy_matches_density", d);
    law.holds(|| "the entropy".into(), d.entropy(), want, 1e-8 * (1.0 + want.abs()))
}
