//! One point of a Gaussian fit with fixed draws: the ELBO there, its slope and curvature, and the Newton step.

use super::{Covariance, Gaussian};
use crate::error::Result;
use probity_autodiff::nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Computes log densities and gradients: of points, one after the other, to values and gradients.
pub(crate) type Evaluate<'a> = dyn FnMut(&[f64], &mut [f64], &mut [f64]) -> Result + 'a;

/// A Gaussian with the ELBO by fixed draws `z`, in the coordinates `u = mean + factor z`.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) gaussian: Gaussian,
    /// `E ln p(u) + ln |factor|`: the ELBO without the constant of the entropy.
    pub(super) value: f64,
    /// What rounding does to the value.
    resolution: f64,
    /// `E factorᵀ ∇ln p`, the slope for the mean.
    slope: DVector<f64>,
    /// `-E factorᵀ ∇² ln p factor`, by Stein's identity `E z ∇ᵀ = E ∇²`. The identity at the full-rank optimum, and of diagonal 1 at
    /// that of the mean field.
    curvature: DMatrix<f64>,
}

/// The growth of the logarithm of a scale along which the expected log density is not concave.
const NOT_CONCAVE: f64 = 1.0;

/// How far a step may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    /// The longest step of the mean, in units of the factor.
    pub(super) radius: f64,
    /// The largest change of the logarithm of a scale.
    pub(super) log_scale: f64,
}

/// A step from a point.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) to: Gaussian,
    /// The length of the mean's step in units of the factor.
    pub(super) length: f64,
    /// The largest change of a mean, in its standard deviations, and of the logarithm of a standard deviation.
    pub(super) moved: (f64, f64),
    /// What the ELBO gains by the quadratic model.
    pub(super) gain: f64,
}

impl Point {
    /// At this Gaussian; none where the density is not finite at some draw.
    pub(super) fn new(
        gaussian: Gaussian,
        z: &DMatrix<f64>,
        evaluate: &mut Evaluate<'_>,
    ) -> Result<Option<Self>> {
        let n = z.ncols() as f64;
        let mut u = &gaussian.factor * z;
        u.column_iter_mut().for_each(|mut u| u += &gaussian.mean);
        let (mut values, mut gradients) = (vec![0.0; z.ncols()], DMatrix::zeros(z.nrows(), z.ncols()));
        evaluate(u.as_slice(), &mut values, gradients.as_mut_slice())?;
        let pulled = gaussian.factor.tr_mul(&gradients);
        let log_det = gaussian.log_det();
        let value = values.iter().map(|v| v / n).sum::<f64>() + log_det;
        let slope = pulled.column_sum() / n;
        let cross = (z * pulled.transpose()) / n;
        let curvature = -(&cross + cross.transpose()) / 2.0;
        if !value.is_finite() || !curvature.iter().chain(&slope).all(|x| x.is_finite()) {
            return Ok(None);
        }
        let largest = values.iter().fold(log_det.abs(), |m, v| m.max(v.abs()));
        Ok(Some(Self { gaussian, value, resolution: 1e-14 * largest, slope, curvature }))
    }

    /// The Newton step: `δ = |W|⁻¹ slope` for the mean, with λ added to the eigenvalues so that it stays within the radius, and covariance
    /// `W⁻¹` in units of the factor (`1 / diag W` for the mean field). Where the expected log density is not concave the
    /// curvature is taken by its absolute value, and the scale grows as far as it may.
    pub(super) fn step(
        &self,
        covariance: Covariance,
        precision: Option<&DMatrix<f64>>,
        trust: Trust,
    ) -> Step {
        let d = self.slope.len();
        let factor = &self.gaussian.factor;
        let curvature = precision.map(|p| factor.tr_mul(p) * factor);
        let curvature = curvature.unwrap_or_else(|| self.curvature.clone());
        let SymmetricEigen { eigenvectors: q, eigenvalues: w } = SymmetricEigen::new(curvature);
        let largest = w.amax().max(f64::MIN_POSITIVE);
        let bent = w.map(|w| w.abs().max(1e-15 * largest));
        let along = q.tr_mul(&self.slope);
        let at = |lambda: f64| along.zip_map(&bent, |a, w| a / (w + lambda));
        let lambda = damping(trust.radius, largest, |lambda| at(lambda).norm());
        let along_step = at(lambda);
        let delta = &q * &along_step;
        let mut gain = along.dot(&along_step) - 0.5 * along_step.zip_map(&w, |s, w| s * s * w).sum();
        let scale_of = |w: f64| {
            let log = if w > 0.0 { -0.5 * w.ln() } else { NOT_CONCAVE };
            log.clamp(-trust.log_scale, trust.log_scale).exp()
        };
        let mut factor_gain = |w: f64, s: f64| gain += s.ln() - 0.5 * w * (s * s - 1.0);
        let factor = match covariance {
            Covariance::Diagonal => {
                let mut factor = self.gaussian.factor.clone();
                for i in 0..d {
                    let w = self.curvature[(i, i)];
                    factor[(i, i)] *= scale_of(w);
                    factor_gain(w, scale_of(w));
                }
                factor
            }
            Covariance::Full => {
                let s = w.map(scale_of);
                w.iter().zip(&s).for_each(|(w, s)| factor_gain(*w, *s));
                let mut scaled = q.clone();
                scaled.column_iter_mut().zip(&s).for_each(|(mut q, s)| q *= *s);
                // The symmetric root, so that draws change no more than the covariance does.
                &self.gaussian.factor * (scaled * q.transpose())
            }
        };
        let shift = &self.gaussian.factor * &delta;
        let to = Gaussian { mean: &self.gaussian.mean + &shift, factor };
        let (before, after) = (self.gaussian.sd(), to.sd());
        let moved = (
            shift.zip_map(&after, |s, sd| (s / sd).abs()).max(),
            before.zip_map(&after, |a, b| (b / a).ln().abs()).max(),
        );
        Step { to, length: delta.norm(), moved, gain }
    }

    /// The change of the value to another point, or none where it is lost in rounding.
    pub(super) fn gain_to(&self, other: &Self) -> Option<f64> {
        let gain = other.value - self.value;
        (gain.abs() > self.resolution.max(other.resolution)).then_some(gain)
    }

    /// Whether a gain is lost in the rounding of the value.
    pub(super) fn is_below_resolution(&self, gain: f64) -> bool {
        gain < 10.0 * self.resolution
    }
}

/// The damping λ >= 0 with `length(λ) <= radius`, to a tenth of the radius.
pub(super) fn damping(radius: f64, largest: f64, length: impl Fn(f64) -> f64) -> f64 {
    if length(0.0) <= radius {
        return 0.0;
    }
    // By bisection on the logarithm.
    let (mut low, mut high) = (1e-20 * largest, largest);
    while length(high) > radius && high < 1e300 {
        high *= 100.0;
    }
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        let l = length(middle);
        if l > radius {
            low = middle;
        } else {
            high = middle;
            if l > 0.9 * radius {
                break;
            }
        }
    }
    high
}
