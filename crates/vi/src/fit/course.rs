//! A fit from the first run of the model to the report: which way it goes, and what becomes of it.

use super::Fit;
use super::run::State;
use super::sampled::Sampled;
use super::solved::Solved;
use crate::corrected::Corrected;
use crate::elbo::Engine;
use crate::error::Result;
use crate::guide::Guide;
use crate::guides::FullRank;
use crate::ladder::{CHAINS, Stands};
use crate::layout::Layout;
use crate::model::Model;
use crate::observer::{Observer, StepInfo};
use crate::optim::OptimizerState;
use crate::report::{Method, Report, Stopped};
use crate::scope::{Minibatches, discover_start};
use crate::stopping_rule::StoppingRule;
use probity_autodiff::{Key, Params, Scalar};
use std::time::Instant;

/// All of a fit but its model.
pub(super) struct Fitted<T: Scalar> {
    pub(super) layout: Layout,
    pub(super) guide: Box<dyn Guide<T>>,
    pub(super) params: Params<T>,
    pub(super) corrected: Option<Corrected>,
    /// By how many draws the guide is to be checked.
    pub(super) checks: Option<usize>,
    pub(super) history: Vec<StepInfo>,
    pub(super) report: Report,
    pub(super) key: Key,
}

probity_autodiff::precompiled! {
    pub(super) fn fitted<T>(
        fit: Fit<T>,
        model: &'a (dyn Model<T> + Sync),
        observers: &'a mut [&'b mut (dyn Observer + 'b)],
    ) -> Result<Fitted<T>> {
        let mut fit = fit;
        fit.check()?;
        let start = Instant::now();
        let key = Key::new(fit.seed);
        let found = discover_start(model, key.fold_in_str("first run"), key.fold_in_str("start"))?;
        let whole = fit.check_minibatch(found.plates)?;
        if !fit.chosen && fit.could_solve(&found.layout) {
            fit.guide = Box::new(FullRank::new());
        }
        let params = fit.start(&found.layout, key)?;
        let multipliers = fit.multipliers(&params);
        let expected = fit.steps.unwrap_or(StoppingRule::MOST) / fit.history_every + 1;
        let minibatches = fit.minibatch.map(|size| Minibatches { size, shuffled: fit.shuffle });
        let mut state = State {
            rates: multipliers.clone(),
            multipliers,
            engine: Engine::new(&found, fit.draws, minibatches, fit.estimator, key.fold_in_str("fit")),
            history: Vec::with_capacity(expected.min(1 << 20)),
            optimizer_state: OptimizerState::new(fit.optimizer.as_ref(), params.len()),
            params,
        };
        let covariance = fit.solves_for(&found.layout);
        let solved = match covariance {
            Some(c) => fit.solved(model, &found, &mut state, observers, c, key)?,
            None => None,
        };
        let sampled = if fit.could_sample(&found) { fit.sampled(model, &found, &mut state, key)? } else { None };
        // What was tried in vain has had its part of the time.
        fit.time_limit = fit.time_limit.map(|limit| limit.saturating_sub(start.elapsed()));
        let taken = match (&solved, &sampled) {
            (Some(solved), _) => Ok((solved.outcome.iterations, solved.stopped)),
            (None, Some(sampled)) => Ok((sampled.corrected.len(), Stopped::AllSteps)),
            (None, None) => fit.steps_taken(model, &mut state, observers),
        };
        observers.iter_mut().for_each(|o| o.done());
        let (steps, stopped) = taken?;
        let mut layout = state.engine.layout().clone();
        if let Some(solved) = &solved {
            solved.note_methods(&mut layout);
        }
        let drawn = layout.sites.iter().filter(|s| s.weights_drawn);
        let (redrawn, redrawn_for) = state.engine.redrawn();
        let gradients = match (&solved, &sampled) {
            (Some(solved), _) => solved.gradients,
            (None, Some(sampled)) => sampled.gradients,
            (None, None) => steps * fit.draws,
        };
        let checks = match (&solved, &sampled) {
            // Whoever ended the fit does not wait for a check.
            (None, None) if !matches!(stopped, Stopped::ByObserver | Stopped::TimeLimit) => {
                fit.draws_to_check(&found, gradients)
            }
            _ => None,
        };
        let (method, draws) = match (&solved, &sampled) {
            (Some(solved), _) => (Method::Solved, solved.outcome.draws),
            (None, Some(_)) => (Method::Sampled, CHAINS),
            (None, None) => (Method::Stochastic, fit.draws),
        };
        let non_centred = match (&solved, &sampled) {
            (Some(Solved { non_centred, .. }), _) | (None, Some(Sampled { non_centred, .. })) => {
                non_centred.iter().map(|index| layout.sites[*index].name.clone()).collect()
            }
            (None, None) => Vec::new(),
        };
        let (verdict, corrected) = match (&solved, sampled) {
            (Some(solved), _) => (Some(solved.verdict.clone()), solved.corrected.clone()),
            (None, Some(sampled)) => (Some(sampled.verdict), Some(sampled.corrected)),
            (None, None) => (None, None),
        };
        let report = Report {
            verdict,
            k_hat: solved.as_ref().map(|s| s.k_hat),
            non_centred,
            stands: corrected.as_ref().map_or(Stands::Guide, |c| c.stands),
            guide: fit.guide.name().into(),
            method,
            steps,
            stopped,
            movement: solved.as_ref().map(|s| s.outcome.moved.0.max(s.outcome.moved.1)),
            narrowed: solved.as_ref().and_then(|s| s.narrowed(&layout)),
            draws,
            gradients,
            seed: fit.seed,
            minibatch: fit.minibatch.filter(|_| !whole),
            shuffled: fit.shuffle,
            estimator: fit.estimator,
            weights_drawn: drawn.map(|s| s.name.clone()).collect(),
            kl_weight: fit.kl_weight,
            redrawn,
            redrawn_for,
            seconds: start.elapsed().as_secs_f64(),
            elbo: None,
            elbo_tail: None,
        };
        Ok(Fitted {
            layout,
            guide: fit.guide,
            params: state.params,
            corrected,
            checks,
            history: state.history,
            report,
            key,
        })
    }
}
