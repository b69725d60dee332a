//! From a start towards the mode by Newton steps, keeping the point whose Laplace approximation has
//! the highest ELBO.

use super::ascent::{Surface, damping};
use super::full_rank::FullRank;
use super::{Evaluate, Gaussian, fixed_draws};
use crate::error::Result;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector, SymmetricEigen};

/// The most Newton steps.
const MOST_STEPS: usize = 100;
/// The step of the differences, in units of the factor.
const DIFFERENCE: f64 = 1e-3;
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
    let mut search = Search { evaluate };
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

struct Search<'a, 'b> {
    evaluate: &'a mut Evaluate<'b>,
}

/// A point with its log density and gradient.
struct Here {
    u: DVector<f64>,
    value: f64,
    gradient: DVector<f64>,
}

impl Search<'_, '_> {
    fn here(&mut self, u: &DVector<f64>) -> Result<Option<Here>> {
        let (mut value, mut gradient) = ([0.0], DVector::zeros(u.len()));
        (self.evaluate)(u.as_slice(), &mut value, gradient.as_mut_slice())?;
        let finite = value[0].is_finite() && gradient.iter().all(|g| g.is_finite());
        Ok(finite.then(|| Here { u: u.clone(), value: value[0], gradient }))
    }

    /// The negative Hessian in the coordinates `(u - mean) / scale`, by central differences. The
    /// scales become those of the curvature along each coordinate. Where they change by much, the
    /// differences are taken again with the new ones.
    fn scaled_hessian(&mut self, here: &Here, scale: &mut DVector<f64>) -> Result<Option<DMatrix<f64>>> {
        const PASSES: usize = 6;
        for pass in 0..PASSES {
            let Some(hessian) = self.hessian(here, scale)? else {
                // The density may end near here: smaller differences.
                *scale *= 0.01;
                continue;
            };
            let wanted = hessian.diagonal().map(|h| {
                let h = h.abs();
                if h > 0.0 && h.is_finite() { 1.0 / h.sqrt() } else { 1e3 }
            });
            let far = wanted.iter().any(|s| !(1e-2..1e2).contains(s));
            let step = wanted.map(|s| s.clamp(1e-6, 1e6));
            scale.component_mul_assign(&step);
            if !far || pass + 1 == PASSES {
                // In the new scales.
                let d = step.len();
                return Ok(Some(DMatrix::from_fn(d, d, |i, j| hessian[(i, j)] * step[i] * step[j])));
            }
        }
        Ok(None)
    }

    fn hessian(&mut self, here: &Here, scale: &DVector<f64>) -> Result<Option<DMatrix<f64>>> {
        let d = scale.len();
        let mut u = DMatrix::from_fn(d, 2 * d, |i, _| here.u[i]);
        // What the difference is after rounding.
        let mut width = DVector::zeros(d);
        for j in 0..d {
            let h = DIFFERENCE * scale[j];
            u[(j, 2 * j)] += h;
            u[(j, 2 * j + 1)] -= h;
            width[j] = (u[(j, 2 * j)] - u[(j, 2 * j + 1)]) / scale[j];
        }
        let (mut values, mut gradients) = (vec![0.0; 2 * d], DMatrix::zeros(d, 2 * d));
        (self.evaluate)(u.as_slice(), &mut values, gradients.as_mut_slice())?;
        let half = DMatrix::from_fn(d, d, |i, j| {
            (gradients[(i, 2 * j + 1)] - gradients[(i, 2 * j)]) / width[j] * scale[i]
        });
        let hessian = (&half + half.transpose()) / 2.0;
        Ok(hessian.iter().all(|x| x.is_finite()).then_some(hessian))
    }
}
