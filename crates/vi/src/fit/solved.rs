//! A fit that solves for the best Gaussian: all data, fixed draws, Newton steps.

use super::Fit;
use super::course::Output;
use super::parameterisations::{Best, best_of_both, standardised_start};
use super::run::State;
use crate::corrected::Corrected;
use crate::dims::entry_name;
use crate::elbo::Elbo;
use crate::error::Result;
use crate::gaussian::{Covariance, Gaussian, Outcome, Settings};
use crate::kl_weight::KlWeight;
use crate::ladder::{Evaluator, Ladder, Quantity, Tell, solve_from};
use crate::layout::{Layout, Site, SiteKind};
use crate::log_joint::LogJoint;
use crate::model::{ByRef, Model};
use crate::observer::{Observer, StepInfo, stage, told};
use crate::report::{Method, Narrowed, Stopped};
use crate::scope::{Discovered, Estimator};
use probity_autodiff::{Key, Scalar};
use probity_distributions::KlMethod;
use std::any::TypeId;
use std::cell::RefCell;
use std::time::Instant;

/// The most coordinates: a step costs their number of gradients, and its cube of arithmetic.
const MOST: usize = 200;
/// How far another set of draws may want to move a mean in its standard deviations, and the
/// logarithm of a standard deviation.
const TOLERANCE: f64 = 0.04;
/// The same for a Gaussian whose draws are corrected.
const CORRECTED_TOLERANCE: f64 = 0.1;
/// The most numbers that a model may have on the tape for chains to be run: some ten thousand
/// gradients are to take seconds.
const LARGEST: usize = 1_000_000;
/// The most gradients of one solution.
const GRADIENTS: usize = 400_000;

impl<T: Scalar> Fit<T> {
    /// Whether this fit solves for a Gaussian, if its guide is one.
    pub(super) fn could_solve(&self, layout: &Layout) -> bool {
        (1..=MOST).contains(&layout.dim()) && self.is_exact(layout)
    }

    /// Whether chains stand instead of a guide: the conditions of a solution but for the number of
    /// coordinates, no guide was chosen, and a gradient is not a very long computation.
    pub(super) fn could_sample(&self, found: &Discovered) -> bool {
        let wide = (MOST + 1..=self.settings.sample_up_to).contains(&found.layout.dim());
        wide && !self.chosen && found.size <= LARGEST && self.is_exact(&found.layout)
    }

    /// As [`has_all_data`](Fit::has_all_data), in double precision.
    fn is_exact(&self, layout: &Layout) -> bool {
        self.has_all_data(layout) && TypeId::of::<T>() == TypeId::of::<f64>()
    }

    /// Whether the fit has all data and the true objective, nothing was set that only makes sense
    /// for steps by stochastic gradients, and there are no point parameters.
    pub(super) fn has_all_data(&self, layout: &Layout) -> bool {
        let stochastic =
            self.settings.stochastic || self.settings.steps.is_some() || self.settings.minibatch.is_some();
        let true_objective =
            self.settings.kl_weight == KlWeight::Full && self.settings.estimator == Estimator::WeightSpace;
        // A point parameter has no place in the full-rank Gaussian from which the mean field has
        // its metric.
        let points = layout.sites().iter().any(|s| s.kind == SiteKind::Param);
        !points && !stochastic && true_objective
    }

