//! A fit that is taken step by step.

use super::Fit;
use super::course::{Course, advance, begin, conclude};
use super::starts::choose;
use crate::error::{Error, Result};
use crate::method::Method;
use crate::model::Model;
use crate::observer::{Observer, StepInfo};
use crate::posterior::{Posterior, close};
use probity_autodiff::{Params, Scalar};
use std::fmt;
use std::ops::ControlFlow;

/// A fit between two steps, begun by [`Fit::init`].
///
/// A step is one of the optimiser where the fit follows stochastic gradients. Where it solves for a
/// Gaussian, climbs to a mode or runs chains, the only step does all: what comes next depends there
/// on the checks of what was found. Which it is, settings and model decide as for [`Fit::run`].
///
/// Steps of the optimiser are those of one fit: with several [starts](Fit::starts) the first is an
/// error, and [`Fit::run`] or [`Method::complete`] does all.
///
/// ```
/// use probity_distributions::Normal;
/// use probity_vi::{Fit, Scope, Stopped};
///
/// let mut fit = Fit::new().draws(8).init(|s: &mut Scope| {
///     let mean = s.sample("mean", Normal::new(1.7, 0.5))?;
///     s.observe("height", Normal::new(mean, 0.1), &[1.62, 1.75, 1.81, 1.69])
/// })?;
/// // Until the gradient is small for the first time.
/// while fit.step()?.is_continue() && fit.last().is_some_and(|step| step.gradient_norm > 0.5) {}
/// let posterior = fit.output()?;
/// assert_eq!(posterior.report().stopped, Stopped::Early);
/// # Ok::<(), probity_vi::Error>(())
/// ```
pub struct OngoingFit<M, T: Scalar = f64> {
    model: M,
    course: Course<T>,
}

impl<M: Model<T> + Sync, T: Scalar> OngoingFit<M, T> {
    pub(super) fn new(fit: Fit<T>, model: M) -> Result<Self> {
        let course = begin(fit, &model)?;
        Ok(Self { model, course })
    }

    /// Takes the next step. [`Break`](ControlFlow::Break) says that nothing is left to do.
    ///
    /// # Errors
    /// What the model reports, the site and operation of a number that is not finite, or where the
    /// next step would be one of several fits by stochastic gradients.
    pub fn step(&mut self) -> Result<ControlFlow<()>> {
        self.step_observed(&mut [])
    }

    /// As [`step`](OngoingFit::step), telling the observers.
    ///
    /// # Errors
    /// As `step`.
    pub fn step_observed(&mut self, observers: &mut [&mut dyn Observer]) -> Result<ControlFlow<()>> {
        if self.course.has_several_starts() {
            let problem =
                "steps by stochastic gradients are those of one fit; `Fit::run` makes several".into();
            return Err(Error::Setting { setting: "starts", problem });
        }
        advance(&mut self.course, &self.model, observers, false)
    }

    /// Takes all steps that are left, from all starts.
    pub(super) fn finish(&mut self, observers: &mut [&mut dyn Observer]) -> Result {
        // Steps begin at once, or after another way was tried in vain.
        let several = self.course.has_several_starts();
        if !several && advance(&mut self.course, &self.model, observers, true)?.is_break() {
            return Ok(());
        }
        choose(&mut self.course, &self.model, observers)
    }

    /// The last step, or iteration of a solution; none before the first one, and where there are
    /// none.
    pub fn last(&self) -> Option<&StepInfo> {
        let state = &self.course.state;
        state.last.as_ref().or(state.history.last())
    }

    /// The parameters of the guide and of the model as they are now. [`output`](OngoingFit::output)
    /// puts averages in their place, where the fit has some.
    pub fn params(&self) -> &Params<T> {
        &self.course.state.params
    }

    /// Ends the fit with what was found so far. If something was left to do, the report says
    /// [`Stopped::Early`](crate::Stopped::Early), and the guide is not checked.
    ///
    /// # Errors
    /// [`Error::NothingYet`](crate::Error::NothingYet) before the first step, and what the model
    /// reports.
    pub fn output(self) -> Result<Posterior<M, T>> {
        self.output_observed(&mut [])
    }

    pub(super) fn output_observed(self, observers: &mut [&mut dyn Observer]) -> Result<Posterior<M, T>> {
        let (mut parts, closing) = conclude(self.course)?;
        close(&mut parts, closing, &self.model, observers)?;
        Ok(Posterior::new(self.model, parts))
    }
}

/// The problem is a model, the state an [`OngoingFit`].
impl<M: Model<T> + Sync, T: Scalar> Method<M> for Fit<T> {
    type State = OngoingFit<M, T>;
    type Output = Posterior<M, T>;

    fn init(&self, model: M) -> Result<OngoingFit<M, T>> {
        OngoingFit::new(self.clone(), model)
    }

    fn step(&self, state: &mut OngoingFit<M, T>) -> Result<ControlFlow<()>> {
        state.step()
    }

    fn output(&self, state: OngoingFit<M, T>) -> Result<Posterior<M, T>> {
        state.output()
    }

    fn finish(&self, state: &mut OngoingFit<M, T>) -> Result {
        state.finish(&mut [])
    }
}

// Closures are models and have no Debug form.
impl<M, T: Scalar> fmt::Debug for OngoingFit<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = &self.course.state;
        f.debug_struct("OngoingFit")
            .field("guide", &state.guide)
            .field("params", &state.params)
            .field("last", &state.last)
            .finish_non_exhaustive()
    }
}
