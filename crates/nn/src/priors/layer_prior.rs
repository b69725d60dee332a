//! What a layer asks of the prior of its weights.

use crate::prior::{Prior, WeightPrior};
use probity_autodiff::{Scalar, Var};
use probity_distributions::Distribution;
use probity_vi::{Init, Result, Scope};
use std::fmt::Debug;

/// The prior of a matrix of weights or biases: any distribution of this crate's user, or a
/// hierarchy of them. Every layer takes one, [`Prior`] unless another is given.
///
/// ```
/// use probity_autodiff::{Scalar, Var};
/// use probity_distributions::Cauchy;
/// use probity_nn::{LayerPrior, Linear, Weights};
/// use probity_vi::{Result, Scope};
///
/// /// Cauchy weights, as no family of this crate has.
/// #[derive(Clone, Debug)]
/// struct CauchyWeights(f64);
/// impl LayerPrior for CauchyWeights {
///     type Family<'t, T: Scalar> = Cauchy<Var<'t, T>>;
///     fn weights<'t, T: Scalar>(
///         &self,
///         _: &mut Scope<'t, T>,
///         _: &str,
///         _: (usize, usize),
///     ) -> Result<Weights<Cauchy<Var<'t, T>>, Var<'t, T>>> {
///         Ok(Cauchy::new(0.0, self.0).into())
///     }
/// }
/// let layer = Linear::new(3, 5).with_priors(CauchyWeights(0.5), CauchyWeights(1.0));
/// assert_eq!(layer.outputs, 5);
/// ```
pub trait LayerPrior: Debug + Send + Sync {
    /// The family of the weights given what is sampled on the way.
    type Family<'t, T: Scalar>: Distribution<Var<'t, T>>;

    /// The distribution of weights of this shape (inputs × outputs) in this run. What the prior
    /// samples itself, such as unknown scales, it names after `name` (with
    /// [`Scope::within`]).
    ///
    /// # Errors
    /// What its sites report.
    fn weights<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        shape: (usize, usize),
    ) -> Result<Weights<Self::Family<'t, T>, Var<'t, T>>>;

    /// Where the guide of weights of this shape starts, if the prior knows better than the layer.
    fn start(&self, shape: (usize, usize)) -> Option<Init> {
        let _ = shape;
        None
    }
}

/// The distribution of weights, and what their draws are multiplied by.
#[derive(Clone, Copy, Debug)]
pub struct Weights<D, V> {
    /// The distribution of what is a latent variable.
    pub family: D,
    /// The weights are this times the variable: 1 × 1, or inputs × 1 with a factor for every input.
    /// So scales are written without their weights depending on them, as Gaussian guides like it.
    /// None for 1.
    pub factor: Option<V>,
}

impl<D, V> From<D> for Weights<D, V> {
    fn from(family: D) -> Self {
        Self { family, factor: None }
    }
}

impl LayerPrior for Prior {
    type Family<'t, T: Scalar> = WeightPrior<Var<'t, T>>;

    fn weights<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        shape: (usize, usize),
    ) -> Result<Weights<Self::Family<'t, T>, Var<'t, T>>> {
        // The names of the most frequent layers need no memory.
        let family = match name {
            "weight_prior" => self.resolve(s, "weight_prior_scale", shape),
            "bias_prior" => self.resolve(s, "bias_prior_scale", shape),
            "recurrent_prior" => self.resolve(s, "recurrent_prior_scale", shape),
            other => self.resolve(s, &format!("{other}_scale"), shape),
        };
        Ok(family?.into())
    }
}
