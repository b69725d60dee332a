//! The Newton step of a Gaussian with any covariance.

use super::ascent::{Step, Surface, Trust, damping};
use super::{Averages, Evaluate, Gaussian};
use crate::error::Result;
use probity_autodiff::nalgebra::{DMatrix, DVector, SymmetricEigen};

/// The ELBO of Gaussians by these draws, `E ln p(mean + factor z) + ln |factor|`.
///
/// In the coordinates of the factor the slope for the mean is `s = E factorᵀ ∇ln p`, and the
/// curvature `W = -E factorᵀ ∇²ln p factor` is, by Stein's identity, `-E z (factorᵀ ∇ln p)ᵀ`: no
/// second derivatives are needed. Newton's step is `W⁻¹ s` for the mean and `W⁻¹` for the
/// covariance, the natural gradient with step size 1. It is exact for a Gaussian target. At the
/// optimum `s = 0` and `W = I`, whatever the conditioning of the target.
///
/// Source: Opper, Archambeau 2009, eqs. 7-8 (the gradients); Khan, Rue 2023, §4.1 (the step).
pub(super) struct FullRank;

/// A Gaussian with its ELBO, slope and curvature.
#[derive(Clone, Debug)]
pub(super) struct Point {
    gaussian: Gaussian,
    value: f64,
    resolution: f64,
    slope: DVector<f64>,
    curvature: DMatrix<f64>,
}

/// The growth of the logarithm of a scale along which the expected log density is not concave.
const NOT_CONCAVE: f64 = 1.0;

impl Surface for FullRank {
    type Point = Point;

    fn at(&self, gaussian: Gaussian, z: &DMatrix<f64>, evaluate: &mut Evaluate<'_>) -> Result<Option<Point>> {
        let Some(averages) = Averages::new(&gaussian, z, evaluate)? else { return Ok(None) };
        let log_det: f64 = gaussian.factor.clone().lu().u().diagonal().iter().map(|x| x.abs().ln()).sum();
        let value = averages.value + log_det;
        let resolution = 1e-14 * averages.largest.max(log_det.abs());
        let pulled = gaussian.factor.tr_mul(&averages.gradients);
        let cross = (z * pulled.transpose()) / z.ncols() as f64;
        let slope = gaussian.factor.tr_mul(&averages.gradient);
        let curvature = -(&cross + cross.transpose()) / 2.0;
        let finite = value.is_finite() && curvature.iter().chain(&slope).all(|x| x.is_finite());
        Ok(finite.then_some(Point { gaussian, value, resolution, slope, curvature }))
    }

    fn gaussian(point: Point) -> Gaussian {
        point.gaussian
    }

    fn value(point: &Point) -> (f64, f64) {
        (point.value, point.resolution)
    }

    fn step(&self, point: &Point, trust: Trust) -> Step {
        let SymmetricEigen { eigenvectors: q, eigenvalues: w } = SymmetricEigen::new(point.curvature.clone());
        let largest = w.amax().max(f64::MIN_POSITIVE);
        // Where the expected log density is not concave, the step goes up all the same.
        let size = w.map(|w| w.abs().max(1e-15 * largest));
        let along = q.tr_mul(&point.slope);
        let at = |lambda: f64| along.zip_map(&size, |a, w| a / (w + lambda));
        let lambda = damping(trust.radius, largest, |lambda| at(lambda).norm());
        let step = at(lambda);
        let scale = w.map(|w| {
            let log = if w > 0.0 { -0.5 * w.ln() } else { NOT_CONCAVE };
            log.clamp(-trust.log_scale, trust.log_scale).exp()
        });
        let mut gain = along.dot(&step) - 0.5 * step.zip_map(&w, |s, w| s * s * w).sum();
        gain += scale.zip_map(&w, |s, w| s.ln() - 0.5 * w * (s * s - 1.0)).sum();
        // The symmetric root: the draws change no more than the covariance does.
        let mut scaled = q.clone();
        scaled.column_iter_mut().zip(&scale).for_each(|(mut q, s)| q *= *s);
        let factor = &point.gaussian.factor * (scaled * q.transpose());
        let shift = &point.gaussian.factor * (&q * &step);
        let to = Gaussian { mean: &point.gaussian.mean + &shift, factor };
        let (before, after) = (point.gaussian.sd(), to.sd());
        let moved = (
            shift.zip_map(&after, |s, sd| (s / sd).abs()).max(),
            before.zip_map(&after, |a, b| (b / a).ln().abs()).max(),
        );
        Step { to, length: step.norm(), moved, gain }
    }
}
