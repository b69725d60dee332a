//! Mean field: an independent Gaussian for every unconstrained number.

use crate::error::Result;
use crate::gaussian::{Covariance, Gaussian};
use crate::guide::{BoundGuide, Direct, Draw, DrawContext, Guide, Marginals, ScaleForm, Segments};
use crate::layout::Layout;
use crate::linalg;
use probity_autodiff::{ParamId, Params, Scalar, Tape, Var};
use serde::{Deserialize, Serialize};

/// `q(u) = ∏ᵢ N(uᵢ; locᵢ, scaleᵢ)`, `scale = softplus(rho)` (the default) or `e^rho`.
///
/// It finds means well and standard deviations where variables are not strongly correlated; it
/// cannot show correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MeanField {
    form: ScaleForm,
}

impl MeanField {
    /// With softplus scales.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this form of the scales.
    pub fn with_scales(form: ScaleForm) -> Self {
        Self { form }
    }

    pub(crate) fn bound<T: Scalar>(
        &self,
        layout: &Layout,
        segments: &mut Segments<'_, T>,
    ) -> Result<BoundMeanField> {
        Ok(BoundMeanField(Marginals::add(layout, self.form, segments)?))
    }
}

impl<T: Scalar> Guide<T> for MeanField {
    fn name(&self) -> String {
        "mean field".into()
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        Ok(Box::new(self.bound(layout, segments)?))
    }
}

#[derive(Debug)]
pub(crate) struct BoundMeanField(Marginals);

impl BoundMeanField {
    /// Sets the parameters so that the guide has these means and standard deviations, in the order
    /// of the layout.
    pub(crate) fn assign_moments<T: Scalar>(&self, mean: &[f64], sd: &[f64], params: &mut Params<T>) {
        self.0.assign(mean, sd, params);
    }
}

impl<T: Scalar> BoundGuide<T> for BoundMeanField {
    fn draw<'t>(&'t self, _: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        Ok(Draw::marginals(&self.0))
    }

    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        Ok(Some(self.0.log_prob(tape, params, u)))
    }

    fn direct(&self) -> Option<Direct> {
        Some(Direct::BestGaussian(Covariance::Diagonal))
    }

    fn assign(&self, gaussian: &Gaussian, params: &mut Params<T>) {
        let sd: Vec<f64> = gaussian.factor.diagonal().iter().copied().collect();
        self.0.assign(gaussian.mean.as_slice(), &sd, params);
    }

    fn gaussian(&self, params: &Params<T>) -> Option<(Vec<f64>, linalg::Covariance)> {
        let (mean, sd) = self.0.moments(params);
        let variances: Vec<f64> = sd.iter().map(|s| s * s).collect();
        Some((mean, linalg::Covariance::diagonal(&variances).ok()?))
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        self.0.units(params, units);
    }

    fn scale_params(&self) -> Vec<ParamId> {
        self.0.scale_params()
    }
}
