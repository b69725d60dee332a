//! A solution from other starts, where the first one did not come to rest.

use super::Evaluator;
use super::modes::Whitened;
use crate::error::Result;
use crate::gaussian::{Gaussian, Outcome, Settings, Watch, fixed_draws, solve};
use crate::linalg::{Dense, Factor};
use crate::optim::Lbfgs;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DVector;
use probity_autodiff::random::fill_normal;

/// Other starts: the same, and draws of its spread.
const OTHERS: u64 = 4;

/// Solves for the best Gaussian. Newton steps from a start in a tail without curvature may go
/// anywhere: where the solution does not come to rest, L-BFGS, whose line search does not lose its
/// way, climbs from the start and from draws of its spread first, and the best of all solutions is
/// taken. None if the density is not finite near the start.
pub(crate) fn solve_from(
    evaluator: &mut Evaluator<'_>,
    start: &Gaussian,
    settings: Settings,
    key: Key,
    watch: &mut Watch<'_>,
) -> Result<Option<Outcome>> {
    let mut solved = |start: Gaussian, settings, key, evaluator: &mut Evaluator<'_>| {
        let mut evaluate = |u: &[f64], values: &mut [f64], to: &mut [f64]| evaluator.gradients(u, values, to);
        solve(start, settings, key, &mut evaluate, watch)
    };
    let mut best = match solved(start.clone(), settings, key, evaluator)? {
        Some(outcome) if outcome.at_rest || outcome.told => return Ok(Some(outcome)),
        Some(outcome) => Some((score(evaluator, &outcome.full, key)?, outcome)),
        None => None,
    };
    let d = start.dim();
    let sd = start.sd();
    let factor = Dense::from_matrix(d, start.factor.map(|x| x * x).as_slice())?;
    let target = evaluator.target().clone();
    let mut whitened = Whitened::new(target, start.mean.as_slice(), factor);
    for i in 0..OTHERS {
        let key = key.fold_in_str("rescue").fold_in(i);
        let mut z = vec![0.0; d];
        if i > 0 {
            fill_normal(key, 0, &mut z);
        }
        let Ok(path) = Lbfgs::new().iterations(300).tolerance(1e-4).run(&mut whitened, &z) else { continue };
        evaluator.evaluations += path.evaluations;
        let mode = DVector::from_column_slice(path.mode());
        let mean = &start.mean + mode.component_mul(&sd);
        let settings = Settings { gradients: settings.gradients / 4, ..settings };
        let begin = Gaussian { mean, factor: &start.factor * 0.1 };
        let Some(outcome) = solved(begin, settings, key, evaluator)? else { continue };
        let this = score(evaluator, &outcome.full, key)?;
        let (rest, told) = (outcome.at_rest, outcome.told);
        if best.as_ref().is_none_or(|(highest, _)| this > *highest) {
            best = Some((this, outcome));
            if rest || told {
                break;
            }
        }
    }
    Ok(best.map(|(_, outcome)| outcome))
}

/// The median of ln p − ln q: like the ELBO, but for a few draws at which the density is not
/// finite.
fn score(evaluator: &mut Evaluator<'_>, gaussian: &Gaussian, key: Key) -> Result<f64> {
    let Ok(factor) = gaussian.cholesky() else { return Ok(f64::NEG_INFINITY) };
    let z = fixed_draws(gaussian.dim(), 32, key.fold_in_str("score"));
    let values = evaluator.values(gaussian.points(&z).as_slice())?;
    let mut ratios: Vec<f64> =
        values.iter().zip(z.column_iter()).map(|(p, z)| p + 0.5 * z.norm_squared()).collect();
    ratios.sort_by(f64::total_cmp);
    Ok(ratios[ratios.len() / 2] + 0.5 * factor.log_det())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::Covariance;
    use crate::target::LogDensity;

    /// Flat in the middle, with straight tails in which there is no curvature: Newton's step from
    /// there overflows.
    #[test]
    fn starts_in_a_straight_tail_come_home() {
        let plateau = LogDensity::new(2, |u: &[f64], gradient: &mut [f64]| {
            let soft = |x: f64| if x > 30.0 { x } else { x.exp().ln_1p() };
            let rise = |x: f64| 1.0 / (1.0 + x.exp());
            let mut value = 0.0;
            for (u, g) in u.iter().zip(gradient) {
                let (a, b) = ((u + 1.0) / 0.05, (u - 1.0) / 0.05);
                value -= soft(-a) + soft(b);
                *g = (rise(a) - rise(-b)) / 0.05;
            }
            value
        });
        let mut evaluator = Evaluator::new(&plateau);
        let start = Gaussian::diagonal(&[50.0, -300.0], &[100.0, 100.0]);
        let settings =
            Settings { covariance: Covariance::Full, tolerance: 0.1, gradients: 50_000, deadline: None };
        let outcome =
            solve_from(&mut evaluator, &start, settings, Key::new(1), &mut |_, _, _| true).unwrap().unwrap();
        assert!(outcome.full.mean.amax() < 0.3, "{}", outcome.full.mean);
    }
}
