//! The optimum of a Gaussian fit: Newton steps on fixed draws, more draws until an independent set of them agrees.

use super::newton::{Evaluate, Point, Trust};
use super::path::path;
use super::{Covariance, Gaussian, fixed_draws};
use crate::error::Result;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use std::time::Instant;

/// What a solution must satisfy, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) covariance: Covariance,
    /// How far another set of draws may move a mean, in its standard deviations, and the logarithm of a standard deviation.
    pub(crate) tolerance: f64,
    /// The most gradients.
    pub(crate) gradients: usize,
    /// When to end at the latest.
    pub(crate) deadline: Option<Instant>,
}

/// Where a solution ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) gaussian: Gaussian,
    /// Whether an independent set of draws agrees that this is the optimum.
    pub(crate) at_rest: bool,
    /// How far that set would move a mean, and the logarithm of a standard deviation.
    pub(crate) moved: (f64, f64),
    pub(crate) iterations: usize,
    pub(crate) gradients: usize,
    pub(crate) draws: usize,
}

/// What is told of every iteration: its number, the ELBO by the fixed draws without constants, the largest movement; false ends the fit.
pub(crate) type Watch<'a> = dyn FnMut(usize, f64, f64) -> bool + 'a;

/// Solves for the Gaussian of the highest ELBO, from a start. None if the density is not finite near the start.
pub(crate) fn solve(
    start: Gaussian,
    settings: Settings,
    key: Key,
    evaluate: &mut Evaluate<'_>,
    watch: &mut Watch<'_>,
) -> Result<Option<Outcome>> {
    let d = start.dim();
    let path = path(&start, key.fold_in_str("path"), evaluate)?;
    let start = path.best.unwrap_or(start);
    let (start, precision) = if settings.covariance == Covariance::Diagonal {
        let whole = Settings { covariance: Covariance::Full, ..settings };
        let mut run = Run {
            precision: None,
            settings: whole,
            key,
            evaluate,
            watch,
            gradients: path.gradients,
            iterations: 0,
        };
        let Some((point, _)) = run.ascend(start, 2 * FEWEST_PAIRS.max(d), 1000)? else { return Ok(None) };
        let c = &point.gaussian.factor * point.gaussian.factor.transpose();
        let sd = c.diagonal().map(|x| 1.0 / x.sqrt());
        let inv = (DMatrix::from_fn(d, d, |i, j| c[(i, j)] * sd[i] * sd[j])).try_inverse();
        let p = inv.map(|p| DMatrix::from_fn(d, d, |i, j| p[(i, j)] * sd[i] * sd[j]));
        let w = p.as_ref().map(|p| p.diagonal().map(|x| 1.0 / x.sqrt())).unwrap_or(point.gaussian.sd());
        (Gaussian::diagonal(point.gaussian.mean.as_slice(), w.as_slice()), p)
    } else {
        (start, None)
    };
    let mut run = Run { precision, settings, key, evaluate, watch, gradients: path.gradients, iterations: 0 };
    let mut pairs = FEWEST_PAIRS.max(2 * d);
    let (mut gaussian, mut set) = (start, 0);
    let mut outcome: Option<Outcome> = None;
    loop {
        let Some((point, converged)) = run.ascend(gaussian, pairs, set)? else { return Ok(outcome) };
        // An independent set of draws: where would it go from here?
        let mut moved = (f64::INFINITY, f64::INFINITY);
        gaussian = point.gaussian.clone();
        if let Some(other) = run.point(gaussian.clone(), pairs, set + 1)? {
            let step = other.step(
                settings.covariance,
                run.precision.as_ref(),
                Trust { radius: f64::INFINITY, log_scale: 1.0 },
            );
            moved = step.moved;
            if converged && moved.0.max(moved.1) < 0.5 {
                gaussian = halfway(&gaussian, &step.to, settings.covariance);
            }
        }
        // The two sets' optima differ by twice what their average is off, in the mean of squares.
        let at_rest = converged && moved.0.max(moved.1) < settings.tolerance;
        let (iterations, gradients, draws) = (run.iterations, run.gradients, 4 * pairs);
        outcome = Some(Outcome { gaussian: gaussian.clone(), at_rest, moved, iterations, gradients, draws });
        let next = pairs * 4;
        if at_rest || !converged || run.gradients + 6 * next > settings.gradients || run.late() {
            return Ok(outcome);
        }
        (pairs, set) = (next, set + 2);
    }
}

