//! Estimators of a linear map that give each row a perturbation of its own by random signs.

use super::{Mode, Scope};
use crate::error::Result;
use crate::guide::Marginal;
use crate::layout::Init;
use probity_autodiff::{Arg, Formula, Real, Scalar, Terms, Var};
use probity_distributions::Distribution;

/// An input times a random sign, from a uniform number.
#[derive(Clone, Copy, Debug)]
struct Flip;
impl Formula<2> for Flip {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, uniform]: [R; 2]) -> R {
        x * (uniform - 0.5).signum()
    }
}

/// `mean ± perturbation`, with a ReLU or without; the sign from a uniform number.
#[derive(Clone, Copy, Debug)]
struct Output<const RELU: bool>;
impl<const RELU: bool> Formula<3> for Output<RELU> {
    #[inline(always)]
    fn eval<R: Real>(&self, [mean, perturbation, uniform]: [R; 3]) -> R {
        let y = mean + perturbation * (uniform - 0.5).signum();
        if RELU { y.relu() } else { y }
    }
    fn name(&self) -> &'static str {
        "sign flips"
    }
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// By [`Flipout`](super::Estimator::Flipout): the draws of the sites less their means are what
    /// signs are given to.
    pub(super) fn flipout<W, B>(
        &mut self,
        x: Var<'t, T>,
        weight: (&str, W, impl FnOnce() -> Init),
        bias: Option<(&str, B, impl FnOnce() -> Init)>,
        relu: bool,
    ) -> Result<Var<'t, T>>
    where
        W: Distribution<Var<'t, T>>,
        B: Distribution<Var<'t, T>>,
    {
        let index = self.cursor;
        let w = self.sample_from(weight.0, weight.1, weight.2)?;
        let loc = self.gaussian(index).loc;
        let bias = match bias {
            None => None,
            Some((name, prior, init)) => {
                let index = self.cursor;
                let b = self.sample_from(name, prior, init)?;
                let loc = self.gaussian(index).loc;
                Some((loc, b - loc))
            }
        };
        Ok(self.flipped(x, (loc, w - loc), bias, index, relu))
    }

    /// By [`RankOne`](super::Estimator::RankOne): signs are given to the standard deviations.
    pub(super) fn rank_one<W, B>(
        &mut self,
        x: Var<'t, T>,
        weight: (&str, W, impl FnOnce() -> Init),
        bias: Option<(&str, B, impl FnOnce() -> Init)>,
        relu: bool,
    ) -> Result<Var<'t, T>>
    where
        W: Distribution<Var<'t, T>>,
        B: Distribution<Var<'t, T>>,
    {
        let index = self.visit_latent(weight.0, &weight.1, weight.2)?;
        let moments = self.mean_and_sd(index, &weight.1);
        self.leave(index);
        let bias = match bias {
            None => None,
            Some((name, prior, init)) => {
                let index = self.visit_latent(name, &prior, init)?;
                let moments = self.mean_and_sd(index, &prior);
                self.leave(index);
                Some(moments)
            }
        };
        Ok(self.flipped(x, moments, bias, index, relu))
    }

    /// `x loc + b + ((x ∘ S) perturbation + c) ∘ R` with signs S of every row and input, and R of
    /// every row and output.
    fn flipped(
        &self,
        x: Var<'t, T>,
        (loc, perturbation): (Var<'t, T>, Var<'t, T>),
        bias: Option<(Var<'t, T>, Var<'t, T>)>,
        index: usize,
        relu: bool,
    ) -> Var<'t, T> {
        let key = self.key.fold_in(index as u64).fold_in_str("signs");
        let flipped = self.tape.map_noise(Flip, [x.into(), Arg::Uniform(key.fold_in(0))], (1, 1));
        let (mean, perturbed) = match bias {
            None => (x.matmul(loc), flipped.matmul(perturbation)),
            Some((b, c)) => (x.affine(loc, b), flipped.affine(perturbation, c)),
        };
        let args = [mean.into(), perturbed.into(), Arg::Uniform(key.fold_in(1))];
        match relu {
            true => self.tape.map_noise(Output::<true>, args, (1, 1)),
            false => self.tape.map_noise(Output::<false>, args, (1, 1)),
        }
    }

    /// Mean and standard deviation of a site's Gaussian; adds its divergence from the prior.
    fn mean_and_sd<D: Distribution<Var<'t, T>>>(
        &mut self,
        index: usize,
        prior: &D,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let q = self.gaussian(index);
        let scale = q.form.scale(q.rho);
        if let Some((kl, method)) = prior.kl_from_normal(q.loc, scale, Terms::Sum) {
            self.add_kl(index, kl, method);
        }
        (q.loc, scale)
    }

    /// The Gaussian of a site that is known to have one.
    pub(super) fn gaussian(&self, index: usize) -> Marginal<'t, T> {
        let Mode::Elbo { draw, params, .. } = self.mode else {
            unreachable!("only an ELBO run has estimators")
        };
        self.marginal(draw, params, index).unwrap_or_else(|| unreachable!("asked before"))
    }
}
