//! Linear maps with Gaussian weights, and the estimators of their output.

use super::batched_draw::fixed_normal;
use super::sign_flips::{add_flipped, flip_inputs};
use super::{Mode, Scope};
use crate::error::{Error, Result};
use crate::guide::{Marginal, ScaleForm};
use crate::layout::Init;
use probity_autodiff::{Arg, ExpScale, Formula, Real, Scalar, SoftplusScale, Terms, Var};
use probity_distributions::{Distribution, KlMethod, Support};
use serde::{Deserialize, Serialize};

/// How the output of a linear map with Gaussian weights is drawn while a guide is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Estimator {
    /// The weights are drawn once for all rows. Source: Blundell et al. 2015.
    #[default]
    WeightSpace,
    /// The outputs are drawn, each row with its own noise, from the Gaussian that the weights
    /// imply: less noise in the gradient, two products instead of one. Predictions draw weights, so
    /// that rows belong to one function. Where the divergence of a map's Gaussian from its prior is
    /// not known exactly, the weights are drawn as well, and the report names the sites
    /// ([`Report::weights_drawn`](crate::Report::weights_drawn)). Source: Kingma, Salimans, Welling
    /// 2015.
    LocalReparameterization,
    /// The weights are drawn once, and each row has what they differ from their means by with
    /// random signs of its inputs and outputs, the bias included: gradients of different rows are
    /// uncorrelated, at the price of a second product. Exact for any Gaussian of independent
    /// weights, and the divergence may be by Monte Carlo. Source: Wen et al. 2018, equation 5.
    Flipout,
    /// As [`Flipout`](Estimator::Flipout) with the standard deviations in the place of drawn
    /// differences: the noise of the weights is for every row a product of signs of inputs and
    /// outputs, a matrix of rank one. Mean and covariance of the outputs of a row are those of the
    /// Gaussian, higher moments are not. Nothing is drawn for a weight, so it needs a divergence
    /// that is known exactly, as local reparameterisation does.
    RankOne,
}

impl Estimator {
    /// All of them. Propagation of means and variances through a whole net, without noise, is a
    /// method for networks (`DeterministicVi` of `probity-nn`).
    pub const ALL: [Self; 4] =
        [Self::WeightSpace, Self::LocalReparameterization, Self::Flipout, Self::RankOne];

    /// In the words of a report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WeightSpace => "drawn weights",
            Self::LocalReparameterization => "local reparameterization",
            Self::Flipout => "flipout",
            Self::RankOne => "rank-one noise",
        }
    }
}

