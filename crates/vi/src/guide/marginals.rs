//! Independent Gaussians by site: where their parameters lie.

use super::{DrawContext, Joint, ScaleForm, Segments};
use crate::layout::{Layout, Site};
use probity_autodiff::{ParamId, Params, Scalar, Tape, Var};
use probity_distributions::{Distribution, Normal};

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

impl<'t, T: Scalar> Marginal<'t, T> {
    fn normal(&self) -> Normal<Var<'t, T>> {
        Normal { loc: self.loc, scale: self.form.scale(self.rho) }
    }
}

/// The segments of the Gaussian of a site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginalSite {
    /// The means.
    pub loc: ParamId,
    /// The parameters of the standard deviations.
    pub rho: ParamId,
    /// What makes the standard deviations of them.
    pub form: ScaleForm,
    /// The first unconstrained number of the site, and how many it has.
    offset: usize,
    dim: usize,
}

/// Independent Gaussians for the entries of all latent sites or of some.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marginals {
    /// By site number.
    sites: Vec<Option<MarginalSite>>,
    /// The first and the last of the locations and of the scale parameters of all sites, if they
    /// lie one after the other.
    whole: Option<([(ParamId, ParamId); 2], ScaleForm)>,
    dim: usize,
}

impl Marginals {
    /// With a mean and a scale parameter for every unconstrained number, which start as the sites
    /// do: segments `site.loc` and `site.rho`, first all locations and then all scale parameters.
    ///
    /// # Errors
    /// As [`Segments::add`].
    pub fn add<T: Scalar>(
        layout: &Layout,
        form: ScaleForm,
        segments: &mut Segments<'_, T>,
    ) -> crate::error::Result<Self> {
        let start = segments.start();
        let mut loc = Vec::new();
        for (i, site) in layout.latent_by_index() {
            let (name, shape) = (format!("{}.loc", site.name), site.unconstrained_shape());
            loc.push(segments.add(name, shape, || start.means_of(i, site))?);
        }
        let mut sites = vec![None; layout.sites().len()];
        for ((i, site), loc) in layout.latent_by_index().zip(loc) {
            let (name, shape) = (format!("{}.rho", site.name), site.unconstrained_shape());
            let rho = || start.sds_of(i, site).into_iter().map(|sd| form.rho(sd)).collect();
            let rho = segments.add(name, shape, || Ok(rho()))?;
            sites[i] = Some(MarginalSite { loc, rho, form, offset: site.offset, dim: site.dim() });
        }
        let dim = layout.dim();
        let whole = whole(&sites, segments.params());
        Ok(Self { sites, whole, dim })
    }

    /// These and others of other sites of a layout with so many numbers, of which these begin at
    /// the offsets of its sites.
    pub(crate) fn joined(&self, other: &Self, layout: &Layout) -> Self {
        let sites = self.sites.iter().zip(&other.sites).map(|(a, b)| a.or(*b)).collect();
        Self { sites, whole: None, dim: layout.dim() }.placed(layout)
    }

    /// With the offsets of this layout.
    pub(crate) fn placed(mut self, layout: &Layout) -> Self {
        for (own, site) in self.sites.iter_mut().zip(layout.sites()) {
            own.iter_mut().for_each(|own| own.offset = site.offset);
        }
        if self.dim != layout.dim() {
            self.whole = None;
        }
        self.dim = layout.dim();
        self
    }

    /// The segments of every site, by its number in the layout.
    pub fn sites(&self) -> &[Option<MarginalSite>] {
        &self.sites
    }

