//! From a start towards the mode by Newton steps, keeping the point whose Laplace approximation has
//! the highest ELBO.

use super::ascent::{Surface, damping};
use super::curvature::{DIFFERENCE, Search};
use super::full_rank::FullRank;
use super::{Evaluate, Gaussian, fixed_draws};
use crate::error::Result;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, SymmetricEigen};

/// The most Newton steps.
const MOST_STEPS: usize = 100;
/// A path ends when the ELBO has stayed so many nats below the best for this many steps: a density
/// may rise without bound towards points that have no mass around them.
const BELOW: f64 = 20.0;
const PATIENCE: usize = 5;

/// Follows the density from the start towards its mode, by Newton steps whose Hessians are
/// differences of gradients.
///
/// The mode itself may be a bad place (a density of scales often rises without bound as they go to
/// 0), so the ELBO of the Laplace approximation decides which point of the path is kept.
///
/// Source: Zhang, Carpenter, Gelman, Vehtari 2022, "Pathfinder" (the choice by ELBO along an
/// optimiser's path); Dauphin et al. 2014 (absolute eigenvalues where the density is not concave).
///
/// None if the density is not finite at the start. `go_on` is told the log density and the length
/// of every step to come; false ends the path.
pub(super) fn path(
    start: &Gaussian,
    key: Key,
    evaluate: &mut Evaluate<'_>,
    go_on: &mut dyn FnMut(f64, f64) -> bool,
) -> Result<Option<Gaussian>> {
    let d = start.dim();
    let z = fixed_draws(d, 8.max(d), key);
    let mut search = Search { evaluate, difference: DIFFERENCE };
    let mut best = None;
    let Some(mut here) = search.here(&start.mean)? else { return Ok(None) };
    let mut scale = start.sd();
    let (mut radius, mut best_elbo, mut below) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    let mut bend = search.scaled_hessian(&here, &mut scale)?;
    for _ in 0..MOST_STEPS {
        let Some(hessian) = &bend else { break };
        // In the coordinates (u - mean) / scale.
        let SymmetricEigen { eigenvectors: q, eigenvalues: w } = SymmetricEigen::new(hessian.clone());
        let largest = w.amax().max(f64::MIN_POSITIVE);
        let size = w.map(|w| w.abs().max(1e-15 * largest));
        let laplace = Gaussian {
            mean: here.u.clone(),
            factor: DMatrix::from_diagonal(&scale)
                * &q
                * DMatrix::from_diagonal(&size.map(|w| 1.0 / w.sqrt())),
        };
        let point = FullRank.at(laplace.clone(), &z, search.evaluate)?;
        let elbo = point.map_or(f64::NEG_INFINITY, |point| FullRank::value(&point).0);
        if elbo > best_elbo || best.is_none() {
            (best_elbo, best) = (elbo.max(best_elbo), Some(laplace));
        }
        below = if elbo < best_elbo - BELOW { below + 1 } else { 0 };
        if below >= PATIENCE {
            break;
        }
        // The step in units of the Laplace approximation's standard deviations.
        let along = q.tr_mul(&here.gradient.component_mul(&scale));
        let step_at = |lambda: f64| along.zip_map(&size, |a, w| a / (w + lambda * w));
        let length = |lambda: f64| step_at(lambda).zip_map(&size, |s, w| s * w.sqrt()).norm();
        let full = length(0.0);
        let lambda = damping(radius, 1.0, length);
        let step = step_at(lambda);
        let predicted = along.dot(&step) - 0.5 * step.zip_map(&w, |s, w| s * s * w).sum();
        if full < 1e-3 || !go_on(here.value, full) {
            break;
        }
        let to = &here.u + (&q * &step).component_mul(&scale);
        let next = search.here(&to)?;
        let gain = next.as_ref().map_or(f64::NEG_INFINITY, |next| next.value - here.value);
        let lost = predicted < 1e-13 * here.value.abs();
        let ratio = gain / predicted;
        let taken = full.min(radius);
        match next {
            Some(next) if ratio > 0.05 || (lost && next.gradient.norm() < here.gradient.norm()) => {
                here = next
            }
            _ if lost || taken < 1e-9 => break,
            _ => {
                radius = 0.2 * taken;
                continue;
            }
        }
        if ratio > 0.5 {
            radius *= 5.0;
        } else if ratio < 0.2 {
            radius = 0.5 * taken;
        }
        bend = search.scaled_hessian(&here, &mut scale)?;
    }
    Ok(best.or_else(|| Some(start.clone())))
}
