//! Fitting a posterior to a model: the settings, and where they lead.

mod check;
mod climbed;
mod course;
mod parameterisations;
mod run;
mod sampled;
mod solved;
mod steps;

pub(crate) use solved::quantities;
pub use steps::Steps;

use crate::error::Result;
use crate::guide::Guide;
use crate::guides::MeanField;
use crate::kl_weight::KlWeight;
use crate::ladder::Ladder;
use crate::model::Model;
use crate::observer::Observer;
#[cfg(feature = "progress")]
use crate::observer::Progress;
use crate::optim::{Adam, Optimizer};
use crate::posterior::Posterior;
use crate::scope::Estimator;
use course::{Fitted, fitted};
use probity_autodiff::{Params, Scalar};
use std::sync::Arc;
use std::time::Duration;

/// Fits a posterior, without settings, and says whether to believe it.
///
/// Where all data are used at once and the unconstrained numbers are at most 200, the best Gaussian
/// is solved for ([`Method::Solved`](crate::Method::Solved)). Its draws are corrected by importance
/// weights, or where these do not hold replaced by chains that start from it. Models of up to 5000
/// numbers are [sampled](crate::Method::Sampled) by chains at once. Otherwise a mean-field Gaussian
/// follows stochastic gradients, with a rate and a number of steps that are chosen by the fit. The
/// report says which, and what its end means ([`Stopped`](crate::Stopped));
/// [`Posterior::verdict`] grades the result.
///
/// ```
/// use probity_vi::{fit, Scope};
/// use probity_distributions::Normal;
///
/// let heights = vec![1.62, 1.75, 1.81, 1.69];
/// let posterior = fit(move |s: &mut Scope| {
///     let mean = s.sample("mean", Normal::new(1.7, 0.5))?;
///     s.observe("height", Normal::new(mean, 0.1), &heights)
/// })?;
/// println!("{posterior}");
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// # Errors
/// What the model reports, or the site and operation of a number that is not finite.
pub fn fit<M: Model<f64> + Sync>(model: M) -> Result<Posterior<M, f64>> {
    Fit::new().run(model)
}

/// How long a fit may be silent on a terminal.
#[cfg(feature = "progress")]
const PATIENCE: Duration = Duration::from_secs(2);

/// The settings of a fit, all optional.
///
/// Without any of them the fit is that of [`fit`](crate::fit()). Settings that only make sense for
/// stochastic gradients (draws per step, an optimiser, a minibatch, a number of steps, ...) choose
/// these. Without [`steps`](Fit::steps), the number of steps and the decrease of the rate are then
/// decided by the progress of the ELBO.
#[derive(Debug)]
pub struct Fit<T: Scalar = f64> {
    steps: Option<Steps>,
    draws: usize,
    seed: u64,
    guide: Arc<dyn Guide<T>>,
    /// Whether the guide was chosen by the user.
    chosen: bool,
    /// The most gradients before chains are no longer made longer.
    budget: usize,
    optimizer: Box<dyn Optimizer<T>>,
    estimator: Estimator,
    kl_weight: KlWeight,
    scale_rate: f64,
    clip: Option<f64>,
    minibatch: Option<usize>,
    shuffle: bool,
    loss_scale: f64,
    elbo_draws: usize,
    history_every: usize,
    time_limit: Option<Duration>,
    /// The most unconstrained numbers for which chains stand.
    sample_up_to: usize,
    /// Whether a fit by stochastic gradients is checked.
    checked: bool,
    /// Where parameters start that have a name and a size in common with these.
    start: Option<Params<T>>,
    /// Something was set that only makes sense for steps by stochastic gradients.
    stochastic: bool,
}

impl<T: Scalar> Default for Fit<T> {
    fn default() -> Self {
        Self {
            steps: None,
            draws: 8,
            seed: 0,
            guide: Arc::new(MeanField::new()),
            chosen: false,
            budget: Ladder::BUDGET,
            optimizer: Box::new(Adam::new(0.05)),
            estimator: Estimator::WeightSpace,
            kl_weight: KlWeight::Full,
            scale_rate: 1.0,
            clip: None,
            minibatch: None,
            shuffle: true,
            loss_scale: 1.0,
            elbo_draws: 1000,
            history_every: 1,
            time_limit: None,
            sample_up_to: 5000,
            checked: true,
            start: None,
            stochastic: false,
        }
    }
}

impl Fit<f64> {
    /// The defaults, in double precision: the best mean field, as [`fit`](crate::fit()) finds it.
    /// `Fit::<f32>::default()` is the same in single precision.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Scalar> Fit<T> {
    /// This many steps: a number, or [`Steps`] with a schedule of the rate, an average of the last
    /// ones, or a warm-up of the KL. What is not set stays as an earlier call set it.
    pub fn steps(mut self, steps: impl Into<Steps>) -> Self {
        self.steps = Some(steps.into().over(self.steps));
        self
    }

