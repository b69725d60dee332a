//! Fitting a posterior to a model: the settings, and where they lead.

mod check;
mod climbed;
mod course;
mod estimator_cost;
mod ongoing;
mod parameterisations;
mod run;
mod same_guide;
mod sampled;
mod settings;
mod solved;
mod starts;
mod stepping;
mod steps;

pub use estimator_cost::EstimatorCost;
pub use ongoing::OngoingFit;
pub use settings::Settings;
pub(crate) use solved::quantities;
pub use steps::Steps;

use crate::error::Result;
use crate::guide::Guide;
use crate::guides::MeanField;
use crate::kl_weight::KlWeight;
use crate::model::Model;
use crate::objective::Objective;
use crate::observer::Observer;
#[cfg(feature = "progress")]
use crate::observer::Progress;
use crate::optim::{Adam, Optimizer};
use crate::posterior::Posterior;
use crate::scope::Estimator;
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
/// decided by the progress of the ELBO. A fit may be copied and changed. What of it is data
/// (numbers and choices) is in [`settings`](Fit::settings), which files keep. A guide and an
/// optimiser are chosen from an open set of types, so that no file could say which type to read:
/// their settings are data by themselves ([`MeanField`], [`Adam`], ...), and are given to the fit
/// again.
///
/// ```
/// use probity_vi::{Fit, FullRank, Objective, Settings};
///
/// let fit: Fit = Fit::new().guide(FullRank::new()).objective(Objective::PathDerivative).seed(3);
/// let saved = serde_json::to_string(fit.settings())?;
/// let settings: Settings = serde_json::from_str(&saved)?;
/// let again: Fit = Fit::new().guide(FullRank::new()).with_settings(settings);
/// assert_eq!(again.settings(), fit.settings());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fit<T: Scalar = f64> {
    settings: Settings,
    guide: Arc<dyn Guide<T>>,
    /// Whether the guide was chosen by the user.
    chosen: bool,
    optimizer: Box<dyn Optimizer<T>>,
    /// Where parameters start that have a name and a size in common with these.
    start: Option<Params<T>>,
}

