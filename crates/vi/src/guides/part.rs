//! What guides that are made of others need to know of these.

use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Direct, DrawContext, Guide, Marginals, Segments};
use crate::layout::Layout;
use probity_autodiff::{Key, Params, Scalar, Tape, Var};

/// A guide inside another.
#[derive(Debug)]
pub(super) struct Part<T: Scalar> {
    pub(super) guide: Box<dyn BoundGuide<T>>,
    /// The sites that are independent Gaussians.
    pub(super) marginals: Option<Marginals>,
    /// Whether the density is known at every point.
    pub(super) evaluable: bool,
}

impl<T: Scalar> Part<T> {
    /// Binds a guide and looks at what it draws.
    pub(super) fn bind(
        guide: &dyn Guide<T>,
        layout: &Layout,
        segments: &mut Segments<'_, T>,
    ) -> Result<Self> {
        let bound = guide.bind(layout, segments)?;
        if bound.direct() == Some(Direct::Laplace) {
            let problem = "it is one of all sites together, and not a part of another guide".to_owned();
            return Err(Error::Setting { setting: "Laplace approximation", problem });
        }
        let (tape, params) = (Tape::new(), segments.params());
        tape.bind(params);
        let draw = bound.draw(DrawContext::new(&tape, params, Key::new(0)))?;
        let marginals = draw.marginals.cloned();
        let tape = Tape::new();
        tape.bind(params);
        let origin = tape.constant_with(layout.dim(), 1, |u| u.fill(T::from_f64(0.0)));
        let evaluable = bound.log_prob(&tape, params, origin)?.is_some();
        Ok(Self { guide: bound, marginals, evaluable })
    }

    /// The log density at a point of the part.
    pub(super) fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Var<'t, T>> {
        self.guide.log_prob(tape, params, u)?.ok_or_else(|| {
            let problem = "its density is not known at any point".to_owned();
            Error::Setting { setting: "guide", problem }
        })
    }
}
