//! A fit that climbs to the mode of the log joint density: a point, or the Gaussian there.

use super::Fit;
use super::course::Output;
use super::run::State;
use crate::error::{Error, Result};
use crate::gaussian::{DIFFERENCE, Gaussian, peak};
use crate::ladder::Evaluator;
use crate::layout::{Layout, Site};
use crate::log_joint::LogJoint;
use crate::model::{ByRef, Model};
use crate::observer::{Observer, stage};
use crate::optim::{Ended, Lbfgs};
use crate::report::{Climb, Method, Stopped};
use crate::scope::Discovered;
use crate::target::{AnyTarget, Target};
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::fill_uniform;
use probity_autodiff::{Key, Scalar};
use std::any::TypeId;
use std::time::Instant;

/// The most numbers of a climb, whose points are all kept.
const CLIMBED: usize = 100_000;
/// Up to so many numbers a point is found by Newton steps in the end; more would cost their square.
const NEWTON: usize = 200;
/// From how many places these begin.
const STARTS: usize = 4;
/// The most numbers of a Laplace approximation, whose Hessian takes the cube of them.
const MOST: usize = 4000;
/// The step of second differences of gradients in single precision.
const SINGLE: f64 = 0.05;

impl<T: Scalar> Fit<T> {
    /// Whether a point is found by a climb, and not by steps.
    pub(super) fn could_climb(&self, layout: &Layout) -> bool {
        self.has_all_data(layout) && (1..=CLIMBED).contains(&layout.dim())
    }

    /// Whether the settings and the model are such that there can be a Laplace approximation.
    pub(super) fn check_laplace(&self, layout: &Layout) -> Result {
        let problem = if !self.has_all_data(layout) {
            "it needs all data at once, no settings of steps, the true objective, and a model without point parameters".into()
        } else if layout.dim() > MOST {
            format!("the Hessian of {} numbers is too large, {MOST} are the most", layout.dim())
        } else {
            return Ok(());
        };
        Err(Error::Setting { setting: "Laplace approximation", problem })
    }

