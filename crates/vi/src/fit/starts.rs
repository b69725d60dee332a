//! Several fits by stochastic gradients from different starts, of which the best is taken.

use super::Fit;
use super::course::{Course, Output, Way, begin_steps};
use crate::error::{Error, Result};
use crate::method::nothing_yet;
use crate::model::Model;
use crate::observer::{Observer, StepInfo, stage};
use crate::posterior::elbo_terms_at;
use crate::report::{Climb, Stopped};
use probity_autodiff::{Key, Scalar};
use probity_distributions::Estimate;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// The draws of the ELBO by which fits are compared, where the report has none or one.
const DRAWS: usize = 100;

/// A fit at its end.
struct Candidate {
    output: Output,
    /// The terms of its ELBO.
    terms: Vec<f64>,
    climb: Climb,
}

probity_autodiff::precompiled! {
    /// Makes the fit from all its starts. The course becomes that of the best, at its end.
    pub(super) fn choose<T>(
        course: &'a mut Course<T>,
        model: &'a (dyn Model<T> + Sync),
        observers: &'a mut [&'b mut (dyn Observer + 'b)],
    ) -> Result<()> {
        let starts = course.fit.settings.starts.unwrap_or(1);
        if !course.state.guide.has_density() {
            let problem = "a point has no ELBO, by which fits by stochastic gradients are compared".into();
            return Err(Error::Setting { setting: "starts", problem });
        }
        // Every fit by itself has one.
        course.fit.settings.starts = Some(1);
        let (fit, begun) = (course.fit.clone(), course.begun);
        let ended = AtomicBool::new(false);
        let mut others: Vec<Other<T>> = (1..starts).map(|_| None).collect();
        let first = rayon::in_place_scope(|scope| {
            for (i, other) in others.iter_mut().enumerate() {
                let (fit, ended) = (&fit, &ended);
                scope.spawn(move |_| *other = fit.other_start(i as u64 + 1, model, begun, ended));
            }
            let first = course.complete(model, observers);
            match &first {
                Ok(first) if first.climb.stopped == Stopped::ByObserver => ended.store(true, Relaxed),
                _ => stage(observers, &format!("fitting from {} other starts", starts - 1)),
            }
            first
        });
        if ended.into_inner() {
            others.clear();
        }
        // The first has its course already.
        let (mut fits, mut failure) = (Vec::new(), None);
        match first {
            Ok(first) => fits.push((None, first)),
            Err(error) => failure = Some(error),
        }
        let others = others.into_iter().flatten().flatten();
        fits.extend(others.map(|(course, candidate)| (Some(course), candidate)));
        let score = |at: &usize| fits[*at].1.climb.score();
        // The first of equals.
        let Some(best) = (0..fits.len()).rev().max_by(|a, b| score(a).total_cmp(&score(b))) else {
            return match failure {
                Some(error) => Err(error),
                None => nothing_yet("no fit was made"),
            };
        };
        fits[best].1.climb.taken = true;
        let climbs = fits.iter().map(|(_, c)| c.climb).collect();
        let gradients = fits.iter().map(|(_, c)| c.output.gradients).sum();
        let (best, Candidate { output, terms, .. }) = fits.swap_remove(best);
        if let Some(best) = best {
            *course = best;
        }
        let elbo_terms = (terms.len() == course.fit.settings.elbo_draws).then_some(terms);
        course.way = Way::Found(Box::new(Output { climbs, gradients, elbo_terms, ..output }));
        Ok(())
    }
}

/// One of the fits beside the first: none if it was not begun, because the time was over or the
/// first was ended.
type Other<T> = Option<Result<(Course<T>, Candidate)>>;

impl<T: Scalar> Fit<T> {
    fn other_start(
        &self,
        start: u64,
        model: &(dyn Model<T> + Sync),
        begun: Instant,
        ended: &AtomicBool,
    ) -> Other<T> {
        let late = self.settings.time_limit.is_some_and(|limit| begun.elapsed() >= limit);
        if late || ended.load(Relaxed) {
            return None;
        }
        let mut end = |_: &StepInfo| {
            if ended.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let key = Key::new(self.settings.seed).fold_in_str("starts").fold_in(start);
        let fitted = begin_steps(self.clone(), model, key, begun).and_then(|mut course| {
            let candidate = course.complete(model, &mut [&mut end])?;
            Ok((course, candidate))
        });
        Some(fitted)
    }
}

impl<T: Scalar> Course<T> {
    /// Whether what is next are the steps of several fits.
    pub(super) fn has_several_starts(&self) -> bool {
        self.fit.settings.starts.is_some_and(|starts| starts > 1) && matches!(self.way, Way::Stepped(_))
    }

    /// Takes all steps, and estimates the ELBO at their end.
    fn complete(
        &mut self,
        model: &(dyn Model<T> + Sync),
        observers: &mut [&mut dyn Observer],
    ) -> Result<Candidate> {
        while self.step(model, observers)?.is_continue() {}
        let Way::Stepped(stepping) = &self.way else { return nothing_yet("no step was taken") };
        let output = self.fit.steps_taken(&mut self.state, stepping)?;
        let state = &self.state;
        let draws = match self.fit.settings.elbo_draws {
            0 | 1 => DRAWS,
            draws => draws,
        };
        let at = (state.engine.layout(), state.guide.as_ref(), &state.params);
        // By the same draws for all.
        let terms = elbo_terms_at(at, model, draws, Key::new(self.fit.settings.seed))?;
        let elbo = Some(Estimate::of(terms.iter().copied()));
        let climb =
            Climb { log_joint: None, log_evidence: None, elbo, stopped: output.stopped, taken: false };
        Ok(Candidate { output, terms, climb })
    }
}