    /// The draws per step, computed in parallel. Default 8.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self.stochastic = true;
        self
    }

    /// The seed of all random numbers: same seed, same bits, for any number of threads.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The family of the posterior. Its draws then stand for the posterior as they are, and the
    /// verdict says how far they are off. Default: a [full-rank Gaussian](crate::FullRank) whose
    /// draws are corrected, where the fit solves for it, and else a [`MeanField`].
    pub fn guide(mut self, guide: impl Guide<T> + 'static) -> Self {
        self.guide = Arc::new(guide);
        self.chosen = true;
        self
    }

    /// How many gradients may be spent before chains are no longer made longer. The first chains
    /// are not cut; [`time_limit`](Fit::time_limit) cuts them. Default [`Ladder::BUDGET`].
    pub fn budget(mut self, gradients: usize) -> Self {
        self.budget = gradients;
        self
    }

    /// The optimiser. Default Adam with rate 0.05.
    pub fn optimizer(mut self, optimizer: impl Optimizer<T> + 'static) -> Self {
        self.optimizer = Box::new(optimizer);
        self.stochastic = true;
        self
    }

    /// How outputs of linear maps with Gaussian weights are drawn. Where it cannot be done, the
    /// report names the sites.
    pub fn estimator(mut self, estimator: Estimator) -> Self {
        self.estimator = estimator;
        self
    }

    /// Weighs the KL in the loss by this number throughout: a tempered posterior, not the Bayesian
    /// one. Below 1 it is too narrow. The report says so, and there is no verdict. For a weight that
    /// rises to 1 see [`Steps::warm_up`].
    pub fn tempered(mut self, weight: f64) -> Self {
        self.kl_weight = KlWeight::Tempered(weight);
        self
    }

    /// A multiplier of the rate for parameters that set scales. Default 1.
    pub fn scale_rate(mut self, multiplier: f64) -> Self {
        self.scale_rate = multiplier;
        self.stochastic = true;
        self
    }

    /// Limits the norm of the gradient.
    pub fn clip_norm(mut self, norm: f64) -> Self {
        self.clip = Some(norm);
        self.stochastic = true;
        self
    }

    /// Uses this many rows of every plate in a step, instead of all; all rows of a plate that has
    /// no more. The report says whether there were minibatches. A model without a
    /// [plate](crate::Scope::plate) is an error.
    pub fn minibatch(mut self, rows: usize) -> Self {
        self.minibatch = Some(rows);
        self
    }

    /// Whether minibatches take the rows in a random order, a new one for every epoch. Default
    /// true. Without, they take them in the order of the data, and after the last row the first: a
    /// little faster, for data that are in no order already.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Multiplies the loss. It changes nothing but the numbers that the optimiser sees.
    pub fn loss_scale(mut self, scale: f64) -> Self {
        self.loss_scale = scale;
        self.stochastic = true;
        self
    }

    /// The draws of the final ELBO estimate. Default 1000.
    pub fn elbo_draws(mut self, draws: usize) -> Self {
        self.elbo_draws = draws;
        self
    }

    /// Ends the fit after this time, wherever it is; the report says
    /// [`Stopped::TimeLimit`](crate::Stopped::TimeLimit) if it was not done. Default: no limit of
    /// time.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Up to how many unconstrained numbers a fit without settings runs chains. Up to 200 it
    /// solves for the best Gaussian, in any case; beyond this number, or if the model has more than
    /// a million numbers on the tape, a mean field follows stochastic gradients. Default 5000; with 0
    /// there are no such chains.
    pub fn sample_up_to(mut self, dim: usize) -> Self {
        self.sample_up_to = dim;
        self
    }

    /// Whether a fit by stochastic gradients ends with a verdict, by
    /// [`check_by_drift`](Posterior::check_by_drift). That takes some hundred to some thousand
    /// gradients on all data, and is left out where that is much more than the fit itself took.
    /// Default true.
    pub fn checked(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }

    /// Starts where another fit ended: every [parameter](Posterior::params) of the guide and of the
    /// model that has the name and the shape of one of these starts there, all others where they
    /// would start anyway. So a model may be fitted in stages, from a simple form of it to the
    /// whole, or from a network that was trained before.
    ///
    /// It starts steps by stochastic gradients; the search of a fit without settings is global.
    pub fn start_from(mut self, params: &Params<T>) -> Self {
        self.start = Some(params.clone());
        self.stochastic = true;
        self
    }

    /// Keeps every n-th step in the history. Default 1.
    pub fn history_every(mut self, steps: usize) -> Self {
        self.history_every = steps;
        self
    }

    /// Fits the model: a closure, or a struct that implements [`Model`], given away or as
    /// [`ByRef(&model)`](crate::ByRef).
    ///
    /// Draws of a step, and the loops of a large one, are shared by the threads of the rayon pool
    /// (that of the calling thread, or the global one), and the model may run on any of them.
    ///
    /// # Errors
    /// What the model reports, a setting that cannot be used, or the site and operation of a number
    /// that is not finite.
    pub fn run<M: Model<T> + Sync>(self, model: M) -> Result<Posterior<M, T>> {
        #[cfg(feature = "progress")]
        return self.run_observed(model, &mut [&mut Progress::new().after(PATIENCE)]);
        #[cfg(not(feature = "progress"))]
        self.run_observed(model, &mut [])
    }

    /// Fits the model, telling the observers of every step.
    ///
    /// # Errors
    /// As [`run`](Fit::run).
    pub fn run_observed<M: Model<T> + Sync>(
        self,
        model: M,
        observers: &mut [&mut dyn Observer],
    ) -> Result<Posterior<M, T>> {
        let posterior = self.observed(model, observers);
        observers.iter_mut().for_each(|o| o.done());
        posterior
    }

    fn observed<M: Model<T> + Sync>(
        self,
        model: M,
        observers: &mut [&mut dyn Observer],
    ) -> Result<Posterior<M, T>> {
        let elbo_draws = self.elbo_draws;
        let Fitted { layout, guide, params, corrected, checks, history, report, key } =
            fitted(self, &model, observers)?;
        let mut posterior = Posterior::new(model, layout, guide, params, history, report, key);
        posterior.set_corrected(corrected);
        if let Some(draws) = checks {
            run::stage(observers, &format!("checking the guide by {draws} of its draws"));
            posterior.set_verdict(posterior.check_by_drift(draws)?);
        }
        if !posterior.report().point {
            run::stage(observers, &format!("the ELBO by {elbo_draws} draws"));
            posterior.estimate_elbo(elbo_draws)?;
        }
        Ok(posterior)
    }
}