    /// Climbs from where guides start and from places around it, and sets the guide to the best
    /// mode.
    pub(super) fn climbed(
        &mut self,
        model: &(dyn Model<T> + Sync),
        found: &Discovered,
        state: &mut State<T>,
        observers: &mut [&mut dyn Observer],
        laplace: bool,
        key: Key,
    ) -> Result<Output> {
        let joint = LogJoint::of(ByRef(model), found, key)?;
        let deadline = self.settings.time_limit.map(|limit| Instant::now() + limit);
        let single = TypeId::of::<T>() != TypeId::of::<f64>();
        let mut climber = Climber { evaluator: Evaluator::new(&joint), deadline, laplace, single };
        let starts = self.settings.starts.unwrap_or(if found.layout.dim() <= NEWTON { STARTS } else { 1 });
        let (mut tops, mut failure): (Vec<Top>, _) = (Vec::new(), None);
        for i in 0..starts {
            if i > 0 && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            let mut start = found.layout.start_moments(key.fold_in_str("start"))?;
            if i > 0 {
                start = found.layout.start_moments(key.fold_in_str("start").fold_in(i as u64))?;
                around(&mut start.0, key.fold_in_str("around").fold_in(i as u64));
            }
            stage(observers, &format!("climbing to the mode, start {} of {starts}", i + 1));
            match climber.climb(&found.layout, start, observers) {
                Ok(top) => tops.push(top),
                // One of several may begin where there is no density, or end where it is flat.
                Err(error) if starts > 1 => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        let rank = |top: &Top| (top.climb.stopped == Stopped::Stationary, top.climb.score());
        let better = |a: (bool, f64), b: (bool, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
        // The first of equals.
        let best = (0..tops.len()).rev().max_by(|a, b| better(rank(&tops[*a]), rank(&tops[*b])));
        let Some(best) = best else {
            let problem = "there is none".to_owned();
            return Err(failure.unwrap_or(Error::Setting { setting: "starts", problem }));
        };
        tops[best].climb.taken = true;
        let climbs = tops.iter().map(|top| top.climb).collect();
        let Top { gaussian, climb, iterations } = tops.swap_remove(best);
        state.guide.assign(&gaussian, &mut state.params);
        let gradients = climber.evaluator.evaluations;
        let output = Output::new(Method::Climbed, (iterations, climb.stopped), 1, gradients);
        Ok(Output { climbs, ..output })
    }
}

/// Moves a start by up to 2 along every coordinate.
fn around(start: &mut [f64], key: Key) {
    let mut u = vec![0.0; start.len()];
    fill_uniform(key, 0, &mut u);
    start.iter_mut().zip(&u).for_each(|(x, u)| *x += 4.0 * u - 2.0);
}

/// Where a climb ended.
struct Top {
    /// A point has an empty factor.
    gaussian: Gaussian,
    climb: Climb,
    iterations: usize,
}

struct Climber<'a> {
    evaluator: Evaluator<'a>,
    deadline: Option<Instant>,
    laplace: bool,
    /// Whether the density is computed in single precision.
    single: bool,
}

impl Climber<'_> {
    fn climb(
        &mut self,
        layout: &Layout,
        (start, sd): (Vec<f64>, Vec<f64>),
        observers: &mut [&mut dyn Observer],
    ) -> Result<Top> {
        let Self { evaluator, deadline, laplace, single } = self;
        let (laplace, single) = (*laplace, *single);
        let mut target = Until { target: evaluator.target().clone(), deadline: *deadline };
        let iterations = (100_000_000 / start.len().max(1)).min(10_000);
        let path = Lbfgs::new().iterations(iterations).run(&mut target, &start)?;
        evaluator.evaluations += path.evaluations;
        let mut stopped = match path.ended {
            _ if target.is_late() => Stopped::TimeLimit,
            Ended::Mode | Ended::Rounding => Stopped::Stationary,
            // The last digits of single precision are no slope.
            Ended::LineSearch if single => Stopped::Stationary,
            _ => Stopped::Limit,
        };
        let mut mode = DVector::from_column_slice(path.mode());
        let mut factor = DMatrix::zeros(0, 0);
        let in_time = stopped != Stopped::TimeLimit;
        if laplace || (mode.len() <= NEWTON && in_time) {
            stage(observers, "taking the curvature at the mode");
            let difference = if single { SINGLE } else { DIFFERENCE };
            let mut evaluate =
                |u: &[f64], values: &mut [f64], to: &mut [f64]| evaluator.gradients(u, values, to);
            let scale = DVector::from_vec(sd);
            let peak = peak(mode.as_slice(), scale, difference, &mut evaluate)?;
            match peak.map(|peak| (peak.mode, peak.factor)) {
                Some((at, Ok(f))) => {
                    (mode, factor) = (at, f);
                    if in_time {
                        stopped = Stopped::Stationary;
                    }
                }
                Some((_, Err((number, curvature)))) if laplace => {
                    return Err(not_concave(layout, number, curvature));
                }
                None if laplace => return Err(not_concave(layout, 0, f64::NAN)),
                // A point needs no curvature, but where there is none it is no mode.
                _ => stopped = Stopped::Limit,
            }
        }
        let (mut value, mut gradient) = ([0.0], vec![0.0; mode.len()]);
        evaluator.gradients(mode.as_slice(), &mut value, &mut gradient)?;
        let [log_joint] = value;
        let log_evidence = laplace.then(|| log_joint + log_volume(&factor));
        let climb = Climb { log_joint: Some(log_joint), log_evidence, elbo: None, stopped, taken: false };
        Ok(Top { gaussian: Gaussian { mean: mode, factor }, climb, iterations: path.len() - 1 })
    }
}

/// `½ ln det 2π F Fᵀ`.
fn log_volume(factor: &DMatrix<f64>) -> f64 {
    let log_det: f64 = factor.clone().lu().u().diagonal().iter().map(|x| x.abs().ln()).sum();
    log_det + 0.5 * std::f64::consts::TAU.ln() * factor.nrows() as f64
}

fn not_concave(layout: &Layout, number: usize, curvature: f64) -> Error {
    let holds = |site: &&Site| (site.offset..site.offset + site.dim()).contains(&number);
    let (site, entry) =
        layout.latent().find(holds).map_or((String::new(), 0), |s| (s.name.clone(), number - s.offset));
    Error::NotConcave { site, entry, curvature }
}

/// A target that is finite nowhere once the time is over.
#[derive(Clone)]
struct Until<'a> {
    target: AnyTarget<'a>,
    deadline: Option<Instant>,
}

impl Until<'_> {
    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl Target for Until<'_> {
    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let value = self.target.gradient(u, gradient)?;
        Ok(if self.is_late() { f64::NAN } else { value })
    }
}
