//! The steps of a fit along stochastic gradients: how many, at which rate, and what is averaged.

use super::course::Output;
use super::run::State;
use super::same_guide::SameGuide;
use super::{Fit, Steps};
use crate::error::Result;
use crate::kl_weight::KlWeight;
use crate::layout::SiteKind;
use crate::method::nothing_yet;
use crate::model::Model;
use crate::observer::{Observer, told};
use crate::report::{Method, Stopped};
use crate::stopping_rule::StoppingRule;
use probity_autodiff::{Key, Scalar};
use std::ops::{ControlFlow, Range};
use std::time::Instant;

/// Where the steps are.
pub(super) struct Stepping {
    deadline: Option<Instant>,
    taken: usize,
    /// Why there are no more, if there are none.
    stopped: Option<Stopped>,
    pace: Pace,
}

enum Pace {
    /// So many steps.
    Counted { of: Steps, kl_weight: KlWeight, average: Average },
    /// Until the guide is at rest.
    Automatic(Box<Automatic>),
}

struct Automatic {
    stopping: StoppingRule,
    /// The model's own parameters.
    points: Vec<Range<usize>>,
    dim: usize,
    key: Key,
    /// Whether parameters have units, by which the rule compares them: those of Gaussians have.
    has_units: bool,
}

impl<T: Scalar> Fit<T> {
    /// Before the first step.
    pub(super) fn stepping(&self, state: &State<T>, begun: Instant, key: Key) -> Stepping {
        let deadline = self.settings.time_limit.and_then(|limit| begun.checked_add(limit));
        let pace = match self.settings.steps {
            Some(of) => {
                let average = Average::new(if of.averaged() > 0 { state.params.len() } else { 0 });
                Pace::Counted { of, kl_weight: self.kl_weight(), average }
            }
            None => Pace::Automatic(Box::new(self.automatic(state, key))),
        };
        Stepping { deadline, taken: 0, stopped: None, pace }
    }

    fn automatic(&self, state: &State<T>, key: Key) -> Automatic {
        let mut stopping = StoppingRule::new(state.params.len());
        let fixed = state.guide.fixed_units();
        stopping.fixed = fixed.into_iter().map(|id| state.params.segment(id).range()).collect();
        let layout = state.engine.layout();
        let own = layout.sites().iter().filter(|s| s.kind == SiteKind::Param);
        let own = own.filter_map(|s| Some(state.params.segment(state.params.find(&s.name)?).range()));
        let key = key.fold_in_str("averages");
        let has_units = state.guide.gaussian(&state.params).is_some();
        Automatic { stopping, points: own.collect(), dim: layout.dim(), key, has_units }
    }

    /// The next step.
    pub(super) fn next_step(
        &mut self,
        model: &(dyn Model<T> + Sync),
        state: &mut State<T>,
        stepping: &mut Stepping,
        observers: &mut [&mut dyn Observer],
    ) -> Result<ControlFlow<()>> {
        let Stepping { deadline, taken, stopped, pace } = stepping;
        if stopped.is_some() {
            return Ok(ControlFlow::Break(()));
        }
        let step = *taken;
        let (info, last) = match pace {
            Pace::Counted { of, kl_weight, average } => {
                let steps = of.count();
                let (factor, kl_weight) = (of.rate_factor(step), kl_weight.at(step as f64 / steps as f64));
                let info = self.one_step(model, state, (step, steps), factor, kl_weight, None)?;
                *taken += 1;
                if step >= steps - of.averaged() {
                    average.add(state.params.as_slice());
                }
                (info, (*taken == steps).then_some(Stopped::AllSteps))
            }
            Pace::Automatic(automatic) => {
                let Automatic { stopping, points, dim, key, has_units } = &mut **automatic;
                let (most, factor) = (StoppingRule::MOST, stopping.factor());
                let kl_weight = self.settings.kl_weight.last();
                let info = self.one_step(model, state, (step, most), factor, kl_weight, Some(stopping))?;
                *taken += 1;
                let mut apart = |a: &[f64], b: &[f64], units: &[f64]| {
                    if *has_units {
                        return Ok(None);
                    }
                    let guide = state.guide.as_ref();
                    SameGuide::new(guide, &state.params, points, *dim, *key).apart(a, b, units)
                };
                if stopping.finished_after(info.elbo.value(), state.params.as_slice(), &mut apart)? {
                    *stopped = Some(Stopped::Plateau);
                }
                (info, (*taken == most).then_some(Stopped::Limit))
            }
        };
        let ended = told(observers, &info).is_break();
        let late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if stopped.is_none() {
            *stopped = match () {
                () if ended => Some(Stopped::ByObserver),
                () if late() => Some(Stopped::TimeLimit),
                () => last,
            };
        }
        Ok(if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Ends the steps, wherever they are. Averages of the parameters, if there are any, take their
    /// place.
    pub(super) fn steps_taken(&self, state: &mut State<T>, stepping: &Stepping) -> Result<Output> {
        let Stepping { taken, stopped, pace, .. } = stepping;
        let taken = *taken;
        if taken == 0 {
            return nothing_yet("no step was taken");
        }
        match pace {
            Pace::Counted { average, .. } => average.finish(state.params.as_mut_slice()),
            Pace::Automatic(automatic) => automatic.stopping.finish(state.params.as_mut_slice()),
        }
        let steps = (taken, stopped.unwrap_or(Stopped::Early));
        Ok(Output::new(Method::Stochastic, steps, self.settings.draws, taken * self.settings.draws))
    }
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
