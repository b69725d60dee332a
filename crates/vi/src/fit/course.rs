//! A fit from the first run of the model to the report: which way it goes, and what becomes of it.

use super::Fit;
use super::run::State;
use super::stepping::Stepping;
use crate::corrected::Corrected;
use crate::elbo::Engine;
use crate::error::Result;
use crate::gaussian::Covariance;
use crate::guide::Direct;
use crate::guides::FullRank;
use crate::ladder::Stands;
use crate::layout::SiteKind;
use crate::method::nothing_yet;
use crate::model::Model;
use crate::observer::Observer;
use crate::optim::OptimizerState;
use crate::posterior::{Closing, Parts};
use crate::report::{Climb, Method, Narrowed, Report, Stopped};
use crate::scope::{Discovered, discover_start};
use crate::stopping_rule::StoppingRule;
use crate::verdict::Verdict;
use probity_autodiff::{Key, Scalar};
use probity_distributions::KlMethod;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

/// What a method of inference leaves: every one ends with this, whether it took steps or none.
pub(super) struct Output {
    pub(super) method: Method,
    /// Steps that were taken; of chains, draws.
    pub(super) steps: usize,
    pub(super) stopped: Stopped,
    /// Draws of a step; of a solution, those of the last round; the number of chains.
    pub(super) draws: usize,
    pub(super) gradients: usize,
    pub(super) verdict: Option<Verdict>,
    pub(super) corrected: Option<Corrected>,
    pub(super) k_hat: Option<f64>,
    /// Every climb to a mode, and every fit from several starts.
    pub(super) climbs: Vec<Climb>,
    /// The terms of the ELBO, where they are known before the end.
    pub(super) elbo_terms: Option<Vec<f64>>,
    /// The sites that the draws were found for in standardised numbers.
    pub(super) non_centred: Vec<usize>,
    pub(super) movement: Option<f64>,
    pub(super) narrowed: Option<Narrowed>,
    /// How divergences were computed, if not as the engine of steps did it.
    pub(super) kl: Option<KlMethod>,
}

impl Output {
    /// Without a verdict or draws of its own.
    pub(super) fn new(
        method: Method,
        (steps, stopped): (usize, Stopped),
        draws: usize,
        gradients: usize,
    ) -> Self {
        Self {
            method,
            steps,
            stopped,
            draws,
            gradients,
            verdict: None,
            corrected: None,
            k_hat: None,
            climbs: Vec::new(),
            elbo_terms: None,
            non_centred: Vec::new(),
            movement: None,
            narrowed: None,
            kl: None,
        }
    }
}

/// A fit on its way.
pub(super) struct Course<T: Scalar> {
    pub(super) fit: Fit<T>,
    found: Discovered,
    /// Whether a minibatch is all rows.
    whole: bool,
    pub(super) state: State<T>,
    pub(super) way: Way,
    /// Of the start and of the steps. What is drawn of the result has that of the seed.
    key: Key,
    pub(super) begun: Instant,
}

/// Which way a fit goes, and how far it is.
pub(super) enum Way {
    Solved(Covariance),
    Climbed {
        laplace: bool,
    },
    Sampled,
    Stepped(Stepping),
    /// Nothing is left to do.
    Found(Box<Output>),
}

probity_autodiff::precompiled! {
    /// The first run of the model, and where the fit goes from there.
    pub(super) fn begin<T>(fit: Fit<T>, model: &'a (dyn Model<T> + Sync)) -> Result<Course<T>> {
        let key = Key::new(fit.settings.seed);
        let mut course = begin_steps(fit, model, key, Instant::now())?;
        let Course { fit, found, state, .. } = &course;
        let way = match state.guide.direct() {
            Some(Direct::BestGaussian(covariance)) if fit.could_solve(&found.layout) => Way::Solved(covariance),
            Some(Direct::Mode) if fit.could_climb(&found.layout) => Way::Climbed { laplace: false },
            Some(Direct::Laplace) => {
                fit.check_laplace(&found.layout)?;
                Way::Climbed { laplace: true }
            }
            _ if fit.could_sample(found) => Way::Sampled,
            _ => return Ok(course),
        };
        course.way = way;
        Ok(course)
    }
}

probity_autodiff::precompiled! {
    /// The first run of the model, and steps by stochastic gradients from the start that the key
    /// gives.
    pub(super) fn begin_steps<T>(
        fit: Fit<T>,
        model: &'a (dyn Model<T> + Sync),
        key: Key,
        begun: Instant,
    ) -> Result<Course<T>> {
        let mut fit = fit;
        fit.check()?;
        // Whole terms of the objective.
        fit.settings.draws = fit.settings.draws.next_multiple_of(fit.settings.objective.group());
        let found = discover_start(model, key.fold_in_str("first run"), key.fold_in_str("start"))?;
        let whole = fit.check_minibatch(found.plates)?;
        if !fit.chosen && fit.could_solve(&found.layout) {
            fit.guide = Arc::new(FullRank::new());
        }
        let (guide, params) = fit.start(&found.layout, key)?;
        let multipliers = fit.multipliers(guide.as_ref(), &params);
        let expected = fit.settings.steps.map_or(StoppingRule::MOST, |s| s.count()) / fit.settings.history_every + 1;
        let objective = (fit.settings.estimator, fit.settings.objective);
        let state = State {
            rates: multipliers.clone(),
            multipliers,
            engine: Engine::new(&found, fit.settings.draws, fit.minibatches(), objective, key.fold_in_str("fit")),
            history: Vec::with_capacity(expected.min(1 << 20)),
            last: None,
            optimizer_state: OptimizerState::new(fit.optimizer.as_ref(), params.len()),
            guide,
            params,
        };
        let way = Way::Stepped(fit.stepping(&state, begun, key));
        Ok(Course { fit, found, whole, state, way, key, begun })
    }
}

