//! Mean field: an independent Gaussian for every unconstrained number.

use crate::error::{Error, Result};
use crate::guide::{Guide, Marginal, ScaleForm};
use crate::layout::{Layout, ScaleStart, SiteKind, Start};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, ParamId, Params, Real, Scalar, Tape};

/// `q(u) = ∏ᵢ N(uᵢ; locᵢ, scaleᵢ)`, `scale = softplus(rho)` (the default) or `e^rho`.
///
/// It finds means well and standard deviations where variables are not strongly correlated; it cannot show correlation.
#[derive(Clone, Debug, Default)]
pub struct MeanField {
    form: ScaleForm,
    /// Location and scale parameters by site number; none for sites that are not latent.
    ids: Vec<Option<(ParamId, ParamId)>>,
}

impl MeanField {
    /// With softplus scales.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this form of the scales.
    pub fn with_scales(form: ScaleForm) -> Self {
        Self { form, ids: Vec::new() }
    }
}

impl<T: Scalar> Guide<T> for MeanField {
    fn name(&self) -> &'static str {
        "mean field"
    }

    fn init(&mut self, layout: &Layout, params: &mut Params<T>, key: Key) -> Result {
        self.ids.clear();
        for (i, site) in layout.sites().iter().enumerate() {
            if site.kind != SiteKind::Latent {
                self.ids.push(None);
                continue;
            }
            let ((rows, cols), key) = (site.shape, key.fold_in(i as u64));
            let loc = site.start(key.fold_in(0))?;
            let rho = match site.init.scale {
                ScaleStart::Constant(scale) => vec![self.form.rho(scale); site.size()],
                ScaleStart::SoftplusUniform(low, high) => {
                    let rho =
                        Start::Uniform(low, high).numbers(site.size(), key.fold_in(1)).unwrap_or_default();
                    rho.into_iter().map(|r: f64| self.form.rho(r.softplus())).collect()
                }
            };
            let mut add = |suffix: &str, x: &[f64]| {
                let x = DMatrix::from_iterator(rows, cols, x.iter().map(|v| T::from_f64(*v)));
                params.add(format!("{}.{suffix}", site.name), &x)
            };
            self.ids.push(Some((add("loc", &loc), add("rho", &rho))));
        }
        Ok(())
    }

    fn restore(&mut self, layout: &Layout, params: &Params<T>) -> Result {
        self.ids.clear();
        for site in layout.sites() {
            let find = |suffix: &str| {
                let name = format!("{}.{suffix}", site.name);
                params.find(&name).ok_or_else(|| Error::Setting {
                    setting: "params",
                    problem: format!("there is no segment {name:?}"),
                })
            };
            let latent = site.kind == SiteKind::Latent;
            self.ids.push(if latent { Some((find("loc")?, find("rho")?)) } else { None });
        }
        Ok(())
    }

    fn marginal<'t>(&self, tape: &'t Tape<T>, params: &Params<T>, index: usize) -> Option<Marginal<'t, T>> {
        let (loc, rho) = (*self.ids.get(index)?)?;
        Some(Marginal { loc: tape.param(params, loc), rho: tape.param(params, rho), form: self.form })
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        for (loc, rho) in self.ids.iter().flatten() {
            let (loc, rho) = (params.segment(*loc).range(), params.segment(*rho).range());
            for (l, r) in loc.zip(rho) {
                let x = params.as_slice()[r].to_f64();
                (units[l], units[r]) = match self.form {
                    ScaleForm::Softplus => (x.softplus(), x.softplus() / x.sigmoid()),
                    ScaleForm::Log => (x.exp(), 1.0),
                };
            }
        }
    }

    fn scale_params(&self) -> Vec<ParamId> {
        self.ids.iter().flatten().map(|(_, rho)| *rho).collect()
    }
}
