//! Sites with fixed Normal priors and few numbers, drawn in one pass before the model runs.

use super::{Mode, Scope};
use crate::guide::ScaleForm;
use crate::layout::{Layout, SiteKind};
use probity_autodiff::{ExpScale, GaussianDraws, GaussianSite, Key, Scalar, SoftplusScale, Tape, Value, Var};
use probity_distributions::{Distribution, KlMethod, Support};
use std::sync::Arc;

/// With more numbers the passes by themselves take so long that their count does not matter, and a
/// value is best computed just before its use.
const FEW: usize = 1 << 14;

/// The draws of all latent sites, in the order of the visits.
#[derive(Debug)]
pub(super) struct BatchedDraw<'t, T: Scalar> {
    draws: GaussianDraws<'t, T>,
    sites: &'t [GaussianSite],
    next: usize,
}

impl<'t, T: Scalar> BatchedDraw<'t, T> {
    /// The draws of these sites, if the guide has their Gaussians in one piece.
    pub(super) fn draw(
        tape: &'t Tape<T>,
        mode: Mode<'t, T>,
        key: Key,
        sites: &'t Arc<[GaussianSite]>,
    ) -> Option<Self> {
        let Mode::Elbo { draw, params, .. } = mode else { return None };
        let q = draw.marginals?.whole(tape, params)?;
        let draws = match q.form {
            ScaleForm::Softplus => tape.gaussian_sites::<SoftplusScale>(q.loc, q.rho, sites, key),
            ScaleForm::Log => tape.gaussian_sites::<ExpScale>(q.loc, q.rho, sites, key),
        };
        Some(Self { draws, sites, next: 0 })
    }

    /// The sum of the divergences.
    pub(super) fn kl(&self) -> Var<'t, T> {
        self.draws.kl()
    }
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// The draw of a site, if sites are drawn together. A prior that is not the one of the first
    /// run makes the whole run void.
    pub(super) fn drawn_before<D: Distribution<Var<'t, T>>>(
        &mut self,
        index: usize,
        prior: &D,
    ) -> Option<Var<'t, T>> {
        let batched = self.batched.as_mut()?;
        let site = batched.next;
        batched.next += 1;
        if fixed_normal(prior) != Some(batched.sites[site].prior) {
            self.out.priors_moved = true;
        }
        let value = batched.draws.site(site);
        self.layout.sites[index].kl = Some(KlMethod::Closed);
        Some(value)
    }
}

/// Mean and standard deviation of a prior that is a Normal with constant parameters.
#[inline]
pub(super) fn fixed_normal<'t, T: Scalar, D: Distribution<Var<'t, T>>>(prior: &D) -> Option<(f64, f64)> {
    let (loc, scale) = prior.as_normal().filter(|_| matches!(prior.support(), Support::Real))?;
    Some((loc.fixed()?, scale.fixed()?))
}

/// Whether a prior is a Normal with a scale that depends on other latent variables.
pub(super) fn has_scale<'t, T: Scalar, D: Distribution<Var<'t, T>>>(prior: &D) -> bool {
    let normal = prior.as_normal().filter(|_| matches!(prior.support(), Support::Real));
    normal.is_some_and(|(_, scale)| scale.requires_grad())
}

/// The latent sites, if they can be drawn together: several of few numbers, with these priors.
pub(super) fn sites(layout: &Layout, priors: &[Option<(f64, f64)>]) -> Option<Arc<[GaussianSite]>> {
    let latent = layout.sites.iter().enumerate().filter(|(_, site)| site.kind == SiteKind::Latent);
    let sites: Option<Vec<GaussianSite>> = latent
        .zip(priors)
        .map(|((i, site), prior)| {
            Some(GaussianSite { shape: site.shape, prior: (*prior)?, number: i as u64 })
        })
        .collect();
    sites.filter(|sites| sites.len() > 1 && layout.dim <= FEW).map(Arc::from)
}
