//! What every method of inference is: a start, steps, and what they found.

use crate::error::{Error, Result};
use crate::target::{AnyTarget, Target};
use probity_autodiff::parallel_map_mut;
use std::ops::ControlFlow;

/// A method of inference, which is its settings: [`init`](Method::init) begins a run on a problem,
/// [`step`](Method::step) takes it on, and [`output`](Method::output) gives what it found.
///
/// Iterative methods and those that do all at once are alike; of the latter the only step does all.
/// The `run` functions of the methods are these three, so that steps taken by hand give the same
/// bits, and a program can end a run by a rule of its own.
///
/// `P` is what the method works on: a [`Problem`], a log density with places to begin, or for a
/// [`Fit`](crate::Fit) a model. So one rule serves all of them:
///
/// ```
/// use probity_vi::method::{Method, Problem};
/// use probity_vi::{LogDensity, Result, nuts::Nuts, optim::Lbfgs};
/// use std::time::{Duration, Instant};
///
/// /// What the method has when the time is over.
/// fn within<P, M: Method<P>>(limit: Duration, method: &M, problem: P) -> Result<M::Output> {
///     let deadline = Instant::now() + limit;
///     let mut state = method.init(problem)?;
///     while method.step(&mut state)?.is_continue() && Instant::now() < deadline {}
///     method.output(state)
/// }
///
/// let normal = LogDensity::new(2, |u: &[f64], gradient: &mut [f64]| {
///     gradient.iter_mut().zip(u).for_each(|(g, u)| *g = -u);
///     -0.5 * u.iter().map(|u| u * u).sum::<f64>()
/// });
/// let limit = Duration::from_secs(5);
/// let path = within(limit, &Lbfgs::new(), Problem::new(&normal, &[0.5, -0.5]))?;
/// let nuts = Nuts::new().warmup(50).draws(50);
/// let samples = within(limit, &nuts, Problem::new(&normal, path.mode()))?;
/// assert!(samples.chains.iter().all(|c| c.log_density.len() <= 50));
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// A state goes with the settings that began it: what other settings make of it is not said.
pub trait Method<P> {
    /// What a run has between two steps.
    type State;

    /// What a run finds.
    type Output;

    /// Begins a run.
    ///
    /// # Errors
    /// If a setting cannot be used, or the problem has no density where the run begins.
    fn init(&self, problem: P) -> Result<Self::State>;

    /// Takes the next step. [`Break`](ControlFlow::Break) says that nothing is left to do; a step
    /// after it changes nothing.
    ///
    /// # Errors
    /// Those of the problem, and what the method cannot go on from.
    fn step(&self, state: &mut Self::State) -> Result<ControlFlow<()>>;

    /// Ends the run with what was found, at any time after [`init`](Method::init).
    ///
    /// # Errors
    /// [`Error::NothingYet`] if there is nothing yet, and those of the problem where the result
    /// has to look at it once more.
    fn output(&self, state: Self::State) -> Result<Self::Output>;

    /// Takes all steps that are left. What does not depend on each other, such as chains, goes its
    /// way without waiting for the others after every step.
    ///
    /// # Errors
    /// As [`step`](Method::step).
    fn finish(&self, state: &mut Self::State) -> Result {
        while self.step(state)?.is_continue() {}
        Ok(())
    }

    /// From the start to the end.
    ///
    /// # Errors
    /// As [`init`](Method::init), [`step`](Method::step) and [`output`](Method::output).
    fn complete(&self, problem: P) -> Result<Self::Output> {
        let mut state = self.init(problem)?;
        self.finish(&mut state)?;
        self.output(state)
    }
}

/// What methods on a [`Target`] work on: the target, and where they begin.
#[derive(Clone, Debug)]
pub struct Problem<'t> {
    /// The log density.
    pub target: AnyTarget<'t>,
    /// Places to begin, d numbers each, one after the other. How many a method wants, it says; one
    /// that has a start of its own takes none for that.
    pub starts: Vec<f64>,
}

impl<'t> Problem<'t> {
    /// Of a copy of the target.
    pub fn new(target: &(impl Target + 't), starts: &[f64]) -> Self {
        Self { target: AnyTarget::new(target.clone()), starts: starts.to_vec() }
    }
}

/// Samplers make room for so many numbers at first, whatever the draws that are asked for.
pub(crate) const ROOM: usize = 1 << 20;

/// Nothing was found so far.
pub(crate) fn nothing_yet<T>(what: impl Into<String>) -> Result<T> {
    Err(Error::NothingYet { what: what.into() })
}

/// The next step of each, in parallel: whether one of them has more to do, or the error of the
/// first that has one.
pub(crate) fn step_each<T: Send>(
    each: &mut [T],
    step: impl Fn(&mut T) -> Result<ControlFlow<()>> + Sync,
) -> Result<ControlFlow<()>> {
    let mut next = ControlFlow::Break(());
    for step in parallel_map_mut(each, step) {
        if step?.is_continue() {
            next = ControlFlow::Continue(());
        }
    }
    Ok(next)
}

/// All steps of each, in parallel, without waiting for the others.
pub(crate) fn finish_each<T: Send>(
    each: &mut [T],
    step: impl Fn(&mut T) -> Result<ControlFlow<()>> + Sync,
) -> Result {
    let to_the_end = |one: &mut T| {
        while step(one)?.is_continue() {}
        Ok(())
    };
    parallel_map_mut(each, to_the_end).into_iter().collect()
}

/// Where a Gaussian begins: means and standard deviations from a setting, zeros and ones without
/// it. If a place to begin is given, it stands for the means.
///
/// # Errors
/// If they do not fit the dimension.
pub(crate) fn start_of(
    setting: Option<&(Vec<f64>, Vec<f64>)>,
    place: &[f64],
    d: usize,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mean, sd) = setting.cloned().unwrap_or_else(|| (vec![0.0; d], vec![1.0; d]));
    let mean = if place.is_empty() { mean } else { place.to_vec() };
    if mean.len() != d || sd.len() != d || d == 0 {
        let (m, s) = (mean.len(), sd.len());
        let problem = format!("{m} means and {s} standard deviations, the target has {d}");
        return Err(Error::Setting { setting: "start", problem });
    }
    Ok((mean, sd))
}
