//! Mean field: an independent Gaussian for every unconstrained number.

use crate::error::{Error, Result};
use crate::guide::{Guide, Marginal, ScaleForm};
use crate::layout::{Layout, ScaleStart, SiteKind, Start};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_autodiff::{Key, ParamId, Params, Scalar, Tape};

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
            let loc = start(&site.init.loc, site.size(), key.fold_in(0)).ok_or_else(|| Error::Setting {
                setting: "init",
                problem: format!("site {:?} has {} entries, its start another number", site.name, site.size()),
            })?;
            let rho = match site.init.scale {
                ScaleStart::Constant(scale) => vec![self.form.rho(scale); site.size()],
                ScaleStart::SoftplusUniform(low, high) => {
                    let rho = start(&Start::Uniform(low, high), site.size(), key.fold_in(1)).unwrap_or_default();
                    let softplus = |r: f64| probity_autodiff::Real::softplus(r);
                    rho.into_iter().map(|r| self.form.rho(softplus(r))).collect()
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

    fn marginal<'t>(&self, tape: &'t Tape<T>, params: &Params<T>, index: usize) -> Option<Marginal<'t, T>> {
        let (loc, rho) = (*self.ids.get(index)?)?;
        Some(Marginal { loc: tape.param(params, loc), rho: tape.param(params, rho), form: self.form })
    }

    fn scale_params(&self) -> Vec<ParamId> {
        self.ids.iter().flatten().map(|(_, rho)| *rho).collect()
    }
}

/// `n` initial numbers; none if a list of another length was given.
pub(crate) fn start(how: &Start, n: usize, key: Key) -> Option<Vec<f64>> {
    let mut x = vec![0.0; n];
    match how {
        Start::Constant(c) => x.fill(*c),
        Start::Uniform(low, high) => {
            fill_uniform(key, 0, &mut x);
            x.iter_mut().for_each(|u| *u = low + (high - low) * *u);
        }
        Start::Normal(mean, sd) => {
            fill_normal(key, 0, &mut x);
            x.iter_mut().for_each(|z| *z = mean + sd * *z);
        }
        Start::Values(values) if values.len() == n => x.copy_from_slice(values),
        Start::Values(_) => return None,
    }
    Some(x)
}
