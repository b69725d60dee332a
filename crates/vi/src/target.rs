//! What inference works on: an unnormalised log density with its gradient.

use crate::error::Result;
use crate::log_joint::LogJoint;
use crate::model::Model;
use probity_autodiff::{Key, Scalar};
use std::fmt;

/// An unnormalised log density on d unconstrained numbers, with its gradient.
///
/// Samplers, deterministic fits and diagnostics work on every target. A model is one by
/// [`LogJoint`]; a function with a gradient written by hand is one by [`LogDensity`]; a density
/// that another program computes is one by this trait.
///
/// A clone is an independent evaluator of the same density, for another thread.
///
/// ```
/// use probity_vi::{LogDensity, Target};
///
/// // A standard normal distribution in three dimensions.
/// let mut normal = LogDensity::new(3, |u: &[f64], gradient: &mut [f64]| {
///     gradient.iter_mut().zip(u).for_each(|(g, u)| *g = -u);
///     -0.5 * u.iter().map(|u| u * u).sum::<f64>()
/// });
/// let mut gradient = [0.0; 3];
/// assert_eq!(normal.gradient(&[1.0, 0.0, 2.0], &mut gradient)?, -2.5);
/// assert_eq!(gradient, [-1.0, 0.0, -2.0]);
/// # Ok::<(), probity_vi::Error>(())
/// ```
pub trait Target: Clone + Send {
    /// The number of coordinates, d.
    fn dim(&self) -> usize;

    /// The log density at `u`; its gradient is written to `gradient`. Both have d entries.
    ///
    /// A value that is not finite says that `u` is outside the support or that the arithmetic
    /// failed there; the gradient does not matter then. Methods take such a point as one that is
    /// not accepted.
    ///
    /// # Errors
    /// For what no other point would mend, such as a model that changes between runs. It ends the
    /// method.
    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64>;

    /// As [`gradient`](Target::gradient) at `values.len()` points, which stand one after the other
    /// in `points`, as their gradients do in `gradients`.
    ///
    /// # Errors
    /// As `gradient`.
    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        let d = self.dim().max(1);
        let each = points.chunks_exact(d).zip(gradients.chunks_exact_mut(d));
        for (value, (point, gradient)) in values.iter_mut().zip(each) {
            *value = self.gradient(point, gradient)?;
        }
        Ok(())
    }

    /// Writes the product of the Hessian of the log density at `u` with `v` to `to`; all have d
    /// entries.
    ///
    /// By default by differences of four gradients along `v`, at distances of 2⁻¹⁰ and 2⁻⁹ of it,
    /// extrapolated to none. So `v` should be about as long as it takes the density to change: the
    /// error is that of an interpolation over a five-hundredth of it, and what rounding of the
    /// gradients makes of a thousandth. [`SecondOrder`](crate::SecondOrder) has exact products.
    /// Not finite where a gradient is not.
    ///
    /// # Errors
    /// As [`gradient`](Target::gradient).
    fn hessian_vector(&mut self, u: &[f64], v: &[f64], to: &mut [f64]) -> Result {
        by_differences(&mut |u, gradient| self.gradient(u, gradient), u, v, to)
    }

    /// Appends the log likelihood of every observation at `u`, and says whether the target knows
    /// its observations. By default it does not, and nothing is appended.
    ///
    /// # Errors
    /// As [`gradient`](Target::gradient).
    fn pointwise(&mut self, u: &[f64], log_likelihood: &mut Vec<f64>) -> Result<bool> {
        let _ = (u, log_likelihood);
        Ok(false)
    }

    /// The key of the target's own random numbers in the next calls, such as the masks of dropout;
    /// for targets without any, which is the default, it does nothing.
    fn set_key(&mut self, key: Key) {
        let _ = key;
    }
}

/// Writes the gradient at a point, and gives the value.
pub(crate) type Gradient<'a> = dyn FnMut(&[f64], &mut [f64]) -> Result<f64> + 'a;

