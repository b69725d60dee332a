//! A fit that solves for the best Gaussian: all data, fixed draws, Newton steps.

use super::Fit;
use super::run::{State, told};
use crate::elbo::Elbo;
use crate::error::Result;
use crate::gaussian::{Covariance, Gaussian, Outcome, Settings, solve};
use crate::kl_weight::KlWeight;
use crate::layout::{Layout, Site, SiteKind};
use crate::log_joint::LogJoint;
use crate::model::{ByRef, Model};
use crate::observer::{Observer, StepInfo};
use crate::report::{Narrowed, Stopped};
use crate::scope::{Discovered, Estimator};
use probity_autodiff::{Key, Scalar};
use probity_distributions::KlMethod;
use rayon::prelude::*;
use std::any::TypeId;
use std::time::{Duration, Instant};

/// The most coordinates: a step costs their number of gradients, and its cube of arithmetic.
const MOST: usize = 200;
/// How far another set of draws may want to move a mean in its standard deviations, and the
/// logarithm of a standard deviation.
const TOLERANCE: f64 = 0.04;
/// The most gradients of one solution.
const GRADIENTS: usize = 400_000;

impl<T: Scalar> Fit<T> {
    /// Which Gaussians to solve for, if that is what this fit does: it has all data and the true
    /// objective, nothing was set that only makes sense for steps by stochastic gradients, and the
    /// numbers are precise and not too many.
    pub(super) fn solves_for(&self, layout: &Layout) -> Option<Covariance> {
        let stochastic = self.stochastic || self.steps.is_some() || self.minibatch.is_some();
        let true_objective = self.kl_weight == KlWeight::Full && self.estimator == Estimator::WeightSpace;
        let precise = TypeId::of::<T>() == TypeId::of::<f64>();
        // A point parameter has no place in the full-rank Gaussian from which the mean field has
        // its metric.
        let points = layout.sites().iter().any(|s| s.kind == SiteKind::Param);
        let fits = (1..=MOST).contains(&layout.dim()) && !points;
        self.guide.covariance().filter(|_| fits && !stochastic && true_objective && precise)
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
    ) -> Result<Option<Solved>> {
        let start = Gaussian::start(&found.layout, key.fold_in_str("start"))?;
        let mut joints = Joints::new(LogJoint::of(ByRef(model), found, key)?);
        let deadline = self.time_limit.map(|limit| Instant::now() + limit);
        let settings = Settings { covariance, tolerance: TOLERANCE, gradients: GRADIENTS, deadline };
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
            ended = told(observers, &info).is_break();
            !ended
        };
        let mut evaluate = |u: &[f64], values: &mut [f64], to: &mut [f64]| joints.gradients(u, values, to);
        let outcome = solve(start, settings, key.fold_in_str("solve"), &mut evaluate, &mut watch)?;
        let Some(outcome) = outcome else { return Ok(None) };
        self.guide.assign(&outcome.gaussian, &found.layout, &mut state.params);
        let stopped = match &outcome {
            Outcome { at_rest: true, .. } => Stopped::Stationary,
            _ if ended => Stopped::ByObserver,
            Outcome { told: true, .. } => Stopped::TimeLimit,
            _ => Stopped::Limit,
        };
        Ok(Some(Solved { outcome, stopped }))
    }
}

/// `ln √(2πe)`, the entropy of a standard normal number.
const NORMAL_ENTROPY: f64 = 1.418_938_533_204_672_7;

/// What a solution leaves for the report.
pub(super) struct Solved {
    pub(super) outcome: Outcome,
    pub(super) stopped: Stopped,
}

impl Solved {
    /// The standard deviation of the mean field that is narrowest against the full-rank solution;
    /// none for a solution of full rank.
    pub(super) fn narrowed(&self, layout: &Layout) -> Option<Narrowed> {
        let Outcome { gaussian, full, .. } = &self.outcome;
        let ratios = gaussian.sd().component_div(&full.sd());
        let (at, ratio) = ratios.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let holds = |site: &&Site| (site.offset..site.offset + site.dim()).contains(&at);
        let site = layout.latent().find(holds)?;
        (gaussian != full).then(|| Narrowed { site: site.name.clone(), entry: at - site.offset, ratio })
    }

    /// Notes in the site table how divergences were computed: as averages over the fixed draws.
    pub(super) fn note_methods(&self, layout: &mut Layout) {
        for site in layout.sites.iter_mut().filter(|site| site.kind == SiteKind::Latent) {
            site.kl = Some(KlMethod::FixedDraws { draws: self.outcome.draws });
        }
    }
}

/// The log joint density, on as many threads as there are, where that pays.
pub(crate) struct Joints<'m, M: ?Sized, T: Scalar> {
    all: Vec<LogJoint<ByRef<'m, M>, T>>,
    /// The time of one point on one thread, once it is known.
    each: Duration,
}

impl<'m, M: Model<T> + Sync + ?Sized, T: Scalar> Joints<'m, M, T> {
    /// What a call must take for other threads to be woken.
    const WORTH_SHARING: Duration = Duration::from_micros(300);

    pub(crate) fn new(first: LogJoint<ByRef<'m, M>, T>) -> Self {
        Self { all: vec![first], each: Duration::ZERO }
    }

    /// As [`LogJoint::gradients`]. The points that share a tape are the same for any number of
    /// threads, and so are the bits.
    pub(crate) fn gradients(&mut self, u: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        let (n, d) = (values.len(), self.all[0].dim());
        let threads = rayon::current_num_threads();
        let blocks = n.div_ceil(LogJoint::<ByRef<'m, M>, T>::LANES);
        if threads == 1 || blocks == 1 || self.each * (n as u32) < Self::WORTH_SHARING {
            let start = Instant::now();
            let result = self.all[0].gradients_f64(u, values, gradients);
            self.each = start.elapsed() / n.max(1) as u32;
            return result;
        }
        while self.all.len() < threads {
            let another = self.all[0].clone();
            self.all.push(another);
        }
        let share = blocks.div_ceil(threads) * LogJoint::<ByRef<'m, M>, T>::LANES;
        let parts = u
            .par_chunks(share * d)
            .zip(values.par_chunks_mut(share))
            .zip(gradients.par_chunks_mut(share * d));
        let each = self
            .all
            .par_iter_mut()
            .zip(parts)
            .map(|(joint, ((u, values), to))| joint.gradients_f64(u, values, to));
        // The error of the first part, whichever thread was first.
        each.collect::<Vec<_>>().into_iter().collect()
    }
}
