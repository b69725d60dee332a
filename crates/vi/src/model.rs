//! What a model is.

use crate::error::Result;
use crate::scope::Scope;
use probity_autodiff::Scalar;

/// A probabilistic model: a joint density of latent variables and data, written once as a program
/// that visits its sites.
///
/// A closure is a model; so is a struct with this trait, generic in `T` if it is to run on other
/// elements than `f64`.
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
///
/// A reference to a closure is a model too; a reference to a struct goes in as [`ByRef`].
///
/// A model is a function of what it holds and of its latent variables: it must not change from run
/// to run. One that looks at no value may be run only a few times, and what it records used again
/// at other points ([`LogJoint`](crate::LogJoint)).
///
/// # What the compiler says
/// *type annotations needed* (E0282): the type of the closure's argument is missing. Write
/// `|s: &mut Scope|`.
///
/// ```compile_fail,E0282
/// # use probity_vi::fit;
/// # use probity_distributions::Normal;
/// let posterior = fit(|s| {
///     s.sample("x", Normal::new(0.0, 1.0))?;
///     Ok(())
/// });
/// ```
///
/// *the trait bound `.. From<Result<Var ..>>` is not satisfied* (E0277): a `?` is missing behind a
/// site, whose value may be an error. Write `s.sample(..)?`.
///
/// ```compile_fail,E0277
/// # use probity_vi::{Scope, fit};
/// # use probity_distributions::Normal;
/// let posterior = fit(|s: &mut Scope| {
///     let x = s.sample("x", Normal::new(0.0, 1.0));
///     s.observe("y", Normal::new(x, 1.0), 0.3)
/// });
/// ```
///
/// *the trait bound `.. From<&Vec<f64>>` is not satisfied* (E0277): data in the place of a
/// parameter. Write `s.data(&sigma)`, which puts them on the tape of the run.
///
/// ```compile_fail,E0277
/// # use probity_vi::{Scope, fit};
/// # use probity_distributions::Normal;
/// # let sigma = vec![1.0, 2.0];
/// let posterior = fit(|s: &mut Scope| {
///     let x = s.sample("x", Normal::new(0.0, 1.0))?;
///     s.observe("y", Normal::new(x, &sigma), &[0.3, 0.4])
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model on numbers of type `{T}`",
    note = "a model is a closure `|s: &mut Scope| {{ .. Ok(()) }}` or a struct that implements `Model`",
    note = "a reference to a struct is written `ByRef(&model)`"
)]
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

/// A model behind a reference, so that it can be fitted without being given away.
///
/// Rust lets `&M` itself be a model only where `M` is a closure: every type is either called or
/// asked for [`Model`], and `&M` might be both.
///
/// ```
/// use probity_vi::{ByRef, Fit, Model, Result, Scope};
/// use probity_distributions::Normal;
///
/// struct Coin { heads: f64 }
/// impl Model for Coin {
///     fn run(&self, s: &mut Scope<'_>) -> Result {
///         let x = s.sample("x", Normal::new(0.0, 1.0))?;
///         s.observe("y", Normal::new(x, 0.5), self.heads)
///     }
/// }
///
/// let coin = Coin { heads: 0.3 };
/// let (one, two) = (Fit::new().seed(1).run(ByRef(&coin))?, Fit::new().seed(2).run(ByRef(&coin))?);
/// assert_eq!(one.model().0.heads, two.model().0.heads);
/// # Ok::<(), probity_vi::Error>(())
/// ```
#[derive(Debug)]
pub struct ByRef<'a, M: ?Sized>(pub &'a M);

impl<M: ?Sized> Clone for ByRef<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M: ?Sized> Copy for ByRef<'_, M> {}

impl<T: Scalar, M: Model<T> + ?Sized> Model<T> for ByRef<'_, M> {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        self.0.run(s)
    }
}
