//! A fit that climbs to the mode of the log joint density: a point, or the Gaussian there.

use super::Fit;
use super::course::Output;
use super::run::{State, stage};
use crate::error::{Error, Result};
use crate::gaussian::{DIFFERENCE, Gaussian, peak};
use crate::ladder::Evaluator;
use crate::layout::{Layout, Site};
use crate::log_joint::LogJoint;
use crate::model::{ByRef, Model};
use crate::observer::Observer;
use crate::optim::{Ended, Lbfgs};
use crate::report::{Method, Stopped};
use crate::scope::Discovered;
use crate::target::{AnyTarget, Target};
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::{Key, Scalar};
use std::any::TypeId;
use std::time::Instant;

/// The most numbers of a climb, whose points are all kept.
const CLIMBED: usize = 100_000;
/// Up to so many numbers a point is found by Newton steps in the end; more would cost their square.
const NEWTON: usize = 200;
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

    /// Climbs from where guides start, and sets the guide.
    pub(super) fn climbed(
        &mut self,
        model: &(dyn Model<T> + Sync),
        found: &Discovered,
        state: &mut State<T>,
        observers: &mut [&mut dyn Observer],
        laplace: bool,
        key: Key,
    ) -> Result<Output> {
        let (start, sd) = found.layout.start_moments(key.fold_in_str("start"))?;
        let joint = LogJoint::of(ByRef(model), found, key)?;
        let mut evaluator = Evaluator::new(&joint);
        let deadline = self.time_limit.map(|limit| Instant::now() + limit);
        let mut target = Until { target: evaluator.target().clone(), deadline };
        stage(observers, "climbing to the mode");
        let path = Lbfgs::new()
            .iterations((100_000_000 / start.len().max(1)).min(10_000))
            .run(&mut target, &start)?;
        let mut stopped = match path.ended {
            _ if target.is_late() => Stopped::TimeLimit,
            Ended::Mode | Ended::Rounding => Stopped::Stationary,
            // The last digits of single precision are no slope.
            Ended::LineSearch if TypeId::of::<T>() != TypeId::of::<f64>() => Stopped::Stationary,
            _ => Stopped::Limit,
        };
        let mut mode = DVector::from_column_slice(path.mode());
        let mut factor = DMatrix::zeros(0, 0);
        let in_time = stopped != Stopped::TimeLimit;
        if laplace || (mode.len() <= NEWTON && in_time) {
            stage(observers, "taking the curvature at the mode");
            let difference = if TypeId::of::<T>() == TypeId::of::<f64>() { DIFFERENCE } else { SINGLE };
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
                    return Err(not_concave(&found.layout, number, curvature));
                }
                None if laplace => return Err(not_concave(&found.layout, 0, f64::NAN)),
                // A point needs no curvature, but where there is none it is no mode.
                _ => stopped = Stopped::Limit,
            }
        }
        state.guide.assign(&Gaussian { mean: mode, factor }, &mut state.params);
        let gradients = path.evaluations + evaluator.evaluations;
        Ok(Output::new(Method::Climbed, (path.len() - 1, stopped), 1, gradients))
    }
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
