//! Steps up to a mode of the weights' density.

use super::problem::Problem;
use crate::error::{Error, Result};
use probity_autodiff::Key;
use probity_vi::Target;
use probity_vi::optim::{Adam, OptimizerState, Schedule};
use serde::{Deserialize, Serialize};

/// Adam on the log joint density, by minibatches of large tables; the rate falls to nothing in the
/// second half, as a cosine does.
///
/// Unknown scales of priors are set where the density is largest given their weights, and not moved
/// by their gradients. Weights of a noise that depends on the inputs are 0 in the first half, so
/// that what the mean can explain is not taken for noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ascent {
    /// Steps.
    pub steps: usize,
    /// The rate of Adam in the first half.
    pub rate: f64,
    /// Rows of a step; none for what is [usual](Problem::by_minibatches).
    pub minibatch: Option<usize>,
}

impl Default for Ascent {
    fn default() -> Self {
        Self { steps: 1500, rate: 0.02, minibatch: None }
    }
}

/// Where an ascent ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Climbed {
    /// The coordinates.
    pub u: Vec<f64>,
    /// Gradients on all rows that it took.
    pub gradients: usize,
}

impl Ascent {
    /// From a start that is drawn by this key.
    ///
    /// # Errors
    /// If the density is not finite at the end, and what the model reports.
    pub fn climb(&self, problem: &Problem<'_>, key: Key) -> Result<Climbed> {
        let start = problem.start(key.fold_in_str("start"))?;
        let scales = problem.scales();
        self.run(problem, start, (key, &[]), &|u, done| scales.ascend(u, done))
    }

    /// From `u`, with the scales and what else is held as they are there.
    pub(super) fn from(
        &self,
        problem: &Problem<'_>,
        u: Vec<f64>,
        key: Key,
        held: &[usize],
    ) -> Result<Climbed> {
        self.run(problem, u, (key, held), &|_, _| ())
    }

    fn run(
        &self,
        problem: &Problem<'_>,
        mut u: Vec<f64>,
        (key, held): (Key, &[usize]),
        before: &dyn Fn(&mut [f64], f64),
    ) -> Result<Climbed> {
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return Err(setting("rate", format!("{} is not positive and finite", self.rate)));
        }
        let d = u.len();
        let (mut target, mut gradient) = (problem.by_minibatches(self.minibatch)?, vec![0.0; d]);
        let mut adam = Adam::new(self.rate);
        let mut state = OptimizerState::new(&adam, d);
        let schedule = Schedule::HoldThenCosine { hold: 0.5, end: 0.005 };
        let held: Vec<usize> = problem.scales().coordinates().chain(held.iter().copied()).collect();
        let mut last = u.clone();
        let mut finite = false;
        for step in 0..self.steps {
            let done = step as f64 / self.steps as f64;
            before(&mut u, done);
            // Of masks of dropout, and of the rows.
            target.set_key(key.fold_in_str("masks").fold_in(step as u64));
            let value = target.gradient(&u, &mut gradient)?;
            finite = value.is_finite() && gradient.iter().all(|g| g.is_finite());
            if !finite {
                // Half of the way back.
                u.iter_mut().zip(&last).for_each(|(u, before)| *u = 0.5 * (*u + before));
                continue;
            }
            last.copy_from_slice(&u);
            // A loss falls where the density rises.
            gradient.iter_mut().for_each(|g| *g = -*g);
            held.iter().for_each(|i| gradient[*i] = 0.0);
            state.step(&mut adam, &mut u, &gradient, &[(0..d, self.rate * schedule.factor(done))]);
        }
        before(&mut u, 1.0);
        if (self.steps > 0 && !finite) || u.iter().any(|u| !u.is_finite()) {
            return Err(setting("start", "the log density is not finite where the ascent ended".into()));
        }
        Ok(Climbed { u, gradients: problem.passes(self.steps, self.minibatch) })
    }
}

/// A setting that cannot be used.
pub(super) fn setting(setting: &'static str, problem: String) -> Error {
    probity_vi::Error::Setting { setting, problem }.into()
}
