//! Log joint densities with exact products of their Hessian.

use super::LogJoint;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::target::Target;
use probity_autodiff::{Dual, Key};
use std::fmt;

/// The log joint density of a model on numbers of any kind, with exact Hessian-vector products: the
/// gradient on a tape of dual numbers, whose derivative is taken along the vector (forward over
/// reverse).
///
/// The model is a struct that implements [`Model`] for every scalar. A closure is a model on `f64`
/// only; for its [`LogJoint`] products are by differences of gradients
/// ([`Target::hessian_vector`]).
///
/// *Source*: Pearlmutter 1994, "Fast exact multiplication by the Hessian".
pub struct SecondOrder<M> {
    first: LogJoint<M>,
    second: LogJoint<M, Dual<f64, 1>>,
}

impl<M: Model + Model<Dual<f64, 1>> + Clone> SecondOrder<M> {
    /// Of this model.
    ///
    /// # Errors
    /// What the model's first runs report.
    pub fn new(model: M) -> Result<Self> {
        Ok(Self { first: LogJoint::new(model.clone())?, second: LogJoint::new(model)? })
    }
}

impl<M: Clone> Clone for SecondOrder<M> {
    fn clone(&self) -> Self {
        Self { first: self.first.clone(), second: self.second.clone() }
    }
}

impl<M> fmt::Debug for SecondOrder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondOrder").field("first", &self.first).finish_non_exhaustive()
    }
}

impl<M: Model + Model<Dual<f64, 1>> + Clone + Send> Target for SecondOrder<M> {
    fn dim(&self) -> usize {
        self.first.dim()
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        Target::gradient(&mut self.first, u, gradient)
    }

    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        Target::gradients(&mut self.first, points, values, gradients)
    }

    fn hessian_vector(&mut self, u: &[f64], v: &[f64], to: &mut [f64]) -> Result {
        let along = |(u, v): (&f64, &f64)| Dual { re: *u, du: [*v] };
        let point: Vec<Dual<f64, 1>> = u.iter().zip(v).map(along).collect();
        let mut gradient = vec![Dual::default(); u.len()];
        match self.second.gradient(&point, &mut gradient) {
            Err(Error::Numerical { .. }) => to.fill(f64::NAN),
            done => {
                done?;
                to.iter_mut().zip(&gradient).for_each(|(to, g)| *to = g.du[0]);
            }
        }
        Ok(())
    }

    fn pointwise(&mut self, u: &[f64], log_likelihood: &mut Vec<f64>) -> Result<bool> {
        Target::pointwise(&mut self.first, u, log_likelihood)
    }

    fn set_key(&mut self, key: Key) {
        self.first.set_key(key);
        self.second.set_key(key);
    }
}