probity_autodiff::precompiled! {
    /// The next step, or all that are left but for the choice between several starts.
    pub(super) fn advance<T>(
        course: &'a mut Course<T>,
        model: &'a (dyn Model<T> + Sync),
        observers: &'a mut [&'b mut (dyn Observer + 'b)],
        all: bool,
    ) -> Result<ControlFlow<()>> {
        loop {
            let next = course.step(model, observers)?;
            if next.is_break() || !all || course.has_several_starts() {
                return Ok(next);
            }
        }
    }
}

impl<T: Scalar> Course<T> {
    pub(super) fn step(
        &mut self,
        model: &(dyn Model<T> + Sync),
        observers: &mut [&mut dyn Observer],
    ) -> Result<ControlFlow<()>> {
        let Self { fit, found, state, way, key, begun, .. } = self;
        let output = match way {
            Way::Stepped(stepping) => return fit.next_step(model, state, stepping, observers),
            Way::Found(_) => return Ok(ControlFlow::Break(())),
            Way::Solved(covariance) => fit.solved(model, found, state, observers, *covariance, *key)?,
            Way::Climbed { laplace } => Some(fit.climbed(model, found, state, observers, *laplace, *key)?),
            Way::Sampled => fit.sampled(model, found, state, observers, *key)?,
        };
        Ok(match output {
            Some(output) => {
                *way = Way::Found(Box::new(output));
                ControlFlow::Break(())
            }
            // What was tried in vain has had its part of the time.
            None => {
                *way = Way::Stepped(fit.stepping(state, *begun, *key));
                ControlFlow::Continue(())
            }
        })
    }
}

probity_autodiff::precompiled! {
    /// What was found so far becomes the result.
    pub(super) fn conclude<T>(course: Course<T>) -> Result<(Parts<T>, Closing)> {
        let Course { fit, found, whole, mut state, way, begun, .. } = course;
        let output = match way {
            Way::Found(output) => *output,
            Way::Stepped(stepping) => fit.steps_taken(&mut state, &stepping)?,
            _ => return nothing_yet("the fit has one step, which does all, and was not taken"),
        };
        let mut layout = state.engine.layout().clone();
        if let Some(kl) = output.kl {
            layout.sites.iter_mut().filter(|s| s.kind == SiteKind::Latent).for_each(|s| s.kl = Some(kl));
        }
        let drawn = layout.sites.iter().filter(|s| s.weights_drawn);
        let (redrawn, redrawn_for) = state.engine.redrawn();
        // Whoever ended the fit does not wait for a check.
        let ended = matches!(output.stopped, Stopped::ByObserver | Stopped::TimeLimit | Stopped::Early);
        let checks = match &output.verdict {
            None if !ended => fit.draws_to_check(&found, output.gradients),
            _ => None,
        };
        let names = output.non_centred.iter().map(|index| layout.sites[*index].name.clone()).collect();
        let report = Report {
            verdict: output.verdict,
            k_hat: output.k_hat,
            non_centred: names,
            stands: output.corrected.as_ref().map_or(Stands::Guide, |c| c.stands),
            guide: fit.guide.name(),
            method: output.method,
            steps: output.steps,
            stopped: output.stopped,
            movement: output.movement,
            narrowed: output.narrowed,
            draws: output.draws,
            gradients: output.gradients,
            point: !state.guide.has_density(),
            seed: fit.settings.seed,
            minibatch: fit.settings.minibatch.filter(|_| !whole),
            shuffled: fit.settings.shuffle,
            estimator: fit.settings.estimator,
            objective: fit.settings.objective,
            climbs: output.climbs,
            weights_drawn: drawn.map(|s| s.name.clone()).collect(),
            kl_weight: fit.kl_weight(),
            redrawn,
            redrawn_for,
            seconds: begun.elapsed().as_secs_f64(),
            elbo: None,
            elbo_tail: None,
            elbo_influence: None,
        };
        let (elbo_terms, elbo_draws) = (output.elbo_terms, fit.settings.elbo_draws);
        let parts = Parts {
            layout,
            guide: state.guide,
            params: state.params,
            corrected: output.corrected,
            history: state.history,
            report,
            key: Key::new(fit.settings.seed),
        };
        Ok((parts, Closing { checks, elbo_terms, elbo_draws }))
    }
}
