//! The divergence of every entry of a site from its prior.

use super::Scope;
use super::site::NORMAL_ENTROPY;
use crate::guide::Marginal;
use probity_autodiff::{Scalar, Terms, Var};
use probity_distributions::{Distribution, Event};

/// The Gaussians of a site at one draw of everything else.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub index: usize,
    pub loc: Vec<f64>,
    pub scale: Vec<f64>,
    /// The divergence of every entry, or an estimate of it by one draw.
    pub kl: Vec<f64>,
    pub exact: bool,
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// Notes the site's Gaussians and their divergence from the prior, where it is asked for. `u`
    /// is a draw.
    pub(super) fn measure<D: Distribution<Var<'t, T>>>(
        &mut self,
        index: usize,
        q: Marginal<'t, T>,
        prior: &D,
        u: impl FnOnce(&Self) -> Var<'t, T>,
    ) {
        if self.out.measured.is_none() || prior.event() != Event::Entry {
            return;
        }
        let read = |x: Var<'t, T>| x.read(|x| x.iter().map(|x| x.to_f64()).collect::<Vec<f64>>());
        let scale = q.form.scale(q.rho);
        let known = prior.kl_from_unconstrained_normal(q.loc, scale, Terms::Each);
        let exact = known.is_some();
        let kl = match known {
            Some((kl, _)) => read(kl),
            None => {
                let log_prior = read(prior.log_prob_unconstrained(u(self), Terms::Each));
                let entropy = read(scale).into_iter().map(|s| s.ln() + NORMAL_ENTROPY);
                entropy.zip(log_prior).map(|(entropy, log_prior)| -entropy - log_prior).collect()
            }
        };
        let (loc, scale) = (read(q.loc), read(scale));
        if let Some(measured) = &mut self.out.measured
            && kl.len() == loc.len()
        {
            measured.push(Measured { index, loc, scale, kl, exact });
        }
    }
}
