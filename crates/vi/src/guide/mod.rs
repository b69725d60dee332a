//! What a guide is: a family of distributions over the unconstrained latent variables.
//!
//! A guide comes in two parts. The *setting* is what a user writes and a file keeps ([`Guide`]); it
//! knows no model. [`Guide::bind`] makes the *bound* guide of it ([`BoundGuide`]), which knows
//! where its parameters lie among those of a fit, and draws.

mod draw;
mod marginals;
mod segments;

pub use draw::{Draw, DrawContext, Joint, Stratum};
pub use marginals::{Marginal, MarginalSite, Marginals};
pub use segments::{Segments, Start as GuideStart};

use crate::error::Result;
use crate::gaussian::{Covariance, Gaussian};
use crate::layout::Layout;
use crate::linalg;
use probity_autodiff::{ParamId, Params, Scalar, Tape, Var};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

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

    /// The scale of a parameter, and by how much the parameter changes when the scale changes by
    /// about its own size.
    pub(crate) fn scale_and_unit(self, rho: f64) -> (f64, f64) {
        use probity_autodiff::Real;
        match self {
            ScaleForm::Softplus => (rho.softplus(), rho.softplus() / rho.sigmoid()),
            ScaleForm::Log => (rho.exp(), 1.0),
        }
    }
}

/// The setting of a family of distributions over the unconstrained latent variables, such as
/// [`MeanField`](crate::MeanField): data, which no model has touched.
///
/// ```
/// use probity_autodiff::{ParamId, Scalar};
/// use probity_vi::{BoundGuide, Draw, DrawContext, Guide, Layout, Result, Segments};
///
/// /// `u = loc + ε`: a Gaussian of unit scale, of which only the mean is fitted.
/// #[derive(Clone, Debug, PartialEq)]
/// struct UnitScale;
///
/// #[derive(Debug)]
/// struct Bound {
///     loc: ParamId,
///     dim: usize,
/// }
///
/// impl<T: Scalar> Guide<T> for UnitScale {
///     fn name(&self) -> String {
///         "unit scale".into()
///     }
///
///     fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
///         let (start, dim) = (segments.start(), layout.dim());
///         let loc = segments.add("unit.loc", (dim, 1), || start.means(layout))?;
///         Ok(Box::new(Bound { loc, dim }))
///     }
/// }
///
/// impl<T: Scalar> BoundGuide<T> for Bound {
///     fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
///         let z = at.standard_normal(self.dim, at.key);
///         let u = at.tape.param(at.params, self.loc) + z;
///         let log_q = z.sq().sum() * -0.5 - 0.5 * std::f64::consts::TAU.ln() * self.dim as f64;
///         Ok(Draw::joint(u, log_q))
///     }
/// }
///
/// # use probity_distributions::Normal;
/// # use probity_vi::{Fit, Scope};
/// let posterior = Fit::new().guide(UnitScale).steps(2000).run(|s: &mut Scope| {
///     let mean = s.sample("mean", Normal::new(0.0, 5.0))?;
///     s.observe("y", Normal::new(mean, 1.0), &[2.0])
/// })?;
/// assert!((posterior.draws(1000)?["mean"].mean()[0] - 1.92).abs() < 0.2);
/// # Ok::<(), probity_vi::Error>(())
/// ```
pub trait Guide<T: Scalar>: Debug + Send + Sync {
    /// A name for reports, with the settings that a restored posterior must share.
    fn name(&self) -> String;

    /// The guide of a model with these sites: adds its parameters at their start, or finds them
    /// among those of a fit that was saved.
    ///
    /// # Errors
    /// If a site's start does not fit its shape, if a saved parameter is not there, or if the guide
    /// cannot be one of this model.
    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>>;
}

/// A guide that is chosen when the program runs.
impl<T: Scalar, G: Guide<T> + ?Sized> Guide<T> for Arc<G> {
    fn name(&self) -> String {
        G::name(self)
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        G::bind(self, layout, segments)
    }
}

/// How a fit on all data finds the parameters of a guide without steps along stochastic gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direct {
    /// The Gaussian with the highest ELBO among those with such a covariance.
    BestGaussian(Covariance),
    /// The mode of the log joint density, as a point without spread.
    Mode,
    /// The Gaussian at the mode, with the curvature there.
    Laplace,
}

/// A guide of one model: a distribution over its flat unconstrained vector, with parameters to be
/// fitted.
pub trait BoundGuide<T: Scalar>: Debug + Send + Sync {
    /// A draw at these parameters: independent Gaussians site by site ([`Draw::marginals`]), which
    /// gain exact KL terms and the estimators of linear maps; or one point with its log density
    /// ([`Draw::joint`]).
    ///
    /// # Errors
    /// If the guide's arithmetic fails at these parameters.
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>>;

    /// `ln q(u)` at any d × 1 point, 1 × 1, if it is known.
    ///
    /// # Errors
    /// If the guide's arithmetic fails at these parameters.
    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        let _ = (tape, params, u);
        Ok(None)
    }

    /// How a fit on all data finds the parameters at once; none if only by steps.
    fn direct(&self) -> Option<Direct> {
        None
    }

    /// Whether the guide has a density. One that is a single point has none: no ELBO, no importance
    /// weights and no standard deviations.
    fn has_density(&self) -> bool {
        true
    }

    /// Sets the guide's parameters so that it is this Gaussian, one of those that
    /// [`direct`](BoundGuide::direct) names.
    fn assign(&self, gaussian: &Gaussian, params: &mut Params<T>) {
        let _ = (gaussian, params);
    }

    /// Mean and covariance at these parameters, if the guide is a Gaussian.
    fn gaussian(&self, params: &Params<T>) -> Option<(Vec<f64>, linalg::Covariance)> {
        let _ = params;
        None
    }

    /// The natural length of a step of every parameter, written to `units` (given as ones): for a
    /// mean, the standard deviation; for the parameter of a standard deviation, what changes it by
    /// about its own size. The automatic fit measures its steps by it.
    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        let _ = (params, units);
    }

    /// The parameters whose [units](BoundGuide::units) hold from the first step of an automatic fit
    /// on, such as the weights of networks. The others are places and scales, and at first go
    /// faster, so that a narrow posterior far away is reached.
    fn fixed_units(&self) -> Vec<ParamId> {
        Vec::new()
    }

    /// The parameters that set scales, which often want a higher rate.
    fn scale_params(&self) -> Vec<ParamId> {
        Vec::new()
    }
}
