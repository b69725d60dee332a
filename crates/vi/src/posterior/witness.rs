//! Witnesses of a fit that is there already: an exact kernel, and chains that know nothing of it.

use super::fitted::Fitted;
use crate::diagnostics::{mean, variance};
use crate::error::Result;
use crate::fit::quantities;
use crate::gaussian::{DIFFERENCE, Gaussian, Peak, peak};
use crate::guide::{Direct, DrawContext};
use crate::hmc::{Hmc, Moved};
use crate::ladder::{DEPTH, grade, seed_of};
use crate::linalg::{Covariance, Factor};
use crate::log_joint::LogJoint;
use crate::model::{ByRef, Model};
use crate::nuts::{MetricKind, Nuts};
use crate::scope::discover;
use crate::target::{AnyTarget, Target};
use crate::verdict::{Verdict, What};
use probity_autodiff::nalgebra::DVector;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Scalar, Tape};

probity_autodiff::precompiled! {
    /// Draws of chains that know nothing of the fit, and whether to believe them.
    pub(super) fn independent_chains<T>(
        fitted: Fitted<'a, T>,
        model: &'a (dyn Model<T> + Sync),
    ) -> Result<(Vec<f64>, Verdict)> {
        const DENSE: usize = 60;
        let joint = LogJoint::<_, T>::new(ByRef(model))?;
        let start = fitted.layout.start(fitted.key.fold_in_str("check"))?;
        let learn = if joint.dim() <= DENSE { MetricKind::Dense } else { MetricKind::Diagonal };
        let nuts = Nuts::new().learn(learn).acceptance(0.9).max_depth(DEPTH);
        let samples = nuts.run(&AnyTarget::new(joint), &start)?;
        Ok((samples.draws(), grade(&samples, &quantities(fitted.layout))))
    }
}

/// Transitions of the kernel.
const TRANSITIONS: usize = 2;
/// What is within so many standard errors does not count as a drift.
const ERRORS: f64 = 3.5;
/// The acceptance below which the kernel's steps are halved, and how often they may be.
const ACCEPTANCE: f64 = 0.6;
const HALVED: usize = 4;
/// Draws of the first try.
const FIRST: usize = 64;

/// The kernel on `d` coordinates: a quarter of a period of a Gaussian in steps that the product of
/// so many acceptances allows, and of that `1 / 2^halved`.
///
/// *Source*: of the step size's order d^(-1/4) Beskos et al. 2013, "Optimal tuning of the hybrid
/// Monte Carlo algorithm".
fn kernel(d: usize, halved: usize) -> Hmc {
    let step = step_size(d) * 0.5_f64.powi(halved as i32);
    Hmc::new().step_size(step).leapfrogs(leapfrogs(step)).transitions(TRANSITIONS)
}

fn step_size(d: usize) -> f64 {
    0.25 * (200.0 / d.max(200) as f64).powf(0.25)
}

/// Steps of a quarter of a period.
fn leapfrogs(step: f64) -> usize {
    (1.5 / step).ceil() as usize
}

/// The gradients that [`by_drift`] takes for every draw, if no step is halved.
pub(crate) fn gradients_of_a_draw(d: usize) -> usize {
    1 + TRANSITIONS * leapfrogs(step_size(d))
}

/// Draws of a guide with equal weights, d numbers each, and what is known of all of its draws.
struct GuideDraws {
    points: Vec<f64>,
    mean: Vec<f64>,
    sd: Vec<f64>,
    covariance: Covariance,
}

