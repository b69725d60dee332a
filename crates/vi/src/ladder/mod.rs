//! From a first guess to draws that can be believed: what [`fit`](crate::fit()) does after it has
//! solved for the best Gaussian, usable on every [`Target`].
//!
//! The rungs, each climbed only if the one before does not hold:
//! 1. the best Gaussian ([`Fit`](crate::Fit) has it already), and other modes (`modes`);
//! 2. importance weights of a mixture of Gaussians with heavy tails (`weigh`), checked by an
//!    exact kernel (`drift`);
//! 3. chains of the No-U-Turn sampler in the metric of the Gaussian (`chains`).

mod chains;
mod drift;
mod evaluator;
mod gradient_check;
mod modes;
mod proposal;
mod rescue;
mod tails;
mod weigh;
mod wide;

pub(crate) use chains::{CHAINS, DEPTH, grade};
pub(crate) use evaluator::{Evaluator, Tell};
pub(crate) use rescue::solve_from;
pub(crate) use wide::wide;

use crate::error::{Error, Result};
use crate::gaussian::{Covariance, Gaussian, Settings};
use crate::layout::Transform;
use crate::method::{Method, Problem, nothing_yet, start_of};
use crate::target::Target;
use crate::verdict::{Grade, Verdict, What};
use probity_autodiff::Key;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

/// Which draws stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stands {
    /// Draws of the guide, taken by their importance weights.
    Weighted,
    /// Chains of the No-U-Turn sampler.
    Chains,
    /// Chains of Hamiltonian Monte Carlo, each from a mode of its own.
    Hamiltonian,
    /// Draws of the guide, uncorrected.
    #[default]
    Guide,
}

impl fmt::Display for Stands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stands::Weighted => "of the guide with heavier tails, taken by their importance weights",
            Stands::Chains => "chains of the No-U-Turn sampler in the metric of the guide",
            Stands::Hamiltonian => "chains of Hamiltonian Monte Carlo, each from a mode of its own",
            Stands::Guide => "of the guide",
        })
    }
}

/// What a coordinate is to the user: an entry of a site, and how it is made of the coordinate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantity {
    pub(crate) name: String,
    pub(crate) transform: Transform,
}

impl Quantity {
    /// The entry, up to a shift and a positive or negative factor, which no check depends on.
    pub(crate) fn of(&self, u: f64) -> f64 {
        match self.transform {
            Transform::Exp | Transform::Above | Transform::Below => u.exp(),
            Transform::Interval => 1.0 / (1.0 + (-u).exp()),
            _ => u,
        }
    }
}

/// The settings of inference on a target.
///
/// ```
/// use probity_vi::{LogDensity, ladder::Ladder};
///
/// // A banana: the second coordinate follows the square of the first.
/// let banana = LogDensity::new(2, |u: &[f64], gradient: &mut [f64]| {
///     let rest = u[1] - u[0] * u[0];
///     gradient[0] = -u[0] + 2.0 * u[0] * rest;
///     gradient[1] = -rest;
///     -0.5 * (u[0] * u[0] + rest * rest)
/// });
/// let answer = Ladder::new().run(&banana)?;
/// assert!((answer.mean()[1] - 1.0).abs() < 0.2);
/// answer.verdict.trusted()?;
/// println!("{}", answer.verdict);
/// # Ok::<(), probity_vi::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ladder {
    seed: u64,
    budget: usize,
    start: Option<(Vec<f64>, Vec<f64>)>,
    #[serde(skip)]
    deadline: Option<Instant>,
    /// Chains that meet a funnel or other modes are not run again.
    #[serde(skip)]
    one_round: bool,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { seed: 0, budget: Self::BUDGET, start: None, deadline: None, one_round: false }
    }
}

/// What inference found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The Gaussian of the highest ELBO; of several modes, the one with most mass.
    pub gaussian: Gaussian,
    /// Draws that stand, with equal weights and in random order: d numbers each.
    pub points: Vec<f64>,
    /// Where they are from.
    pub stands: Stands,
    /// Whether to believe them.
    pub verdict: Verdict,
    /// The shape k̂ of the tail of the importance weights, also where chains stand.
    pub k_hat: f64,
    /// How often the density was computed.
    pub evaluations: usize,
}

impl Answer {
    fn per_coordinate(&self, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let d = self.gaussian.dim();
        let entry = |i| self.points.iter().skip(i).step_by(d).copied().collect::<Vec<_>>();
        (0..d).map(|i| f(&entry(i))).collect()
    }

    /// The mean of every coordinate.
    pub fn mean(&self) -> Vec<f64> {
        self.per_coordinate(crate::diagnostics::mean)
    }

    /// The standard deviation of every coordinate.
    pub fn sd(&self) -> Vec<f64> {
        self.per_coordinate(|x| crate::diagnostics::variance(x).sqrt())
    }
}

impl Ladder {
    /// The default of [`budget`](Ladder::budget): about a second for a density of two microseconds.
    pub const BUDGET: usize = 600_000;

    /// From a standard normal start, with the default budget.
    pub fn new() -> Self {
        Self::default()
    }

    /// The seed of all random numbers: same seed, same bits, for any number of threads.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How often the density may be computed before chains are no longer made longer. The first
    /// chains are not cut: a target of many dimensions and long trajectories takes more.
    pub fn budget(mut self, evaluations: usize) -> Self {
        self.budget = evaluations;
        self
    }

