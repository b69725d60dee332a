//! What a guide gives at a latent site: a draw, and its divergence from the prior.

use super::Scope;
use super::batched_draw::fixed_normal;
use super::site::NORMAL_ENTROPY;
use crate::error::{Error, Result};
use crate::guide::{Draw, Marginal, ScaleForm};
use probity_autodiff::{
    Arg, ExpScale, Formula, Params, Real, Scalar, ScaleMap, SoftplusScale, Terms, Var, formula,
};
use probity_distributions::{Distribution, KlMethod, Support};

/// `loc + scale ε`; the map is a type, so that the loop has no branch.
#[derive(Clone, Copy, Debug)]
struct GuideDraw<S>(S);
impl<S: ScaleMap> Formula<3> for GuideDraw<S> {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, rho, noise]: [R; 3]) -> R {
        loc + S::scale(rho) * noise
    }
    fn name(&self) -> &'static str {
        "sample"
    }
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// The Gaussian of a site, if the guide has one.
    pub(super) fn marginal(
        &self,
        draw: Draw<'t, T>,
        params: &Params<T>,
        index: usize,
    ) -> Option<Marginal<'t, T>> {
        draw.marginals?.site(self.tape, params, index)
    }

    pub(super) fn no_draw(&self, index: usize) -> Error {
        let problem =
            format!("it has neither a marginal nor a joint draw of site {:?}", self.layout.sites[index].name);
        Error::Setting { setting: "guide", problem }
    }

    /// A draw from the site's Gaussian; adds its divergence from the prior, by the best method
    /// there is.
    pub(super) fn sample_marginal<D: Distribution<Var<'t, T>>>(
        &mut self,
        index: usize,
        q: Marginal<'t, T>,
        prior: &D,
    ) -> Var<'t, T> {
        let support = prior.support();
        self.measure(index, q, prior, |s| s.draw(q, index));
        if matches!(support, Support::Real) {
            if let Some(prior) = fixed_normal(prior) {
                let (value, kl) = self.draw_and_kl(q, index, prior);
                self.add_kl(index, kl, KlMethod::Closed);
                return value;
            }
            let scale = q.form.scale(q.rho);
            if let Some((kl, method)) = prior.kl_from_normal(q.loc, scale, Terms::Sum) {
                self.add_kl(index, kl, method);
                return self.tape.scaled_noise(q.loc, scale, self.noise_key(index));
            }
        }
        let u = self.draw(q, index);
        let x = support.constrain(u).unwrap_or(u);
        if let Some((kl, method)) = prior.kl_from_unconstrained_normal(q.loc, q.form.scale(q.rho), Terms::Sum)
        {
            self.add_kl(index, kl, method);
            return x;
        }
        // ln q - ln p at the draw, with the exact entropy in the place of ln q.
        let n = self.layout.sites[index].dim() as f64;
        let log_scales = match q.form {
            ScaleForm::Softplus => Var::map_sum(formula!(f64 | rho | rho.softplus().ln()), [q.rho]),
            ScaleForm::Log => q.rho.sum(),
        };
        let kl = -(log_scales + n * NORMAL_ENTROPY) - prior.log_prob_unconstrained(u, Terms::Sum);
        self.add_kl(index, kl, KlMethod::MonteCarlo { draws: self.draws() });
        x
    }

    /// The site's part of a joint draw; adds `-ln p`, the guide's entropy being accounted for once
    /// for all sites.
    pub(super) fn sample_joint<D: Distribution<Var<'t, T>>>(
        &mut self,
        index: usize,
        u: Option<Var<'t, T>>,
        prior: &D,
    ) -> Result<Var<'t, T>> {
        let Some(u) = u else { return Err(self.no_draw(index)) };
        let u = self.part(u, index);
        let x = prior.support().constrain(u).unwrap_or(u);
        let kl = -prior.log_prob_unconstrained(u, Terms::Sum);
        self.add_kl(index, kl, KlMethod::MonteCarlo { draws: self.draws() });
        Ok(x)
    }

    fn draw_and_kl(&self, q: Marginal<'t, T>, index: usize, prior: (f64, f64)) -> (Var<'t, T>, Var<'t, T>) {
        let key = self.noise_key(index);
        match q.form {
            ScaleForm::Softplus => self.tape.gaussian_draw::<SoftplusScale>(q.loc, q.rho, prior, key),
            ScaleForm::Log => self.tape.gaussian_draw::<ExpScale>(q.loc, q.rho, prior, key),
        }
    }

    pub(super) fn draw(&self, q: Marginal<'t, T>, index: usize) -> Var<'t, T> {
        let (args, shape) = (self.noise_args(q, index), q.loc.shape());
        match q.form {
            ScaleForm::Softplus => self.tape.map_noise(GuideDraw(SoftplusScale), args, shape),
            ScaleForm::Log => self.tape.map_noise(GuideDraw(ExpScale), args, shape),
        }
    }

    fn noise_args(&self, q: Marginal<'t, T>, index: usize) -> [Arg<'t, T>; 3] {
        [q.loc.into(), q.rho.into(), Arg::Normal(self.noise_key(index))]
    }

    /// A draw of a guide's own, or the value at a point; adds its log density, and collects the
    /// unconstrained numbers.
    pub(super) fn drawn_by_guide<D: Distribution<Var<'t, T>>>(
        &mut self,
        index: usize,
        at: Option<Var<'t, T>>,
        prior: &D,
    ) -> Result<Var<'t, T>> {
        let support = prior.support();
        let (u, x) = match at {
            Some(point) => {
                let u = self.part(point, index);
                (u, support.constrain(u).unwrap_or(u))
            }
            None => {
                let x = self.drawn_from_prior(index, prior)?;
                (support.unconstrain(x).unwrap_or(x), x)
            }
        };
        let log_q = prior.log_prob_unconstrained(u, Terms::Sum);
        if at.is_none() && log_q.requires_grad() && !x.requires_grad() {
            return Err(Error::NoPathwiseGradient {
                site: self.layout.sites[index].name.clone(),
                family: D::NAME,
            });
        }
        self.out.log_prior.add(log_q, 1.0);
        self.collect(index, u);
        Ok(x)
    }
}
