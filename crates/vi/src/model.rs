//! What a model is.

use crate::error::Result;
use crate::scope::Scope;
use probity_autodiff::Scalar;

/// A probabilistic model: a joint density of latent variables and data, written once as a program that visits its sites.
///
/// A closure is a model; so is a struct with this trait, generic in `T` if it is to run on other elements than `f64`.
///
/// ```
/// use probity_vi::{Model, Result, Scope};
/// use probity_distributions::{Normal, Sample};
/// use probity_autodiff::Scalar;
///
/// struct Coin { heads: f64 }
/// impl<T: Scalar> Model<T> for Coin {
///     fn run(&self, s: &mut Scope<'_, T>) -> Result {
///         let x = s.sample("x", Normal::new(0.0, 1.0))?;
///         s.observe("y", Normal::new(x, 0.5), self.heads)
///     }
/// }
/// ```
pub trait Model<T: Scalar = f64> {
    /// Visits the sites.
    ///
    /// # Errors
    /// What the sites report, and the model's own ([`Error::model`](crate::Error::model)).
    fn run(&self, s: &mut Scope<'_, T>) -> Result;
}

impl<T: Scalar, F: Fn(&mut Scope<'_, T>) -> Result> Model<T> for F {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        self(s)
    }
}
