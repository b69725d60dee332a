//! Mean field: an independent Gaussian for every unconstrained number.

use crate::error::{Error, Result};
use crate::gaussian::{Covariance, Gaussian};
use crate::guide::{Guide, Marginal, ScaleForm};
use crate::layout::{FindShaped, Layout, Site, SiteKind};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, ParamId, Params, Real, Scalar, Tape};

/// `q(u) = ∏ᵢ N(uᵢ; locᵢ, scaleᵢ)`, `scale = softplus(rho)` (the default) or `e^rho`.
///
/// It finds means well and standard deviations where variables are not strongly correlated; it
/// cannot show correlation.
#[derive(Clone, Debug, Default)]
pub struct MeanField {
    form: ScaleForm,
    /// Location and scale parameters by site number; none for sites that are not latent.
    ids: Vec<Option<(ParamId, ParamId)>>,
    /// The first and the last of the locations and of the scale parameters, if they lie one after
    /// the other.
    whole: Option<[(ParamId, ParamId); 2]>,
}

impl MeanField {
    /// With softplus scales.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this form of the scales.
    pub fn with_scales(form: ScaleForm) -> Self {
        Self { form, ..Self::default() }
    }

    /// Sets the parameters so that the guide has these means and standard deviations, in the order
    /// of the layout.
    pub(crate) fn assign_moments<T: Scalar>(
        &self,
        mean: &[f64],
        sd: &[f64],
        layout: &Layout,
        params: &mut Params<T>,
    ) {
        for (site, ids) in layout.sites().iter().zip(&self.ids) {
            let Some((loc, rho)) = *ids else { continue };
            let (loc, rho) = (params.segment(loc).range(), params.segment(rho).range());
            let x = params.as_mut_slice();
            for i in 0..site.dim() {
                let at = site.offset + i;
                x[loc.start + i] = T::from_f64(mean[at]);
                x[rho.start + i] = T::from_f64(self.form.rho(sd[at]));
            }
        }
    }

    fn find_whole<T: Scalar>(&mut self, params: &Params<T>) {
        let piece = |ids: Vec<ParamId>| {
            let neighbours = |pair: &[ParamId]| {
                params.segment(pair[0]).range().end == params.segment(pair[1]).offset
                    && pair[0].index() + 1 == pair[1].index()
            };
            ids.windows(2).all(neighbours).then_some((*ids.first()?, *ids.last()?))
        };
        let ids = || self.ids.iter().flatten();
        let loc = piece(ids().map(|(loc, _)| *loc).collect());
        let rho = piece(ids().map(|(_, rho)| *rho).collect());
        self.whole = loc.zip(rho).map(|(loc, rho)| [loc, rho]);
    }
}

impl<T: Scalar> Guide<T> for MeanField {
    fn name(&self) -> &'static str {
        "mean field"
    }

    fn init(&mut self, layout: &Layout, params: &mut Params<T>, key: Key) -> Result {
        let latent = |site: &&Site| site.kind == SiteKind::Latent;
        let mut add = |site: &Site, suffix: &str, x: Vec<f64>| {
            let (rows, cols) = site.unconstrained_shape();
            let x = DMatrix::from_iterator(rows, cols, x.into_iter().map(T::from_f64));
            params.add(format!("{}.{suffix}", site.name), &x)
        };
        // First all locations, so that both kinds lie in one piece.
        let mut loc = Vec::new();
        for (i, site) in layout.sites().iter().enumerate() {
            let start = || site.start(key.fold_in(i as u64).fold_in(0));
            loc.push(Some(site).filter(latent).map(|_| start().map(|x| add(site, "loc", x))).transpose()?);
        }
        self.ids.clear();
        for (i, (site, loc)) in layout.sites().iter().zip(loc).enumerate() {
            let scales = site.start_scale(key.fold_in(i as u64).fold_in(1));
            let rho = scales.into_iter().map(|scale| self.form.rho(scale)).collect();
            self.ids.push(loc.map(|loc| (loc, add(site, "rho", rho))));
        }
        self.find_whole(params);
        Ok(())
    }

    fn restore(&mut self, layout: &Layout, params: &Params<T>) -> Result {
        self.ids.clear();
        let mut used = 0;
        for site in layout.sites() {
            let shape = site.unconstrained_shape();
            let find = |suffix: &str| params.find_shaped(&format!("{}.{suffix}", site.name), shape);
            let ids = match site.kind {
                SiteKind::Latent => Some((find("loc")?, find("rho")?)),
                _ => None,
            };
            used += if ids.is_some() { 2 } else { usize::from(site.kind == SiteKind::Param) };
            self.ids.push(ids);
        }
        if params.segments().len() != used {
            let problem = format!("there are {} segments, the sites have {used}", params.segments().len());
            return Err(Error::Setting { setting: "params", problem });
        }
        self.find_whole(params);
        Ok(())
    }

    fn marginals<'t>(&self, tape: &'t Tape<T>, params: &Params<T>) -> Option<Marginal<'t, T>> {
        let [loc, rho] = self.whole?.map(|(first, last)| tape.param_range(params, first, last));
        Some(Marginal { loc, rho, form: self.form })
    }

    fn marginal<'t>(&self, tape: &'t Tape<T>, params: &Params<T>, index: usize) -> Option<Marginal<'t, T>> {
        let (loc, rho) = (*self.ids.get(index)?)?;
        Some(Marginal { loc: tape.param(params, loc), rho: tape.param(params, rho), form: self.form })
    }

    fn covariance(&self) -> Option<Covariance> {
        Some(Covariance::Diagonal)
    }

    fn assign(&self, gaussian: &Gaussian, layout: &Layout, params: &mut Params<T>) {
        let sd: Vec<f64> = gaussian.factor.diagonal().iter().copied().collect();
        self.assign_moments(gaussian.mean.as_slice(), &sd, layout, params);
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
