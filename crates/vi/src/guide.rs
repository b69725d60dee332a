//! What a guide is: a family of distributions over the unconstrained latent variables.

use crate::error::Result;
use crate::gaussian::{Covariance, Gaussian};
use crate::layout::Layout;
use probity_autodiff::{Key, ParamId, Params, Scalar, Tape, Var};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// How a positive scale is made of an unconstrained parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScaleForm {
    /// `scale = ln(1 + e^rho)`. Source: Blundell et al. 2015, §3.2.
    #[default]
    Softplus,
    /// `scale = e^rho`.
    Log,
}

impl ScaleForm {
    /// The scale, entry by entry.
    pub fn scale<T: Scalar>(self, rho: Var<'_, T>) -> Var<'_, T> {
        match self {
            ScaleForm::Softplus => rho.softplus(),
            ScaleForm::Log => rho.exp(),
        }
    }

    /// The parameter of a scale.
    pub fn rho(self, scale: f64) -> f64 {
        use probity_autodiff::Real;
        match self {
            ScaleForm::Softplus => Real::softplus_inv(scale),
            ScaleForm::Log => scale.ln(),
        }
    }
}

/// An independent Gaussian for every entry of a site.
#[derive(Clone, Copy, Debug)]
pub struct Marginal<'t, T: Scalar> {
    /// The means.
    pub loc: Var<'t, T>,
    /// The parameters of the standard deviations.
    pub rho: Var<'t, T>,
    /// What makes the standard deviations of them.
    pub form: ScaleForm,
}

/// A draw of all latent variables at once.
#[derive(Clone, Copy, Debug)]
pub struct Joint<'t, T: Scalar> {
    /// The flat unconstrained vector, d × 1, in the order of the layout.
    pub u: Var<'t, T>,
    /// The entropy of the guide, 1 × 1 (or an estimate whose gradient is unbiased).
    pub entropy: Var<'t, T>,
}

/// A family of distributions over the unconstrained latent variables, with parameters to be fitted.
///
/// A guide that treats sites as independent Gaussians gives their [`marginal`](Guide::marginal),
/// and gains exact KL terms and the estimators of linear maps; any other gives a
/// [`joint`](Guide::joint) draw.
pub trait Guide<T: Scalar>: Debug + Send + Sync {
    /// A name for reports.
    fn name(&self) -> &'static str;

    /// Adds the guide's parameters, at their start.
    ///
    /// # Errors
    /// If a site's start does not fit its shape.
    fn init(&mut self, layout: &Layout, params: &mut Params<T>, key: Key) -> Result;

    /// Finds the guide's parameters among those of a fit that was saved.
    ///
    /// # Errors
    /// If they are not there.
    fn restore(&mut self, layout: &Layout, params: &Params<T>) -> Result;

    /// The Gaussian of site number `index` of the layout, if sites are independent.
    fn marginal<'t>(&self, tape: &'t Tape<T>, params: &Params<T>, index: usize) -> Option<Marginal<'t, T>> {
        let _ = (tape, params, index);
        None
    }

    /// The Gaussians of all latent sites in one piece, if sites are independent and the parameters
    /// lie so: locations and scale parameters as columns, site after site in the order of the
    /// layout. Small models are then drawn in one pass.
    fn marginals<'t>(&self, tape: &'t Tape<T>, params: &Params<T>) -> Option<Marginal<'t, T>> {
        let _ = (tape, params);
        None
    }

    /// A draw of all latent variables, if they are not independent.
    fn joint<'t>(&self, tape: &'t Tape<T>, params: &Params<T>, key: Key) -> Option<Joint<'t, T>> {
        let _ = (tape, params, key);
        None
    }

    /// Which Gaussians over the flat unconstrained vector the guide can be, if it is one: a fit on
    /// all data solves for the best of them.
    fn covariance(&self) -> Option<Covariance> {
        None
    }

    /// Sets the guide's parameters so that it is this Gaussian, one of those of its
    /// [`covariance`](Guide::covariance).
    fn assign(&self, gaussian: &Gaussian, layout: &Layout, params: &mut Params<T>) {
        let _ = (gaussian, layout, params);
    }

    /// The natural length of a step of every parameter, written to `units` (given as ones): for a
    /// mean, the standard deviation; for the parameter of a standard deviation, what changes it by
    /// about its own size. The automatic fit measures its steps by it.
    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        let _ = (params, units);
    }

    /// The parameters that set scales, which often want a higher rate.
    fn scale_params(&self) -> Vec<ParamId> {
        Vec::new()
    }
}
