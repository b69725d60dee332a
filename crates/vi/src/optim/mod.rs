//! Optimisers on the flat parameter vector, schedules of their rate, and clipping.

mod adam;
mod clip;
mod norm;
mod schedule;
mod sgd;

pub use adam::Adam;
pub use clip::clip_norm;
pub(crate) use norm::norm;
pub use schedule::Schedule;
pub use sgd::Sgd;

use probity_autodiff::Scalar;
use std::fmt::Debug;
use std::ops::Range;

/// A rule that changes parameters by their gradient. Losses are minimised.
pub trait Optimizer<T: Scalar>: Debug + Send {
    /// The step size before schedules and multipliers.
    fn rate(&self) -> f64;

    /// Changes the parameters. `rates` covers all of them by consecutive ranges, each with the rate of this step.
    ///
    /// The first call fixes the number of parameters.
    ///
    /// # Panics
    /// If the slices differ in length, or from the first call's.
    fn step(&mut self, params: &mut [T], gradient: &[T], rates: &[(Range<usize>, f64)]);

    /// Forgets what earlier gradients left behind.
    fn reset(&mut self);
}
