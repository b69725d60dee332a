//! Densities of a network behind one type, whatever its layers and its head.

use probity_autodiff::{Key, Scalar};
use probity_vi::{LogJoint, Model, Result, Target};
use std::fmt;

/// The log joint density of a network's weights given its data, with the gradient: a [`Target`] for
/// samplers and optimisers.
pub struct NetTarget<'a>(Box<dyn Density + 'a>);

/// A log density of any model.
trait Density: Send {
    fn dim(&self) -> usize;
    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64>;
    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result;
    fn set_key(&mut self, key: Key);
    fn boxed_clone<'b>(&self) -> Box<dyn Density + 'b>
    where
        Self: 'b;
}

impl<T: Scalar, M: Model<T> + Clone + Send> Density for LogJoint<M, T> {
    fn dim(&self) -> usize {
        LogJoint::dim(self)
    }
    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        Target::gradient(self, u, gradient)
    }
    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        Target::gradients(self, points, values, gradients)
    }
    fn set_key(&mut self, key: Key) {
        LogJoint::set_key(self, key);
    }
    fn boxed_clone<'b>(&self) -> Box<dyn Density + 'b>
    where
        Self: 'b,
    {
        Box::new(self.clone())
    }
}

impl<'a> NetTarget<'a> {
    pub(crate) fn new<T: Scalar, M: Model<T> + Clone + Send + 'a>(density: LogJoint<M, T>) -> Self {
        Self(Box::new(density))
    }

    /// The key of the net's own random numbers in the next calls, such as the masks of dropout.
    pub fn set_key(&mut self, key: Key) {
        self.0.set_key(key);
    }
}

impl Clone for NetTarget<'_> {
    fn clone(&self) -> Self {
        Self(self.0.boxed_clone())
    }
}

impl fmt::Debug for NetTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetTarget").field("dim", &self.0.dim()).finish_non_exhaustive()
    }
}

impl Target for NetTarget<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        self.0.gradient(u, gradient)
    }

    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        self.0.gradients(points, values, gradients)
    }
}