/// `mean + sqrt(variance) ε`, with a ReLU or without. The smallest addend keeps the derivative
/// finite where all inputs are 0.
#[derive(Clone, Copy, Debug)]
struct Output<const RELU: bool>;
impl<const RELU: bool> Formula<3> for Output<RELU> {
    #[inline(always)]
    fn eval<R: Real>(&self, [mean, variance, noise]: [R; 3]) -> R {
        let y = mean + (variance + 1e-30).sqrt() * noise;
        if RELU { y.relu() } else { y }
    }
    fn name(&self) -> &'static str {
        "local reparameterization"
    }
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// `x W + b` with sampled weights `W` (k × m) and, if given, biases `b` (1 × m); x: n × k,
    /// result n × m. The run's [`Estimator`] decides how; the sites are the same.
    ///
    /// # Errors
    /// As [`sample`](Scope::sample), and if the columns of `x` differ from the rows of `W`, or the
    /// bias is not 1 × m.
    #[track_caller]
    pub fn linear<W, B>(
        &mut self,
        x: Var<'t, T>,
        weight: (&str, W, impl FnOnce() -> Init),
        bias: Option<(&str, B, impl FnOnce() -> Init)>,
    ) -> Result<Var<'t, T>>
    where
        W: Distribution<Var<'t, T>>,
        B: Distribution<Var<'t, T>>,
    {
        self.linear_map(x, weight, bias, false)
    }

    /// `max(x W + b, 0)`: as [`linear`](Scope::linear) and then a ReLU, in fewer passes.
    ///
    /// # Errors
    /// As `linear`.
    #[track_caller]
    pub fn linear_relu<W, B>(
        &mut self,
        x: Var<'t, T>,
        weight: (&str, W, impl FnOnce() -> Init),
        bias: Option<(&str, B, impl FnOnce() -> Init)>,
    ) -> Result<Var<'t, T>>
    where
        W: Distribution<Var<'t, T>>,
        B: Distribution<Var<'t, T>>,
    {
        self.linear_map(x, weight, bias, true)
    }

    #[track_caller]
    fn linear_map<W, B>(
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
        let (inputs, outputs) = weight.1.shape();
        if x.ncols() != inputs {
            let problem =
                format!("the weights are {inputs} × {outputs}, but the input has {} columns", x.ncols());
            return self.noted(Err(Error::SiteShape { site: self.full_name(weight.0), problem }));
        }
        if let Some((name, prior, _)) = &bias
            && prior.shape() != (1, outputs)
        {
            let (rows, cols) = prior.shape();
            let problem = format!("the bias of {outputs} outputs is {rows} × {cols}, and not 1 × {outputs}");
            return self.noted(Err(Error::SiteShape { site: self.full_name(name), problem }));
        }
        let next = self.cursor;
        // For the weights and for the bias: whether there is no way round drawing them.
        let mut inexact = [false; 2];
        if let Mode::Elbo { draw, params, .. } = self.mode
            && self.estimator != Estimator::WeightSpace
        {
            let marginal = |index| self.marginal(draw, params, index).is_some();
            // Flipout draws the weights, and takes any divergence.
            let drawn = self.estimator == Estimator::Flipout;
            inexact = [
                !(marginal(next) && if drawn { on_line(&weight.1) } else { known(&weight.1) }),
                bias.as_ref().is_some_and(|b| {
                    !(marginal(next + 1) && if drawn { on_line(&b.1) } else { known(&b.1) })
                }),
            ];
            if inexact == [false; 2] {
                let y = self.noisy_by_row(x, weight, bias, relu);
                return self.noted(y);
            }
        }
        let w = self.sample_from(weight.0, weight.1, weight.2)?;
        let y = match bias {
            Some((name, prior, init)) if relu => x.affine_relu(w, self.sample_from(name, prior, init)?),
            Some((name, prior, init)) => x.affine(w, self.sample_from(name, prior, init)?),
            None if relu => x.matmul(w).relu(),
            None => x.matmul(w),
        };
        for (site, inexact) in self.layout.sites[next..].iter_mut().zip(inexact) {
            site.weights_drawn |= inexact;
        }
        Ok(y)
    }

    /// The map by an estimator that gives every row noise of its own: a map of the means, and one
    /// of what the sites differ from them by.
    fn noisy_by_row<W, B>(
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
        let key = self.key.fold_in(self.cursor as u64);
        let (loc, spread) = self.mean_and_spread(weight)?;
        let bias = match bias {
            Some(bias) => Some(self.mean_and_spread(bias)?),
            None => None,
        };
        let map = |x: Var<'t, T>, weight, bias: Option<_>| match bias {
            Some(bias) => x.affine(weight, bias),
            None => x.matmul(weight),
        };
        let mean = map(x, loc, bias.map(|(loc, _)| loc));
        let local = self.estimator == Estimator::LocalReparameterization;
        let inputs = if local { x.sq() } else { flip_inputs(self.tape, x, key) };
        let spread = map(inputs, spread, bias.map(|(_, spread)| spread));
        if !local {
            return Ok(add_flipped(self.tape, mean, spread, key, relu));
        }
        let args = [mean.into(), spread.into(), Arg::Normal(key)];
        Ok(match relu {
            true => self.tape.map_noise(Output::<true>, args, (1, 1)),
            false => self.tape.map_noise(Output::<false>, args, (1, 1)),
        })
    }

    /// Visits a site; the mean of its Gaussian, and what the estimator has of the rest: the
    /// variance, the standard deviation, or what a draw differs from the mean by.
    fn mean_and_spread<D: Distribution<Var<'t, T>>>(
        &mut self,
        (name, prior, init): (&str, D, impl FnOnce() -> Init),
    ) -> Result<(Var<'t, T>, Var<'t, T>)> {
        if self.estimator == Estimator::Flipout {
            let index = self.cursor;
            let draw = self.sample_from(name, prior, init)?;
            let loc = self.gaussian(index).loc;
            return Ok((loc, draw - loc));
        }
        let index = self.visit_latent(name, &prior, init)?;
        let moments = self.moments(index, &prior);
        self.leave(index);
        Ok(moments)
    }

    /// Mean of a site's Gaussian, and its variance or, for rank-one noise, its standard deviation;
    /// adds its divergence from the prior.
    fn moments<D: Distribution<Var<'t, T>>>(&mut self, index: usize, prior: &D) -> (Var<'t, T>, Var<'t, T>) {
        let q = self.gaussian(index);
        let squared = self.estimator == Estimator::LocalReparameterization;
        if let Some(prior) = fixed_normal(prior).filter(|_| squared) {
            let (variance, kl) = match q.form {
                ScaleForm::Softplus => self.tape.gaussian_variance::<SoftplusScale>(q.loc, q.rho, prior),
                ScaleForm::Log => self.tape.gaussian_variance::<ExpScale>(q.loc, q.rho, prior),
            };
            self.add_kl(index, kl, KlMethod::Closed);
            return (q.loc, variance);
        }
        let scale = q.form.scale(q.rho);
        if let Some((kl, method)) = prior.kl_from_normal(q.loc, scale, Terms::Sum) {
            self.add_kl(index, kl, method);
        }
        (q.loc, if squared { scale.sq() } else { scale })
    }

    /// The Gaussian of a site that is known to have one.
    fn gaussian(&self, index: usize) -> Marginal<'t, T> {
        let Mode::Elbo { draw, params, .. } = self.mode else {
            unreachable!("only an ELBO run has estimators")
        };
        self.marginal(draw, params, index).unwrap_or_else(|| unreachable!("asked before"))
    }
}

/// Whether the divergence of a Gaussian from this prior is known exactly. Asked with a standard
/// normal, whose value is not used.
fn known<'t, T: Scalar, D: Distribution<Var<'t, T>>>(prior: &D) -> bool {
    on_line(prior)
        && (prior.as_normal().is_some()
            || prior.kl_from_normal(Var::from(0.0), Var::from(1.0), Terms::Sum).is_some())
}

/// Whether the Gaussian of a site with this prior is that of its values.
fn on_line<'t, T: Scalar, D: Distribution<Var<'t, T>>>(prior: &D) -> bool {
    matches!(prior.support(), Support::Real)
}
