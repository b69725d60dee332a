//! What an exact kernel does to draws.

use super::{Evaluator, seed_of};
use crate::diagnostics::{mean, variance};
use crate::error::Result;
use crate::gaussian::Gaussian;
use crate::hmc::Hmc;
use crate::linalg::Covariance;
use probity_autodiff::Key;

/// Draws that are moved.
const MOVED: usize = 256;
/// What is within so many standard errors does not count.
const ERRORS: f64 = 3.5;

/// How far one transition of Hamiltonian Monte Carlo, a fresh draw if the target is the Gaussian,
/// moves the mean or the standard deviation of every coordinate, in standard deviations, beyond the
/// error of the draws. Draws of the target stay draws of the target.
pub(super) fn drift(
    evaluator: &mut Evaluator<'_>,
    points: &[f64],
    gaussian: &Gaussian,
    key: Key,
) -> Result<Vec<f64>> {
    let d = evaluator.dim();
    let starts = &points[..points.len().min(MOVED * d)];
    let metric = Covariance::Dense(gaussian.cholesky()?);
    let moved = Hmc::new().seed(seed_of(key)).run(evaluator.target(), starts, &metric)?;
    evaluator.evaluations += moved.gradients;
    let of = |i: usize| {
        let entry = |from: &[f64]| from.iter().skip(i).step_by(d).copied().collect::<Vec<_>>();
        let (before, after) = (entry(starts), entry(&moved.points));
        let (center, sd) = (mean(&before), variance(&before).sqrt());
        let excess = |f: &dyn Fn(f64) -> f64| {
            let change: Vec<f64> = before.iter().zip(&after).map(|(a, b)| f(*b) - f(*a)).collect();
            let error = (variance(&change) / change.len() as f64).sqrt();
            (mean(&change).abs() - ERRORS * error).max(0.0)
        };
        let standard = |x: f64| (x - center) / sd;
        // The change of half the square is that of the standard deviation.
        excess(&standard).max(excess(&|x| 0.5 * standard(x).powi(2)))
    };
    Ok((0..d).map(of).collect())
}
