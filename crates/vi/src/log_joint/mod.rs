//! The log joint density of a model as a function of one flat unconstrained vector.

mod evaluation;
mod recordings;
mod second_order;

use crate::error::Result;
use crate::layout::Layout;
use crate::model::Model;
use crate::scope::{Discovered, discover};
pub(crate) use evaluation::points_of;
use evaluation::{Evaluation, centre, evaluate, gradients, gradients_f64, pointwise, starts_of};
use probity_autodiff::{Key, Params, Scalar};
pub use second_order::SecondOrder;
use std::fmt;

/// `u ↦ ln p(x(u), data) + ln |dx/du|` and its gradient: what samplers and optimisers of point
/// estimates work with.
///
/// The entries of `u` stand in the order of the layout's latent sites, each column by column. The
/// model's point parameters stand at their start.
///
/// A model that looks at no value ([`Var::read`](probity_autodiff::Var::read) and what is made of
/// it, such as `item`) records the same operations at every point. So its first run is kept and
/// [run again](probity_autodiff::Recording) at later points, which saves most of the time of a
/// small model. The second run confirms it: if another value or gradient comes out, as from a model
/// with random numbers of its own, the model is run at every point. So it is where the density is
/// not finite, for the model's errors. Once the first calls are done, a call allocates nothing.
pub struct LogJoint<M, T: Scalar = f64> {
    model: M,
    evaluation: Evaluation<T>,
}

/// Which terms of a log joint density are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All.
    #[default]
    Joint,
    /// The priors, with the Jacobians of the constraints.
    Prior,
    /// The data and factors.
    Likelihood,
}

// Closures are models and have no Debug form.
impl<M, T: Scalar> fmt::Debug for LogJoint<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogJoint").field("layout", &self.evaluation.layout).finish_non_exhaustive()
    }
}

/// With a tape of its own.
impl<M: Clone, T: Scalar> Clone for LogJoint<M, T> {
    fn clone(&self) -> Self {
        Self { model: self.model.clone(), evaluation: self.evaluation.anew() }
    }
}

impl<M: Model<T>, T: Scalar> LogJoint<M, T> {
    /// Of this model.
    ///
    /// # Errors
    /// What the model's first run reports.
    pub fn new(model: M) -> Result<Self> {
        let key = Key::new(0);
        let found = discover(&model, key)?;
        Self::of(model, &found, key)
    }

    /// Of a model whose first run has been.
    pub(crate) fn of(model: M, found: &Discovered, key: Key) -> Result<Self> {
        let starts = starts_of(&found.layout, key)?;
        Ok(Self { model, evaluation: Evaluation::new(found, starts) })
    }

    /// Of these terms only.
    pub fn part(mut self, part: Part) -> Self {
        self.evaluation.part = part;
        self.evaluation.forget();
        self
    }

    /// The key of the model's own random numbers ([`Scope::random`](crate::Scope::random)) in the
    /// next calls; without, they are the same in all. A new key for every step makes the gradient
    /// a stochastic one, as that of a net with dropout.
    pub fn set_key(&mut self, key: Key) {
        self.evaluation.set_key(key);
    }

    /// With the model's point parameters where these have them.
    pub(crate) fn at_params(mut self, params: &Params<T>) -> Result<Self> {
        self.evaluation.starts = points_of(&self.evaluation.layout, params)?;
        self.evaluation.forget();
        Ok(self)
    }

    /// As a function of `z` at these sites, which have Normal priors: `x = loc + scale z`. Where
    /// data say little of single entries, `z` does not depend on the scale, and `x` does.
    ///
    /// *Source*: Papaspiliopoulos, Roberts, Sköld 2007, "A general framework for the
    /// parametrization of hierarchical models".
    pub(crate) fn non_centred(mut self, sites: &[usize]) -> Self {
        self.evaluation.non_centred = sites.to_vec();
        self.evaluation.forget();
        self
    }

    /// From the coordinates of a non-centred density to those of the model: `z` becomes `x`.
    pub(crate) fn centre(&mut self, points: &mut [f64]) -> Result {
        centre(&mut self.evaluation, &self.model, points)
    }

    /// The site table.
    pub fn layout(&self) -> &Layout {
        &self.evaluation.layout
    }

    /// The number of unconstrained latent numbers.
    pub fn dim(&self) -> usize {
        self.evaluation.dim()
    }

    /// The density at `u`.
    ///
    /// # Errors
    /// What the model reports, or if `u` does not have `dim` entries.
    pub fn value(&mut self, u: &[T]) -> Result<T> {
        let mut value = [T::from_f64(0.0)];
        evaluate(&mut self.evaluation, &self.model, u, &mut value, None)?;
        Ok(value[0])
    }

    /// The density at `u`; its gradient is written to `gradient`.
    ///
    /// # Errors
    /// As `value`, or if `gradient` does not have `dim` entries.
    pub fn gradient(&mut self, u: &[T], gradient: &mut [T]) -> Result<T> {
        let mut value = [T::from_f64(0.0)];
        evaluate(&mut self.evaluation, &self.model, u, &mut value, Some(gradient))?;
        Ok(value[0])
    }

    /// The density at `values.len()` points, which stand one after the other in `points`, and their
    /// gradients in the same order. Points of a small model are computed several at once: what does
    /// not depend on the point is computed once for all of them.
    ///
    /// # Errors
    /// As `gradient`, for the first point that fails.
    pub fn gradients(&mut self, points: &[T], values: &mut [T], to: &mut [T]) -> Result {
        gradients(&mut self.evaluation, &self.model, points, values, to)
    }

    /// As [`gradients`](LogJoint::gradients), on numbers in double precision. The value is NaN
    /// where the arithmetic fails, which need not be so at other points.
    pub(crate) fn gradients_f64(&mut self, points: &[f64], values: &mut [f64], to: &mut [f64]) -> Result {
        gradients_f64(&mut self.evaluation, &self.model, points, values, to)
    }

    /// The density at `u`; the log likelihood of every observation there is appended to
    /// `log_likelihood`: site after site in the order of the layout, an entry (of a family of
    /// vectors a row) a number, column by column. Entries of [factors](crate::Scope::factor) are
    /// not observations, and not among them.
    ///
    /// # Errors
    /// As [`value`](LogJoint::value).
    pub fn pointwise(&mut self, u: &[T], log_likelihood: &mut Vec<T>) -> Result<T> {
        pointwise(&mut self.evaluation, &self.model, u, log_likelihood)
    }
}

#[cfg(test)]
mod tests;
