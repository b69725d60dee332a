//! A posterior that is draws of a sampler.

use crate::corrected::Corrected;
use crate::error::{Error, Result};
use crate::guide::{Guide, Segments};
use crate::guides::MeanField;
use crate::hmc::Runs;
use crate::kl_weight::KlWeight;
use crate::ladder::Stands;
use crate::layout::SiteKind;
use crate::model::Model;
use crate::nuts::Samples;
use crate::objective::Objective;
use crate::posterior::{Parts, Posterior};
use crate::report::{Method, Report, Stopped};
use crate::scope::{Estimator, discover};
use crate::verdict::Verdict;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Params, Scalar, precompiled};
use rand::seq::SliceRandom;

/// Draws of a sampler on the [`LogJoint`](crate::LogJoint) of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// The model's d unconstrained numbers for every draw, one draw after the other.
    pub points: Vec<f64>,
    /// How they came about.
    pub stands: Stands,
    /// The number of chains.
    pub chains: usize,
    /// Gradients that they took.
    pub gradients: usize,
}

impl From<&Runs> for Sampled {
    fn from(runs: &Runs) -> Self {
        let (points, chains, gradients) = (runs.draws(), runs.chains.len(), runs.gradients());
        Self { points, stands: Stands::Hamiltonian, chains, gradients }
    }
}

impl From<&Samples> for Sampled {
    fn from(samples: &Samples) -> Self {
        let (points, chains, gradients) = (samples.draws(), samples.chains.len(), samples.gradients());
        Self { points, stands: Stands::Chains, chains, gradients }
    }
}

/// The means and standard deviations of draws, d numbers each.
pub(crate) fn moments(points: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let of = |i: usize| {
        let x = || points.iter().skip(i).step_by(d);
        let n = (points.len() / d) as f64;
        let mean = x().sum::<f64>() / n;
        let variance = x().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt().max(1e-6 * mean.abs().max(1e-6)))
    };
    (0..d).map(of).unzip()
}

impl<M: Model<T> + Sync, T: Scalar> Posterior<M, T> {
    /// A posterior that is draws of a sampler, such as [`Chains`](crate::hmc::Chains) or
    /// [`Nuts`](crate::nuts::Nuts). Its guide is the mean field with the draws' means and standard
    /// deviations; point parameters stand at their start, as in [`LogJoint`](crate::LogJoint).
    ///
    /// The draws are put into a random order, so that the first n of them are from all chains.
    ///
    /// # Errors
    /// If there are no draws or their numbers are not finite, and what the model reports.
    pub fn of_draws(model: M, sampled: impl Into<Sampled>, seed: u64, seconds: f64) -> Result<Self> {
        let parts = parts(&model, sampled.into(), seed, seconds)?;
        Ok(Self::new(model, parts))
    }

    /// With a verdict of other witnesses, such as one on [predictions](Verdict::of_predictions).
    pub fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.set_verdict(verdict);
        self
    }
}

precompiled! {
    fn parts<T>(model: &'a dyn Model<T>, sampled: Sampled, seed: u64, seconds: f64) -> Result<Parts<T>> {
        let Sampled { points, stands, chains, gradients } = sampled;
        let key = Key::new(seed);
        let layout = discover(model, key)?.layout;
        let d = layout.dim();
        if d == 0 || points.is_empty() || !points.len().is_multiple_of(d) {
            let problem = format!("{} numbers for a model of dimension {d}", points.len());
            return Err(Error::Setting { setting: "draws", problem });
        }
        let n = points.len() / d;
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut key.fold_in_str("order").rng());
        let points: Vec<f64> = order.iter().flat_map(|i| &points[i * d..(i + 1) * d]).copied().collect();
        let (means, sds) = moments(&points, d);
        let mut params = Params::new();
        let guide = MeanField::new().bound(&layout, &mut Segments::of_a_fit(&mut params, key))?;
        // Point parameters stand where the log joint density has them.
        let of_density = Key::new(0);
        for (i, site) in layout.sites().iter().enumerate().filter(|(_, s)| s.kind == SiteKind::Param) {
            let values = site.start(of_density.fold_in(i as u64))?.into_iter().map(T::from_f64);
            let (rows, cols) = site.unconstrained_shape();
            params.add(site.name.clone(), &DMatrix::from_iterator(rows, cols, values));
        }
        if points.iter().any(|x| !x.is_finite()) {
            return Err(Error::Setting { setting: "draws", problem: "a number is not finite".into() });
        }
        guide.assign_moments(&means, &sds, &mut params);
        let report = Report {
            guide: Guide::<T>::name(&MeanField::new()),
            method: Method::Sampled,
            steps: n,
            stopped: Stopped::AllSteps,
            movement: None,
            narrowed: None,
            draws: chains,
            gradients,
            verdict: None,
            k_hat: None,
            non_centred: Vec::new(),
            stands,
            point: false,
            seed,
            minibatch: None,
            shuffled: true,
            objective: Objective::Elbo,
            climbs: Vec::new(),
            estimator: Estimator::WeightSpace,
            weights_drawn: Vec::new(),
            kl_weight: KlWeight::Full,
            redrawn: 0,
            redrawn_for: None,
            seconds,
            elbo: None,
            elbo_tail: None,
            elbo_influence: None,
        };
        let (corrected, history) = (Some(Corrected { dim: d, points, stands }), Vec::new());
        Ok(Parts { layout, guide: Box::new(guide), params, corrected, history, report, key })
    }
}
