//! The optimum of a Gaussian fit: more draws until an independent set of them agrees.

use super::ascent::{Ended, Surface, Trust, ascend};
use super::full_rank::FullRank;
use super::mean_field::MeanField;
use super::path::path;
use super::{Covariance, Evaluate, Gaussian, fixed_draws};
use crate::error::Result;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{Cholesky, DMatrix, DVector};
use std::cell::Cell;
use std::time::Instant;

/// What a solution must satisfy, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) covariance: Covariance,
    /// How far an independent set of draws may want to move a mean, in its standard deviations, and
    /// the logarithm of a standard deviation.
    pub(crate) tolerance: f64,
    /// The most gradients before a round of more draws.
    pub(crate) gradients: usize,
    /// When to end at the latest.
    pub(crate) deadline: Option<Instant>,
}

/// Where a solution ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) gaussian: Gaussian,
    /// The full-rank Gaussian that was found on the way (the same, if that was wanted).
    pub(crate) full: Gaussian,
    /// Whether an independent set of draws agrees that this is the optimum.
    pub(crate) at_rest: bool,
    /// Whether it was told to end, or the deadline has passed.
    pub(crate) told: bool,
    /// How far that set would move a mean, and the logarithm of a standard deviation.
    pub(crate) moved: (f64, f64),
    pub(crate) iterations: usize,
    pub(crate) draws: usize,
}

/// What is told of every iteration: its number, the ELBO by the fixed draws without constants (on
/// the path to the mode, the log density), and the largest movement in standard deviations. False
/// ends the fit.
pub(crate) type Watch<'a> = dyn FnMut(usize, f64, f64) -> bool + 'a;

/// An ascent that does not converge ends after so many times the gradients that are allowed.
const SPENT: usize = 12;
/// The fewest pairs of draws.
const FEWEST_PAIRS: usize = 16;

/// Solves for the Gaussian of the highest ELBO, from a start. None if the density is not finite
/// near the start.
pub(crate) fn solve(
    start: Gaussian,
    settings: Settings,
    key: Key,
    evaluate: &mut Evaluate<'_>,
    watch: &mut Watch<'_>,
) -> Result<Option<Outcome>> {
    let d = start.dim();
    let (mut iterations, gradients, mut told) = (0, Cell::new(0), false);
    let mut counted = |u: &[f64], values: &mut [f64], to: &mut [f64]| {
        gradients.set(gradients.get() + values.len());
        evaluate(u, values, to)
    };
    let mut go_on = |value: f64, moved: f64| {
        if told {
            return false;
        }
        iterations += 1;
        // A Gaussian for which there is no optimum, as in a funnel's neck, is left where it is.
        if gradients.get() > SPENT * settings.gradients {
            return false;
        }
        let late = settings.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        told = late || !watch(iterations, value, moved);
        !told
    };
    let Some(start) = path(&start, key.fold_in_str("path"), &mut counted, &mut go_on)? else {
        return Ok(None);
    };
    let wants_full = settings.covariance == Covariance::Full;
    let within = |more: usize| gradients.get() + more <= settings.gradients;
    let thorough = Effort { pairs: FEWEST_PAIRS.max(2 * d), tolerance: settings.tolerance, within: &within };
    // On the way to a mean field a rough metric will do.
    let rough = Effort { tolerance: f64::INFINITY, ..thorough };
    let effort = if wants_full { thorough } else { rough };
    let full_key = key.fold_in_str("full rank");
    let Some(full) = converge(&FullRank, start, effort, full_key, &mut counted, &mut go_on)? else {
        return Ok(None);
    };
    let whole = full.gaussian.clone();
    let last = if wants_full {
        full
    } else {
        let start = Gaussian::diagonal(whole.mean.as_slice(), conditional_sd(&whole).as_slice());
        let surface = MeanField { metric: &whole.factor };
        let key = key.fold_in_str("mean field");
        match converge(&surface, start, thorough, key, &mut counted, &mut go_on)? {
            Some(last) => last,
            None => return Ok(None),
        }
    };
    let Converged { gaussian, at_rest, moved, draws } = last;
    let at_rest = at_rest && !told;
    Ok(Some(Outcome { gaussian, full: whole, at_rest, told, moved, iterations, draws }))
}

/// How many draws to begin with, and until when they are multiplied.
#[derive(Clone, Copy)]
struct Effort<'a> {
    pairs: usize,
    tolerance: f64,
    within: &'a dyn Fn(usize) -> bool,
}

struct Converged {
    gaussian: Gaussian,
    at_rest: bool,
    moved: (f64, f64),
    draws: usize,
}

/// Ascends on a set of draws and asks an independent set where it would go from there. With four
/// times the draws again, until that is not far.
fn converge<S: Surface>(
    surface: &S,
    start: Gaussian,
    effort: Effort<'_>,
    key: Key,
    evaluate: &mut Evaluate<'_>,
    go_on: &mut dyn FnMut(f64, f64) -> bool,
) -> Result<Option<Converged>> {
    let (d, mut gaussian, mut pairs) = (start.dim(), start, effort.pairs);
    let mut result = None;
    for round in 0.. {
        let draws = |set: u64| fixed_draws(d, pairs, key.fold_in(2 * round + set));
        let z = draws(0);
        // A start may be so wide that the density overflows at some draw.
        let mut point = None;
        for _ in 0..WIDTHS {
            point = surface.at(gaussian.clone(), &z, evaluate)?;
            if point.is_some() {
                break;
            }
            gaussian.factor *= 0.1;
        }
        let Some(point) = point else { break };
        let (point, ended) = ascend(surface, point, &z, evaluate, go_on)?;
        gaussian = S::gaussian(point);
        let mut moved = (f64::INFINITY, f64::INFINITY);
        let mut at_rest = false;
        if ended == Ended::Converged
            && let Some(other) = surface.at(gaussian.clone(), &draws(1), evaluate)?
        {
            let step = surface.step(&other, Trust { log_scale: 1.0, ..Trust::WITHOUT_LIMIT });
            moved = step.moved;
            at_rest = step.largest() < effort.tolerance;
            if step.largest() < 0.5 {
                // The optimum of both sets together is halfway between theirs.
                gaussian.mean = (&gaussian.mean + &step.to.mean) / 2.0;
                gaussian.factor = (&gaussian.factor + &step.to.factor) / 2.0;
            }
        }
        result = Some(Converged { gaussian: gaussian.clone(), at_rest, moved, draws: 4 * pairs });
        pairs *= 4;
        if at_rest || ended != Ended::Converged || !(effort.within)(12 * pairs) {
            break;
        }
    }
    Ok(result)
}

/// How often a start is made narrower by a factor of ten.
const WIDTHS: usize = 12;

/// The standard deviation of every coordinate when all others are held.
fn conditional_sd(gaussian: &Gaussian) -> DVector<f64> {
    let sd = gaussian.sd();
    let mut scaled = gaussian.factor.clone();
    scaled.row_iter_mut().zip(&sd).for_each(|(mut row, sd)| row /= *sd);
    // By the correlations, whose scales do not differ.
    match Cholesky::new(&scaled * scaled.transpose()) {
        Some(cholesky) => {
            let precision: DMatrix<f64> = cholesky.inverse();
            sd.zip_map(&precision.diagonal(), |sd, p| sd / p.sqrt())
        }
        None => sd,
    }
}