/// The fewest pairs of draws.
const FEWEST_PAIRS: usize = 16;
/// The most Newton steps on one set of draws.
const MOST_STEPS: usize = 300;
/// A step that moves nothing by more than this is the last.
const SMALL: f64 = 1e-3;

struct Run<'a, 'b> {
    precision: Option<DMatrix<f64>>,
    settings: Settings,
    key: Key,
    evaluate: &'a mut Evaluate<'b>,
    watch: &'a mut Watch<'b>,
    gradients: usize,
    iterations: usize,
}

impl Run<'_, '_> {
    fn late(&self) -> bool {
        self.settings.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// A point by set number `set` of draws.
    fn point(&mut self, gaussian: Gaussian, pairs: usize, set: usize) -> Result<Option<Point>> {
        let z = fixed_draws(gaussian.dim(), pairs, self.key.fold_in(set as u64));
        self.gradients += z.ncols();
        Point::new(gaussian, &z, self.evaluate)
    }

    /// Newton steps on one set of draws; the last point, and whether it is their optimum.
    fn ascend(&mut self, start: Gaussian, pairs: usize, set: usize) -> Result<Option<(Point, bool)>> {
        let z = fixed_draws(start.dim(), pairs, self.key.fold_in(set as u64));
        let mut gaussian = start;
        let mut point = None;
        // A start may be so wide that the density overflows at some draw.
        for _ in 0..WIDTHS {
            self.gradients += z.ncols();
            point = Point::new(gaussian.clone(), &z, self.evaluate)?;
            if point.is_some() {
                break;
            }
            gaussian.factor *= 0.1;
        }
        let Some(mut point) = point else { return Ok(None) };
        let covariance = self.settings.covariance;
        let mut trust = Trust { radius: f64::INFINITY, log_scale: f64::INFINITY };
        let mut shortest = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            let step = point.step(covariance, self.precision.as_ref(), trust);
            let moved = step.moved.0.max(step.moved.1);
            self.iterations += 1;
            if !(self.watch)(self.iterations, point.value, moved) || self.late() {
                return Ok(Some((point, false)));
            }
            if moved < SMALL && trust.radius > step.length {
                return Ok(Some((point, true)));
            }
            self.gradients += z.ncols();
            let next = Point::new(step.to, &z, self.evaluate)?;
            let lost = point.is_below_resolution(step.gain);
            let ratio = match &next {
                None => f64::NEG_INFINITY,
                Some(next) => match point.gain_to(next) {
                    Some(gain) if !lost => gain / step.gain,
                    Some(gain) if gain < -20.0 * step.gain.max(f64::MIN_POSITIVE) => f64::NEG_INFINITY,
                    // Rounding hides the gain: the steps must become shorter.
                    _ if moved < 0.7 * shortest => 1.0,
                    _ => return Ok(Some((point, moved < 10.0 * SMALL))),
                },
            };
            if lost {
                shortest = moved;
            }
            match next {
                Some(next) if ratio > 0.05 => point = next,
                _ => {
                    let log_scale = step.moved.1.max(1e-3).min(trust.log_scale);
                    trust = Trust { radius: step.length * 0.2, log_scale: log_scale * 0.4 };
                    if trust.radius < 1e-12 && trust.log_scale < 1e-9 {
                        return Ok(Some((point, false)));
                    }
                    continue;
                }
            }
            if ratio > 0.5 {
                trust = Trust { radius: trust.radius * 5.0, log_scale: trust.log_scale * 3.0 };
            }
        }
        Ok(Some((point, false)))
    }
}

/// How often a start is made narrower by a factor of ten.
const WIDTHS: usize = 12;

/// Between two Gaussians that are near each other.
fn halfway(a: &Gaussian, b: &Gaussian, covariance: Covariance) -> Gaussian {
    let mean = (&a.mean + &b.mean) / 2.0;
    let factor = match covariance {
        Covariance::Diagonal => a.factor.zip_map(&b.factor, |a, b| (a * b).sqrt()),
        Covariance::Full => (&a.factor + &b.factor) / 2.0,
    };
    Gaussian { mean, factor }
}
