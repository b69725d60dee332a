//! The Newton step of a Gaussian with a diagonal covariance, in the metric of one with a full
//! covariance.

use super::ascent::{Step, Surface, Trust};
use super::{Averages, Evaluate, Gaussian};
use crate::error::Result;
use probity_autodiff::nalgebra::{DMatrix, DVector};

/// The ELBO of Gaussians with a diagonal covariance by these draws.
///
/// The mean field is badly conditioned where the target is correlated: its standard deviations are
/// those of one coordinate when all others are held, and the mean may have to go many of them. So
/// its mean moves in the metric of the full-rank optimum, `Σ E ∇ln p`, which is Newton's step where
/// the target is Gaussian. The scale of coordinate i has the curvature `w = -E z σ ∂ᵢ ln p`, 1 at
/// the optimum, and Newton's step for the variance is `1 / w`.
pub(super) struct MeanField<'a> {
    /// A square root of the covariance of the full-rank optimum.
    pub(super) metric: &'a DMatrix<f64>,
}

/// A Gaussian with its ELBO, slope and curvatures.
#[derive(Clone, Debug)]
pub(super) struct Point {
    gaussian: Gaussian,
    value: f64,
    resolution: f64,
    /// `metricᵀ E ∇ln p`.
    slope: DVector<f64>,
    /// The curvatures of the scales.
    curvature: DVector<f64>,
}

impl Surface for MeanField<'_> {
    type Point = Point;

    fn at(&self, gaussian: Gaussian, z: &DMatrix<f64>, evaluate: &mut Evaluate<'_>) -> Result<Option<Point>> {
        let Some(averages) = Averages::new(&gaussian, z, evaluate)? else { return Ok(None) };
        let sd = gaussian.factor.diagonal();
        let log_det: f64 = sd.iter().map(|s| s.ln()).sum();
        let value = averages.value + log_det;
        let resolution = 1e-14 * averages.largest.max(log_det.abs());
        let n = z.ncols() as f64;
        let curvature =
            DVector::from_fn(sd.len(), |i, _| -sd[i] * z.row(i).dot(&averages.gradients.row(i)) / n);
        let slope = self.metric.tr_mul(&averages.gradient);
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
        let norm = point.slope.norm();
        let share = if norm > trust.radius { trust.radius / norm } else { 1.0 };
        let shift = self.metric * &point.slope * share;
        let mut gain = norm * norm * (share - 0.5 * share * share);
        let mut factor = point.gaussian.factor.clone();
        let mut moved = (0.0_f64, 0.0_f64);
        for i in 0..shift.len() {
            let (w, sd) = (point.curvature[i], factor[(i, i)]);
            let log = if w > 0.0 { -0.5 * w.ln() } else { 1.0 };
            let log = log.clamp(-trust.log_scale, trust.log_scale);
            factor[(i, i)] = sd * log.exp();
            gain += log - 0.5 * w * ((2.0 * log).exp() - 1.0);
            moved = (moved.0.max((shift[i] / factor[(i, i)]).abs()), moved.1.max(log.abs()));
        }
        let to = Gaussian { mean: &point.gaussian.mean + &shift, factor };
        Step { to, length: norm * share, moved, gain }
    }
}
