//! Laplace's approximation: the Gaussian at the mode.

use super::full_rank::BoundFullRank;
use crate::error::Result;
use crate::guide::{BoundGuide, Direct, Guide, ScaleForm, Segments};
use crate::layout::Layout;
use probity_autodiff::Scalar;
use serde::{Deserialize, Serialize};

/// `q(u) = N(u; u*, (-∇∇ ln p(u*, y))⁻¹)` at the mode u* of the log joint density of the
/// unconstrained numbers.
///
/// It is found by L-BFGS, Newton steps and second differences of the gradient: some ten gradients
/// for every number. It is right where the posterior is nearly Gaussian, as with many data, and
/// wrong for skewed posteriors and for hierarchies, whose mode may be far from all mass.
///
/// The fit needs all data at once, and a model without point parameters; a Hessian that is not
/// negative definite is [an error](crate::Error::NotConcave).
///
/// *Source*: Tierney, Kadane 1986, "Accurate approximations for posterior moments and marginal
/// densities".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Laplace {}

impl Laplace {
    /// At the mode.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Scalar> Guide<T> for Laplace {
    fn name(&self) -> String {
        "Laplace approximation".into()
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        Ok(Box::new(BoundFullRank::new("laplace", ScaleForm::Log, Direct::Laplace, layout, segments)?))
    }
}