    /// Solves, and sets the guide. None if the density is not finite near the start.
    pub(super) fn solved(
        &mut self,
        model: &(dyn Model<T> + Sync),
        found: &Discovered,
        state: &mut State<T>,
        observers: &mut [&mut dyn Observer],
        covariance: Covariance,
        key: Key,
    ) -> Result<Option<Output>> {
        let moments = found.layout.start_moments(key.fold_in_str("start"))?;
        let start = Gaussian::diagonal(&moments.0, &moments.1);
        let joint = LogJoint::of(ByRef(model), found, key)?;
        let observers = RefCell::new(observers);
        let tell = |what: &str| stage(&mut observers.borrow_mut(), what);
        let mut evaluator = Evaluator::new(&joint).telling(Tell(&tell));
        let deadline = self.settings.time_limit.map(|limit| Instant::now() + limit);
        // Draws that are corrected need not be those of the very best Gaussian.
        let (tolerance, gradients) =
            if self.chosen { (TOLERANCE, GRADIENTS) } else { (CORRECTED_TOLERANCE, GRADIENTS / 20) };
        let settings = Settings { covariance, tolerance, gradients, deadline };
        let mut ended = false;
        let constant = NORMAL_ENTROPY * found.layout.dim() as f64;
        let mut watch = |iteration: usize, value: f64, moved: f64| {
            let elbo = Elbo { log_likelihood: value + constant, kl: 0.0 };
            let info = StepInfo {
                step: iteration - 1,
                steps: 0,
                elbo,
                kl_weight: 1.0,
                rate: 1.0,
                gradient_norm: moved,
            };
            state.history.push(info);
            ended = told(&mut observers.borrow_mut(), &info).is_break();
            !ended
        };
        let outcome = solve_from(&mut evaluator, &start, settings, key.fold_in_str("solve"), &mut watch)?;
        let Some(outcome) = outcome else { return Ok(None) };
        state.guide.assign(&outcome.gaussian, &mut state.params);
        let stopped = match &outcome {
            Outcome { at_rest: true, .. } => Stopped::Stationary,
            _ if ended => Stopped::ByObserver,
            Outcome { told: true, .. } => Stopped::TimeLimit,
            _ => Stopped::Limit,
        };
        let quantities = quantities(&found.layout);
        // Whoever ended the fit does not want chains.
        let deadline = if ended { Some(Instant::now()) } else { deadline };
        let ladder = Ladder::new().budget(self.settings.budget).deadline(deadline);
        let key = key.fold_in_str("ladder");
        let solving = evaluator.evaluations;
        let climb = |evaluator: &mut Evaluator<'_>, ladder: &Ladder, non_centred: bool| {
            if !non_centred {
                return ladder.climb(evaluator, &outcome.full, &start, &quantities, key).map(Some);
            }
            let (mean, sd) = standardised_start(found, moments.clone());
            let start = Gaussian::diagonal(&mean, &sd);
            let key = key.fold_in_str("non-centred");
            let settings = Settings { covariance: Covariance::Full, ..settings };
            match solve_from(evaluator, &start, settings, key, &mut |_, _, _| true)? {
                Some(outcome) => ladder.climb(evaluator, &outcome.full, &start, &quantities, key).map(Some),
                None => Ok(None),
            }
        };
        let best = best_of_both(&joint, found, &ladder, climb, |answer| answer.verdict.grade(), Tell(&tell))?;
        let Some(Best { answer, non_centred, gradients }) = best else { return Ok(None) };
        let stopped = if ladder.is_late() && !ended { Stopped::TimeLimit } else { stopped };
        let (steps, draws) = ((outcome.iterations, stopped), outcome.draws);
        let mut output = Output::new(Method::Solved, steps, draws, solving + gradients);
        let mut verdict = answer.verdict.clone();
        if self.chosen {
            verdict.check_guide(&outcome.gaussian, &answer);
        } else {
            let (dim, points, stands) = (found.layout.dim(), answer.points, answer.stands);
            output.corrected = Some(Corrected { dim, points, stands });
        }
        output.verdict = Some(verdict);
        output.k_hat = Some(answer.k_hat);
        output.non_centred = non_centred;
        output.movement = Some(outcome.moved.0.max(outcome.moved.1));
        output.narrowed = narrowed(&outcome, state.engine.layout());
        output.kl = Some(KlMethod::FixedDraws { draws });
        Ok(Some(output))
    }
}

/// `ln √(2πe)`, the entropy of a standard normal number.
const NORMAL_ENTROPY: f64 = 1.418_938_533_204_672_7;

/// The standard deviation of the mean field that is narrowest against the full-rank solution; none
/// for a solution of full rank.
fn narrowed(Outcome { gaussian, full, .. }: &Outcome, layout: &Layout) -> Option<Narrowed> {
    let ratios = gaussian.sd().component_div(&full.sd());
    let (at, ratio) = ratios.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let holds = |site: &&Site| (site.offset..site.offset + site.dim()).contains(&at);
    let site = layout.latent().find(holds)?;
    (gaussian != full).then(|| Narrowed { site: site.name.clone(), entry: at - site.offset, ratio })
}

/// The unconstrained numbers of the latent sites, named as the entries in summaries are.
pub(crate) fn quantities(layout: &Layout) -> Vec<Quantity> {
    let of = |site: &Site| {
        // Unconstrained numbers are entries, but for those of simplexes and the like.
        let dims = if site.unconstrained_shape() == site.shape { &site.dims[..] } else { &[] };
        let name = |e| entry_name(&site.name, site.unconstrained_shape(), dims, e);
        let quantity = |e| Quantity { name: name(e), transform: site.transform.clone() };
        (0..site.dim()).map(quantity).collect::<Vec<_>>()
    };
    layout.latent().flat_map(of).collect()
}