impl<T: Scalar> Default for Fit<T> {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            guide: Arc::new(MeanField::new()),
            chosen: false,
            optimizer: Box::new(Adam::new(0.05)),
            start: None,
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
        self.settings.steps = Some(steps.into().over(self.settings.steps));
        self
    }

    /// The draws per step, computed in parallel. Default 8.
    pub fn draws(mut self, draws: usize) -> Self {
        self.settings.draws = draws;
        self.settings.stochastic = true;
        self
    }

    /// The seed of all random numbers: same seed, same bits, for any number of threads.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
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
    /// are not cut; [`time_limit`](Fit::time_limit) cuts them. Default
    /// [`Ladder::BUDGET`](crate::ladder::Ladder::BUDGET).
    pub fn budget(mut self, gradients: usize) -> Self {
        self.settings.budget = gradients;
        self
    }

    /// The optimiser. Default Adam with rate 0.05.
    pub fn optimizer(mut self, optimizer: impl Optimizer<T> + 'static) -> Self {
        self.optimizer = Box::new(optimizer);
        self.settings.stochastic = true;
        self
    }

    /// How outputs of linear maps with Gaussian weights are drawn. Where it cannot be done, the
    /// report names the sites. [`estimator_costs`](Fit::estimator_costs) measures them.
    pub fn estimator(mut self, estimator: Estimator) -> Self {
        self.settings.estimator = estimator;
        self
    }

    /// Which gradient the steps follow. Default [`Objective::Elbo`].
    pub fn objective(mut self, objective: Objective) -> Self {
        self.settings.objective = objective;
        self.settings.stochastic = true;
        self
    }

    /// From how many starts the best result is taken. The [report](crate::Report::climbs) has all
    /// of them.
    ///
    /// For the guides at a mode ([`Delta`](crate::Delta), [`Laplace`](crate::guides::Laplace)):
    /// from how many places the search for the mode begins, the first where guides start, the
    /// others up to 2 unconstrained units around it. The best mode is taken: of a point that with
    /// the highest log joint density, of a Laplace approximation that with the highest evidence.
    /// Default 4 up to 200 unconstrained numbers, 1 beyond.
    ///
    /// By stochastic gradients: how many whole fits are made, each with random numbers of its own
    /// for the start and for the steps; the model runs for several of them at once. The first is
    /// the fit without this setting, bit for bit. From the parameters of
    /// [`start_from`](Fit::start_from) all begin at the same place. The one with the highest ELBO
    /// (KL weight 1, whatever the fit followed) is taken, and only that is checked. The ELBO is
    /// that of the report, by [`elbo_draws`](Fit::elbo_draws) draws; if these are fewer than 2, the
    /// fits are compared by 100. A fit that fails is left out, unless all fail. Observers are told
    /// of the first fit; if one of them ends it, it is taken as it is, and the others are dropped.
    /// A [time limit](Fit::time_limit) is for all fits together: on fewer threads than there are
    /// starts, late ones may not begin. A point has no ELBO: here it is an error to ask for
    /// several. Default 1.
    ///
    /// Where the fit solves for a Gaussian or runs chains, the setting changes nothing.
    pub fn starts(mut self, starts: usize) -> Self {
        self.settings.starts = Some(starts);
        self
    }

    /// All settings that are data.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// With these settings in the place of all that are data; guide, optimiser and
    /// [start](Fit::start_from) stay.
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Weighs the KL in the loss by this number throughout: a tempered posterior, not the Bayesian
    /// one. Below 1 it is too narrow. The report says so, and there is no verdict. For a weight
    /// that rises to 1 see [`Steps::warm_up`].
    pub fn tempered(mut self, weight: f64) -> Self {
        self.settings.kl_weight = KlWeight::Tempered(weight);
        self
    }

    /// A multiplier of the rate for parameters that set scales. Default 1.
    pub fn scale_rate(mut self, multiplier: f64) -> Self {
        self.settings.scale_rate = multiplier;
        self.settings.stochastic = true;
        self
    }

    /// Limits the norm of the gradient.
    pub fn clip_norm(mut self, norm: f64) -> Self {
        self.settings.clip = Some(norm);
        self.settings.stochastic = true;
        self
    }

    /// Uses this many rows of every plate in a step, instead of all; all rows of a plate that has
    /// no more. The report says whether there were minibatches. A model without a
    /// [plate](crate::Scope::plate) is an error.
    pub fn minibatch(mut self, rows: usize) -> Self {
        self.settings.minibatch = Some(rows);
        self
    }

    /// Whether minibatches take the rows in a random order, a new one for every epoch. Default
    /// true. Without, they take them in the order of the data, and after the last row the first: a
    /// little faster, for data that are in no order already.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.settings.shuffle = shuffle;
        self
    }

    /// Multiplies the loss. It changes nothing but the numbers that the optimiser sees.
    pub fn loss_scale(mut self, scale: f64) -> Self {
        self.settings.loss_scale = scale;
        self.settings.stochastic = true;
        self
    }

    /// The draws of the final ELBO estimate. Default 1000.
    pub fn elbo_draws(mut self, draws: usize) -> Self {
        self.settings.elbo_draws = draws;
        self
    }

    /// Ends the fit after this time, wherever it is; the report says
    /// [`Stopped::TimeLimit`](crate::Stopped::TimeLimit) if it was not done. Default: no limit of
    /// time.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.settings.time_limit = Some(limit);
        self
    }

    /// Up to how many unconstrained numbers a fit without settings runs chains. Up to 200 it solves
    /// for the best Gaussian, in any case; beyond this number, or if the model has more than a
    /// million numbers on the tape, a mean field follows stochastic gradients. Default 5000; with 0
    /// there are no such chains.
    pub fn sample_up_to(mut self, dim: usize) -> Self {
        self.settings.sample_up_to = dim;
        self
    }

    /// Whether a fit by stochastic gradients ends with a verdict, by
    /// [`check_by_drift`](Posterior::check_by_drift). That takes some hundred to some thousand
    /// gradients on all data, and is left out where that is much more than the fit itself took, or
    /// the objective has its optimum elsewhere (a tempered one, an importance-weighted bound of
    /// several draws). Default true.
    pub fn checked(mut self, checked: bool) -> Self {
        self.settings.checked = checked;
        self
    }

    /// Whether it is [checked](Fit::checked).
    pub fn is_checked(&self) -> bool {
        self.settings.checked
    }

    /// Starts where another fit ended: every [parameter](Posterior::params) of the guide and of the
    /// model that has the name and the shape of one of these starts there, all others where they
    /// would start anyway. So a model may be fitted in stages, from a simple form of it to the
    /// whole, or from a network that was trained before.
    ///
    /// It starts steps by stochastic gradients; the search of a fit without settings is global.
    pub fn start_from(mut self, params: &Params<T>) -> Self {
        self.start = Some(params.clone());
        self.settings.stochastic = true;
        self
    }

    /// Keeps every n-th step in the history. Default 1.
    pub fn history_every(mut self, steps: usize) -> Self {
        self.settings.history_every = steps;
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

    /// Begins a fit that is taken step by step: [`run`](Fit::run) is this, all steps of
    /// [`OngoingFit`], and its output.
    ///
    /// # Errors
    /// What the model reports, or a setting that cannot be used.
    pub fn init<M: Model<T> + Sync>(&self, model: M) -> Result<OngoingFit<M, T>> {
        OngoingFit::new(self.clone(), model)
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
        let mut ongoing = OngoingFit::new(self, model)?;
        ongoing.finish(observers)?;
        ongoing.output_observed(observers)
    }
}