/// Products with a Hessian by central differences at two distances, extrapolated to none.
fn by_differences(gradient: &mut Gradient<'_>, u: &[f64], v: &[f64], to: &mut [f64]) -> Result {
    const STEP: f64 = 1.0 / 1024.0;
    let (mut point, mut there) = (u.to_vec(), vec![0.0; u.len()]);
    to.fill(0.0);
    for (distance, weight) in [(1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0)] {
        point.iter_mut().zip(u.iter().zip(v)).for_each(|(p, (u, v))| *p = u + distance * STEP * v);
        let value = gradient(&point, &mut there)?;
        let weight = if value.is_finite() { weight / (12.0 * STEP) } else { f64::NAN };
        to.iter_mut().zip(&there).for_each(|(to, g)| *to += weight * g);
    }
    Ok(())
}

/// A log density and its gradient as one function: `f(u, gradient)` returns the value and writes
/// the gradient.
#[derive(Clone, Debug)]
pub struct LogDensity<F> {
    dim: usize,
    f: F,
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64 + Clone + Send> LogDensity<F> {
    /// On `dim` numbers.
    pub fn new(dim: usize, f: F) -> Self {
        Self { dim, f }
    }
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64 + Clone + Send> Target for LogDensity<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        Ok((self.f)(u, gradient))
    }
}

/// Any target, behind one type: what works on it is compiled once.
pub struct AnyTarget<'a>(Box<dyn Erased + 'a>);

trait Erased: Send {
    fn dim(&self) -> usize;
    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64>;
    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result;
    fn hessian_vector(&mut self, u: &[f64], v: &[f64], to: &mut [f64]) -> Result;
    fn pointwise(&mut self, u: &[f64], log_likelihood: &mut Vec<f64>) -> Result<bool>;
    fn set_key(&mut self, key: Key);
    fn boxed_clone<'b>(&self) -> Box<dyn Erased + 'b>
    where
        Self: 'b;
}

impl<T: Target> Erased for T {
    fn dim(&self) -> usize {
        Target::dim(self)
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        Target::gradient(self, u, gradient)
    }

    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        Target::gradients(self, points, values, gradients)
    }

    fn hessian_vector(&mut self, u: &[f64], v: &[f64], to: &mut [f64]) -> Result {
        Target::hessian_vector(self, u, v, to)
    }

    fn pointwise(&mut self, u: &[f64], log_likelihood: &mut Vec<f64>) -> Result<bool> {
        Target::pointwise(self, u, log_likelihood)
    }

    fn set_key(&mut self, key: Key) {
        Target::set_key(self, key);
    }

    fn boxed_clone<'b>(&self) -> Box<dyn Erased + 'b>
    where
        Self: 'b,
    {
        Box::new(self.clone())
    }
}

impl<'a> AnyTarget<'a> {
    /// Of this target.
    pub fn new(target: impl Target + 'a) -> Self {
        Self(Box::new(target))
    }
}

impl Clone for AnyTarget<'_> {
    fn clone(&self) -> Self {
        Self(self.0.boxed_clone())
    }
}

impl fmt::Debug for AnyTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyTarget").field("dim", &self.0.dim()).finish_non_exhaustive()
    }
}

impl Target for AnyTarget<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        self.0.gradient(u, gradient)
    }

    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        self.0.gradients(points, values, gradients)
    }

    fn hessian_vector(&mut self, u: &[f64], v: &[f64], to: &mut [f64]) -> Result {
        self.0.hessian_vector(u, v, to)
    }

    fn pointwise(&mut self, u: &[f64], log_likelihood: &mut Vec<f64>) -> Result<bool> {
        self.0.pointwise(u, log_likelihood)
    }

    fn set_key(&mut self, key: Key) {
        self.0.set_key(key);
    }
}

impl<T: Scalar, M: Model<T> + Clone + Send> Target for LogJoint<M, T> {
    fn dim(&self) -> usize {
        LogJoint::dim(self)
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let mut value = [0.0];
        self.gradients_f64(u, &mut value, gradient)?;
        Ok(value[0])
    }

    fn gradients(&mut self, points: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        self.gradients_f64(points, values, gradients)
    }

    fn pointwise(&mut self, u: &[f64], log_likelihood: &mut Vec<f64>) -> Result<bool> {
        let (u, mut found): (Vec<T>, _) = (u.iter().map(|u| T::from_f64(*u)).collect(), Vec::new());
        LogJoint::pointwise(self, &u, &mut found)?;
        log_likelihood.extend(found.iter().map(|x| x.to_f64()));
        Ok(true)
    }

    fn set_key(&mut self, key: Key) {
        LogJoint::set_key(self, key);
    }
}
