//! Steps that raise the ELBO by fixed draws, each as far as its quadratic model can be trusted.

use super::{Evaluate, Gaussian};
use crate::error::Result;
use probity_autodiff::nalgebra::DMatrix;

/// An objective on Gaussians by fixed draws, and what its Newton step is.
pub(super) trait Surface {
    /// What is known at a Gaussian.
    type Point;

    /// The point at a Gaussian, by draws `z` (d × n); none where the density is not finite at some
    /// draw.
    fn at(
        &self,
        gaussian: Gaussian,
        z: &DMatrix<f64>,
        evaluate: &mut Evaluate<'_>,
    ) -> Result<Option<Self::Point>>;

    /// The Gaussian of a point.
    fn gaussian(point: Self::Point) -> Gaussian;

    /// The ELBO without constants, and what rounding does to it.
    fn value(point: &Self::Point) -> (f64, f64);

    /// The Newton step from a point, within the region of trust.
    fn step(&self, point: &Self::Point, trust: Trust) -> Step;
}

/// How far a step may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    /// The longest step of the mean, in standard deviations of the quadratic model.
    pub(super) radius: f64,
    /// The largest change of the logarithm of a scale.
    pub(super) log_scale: f64,
}

impl Trust {
    pub(super) const WITHOUT_LIMIT: Self = Self { radius: f64::INFINITY, log_scale: f64::INFINITY };
}

/// A step from a point.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) to: Gaussian,
    /// The length of the mean's step, in the units of the radius.
    pub(super) length: f64,
    /// The largest change of a mean, in its standard deviations, and of the logarithm of a standard
    /// deviation.
    pub(super) moved: (f64, f64),
    /// What the ELBO gains by the quadratic model.
    pub(super) gain: f64,
}

impl Step {
    /// The larger of the two movements.
    pub(super) fn largest(&self) -> f64 {
        self.moved.0.max(self.moved.1)
    }
}

/// How an ascent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The next step would move nothing.
    Converged,
    /// At the most steps, or where no step raised the ELBO.
    Stuck,
    /// It was told to end.
    Told,
}

/// The most steps on one set of draws.
const MOST_STEPS: usize = 300;
/// A step that moves nothing by more than this is the last.
const SMALL: f64 = 1e-3;

/// Steps up from a point until the next step is small. `go_on` is told the ELBO and the movement of
/// every step to come; false ends the ascent.
pub(super) fn ascend<S: Surface>(
    surface: &S,
    mut point: S::Point,
    z: &DMatrix<f64>,
    evaluate: &mut Evaluate<'_>,
    go_on: &mut dyn FnMut(f64, f64) -> bool,
) -> Result<(S::Point, Ended)> {
    let mut trust = Trust::WITHOUT_LIMIT;
    let mut shortest = f64::INFINITY;
    for _ in 0..MOST_STEPS {
        let step = surface.step(&point, trust);
        let (value, resolution) = S::value(&point);
        let moved = step.largest();
        if !go_on(value, moved) {
            return Ok((point, Ended::Told));
        }
        if moved < SMALL && trust.radius > step.length {
            return Ok((point, Ended::Converged));
        }
        let next = surface.at(step.to, z, evaluate)?;
        let gain = next.as_ref().map_or(f64::NEG_INFINITY, |next| S::value(next).0 - value);
        let resolution = next.as_ref().map_or(resolution, |next| S::value(next).1.max(resolution));
        let ratio = if step.gain > 10.0 * resolution || gain < -20.0 * resolution {
            gain / step.gain
        } else if moved < 0.7 * shortest {
            // Rounding hides the gain: that the steps become shorter must do.
            shortest = moved;
            1.0
        } else {
            return Ok((point, if moved < 10.0 * SMALL { Ended::Converged } else { Ended::Stuck }));
        };
        match next {
            Some(next) if ratio > 0.05 => point = next,
            _ => {
                let log_scale = step.moved.1.max(1e-3).min(trust.log_scale);
                trust = Trust { radius: step.length * 0.2, log_scale: log_scale * 0.4 };
                if trust.radius < 1e-12 && trust.log_scale < 1e-9 {
                    break;
                }
                continue;
            }
        }
        if ratio > 0.5 {
            trust = Trust { radius: trust.radius * 5.0, log_scale: trust.log_scale * 3.0 };
        }
    }
    Ok((point, Ended::Stuck))
}

/// The damping λ >= 0 with `length(λ) <= radius`, to a tenth of the radius. `length` falls;
/// `largest` is where it begins to fall fast.
pub(super) fn damping(radius: f64, largest: f64, length: impl Fn(f64) -> f64) -> f64 {
    if length(0.0) <= radius {
        return 0.0;
    }
    let (mut low, mut high) = (1e-20 * largest, largest);
    while length(high) > radius && high < 1e300 {
        high *= 100.0;
    }
    // By bisection on the logarithm.
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
