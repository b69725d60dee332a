//! Where a fit by stochastic gradients starts, and one of its steps.

use super::Fit;
use crate::elbo::{At, Engine, Loss};
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Segments};
use crate::kl_weight::KlWeight;
use crate::layout::{Layout, SiteKind};
use crate::model::Model;
use crate::observer::StepInfo;
use crate::optim::{OptimizerState, Rule, clip_norm};
use crate::scope::Minibatches;
use crate::stopping_rule::StoppingRule;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Params, Scalar};
use std::ops::Range;

impl<T: Scalar> Fit<T> {
    /// The guide, with its parameters and the model's own at their start.
    pub(super) fn start(&self, layout: &Layout, key: Key) -> Result<(Box<dyn BoundGuide<T>>, Params<T>)> {
        let mut params = Params::new();
        let mut segments = Segments::of_a_fit(&mut params, key.fold_in_str("start"));
        let guide = self.guide.bind(layout, &mut segments)?;
        for (i, site) in layout.sites().iter().enumerate().filter(|(_, s)| s.kind == SiteKind::Param) {
            // The guide's names end in ".loc" and the like, and so may a parameter's.
            if params.find(&site.name).is_some() {
                return Err(Error::DuplicateSite { site: site.name.clone() });
            }
            let values = site.start(key.fold_in_str("parameters").fold_in(i as u64))?;
            let values = values.into_iter().map(T::from_f64);
            let (rows, cols) = site.unconstrained_shape();
            params.add(site.name.clone(), &DMatrix::from_iterator(rows, cols, values));
        }
        if params.is_empty() {
            let problem = "the model has no latent variables and no parameters".into();
            return Err(Error::Setting { setting: "model", problem });
        }
        if let Some(start) = &self.start {
            start_from(&mut params, start)?;
        }
        Ok((guide, params))
    }

    /// The rate multiplier of every range of parameters.
    pub(super) fn multipliers(
        &self,
        guide: &dyn BoundGuide<T>,
        params: &Params<T>,
    ) -> Vec<(Range<usize>, f64)> {
        let scales = guide.scale_params();
        let mut rates: Vec<(Range<usize>, f64)> = Vec::new();
        for (i, segment) in params.segments().iter().enumerate() {
            let is_scale = scales.iter().any(|s| s.index() == i);
            let multiplier = if is_scale { self.settings.scale_rate } else { 1.0 };
            match rates.last_mut() {
                Some((range, m)) if *m == multiplier => range.end = segment.range().end,
                _ => rates.push((segment.range(), multiplier)),
            }
        }
        rates
    }

    /// How minibatches are taken, if they are.
    pub(super) fn minibatches(&self) -> Option<Minibatches> {
        self.settings.minibatch.map(|size| Minibatches { size, shuffled: self.settings.shuffle })
    }

    /// The weight of the KL over the fit.
    pub(super) fn kl_weight(&self) -> KlWeight {
        self.settings.steps.and_then(|steps| steps.kl_weight()).unwrap_or(self.settings.kl_weight)
    }

    /// One step of the optimiser.
    pub(super) fn one_step(
        &mut self,
        model: &(dyn Model<T> + Sync),
        state: &mut State<T>,
        (step, steps): (usize, usize),
        factor: f64,
        kl_weight: f64,
        mut stopping: Option<&mut StoppingRule>,
    ) -> Result<StepInfo> {
        let rate = self.optimizer.rate() * factor;
        for ((_, now), (_, multiplier)) in state.rates.iter_mut().zip(&state.multipliers) {
            *now = rate * multiplier;
        }
        let State { guide, engine, params, optimizer_state, rates, .. } = state;
        let loss = Loss { kl_weight, scale: self.settings.loss_scale };
        let at = At { guide: guide.as_ref(), params, step, loss };
        let (elbo, gradient_norm, changed) =
            if engine.one_draw() && self.settings.clip.is_none() && params.len() >= MANY {
                // Nothing more is to be known of the gradient than a part of it at a time.
                self.optimizer.begin();
                let rule = Rule { optimizer: self.optimizer.as_ref(), rates };
                let (mut arrays, count) = optimizer_state.parts();
                engine.step_updating(model, at, &rule, &mut arrays[..count])?
            } else {
                let (elbo, gradient) = engine.step(model, at)?;
                let clipped = self.settings.clip.map(|limit| clip_norm(gradient, limit));
                let (norm, next) =
                    optimizer_state.advance(self.optimizer.as_mut(), params.as_slice(), gradient, rates);
                (elbo, clipped.unwrap_or(norm), next)
            };
        if !elbo.value().is_finite() || !gradient_norm.is_finite() {
            // The parameters are still those of the step.
            return Err(engine.explain(model, at));
        }
        if let Some(stopping) = &mut stopping {
            guide.units(params, &mut stopping.units);
        }
        params.exchange(changed);
        if let Some(stopping) = stopping {
            stopping.after_step(changed, params.as_mut_slice());
        }
        let info = StepInfo { step, steps, elbo, kl_weight, rate, gradient_norm };
        state.last = Some(info);
        if step % self.settings.history_every == 0 {
            state.history.push(info);
        }
        Ok(info)
    }
}

/// Overwrites what has a name and a shape in common with `start`.
fn start_from<T: Scalar>(params: &mut Params<T>, start: &Params<T>) -> Result {
    let shared: Vec<_> = params
        .segments()
        .iter()
        .filter_map(|to| {
            let same = |from: &&probity_autodiff::Segment| {
                from.name == to.name && (from.rows, from.cols) == (to.rows, to.cols)
            };
            start.segments().iter().find(same).map(|from| (to.range(), from.range()))
        })
        .collect();
    if shared.is_empty() {
        let problem = "no parameter has the name and the shape of one of the fit's".to_owned();
        return Err(Error::Setting { setting: "start_from", problem });
    }
    for (to, from) in shared {
        params.as_mut_slice()[to].copy_from_slice(&start.as_slice()[from]);
    }
    Ok(())
}

/// From so many parameters on, they are updated during the backward pass, while they are in the
/// cache. Fewer stay there anyway, and one pass over all of them has fewer calls.
const MANY: usize = 1 << 12;

/// What changes during a fit.
pub(super) struct State<T: Scalar> {
    pub(super) guide: Box<dyn BoundGuide<T>>,
    pub(super) engine: Engine<T>,
    pub(super) params: Params<T>,
    /// The optimiser's.
    pub(super) optimizer_state: OptimizerState<T>,
    /// The multiplier of every range of parameters, and the rate of this step.
    pub(super) multipliers: Vec<(Range<usize>, f64)>,
    pub(super) rates: Vec<(Range<usize>, f64)>,
    pub(super) history: Vec<StepInfo>,
    /// The last step, whether it is in the history or not.
    pub(super) last: Option<StepInfo>,
}