    /// Where to begin: a mean and a standard deviation for every coordinate, roughly those within
    /// which the target is expected. Default: zeros and ones.
    pub fn start(mut self, mean: &[f64], sd: &[f64]) -> Self {
        self.start = Some((mean.to_vec(), sd.to_vec()));
        self
    }

    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether chains that meet a funnel or other modes are left at that.
    pub(crate) fn one_round(mut self, one_round: bool) -> Self {
        self.one_round = one_round;
        self
    }

    pub(crate) fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs on a target, whose entries are named `u[0]`, `u[1]` and so on in the verdict.
    ///
    /// # Errors
    /// If the density is not finite near the start, if its gradient there is not that of its
    /// differences, if start and target differ in dimension, and for errors of the target.
    pub fn run<T: Target>(&self, target: &T) -> Result<Answer> {
        self.complete(Problem::new(target, &[]))
    }

    /// All rungs.
    fn answer(&self, evaluator: &mut Evaluator<'_>, start: &Gaussian) -> Result<Answer> {
        let key = Key::new(self.seed).fold_in_str("ladder");
        gradient_check::check(evaluator, start, key.fold_in_str("gradient check"))?;
        let settings = Settings {
            covariance: Covariance::Full,
            tolerance: 0.1,
            gradients: self.budget / 8,
            deadline: self.deadline,
        };
        let watch = &mut |_: usize, _: f64, _: f64| true;
        let Some(outcome) = solve_from(evaluator, start, settings, key, watch)? else {
            let problem = "the density is not finite near it".to_owned();
            return Err(Error::Setting { setting: "start", problem });
        };
        let named = |i| Quantity { name: format!("u[{i}]"), transform: Transform::Identity };
        let quantities: Vec<Quantity> = (0..start.dim()).map(named).collect();
        self.climb(evaluator, &outcome.full, start, &quantities, key)
    }

    /// The rungs after the best Gaussian.
    pub(crate) fn climb(
        &self,
        evaluator: &mut Evaluator<'_>,
        best: &Gaussian,
        start: &Gaussian,
        quantities: &[Quantity],
        key: Key,
    ) -> Result<Answer> {
        // A solution that went astray is no metric.
        let best = if best.cholesky().is_ok() { best } else { start };
        evaluator.tell(|| "looking for other modes".into());
        let limits = (self.budget / 16, self.deadline);
        let gaussians = modes::find(evaluator, best, start, limits, key.fold_in_str("modes"))?;
        evaluator.tell(|| "weighing draws of the Gaussian".into());
        let weighted = weigh::weigh(evaluator, gaussians, key.fold_in_str("weigh"))?;
        let mut verdict = Verdict::new(quantities.iter().map(|q| q.name.clone()));
        verdict.check(What::ParetoK, weighted.psis.k_hat);
        verdict.check(What::WeightedDraws, weighted.psis.ess);
        let degrees = tails::degrees_of_freedom(evaluator, &weighted.gaussians[0], quantities)?;
        verdict.check_each(What::TailDegrees, &degrees);
        verdict.check_each(What::ParetoKOfSquares, &weighted.k_of_squares(quantities));
        let mut points = weighted.resampled(key.fold_in_str("resample"));
        if verdict.grade() == Grade::A {
            let drift = drift::drift(evaluator, &points, &weighted.gaussians[0], key.fold_in_str("drift"))?;
            verdict.check_each(What::Drift, &drift);
        }
        let gaussian = weighted.gaussians[0].clone();
        let (k_hat, evaluations) = (weighted.psis.k_hat, evaluator.evaluations);
        evaluator.map_to_answer(&mut points)?;
        let weighted_answer =
            Answer { gaussian, points, stands: Stands::Weighted, verdict, k_hat, evaluations };
        if weighted_answer.verdict.grade() == Grade::A {
            return Ok(weighted_answer);
        }
        let mut chains =
            chains::chains(self, evaluator, &weighted, start, quantities, key.fold_in_str("chains"))?;
        if let Some(chains) = &mut chains {
            chains.verdict.check_each(What::TailDegrees, &degrees);
        }
        let evaluations = evaluator.evaluations;
        Ok(match chains {
            Some(chains) if chains.verdict.grade() <= weighted_answer.verdict.grade() => {
                Answer { evaluations, gaussian: weighted_answer.gaussian, ..chains }
            }
            _ => Answer { evaluations, ..weighted_answer },
        })
    }
}

/// One step does all: how far to climb is for the answer to say. One start, if it is given, stands
/// for the mean of [`Ladder::start`].
impl<'t> Method<Problem<'t>> for Ladder {
    type State = LadderState<'t>;
    type Output = Answer;

    fn init(&self, Problem { target, starts }: Problem<'t>) -> Result<LadderState<'t>> {
        let evaluator = Evaluator::of(target);
        let (mean, sd) = start_of(self.start.as_ref(), &starts, evaluator.dim())?;
        Ok(LadderState { evaluator, start: Gaussian::diagonal(&mean, &sd), answer: None })
    }

    fn step(
        &self,
        LadderState { evaluator, start, answer }: &mut LadderState<'t>,
    ) -> Result<ControlFlow<()>> {
        if answer.is_none() {
            *answer = Some(self.answer(evaluator, start)?);
        }
        Ok(ControlFlow::Break(()))
    }

    fn output(&self, state: LadderState<'t>) -> Result<Answer> {
        state.answer.map_or_else(|| nothing_yet("the only step was not taken"), Ok)
    }
}

/// A run of [`Ladder`] before or after its step.
#[derive(Debug)]
pub struct LadderState<'t> {
    evaluator: Evaluator<'t>,
    start: Gaussian,
    answer: Option<Answer>,
}

/// A seed of a method's own, from a key.
pub(crate) fn seed_of(key: Key) -> u64 {
    use rand::Rng;
    key.rng().next_u64()
}