/// `n` draws of the guide.
fn guide_draws<T: Scalar>(fitted: Fitted<'_, T>, n: usize, key: Key) -> Result<GuideDraws> {
    let d = fitted.layout.dim;
    if let Some((mean, covariance)) = fitted.guide.gaussian(fitted.params) {
        let mut points = vec![0.0; n * d];
        fill_normal(key, 0, &mut points);
        for point in points.chunks_exact_mut(d) {
            covariance.unwhiten(point);
            point.iter_mut().zip(&mean).for_each(|(u, m)| *u += m);
        }
        let sd = covariance.variances().into_iter().map(f64::sqrt).collect();
        return Ok(GuideDraws { points, mean, sd, covariance });
    }
    // Moments by many more draws, which cost no gradients.
    let all = n.max(20 * d).max(4000);
    let mut points = Vec::with_capacity(all * d);
    let mut tape = Tape::new();
    for i in 0..all {
        tape.reset();
        tape.bind(fitted.params);
        let at = DrawContext::new(&tape, fitted.params, key.fold_in(i as u64));
        let joint = fitted.guide.draw(at)?.into_joint(at)?;
        joint.u.read(|u| points.extend(u.iter().map(|u| u.to_f64())));
    }
    let (mean, sd) = crate::sampled::moments(&points, d);
    let mut products = vec![0.0; d * d];
    for u in points.chunks_exact(d) {
        for (j, column) in products.chunks_exact_mut(d).enumerate() {
            let by = (u[j] - mean[j]) / all as f64;
            column.iter_mut().zip(u.iter().zip(&mean)).for_each(|(c, (u, m))| *c += by * (u - m));
        }
    }
    let covariance = match Covariance::dense(d, &products) {
        Err(_) => Covariance::diagonal(&sd.iter().map(|s| s * s).collect::<Vec<_>>())?,
        dense => dense?,
    };
    points.truncate(n * d);
    Ok(GuideDraws { points, mean, sd, covariance })
}

/// Draws of a guide, and where two transitions of Hamiltonian Monte Carlo on the posterior have
/// moved them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushed {
    /// The draws, the unconstrained numbers of each one after the other.
    pub before: Vec<f64>,
    /// They after the transitions, in the same order.
    pub after: Vec<f64>,
    /// The mean acceptance of the transitions.
    pub acceptance: f64,
    /// Gradients on all data that it took.
    pub gradients: usize,
}

/// Moves draws of the guide; what is known of the guide, and where they are then.
fn moved<T: Scalar>(
    fitted: Fitted<'_, T>,
    model: &(dyn Model<T> + Sync),
    draws: usize,
) -> Result<(GuideDraws, Moved)> {
    let (d, key) = (fitted.layout.dim, fitted.key.fold_in_str("drift"));
    let joint = LogJoint::of(ByRef(model), &discover(model, key)?, key)?.at_params(fitted.params)?;
    let target = AnyTarget::new(joint);
    let guide = guide_draws(fitted, draws, key.fold_in_str("draws"))?;
    let seed = seed_of(key.fold_in_str("kernel"));
    let first = &guide.points[..draws.min(FIRST) * d];
    let (mut halved, mut tries) = (0, 0);
    while halved < HALVED {
        let tried = kernel(d, halved).seed(seed).run(&target, first, &guide.covariance)?;
        tries += tried.gradients;
        if tried.mean_acceptance() >= ACCEPTANCE {
            break;
        }
        halved += 1;
    }
    let mut moved = kernel(d, halved).seed(seed).run(&target, &guide.points, &guide.covariance)?;
    moved.gradients += tries;
    Ok((guide, moved))
}

probity_autodiff::precompiled! {
    /// Draws of the guide before and after an exact kernel.
    pub(super) fn pushed<T>(
        fitted: Fitted<'a, T>,
        model: &'a (dyn Model<T> + Sync),
        draws: usize,
    ) -> Result<Pushed> {
        let (guide, moved) = moved(fitted, model, draws)?;
        let acceptance = moved.mean_acceptance();
        Ok(Pushed { before: guide.points, after: moved.points, acceptance, gradients: moved.gradients })
    }
}

probity_autodiff::precompiled! {
    /// How far an exact kernel moves draws of the guide.
    pub(super) fn by_drift<T>(
        fitted: Fitted<'a, T>,
        model: &'a (dyn Model<T> + Sync),
        draws: usize,
    ) -> Result<Verdict> {
        let mut verdict = Verdict::new(quantities(fitted.layout).into_iter().map(|q| q.name));
        if !fitted.guide.has_density() {
            verdict.check(What::Point, 0.0);
            if let Some(off) = off_the_mean(fitted, model, draws)? {
                verdict.check_each(What::GuideMean, &off);
            }
            return Ok(verdict);
        }
        let (guide, moved) = moved(fitted, model, draws)?;
        verdict.check(What::DriftAcceptance, moved.mean_acceptance());
        verdict.check_each(What::Drift, &drifts(&guide, &moved));
        Ok(verdict)
    }
}

