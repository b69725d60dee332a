//! Optimisers on the flat parameter vector, schedules of their rate, and clipping.

mod adam;
mod clip;
mod lbfgs;
mod line_search;
mod schedule;
mod sgd;
mod state;
mod trust_region;

pub use adam::Adam;
pub use clip::clip_norm;
pub(crate) use lbfgs::rescale;
pub use lbfgs::{Ended, Lbfgs, LbfgsState, OptimPath};
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use state::OptimizerState;
pub(crate) use state::Rule;
pub use trust_region::{TrustRegion, TrustRegionState};

use crate::error::{Error, Result};
use probity_autodiff::{AdamStep, Scalar};
use std::fmt::Debug;

/// Requires a setting to meet a condition; `want` says which.
fn require(holds: bool, setting: &'static str, want: &str, got: f64) -> Result {
    let problem = || format!("{want} is needed, not {got}");
    if holds { Ok(()) } else { Err(Error::Setting { setting, problem: problem() }) }
}

/// A step size: finite and 0 or more, as in PyTorch. A rate of 0 leaves the parameters where they
/// are.
fn require_rate(setting: &'static str, rate: f64) -> Result {
    require((0.0..f64::INFINITY).contains(&rate), setting, "a finite rate of 0 or more", rate)
}

/// A rule that changes parameters by their gradient. Losses are minimised.
///
/// The rule knows the step; what it remembers of the parameters stands in arrays beside them
/// ([`OptimizerState`]). So any part of the parameters can be updated by itself: as soon as its
/// gradient is complete, and on any thread.
///
/// ```
/// use probity_vi::optim::{Adam, OptimizerState, Optimizer};
///
/// let (mut adam, mut x) = (Adam::new(0.1), vec![1.0, -2.0]);
/// let mut state = OptimizerState::new(&adam, 2);
/// for _ in 0..500 {
///     let gradient = vec![2.0 * (x[0] - 3.0), 2.0 * (x[1] - 5.0)];
///     state.step(&mut adam, &mut x, &gradient, &[(0..2, 0.1)]);
/// }
/// assert!((x[0] - 3.0_f64).abs() < 1e-3 && (x[1] - 5.0).abs() < 1e-3);
/// ```
pub trait Optimizer<T: Scalar>: Debug + Send + Sync + CloneOptimizer<T> {
    /// Whether the settings can be used. A [`Fit`](crate::Fit) asks before its first step.
    ///
    /// # Errors
    /// [`Error::Setting`], which names the setting.
    fn check(&self) -> Result {
        Ok(())
    }

    /// The step size before schedules and multipliers.
    fn rate(&self) -> f64;

    /// How many numbers it remembers of every parameter, at most four.
    fn state_arrays(&self) -> usize;

    /// Begins a step.
    fn begin(&mut self);

    /// Some of the parameters, with their rate in this step, their gradient, and where their new
    /// values go. `state` has the same entries of every array. The new value of a parameter may
    /// depend on nothing but what belongs to it.
    fn update(&self, rate: f64, params: &[T], gradient: &[T], to: &mut [T], state: &mut [&mut [T]]);

    /// What the step is, at this rate, if it is one of Adam with its two arrays: loops that make
    /// gradients can then use them up entry by entry, with the result of
    /// [`update`](Optimizer::update).
    fn adam(&self, _rate: f64) -> Option<AdamStep> {
        None
    }
}

/// What makes `Box<dyn Optimizer>` and with it a [`Fit`](crate::Fit) `Clone`: an optimiser that is
/// `Clone` has it.
pub trait CloneOptimizer<T: Scalar> {
    /// A copy, behind the interface.
    fn clone_boxed(&self) -> Box<dyn Optimizer<T>>;
}

impl<T: Scalar, O: Optimizer<T> + Clone + 'static> CloneOptimizer<T> for O {
    fn clone_boxed(&self) -> Box<dyn Optimizer<T>> {
        Box::new(self.clone())
    }
}

impl<T: Scalar> Clone for Box<dyn Optimizer<T>> {
    fn clone(&self) -> Self {
        // Of what is in the box: a box is no optimiser.
        (**self).clone_boxed()
    }
}