    /// The Gaussian of the site with this number in the layout; none if it is not among these.
    pub fn site<'t, T: Scalar>(
        &self,
        tape: &'t Tape<T>,
        params: &Params<T>,
        index: usize,
    ) -> Option<Marginal<'t, T>> {
        let MarginalSite { loc, rho, form, .. } = (*self.sites.get(index)?)?;
        Some(Marginal { loc: tape.param(params, loc), rho: tape.param(params, rho), form })
    }

    /// The Gaussians of all latent sites in one piece, if their parameters lie so: columns, site
    /// after site in the order of the layout. Small models are then drawn in one pass.
    pub fn whole<'t, T: Scalar>(&self, tape: &'t Tape<T>, params: &Params<T>) -> Option<Marginal<'t, T>> {
        let ([loc, rho], form) = self.whole?;
        let piece = |(first, last)| tape.param_range(params, first, last);
        Some(Marginal { loc: piece(loc), rho: piece(rho), form })
    }

    /// One draw of these sites, d × 1 with 0 in the places of all others, and its log density.
    pub fn joint<'t, T: Scalar>(&self, at: DrawContext<'t, T>) -> Joint<'t, T> {
        let draw = |q: Marginal<'t, T>, key| {
            let normal = q.normal();
            let u = at.tape.scaled_noise(normal.loc, normal.scale, key);
            (column(u), normal.log_prob_sum(u))
        };
        let (u, log_q) = match self.whole(at.tape, at.params) {
            Some(q) => draw(q, at.key),
            None => {
                let each = (0..self.sites.len())
                    .filter_map(|i| Some(draw(self.site(at.tape, at.params, i)?, at.key.fold_in(i as u64))));
                let (u, log_q): (Vec<_>, Vec<_>) = each.unzip();
                (self.spread_out(Var::concat_rows(&u)), Var::add_all(&log_q))
            }
        };
        Joint { u, log_q, weight: None }
    }

    /// The numbers of these sites in their places.
    fn spread_out<'t, T: Scalar>(&self, u: Var<'t, T>) -> Var<'t, T> {
        if u.nrows() == self.dim {
            return u;
        }
        let places = self.sites.iter().flatten().flat_map(|s| s.offset..s.offset + s.dim);
        u.scatter_rows(places.collect::<Vec<_>>(), self.dim)
    }

    /// The log density of these sites at a point of all, d × 1.
    pub fn log_prob<'t, T: Scalar>(
        &self,
        tape: &'t Tape<T>,
        params: &Params<T>,
        u: Var<'t, T>,
    ) -> Var<'t, T> {
        if let Some(q) = self.whole(tape, params) {
            return q.normal().log_prob_sum(u);
        }
        let each = self.sites.iter().enumerate().filter_map(|(i, site)| {
            let (offset, q) = (site.as_ref()?.offset, self.site(tape, params, i)?);
            let (rows, cols) = q.loc.shape();
            Some(q.normal().log_prob_sum(u.rows(offset..offset + rows * cols).reshape(rows, cols)))
        });
        Var::add_all(&each.collect::<Vec<_>>())
    }

    /// Means and standard deviations, in the order of the layout.
    pub(crate) fn moments<T: Scalar>(&self, params: &Params<T>) -> (Vec<f64>, Vec<f64>) {
        let (mut mean, mut sd) = (vec![0.0; self.dim], vec![1.0; self.dim]);
        let x = params.as_slice();
        for MarginalSite { loc, rho, form, offset, .. } in self.sites.iter().flatten() {
            let (loc, rho) = (params.segment(*loc).range(), params.segment(*rho).range());
            for (i, (l, r)) in loc.zip(rho).enumerate() {
                mean[offset + i] = x[l].to_f64();
                sd[offset + i] = form.scale_and_unit(x[r].to_f64()).0;
            }
        }
        (mean, sd)
    }

    /// Sets means and standard deviations, in the order of the layout.
    pub(crate) fn assign<T: Scalar>(&self, mean: &[f64], sd: &[f64], params: &mut Params<T>) {
        for MarginalSite { loc, rho, form, offset, .. } in self.sites.iter().flatten() {
            let (loc, rho) = (params.segment(*loc).range(), params.segment(*rho).range());
            let x = params.as_mut_slice();
            for (i, (l, r)) in loc.zip(rho).enumerate() {
                x[l] = T::from_f64(mean[offset + i]);
                x[r] = T::from_f64(form.rho(sd[offset + i]));
            }
        }
    }

    /// As [`BoundGuide::units`](super::BoundGuide::units).
    pub fn units<T: Scalar>(&self, params: &Params<T>, units: &mut [f64]) {
        for MarginalSite { loc, rho, form, .. } in self.sites.iter().flatten() {
            let (loc, rho) = (params.segment(*loc).range(), params.segment(*rho).range());
            for (l, r) in loc.zip(rho) {
                (units[l], units[r]) = form.scale_and_unit(params.as_slice()[r].to_f64());
            }
        }
    }

    /// The segments that set scales.
    pub fn scale_params(&self) -> Vec<ParamId> {
        self.sites.iter().flatten().map(|site| site.rho).collect()
    }
}

/// The first and the last segments of locations and of scale parameters, if they lie one after the
/// other.
fn whole<T: Scalar>(
    sites: &[Option<MarginalSite>],
    params: &Params<T>,
) -> Option<([(ParamId, ParamId); 2], ScaleForm)> {
    let piece = |ids: Vec<ParamId>| {
        let neighbours = |pair: &[ParamId]| {
            params.segment(pair[0]).range().end == params.segment(pair[1]).offset
                && pair[0].index() + 1 == pair[1].index()
        };
        ids.windows(2).all(neighbours).then_some((*ids.first()?, *ids.last()?))
    };
    let sites = || sites.iter().flatten();
    let form = sites().next()?.form;
    let [loc, rho] = [piece(sites().map(|s| s.loc).collect())?, piece(sites().map(|s| s.rho).collect())?];
    Some(([loc, rho], form))
}

/// The numbers of a site as a column.
fn column<T: Scalar>(u: Var<'_, T>) -> Var<'_, T> {
    let (rows, cols) = u.shape();
    if cols == 1 { u } else { u.reshape(rows * cols, 1) }
}

impl Layout {
    /// The latent sites with their numbers.
    pub(crate) fn latent_by_index(&self) -> impl Iterator<Item = (usize, &Site)> {
        self.sites.iter().enumerate().filter(|(_, site)| site.kind == crate::layout::SiteKind::Latent)
    }
}
