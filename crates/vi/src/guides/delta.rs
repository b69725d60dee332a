//! A point: the mode of the posterior.

use crate::error::Result;
use crate::gaussian::Gaussian;
use crate::guide::{BoundGuide, Direct, Draw, DrawContext, Guide, Segments};
use crate::layout::Layout;
use probity_autodiff::{ParamId, Params, Scalar, Var};
use serde::{Deserialize, Serialize};

/// All mass at one point, that of the highest log joint density (MAP).
///
/// The density is that of the unconstrained numbers, with the Jacobian of their constraints: of a
/// positive variable it is the mode of the logarithm. A point says nothing of uncertainty, has no
/// ELBO, and never a verdict better than C.
///
/// On all data a fit climbs to the mode by L-BFGS; by minibatches it follows stochastic gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {}

impl Delta {
    /// A point.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Scalar> Guide<T> for Delta {
    fn name(&self) -> String {
        "point (MAP)".into()
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        let start = segments.start();
        Ok(Box::new(BoundDelta(segments.add("delta.loc", (layout.dim(), 1), || start.means(layout))?)))
    }
}

#[derive(Debug)]
struct BoundDelta(ParamId);

impl<T: Scalar> BoundGuide<T> for BoundDelta {
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        Ok(Draw::joint(at.tape.param(at.params, self.0), Var::from(0.0)))
    }

    fn direct(&self) -> Option<Direct> {
        Some(Direct::Mode)
    }

    fn has_density(&self) -> bool {
        false
    }

    fn assign(&self, gaussian: &Gaussian, params: &mut Params<T>) {
        params.get_mut(self.0).iter_mut().zip(&gaussian.mean).for_each(|(x, m)| *x = T::from_f64(*m));
    }
}
