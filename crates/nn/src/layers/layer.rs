//! What a layer is.

use crate::activation::Activation;
use crate::error::{Error, Result};
use probity_autodiff::{Scalar, Var};
use probity_vi::Scope;
use std::fmt::Debug;

/// A function of rows, whose weights are latent variables or parameters of a model. The layers of
/// this crate and a user's own are the same to it: they are called inside a model, stand in a
/// [`Sequential`](crate::Sequential), and are the net of a [`Network`](crate::Network).
///
/// Rows are the batch. What has a geometry has it in its columns, with the position running
/// fastest: column `c (height · width) + y width + x` of images, column `c steps + t` of sequences.
///
/// A layer is Bayesian by its priors, not by its type: without a prior its weights are
/// [parameters](Scope::param).
///
/// ```
/// use probity_autodiff::{Scalar, Var};
/// use probity_distributions::{Distribution, LogNormal};
/// use probity_nn::{Layer, Linear, Result, Sequential};
/// use probity_vi::Scope;
///
/// /// Every column in units of its own, which are unknown.
/// #[derive(Debug)]
/// struct Units;
/// impl<T: Scalar> Layer<T> for Units {
///     fn outputs(&self, inputs: usize) -> Result<usize> {
///         Ok(inputs)
///     }
///     fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> probity_vi::Result<Var<'t, T>> {
///         s.within(name, |s| Ok(x * s.sample("unit", LogNormal::new(0.0, 1.0).shaped(1, x.ncols()))?))
///     }
/// }
/// let net: Sequential<f32> = Sequential::new().then(Units).then(Linear::new(3, 1));
/// assert_eq!(net.outputs(3)?, 1);
/// # Ok::<(), probity_nn::Error>(())
/// ```
pub trait Layer<T: Scalar>: Debug + Send + Sync {
    /// The columns of the result for an input of so many columns.
    ///
    /// # Errors
    /// If the layer does not take so many columns.
    fn outputs(&self, inputs: usize) -> Result<usize>;

    /// The function, with its sites under `name` in the scope. x: n × inputs, result n × outputs.
    ///
    /// # Errors
    /// What the sites report.
    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> probity_vi::Result<Var<'t, T>>;

    /// Whether predictions at the same weights differ from draw to draw, as those of dropout.
    fn is_random(&self) -> bool {
        false
    }

    /// The activation between its linear maps, if the layer is nothing but these: what methods need
    /// to know that compute with moments of units instead of draws.
    fn perceptron(&self) -> Option<Activation> {
        None
    }
}

/// An activation is a layer without weights.
impl<T: Scalar> Layer<T> for Activation {
    fn outputs(&self, inputs: usize) -> Result<usize> {
        Ok(inputs)
    }

    fn forward<'t>(&self, _: &mut Scope<'t, T>, _: &str, x: Var<'t, T>) -> probity_vi::Result<Var<'t, T>> {
        Ok(self.apply(x))
    }
}

/// The number of columns is the one that the layer takes.
pub(super) fn takes(layer: &str, want: usize, got: usize) -> Result {
    if want == got {
        return Ok(());
    }
    Err(Error::Network(format!("{layer} takes {want} columns, not {got}")))
}

/// As [`takes`], while a model runs.
pub(super) fn check_columns(layer: &str, want: usize, got: usize) -> probity_vi::Result {
    takes(layer, want, got).map_err(probity_vi::Error::model)
}
