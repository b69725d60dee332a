//! The steps of a fit.

use super::course::Output;
use super::same_guide::SameGuide;
use super::{Fit, Steps};
use crate::elbo::{At, Engine, Loss};
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Segments};
use crate::kl_weight::KlWeight;
use crate::layout::{Layout, SiteKind};
use crate::model::Model;
use crate::observer::{Observer, StepInfo};
use crate::optim::{OptimizerState, Rule, clip_norm};
use crate::report::{Method, Stopped};
use crate::stopping_rule::StoppingRule;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Params, Scalar};
use std::ops::{ControlFlow, Range};
use std::time::Instant;

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

    pub(super) fn steps_taken(
        &mut self,
        model: &(dyn Model<T> + Sync),
        state: &mut State<T>,
        observers: &mut [&mut dyn Observer],
    ) -> Result<Output> {
        let deadline = self.settings.time_limit.map(|limit| Instant::now() + limit);
        let (steps, stopped) = match self.settings.steps {
            Some(steps) => self.counted(steps, model, state, observers, deadline)?,
            None => self.automatic(model, state, observers, deadline)?,
        };
        Ok(Output::new(
            Method::Stochastic,
            (steps, stopped),
            self.settings.draws,
            steps * self.settings.draws,
        ))
    }

    /// The weight of the KL over the fit.
    pub(super) fn kl_weight(&self) -> KlWeight {
        self.settings.steps.and_then(|steps| steps.kl_weight()).unwrap_or(self.settings.kl_weight)
    }

    /// So many steps.
    fn counted(
        &mut self,
        steps: Steps,
        model: &(dyn Model<T> + Sync),
        state: &mut State<T>,
        observers: &mut [&mut dyn Observer],
        deadline: Option<Instant>,
    ) -> Result<(usize, Stopped)> {
        let (of, steps, averaged) = (steps, steps.count(), steps.averaged());
        let kl_weight = self.kl_weight();
        let mut average = Average::new(if averaged > 0 { state.params.len() } else { 0 });
        let (mut taken, mut stopped) = (steps, Stopped::AllSteps);
        for step in 0..steps {
            let (factor, kl_weight) = (of.rate_factor(step), kl_weight.at(step as f64 / steps as f64));
            let info = self.one_step(model, state, (step, steps), factor, kl_weight, None)?;
            if step >= steps - averaged {
                average.add(state.params.as_slice());
            }
            if told(observers, &info).is_break() {
                (taken, stopped) = (step + 1, Stopped::ByObserver);
                break;
            }
            if late(deadline) {
                (taken, stopped) = (step + 1, Stopped::TimeLimit);
                break;
            }
        }
        average.finish(state.params.as_mut_slice());
        Ok((taken, stopped))
    }

    /// Steps until the guide is at rest.
    fn automatic(
        &mut self,
        model: &(dyn Model<T> + Sync),
        state: &mut State<T>,
        observers: &mut [&mut dyn Observer],
        deadline: Option<Instant>,
    ) -> Result<(usize, Stopped)> {
        let mut stopping = StoppingRule::new(state.params.len());
        let fixed = state.guide.fixed_units();
        stopping.fixed = fixed.into_iter().map(|id| state.params.segment(id).range()).collect();
        let layout = state.engine.layout();
        let own = layout.sites().iter().filter(|s| s.kind == SiteKind::Param);
        let own = own.filter_map(|s| Some(state.params.segment(state.params.find(&s.name)?).range()));
        let (points, dim): (Vec<_>, _) = (own.collect(), layout.dim());
        let key = Key::new(self.settings.seed).fold_in_str("averages");
        // The parameters of Gaussians have units, by which the rule compares them.
        let has_units = state.guide.gaussian(&state.params).is_some();
        let (mut taken, mut stopped) = (StoppingRule::MOST, Stopped::Limit);
        for step in 0..StoppingRule::MOST {
            let (factor, kl_weight) = (stopping.factor(), self.settings.kl_weight.last());
            let info = self.one_step(
                model,
                state,
                (step, StoppingRule::MOST),
                factor,
                kl_weight,
                Some(&mut stopping),
            )?;
            let mut apart = |a: &[f64], b: &[f64], units: &[f64]| {
                if has_units {
                    return Ok(None);
                }
                let guide = state.guide.as_ref();
                SameGuide::new(guide, &state.params, &points, dim, key).apart(a, b, units)
            };
            if stopping.finished_after(info.elbo.value(), state.params.as_slice(), &mut apart)? {
                (taken, stopped) = (step + 1, Stopped::Plateau);
            }
            if told(observers, &info).is_break() && stopped == Stopped::Limit {
                (taken, stopped) = (step + 1, Stopped::ByObserver);
            }
            if stopped == Stopped::Limit && late(deadline) {
                (taken, stopped) = (step + 1, Stopped::TimeLimit);
            }
            if stopped != Stopped::Limit {
                break;
            }
        }
        stopping.finish(state.params.as_mut_slice());
        Ok((taken, stopped))
    }

    fn one_step(
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

/// Whether the time is over.
fn late(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
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
}

/// Tells every observer what is done next.
pub(super) fn stage(observers: &mut [&mut dyn Observer], what: &str) {
    observers.iter_mut().for_each(|o| o.stage(what));
}

/// Tells every observer of the step; whether one of them wants to end the fit.
pub(super) fn told(observers: &mut [&mut dyn Observer], info: &StepInfo) -> ControlFlow<()> {
    // All are told, also after one has had enough.
    let mut ended = false;
    for observer in observers {
        ended |= observer.step(info).is_break();
    }
    if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// The running mean of the parameters.
struct Average {
    mean: Vec<f64>,
    count: usize,
}

impl Average {
    fn new(parameters: usize) -> Self {
        Self { mean: vec![0.0; parameters], count: 0 }
    }

    fn add<T: Scalar>(&mut self, params: &[T]) {
        self.count += 1;
        let share = 1.0 / self.count as f64;
        for (m, p) in self.mean.iter_mut().zip(params) {
            *m += (p.to_f64() - *m) * share;
        }
    }

    fn finish<T: Scalar>(&self, params: &mut [T]) {
        if self.count > 0 {
            for (p, m) in params.iter_mut().zip(&self.mean) {
                *p = T::from_f64(*m);
            }
        }
    }
}