/// How far a mode is from the means that the exact kernel leads to from there, in the metric of the
/// curvature, in their standard deviations, beyond the error; none where there is no curvature, or
/// too many numbers.
fn off_the_mean<T: Scalar>(
    fitted: Fitted<'_, T>,
    model: &(dyn Model<T> + Sync),
    draws: usize,
) -> Result<Option<Vec<f64>>> {
    const MOST: usize = 200;
    let (d, key) = (fitted.layout.dim, fitted.key.fold_in_str("drift"));
    if d > MOST || fitted.guide.direct() != Some(Direct::Mode) {
        return Ok(None);
    }
    let joint = LogJoint::of(ByRef(model), &discover(model, key)?, key)?.at_params(fitted.params)?;
    let mut target = AnyTarget::new(joint);
    let tape = Tape::new();
    tape.bind(fitted.params);
    let at = DrawContext::new(&tape, fitted.params, key);
    let mode = fitted.guide.draw(at)?.into_joint(at)?.u;
    let mode: Vec<f64> = mode.read(|u| u.iter().map(|u| u.to_f64()).collect());
    let mut evaluate = |u: &[f64], values: &mut [f64], to: &mut [f64]| target.gradients(u, values, to);
    let peak = peak(&mode, DVector::from_element(d, 1.0), DIFFERENCE, &mut evaluate)?;
    let Some(Peak { factor: Ok(factor), .. }) = peak else { return Ok(None) };
    let gaussian = Gaussian { mean: DVector::from_column_slice(&mode), factor };
    let metric = Covariance::Dense(gaussian.cholesky()?);
    let seed = seed_of(key.fold_in_str("kernel"));
    let moved = kernel(d, 1).seed(seed).transitions(4).run(&target, &mode.repeat(draws), &metric)?;
    let of = |i: usize| {
        let after: Vec<f64> = moved.points.iter().skip(i).step_by(d).copied().collect();
        let (off, sd) = (mean(&after) - mode[i], variance(&after).sqrt());
        (off.abs() / sd - ERRORS / (draws as f64).sqrt()).max(0.0)
    };
    Ok(Some((0..d).map(of).collect()))
}

/// How far the mean or the standard deviation of every coordinate moved, in standard deviations of
/// the guide, beyond the error. What is known of the guide's moments takes the part of the error
/// that is that of its draws (a control variate).
fn drifts(guide: &GuideDraws, moved: &Moved) -> Vec<f64> {
    let d = guide.mean.len();
    let of = |i: usize| {
        let standard = |from: &[f64]| -> Vec<f64> {
            from.iter().skip(i).step_by(d).map(|u| (u - guide.mean[i]) / guide.sd[i]).collect()
        };
        let (before, after) = (standard(&guide.points), standard(&moved.points));
        let excess = |f: &dyn Fn(f64) -> f64, expected: f64| {
            let before: Vec<f64> = before.iter().map(|z| f(*z) - expected).collect();
            let after: Vec<f64> = after.iter().map(|z| f(*z) - expected).collect();
            let (a, b) = (mean(&before), mean(&after));
            let both = before.iter().zip(&after);
            let covariance: f64 = both.map(|(x, y)| (x - a) * (y - b)).sum::<f64>();
            let spread: f64 = before.iter().map(|x| (x - a).powi(2)).sum();
            let slope = if spread > 0.0 { covariance / spread } else { 0.0 };
            let rest: Vec<f64> = before.iter().zip(&after).map(|(x, y)| y - slope * x).collect();
            let error = (variance(&rest) / rest.len() as f64).sqrt();
            (mean(&rest).abs() - ERRORS * error).max(0.0)
        };
        // The change of half the square is that of the logarithm of the standard deviation.
        excess(&|z| z, 0.0).max(excess(&|z| 0.5 * z * z, 0.5))
    };
    (0..d).map(of).collect()
}
