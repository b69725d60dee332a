//! The evidence lower bound and its gradient: a step of work, by as many workers as draws do not
//! fit on one tape.

mod importance;
#[cfg(test)]
mod objective_tests;
mod tail;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use tail::{largest_influence, tail_shape};
pub(crate) use worker::{At, Loss};
use worker::{Task, Worker};

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::model::Model;
use crate::objective::Objective;
use crate::scope::{Batcher, ByRow, Discovered, Estimator, Minibatches};
use probity_autodiff::{AlignedVec, GaussianSite, Key, Scalar, Tape, Threads, Update, parallel_map_mut};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The parts of an ELBO estimate, in nats, for all rows of the data: `elbo = log_likelihood - kl`.
///
/// Of an importance-weighted bound `log_likelihood` is that of the draws by their weights, and `kl`
/// what the bound leaves for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Elbo {
    /// The log-likelihood (and factors) at the draw; a minibatch is scaled to all rows.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_likelihood: f64,
    /// The divergence of the guide from the prior.
    #[serde(with = "probity_autodiff::serde_float")]
    pub kl: f64,
}

impl Elbo {
    /// The lower bound itself, whatever the weight of the KL in the fit.
    pub fn value(&self) -> f64 {
        self.log_likelihood - self.kl
    }
}

/// Computes ELBO gradients, some draws at once, on as many threads as there are.
#[derive(Debug)]
pub(crate) struct Engine<T: Scalar> {
    workers: Vec<Worker<T>>,
    draws: usize,
    minibatches: Option<Minibatches>,
    /// What minibatches are taken from.
    by_row: ByRow<T>,
    /// The latent sites, if they can be drawn together.
    batched: Option<Arc<[GaussianSite]>>,
    estimator: Estimator,
    objective: Objective,
    /// The share of every draw of the weights of its term, of an importance-weighted bound.
    shares: Vec<f64>,
    key: Key,
    /// The shortest time of a step on one thread, and how many were timed: a small step is not
    /// worth waking other threads.
    fastest: Duration,
    timed: usize,
    /// Share the workers of a step, or the loops of the one.
    threads: Threads,
}

impl<T: Scalar> Engine<T> {
    const WORTH_SHARING: Duration = Duration::from_micros(100);
    const TRIALS: usize = 2;
    /// The most draws on one tape, and the most numbers of one draw for which several share a tape:
    /// with more, what a node costs by itself does not count, and the numbers would not stay in the
    /// cache.
    const TOGETHER: usize = 16;
    const SMALL: usize = 4096;

    pub(crate) fn new(
        found: &Discovered,
        draws: usize,
        minibatches: Option<Minibatches>,
        (estimator, objective): (Estimator, Objective),
        key: Key,
    ) -> Self {
        let (workers, by_row, fastest) = (Vec::new(), ByRow::default(), Duration::MAX);
        // Those have their divergence in closed form.
        let batched = found.batched.clone().filter(|_| objective == Objective::Elbo);
        let threads = Threads::default();
        let mut engine = Self {
            workers,
            draws,
            minibatches,
            by_row,
            batched,
            estimator,
            objective,
            shares: Vec::new(),
            key,
            fastest,
            timed: 0,
            threads,
        };
        engine.share_out(&found.layout, if found.size <= Self::SMALL { Self::TOGETHER } else { 1 });
        engine
    }

    /// Gives every worker so many draws (the last one what is left).
    fn share_out(&mut self, layout: &Layout, each: usize) {
        let key = self.key.fold_in_str("minibatch");
        let worker = |first| {
            let batcher = self.minibatches.map(|how| Batcher::new(key, how, self.by_row.clone()));
            Worker::new(first..self.draws.min(first + each), layout.clone(), batcher, self.batched.clone())
        };
        self.workers = (0..self.draws).step_by(each).map(worker).collect();
    }

    /// Draws by themselves from now on.
    fn separate(&mut self) {
        let layout = self.layout().clone();
        self.share_out(&layout, 1);
    }

    /// The site table, with the KL methods that the last step used.
    pub(crate) fn layout(&self) -> &Layout {
        &self.workers[0].layout
    }

    /// What the workers of this step are told.
    fn task<'a>(&self, at: At<'a, T>) -> Task<'a, T> {
        // The key of a draw is told from that of the first by the tape.
        let (estimator, objective) = (self.estimator, self.objective);
        let key = self.key.fold_in(at.step as u64).fold_in(0);
        let draws = self.draws;
        Task { at, key, draws, estimator, objective, shares: &[], weighing: false, checking: false }
    }

    /// The mean over the draws of the ELBO and of the loss's gradient, which is left in the
    /// returned vector.
    pub(crate) fn step(
        &mut self,
        model: &(dyn Model<T> + Sync),
        at: At<'_, T>,
    ) -> Result<(Elbo, &mut AlignedVec<T>)> {
        let mut shares = std::mem::take(&mut self.shares);
        let bound = self.weigh(model, at, &mut shares)?;
        let worked = self.worked(model, &Task { shares: &shares, ..self.task(at) });
        self.shares = shares;
        worked?;
        let (draws, mut elbo) = (self.draws, Elbo::default());
        for worker in &self.workers {
            let share = worker.draws.len() as f64 / draws as f64;
            elbo.log_likelihood += worker.elbo.log_likelihood * share;
            elbo.kl += worker.elbo.kl * share;
        }
        if let Some(bound) = bound {
            let weight = at.loss.kl_weight;
            elbo.kl = if weight == 0.0 { 0.0 } else { (elbo.log_likelihood - bound) / weight };
        }
        let (first, rest) = self.workers.split_at_mut(1);
        let gradient = &mut first[0].gradient;
        if draws > 1 {
            let share = T::from_f64(1.0 / draws as f64).num();
            for (e, g) in gradient.iter_mut().enumerate() {
                // Added in the order of the draws, whichever thread was first.
                let mut sum = g.num();
                for worker in rest.iter() {
                    sum += worker.gradient[e].num();
                }
                *g = T::from_num(sum * share);
            }
        }
        Ok((elbo, gradient))
    }

    /// The share of every draw of the weights of its term, and the mean of the terms; none where
    /// every draw is a term by itself.
    fn weigh(
        &mut self,
        model: &(dyn Model<T> + Sync),
        at: At<'_, T>,
        shares: &mut Vec<f64>,
    ) -> Result<Option<f64>> {
        let group = self.objective.group();
        shares.clear();
        if group == 1 {
            return Ok(None);
        }
        self.worked(model, &Task { weighing: true, ..self.task(at) })?;
        self.workers.iter().for_each(|worker| shares.extend_from_slice(&worker.log_weights));
        Ok(Some(importance::shares_of(shares, group)))
    }

    /// Lets every worker do its task; draws by themselves where they cannot share a tape.
    fn worked(&mut self, model: &(dyn Model<T> + Sync), task: &Task<'_, T>) -> Result {
        match self.work(model, task) {
            // One draw of several on a tape failed: by themselves they can be drawn anew.
            Err(Error::Numerical { .. }) if self.workers.len() < self.draws => {
                self.separate();
                self.work(model, task)?;
            }
            done => done?,
        }
        if self.workers.iter().any(|w| w.tape.has_read_one_lane()) {
            // The model looks at the numbers, which are then those of one draw.
            self.separate();
            self.work(model, task)?;
        }
        Ok(())
    }

    /// Lets every worker compute its gradient, or the weights of its draws.
    fn work(&mut self, model: &(dyn Model<T> + Sync), task: &Task<'_, T>) -> Result {
        let one = |worker: &mut Worker<T>| worker.error = worker.gradient(model, task).err();
        if let [worker] = &mut self.workers[..] {
            self.threads.during(|| one(worker));
        } else if self.timed >= Self::TRIALS && self.fastest > Self::WORTH_SHARING {
            self.threads.during(|| parallel_map_mut(&mut self.workers, one));
        } else {
            let start = Instant::now();
            self.workers.iter_mut().for_each(one);
            self.fastest = self.fastest.min(start.elapsed());
            self.timed += 1;
        }
        self.workers.iter_mut().find_map(|w| w.error.take()).map_or(Ok(()), Err)
    }

    /// As [`step`](Engine::step) with one draw, and the parameters change by the rule as soon as
    /// their gradient is complete: the returned vector has their new values. Also the norm that the
    /// gradient had.
    pub(crate) fn step_updating(
        &mut self,
        model: &(dyn Model<T> + Sync),
        at: At<'_, T>,
        rule: &dyn Update<T>,
        optimizer_state: &mut [&mut [T]],
    ) -> Result<(Elbo, f64, &mut AlignedVec<T>)> {
        let task = self.task(at);
        let worker = &mut self.workers[0];
        let norm = self.threads.during(|| {
            worker.back(model, &task, Tape::bind_donating_gradient, |tape, objective| {
                tape.backward_and_update(objective, rule, optimizer_state)
            })
        })?;
        // There is one unless only weights are asked for.
        Ok((worker.elbo, norm.unwrap_or_default(), &mut worker.gradient))
    }

    /// Whether a step has a single draw.
    pub(crate) fn one_draw(&self) -> bool {
        self.draws == 1
    }

    /// Runs the step again with every check on, and says where the first non-finite number came
    /// from.
    pub(crate) fn explain(&mut self, model: &(dyn Model<T> + Sync), at: At<'_, T>) -> Error {
        let task = Task { checking: true, ..self.task(at) };
        if self.workers.len() < self.draws {
            self.separate();
        }
        let mut largest: Option<(usize, f64)> = None;
        for worker in &mut self.workers {
            worker.tape.detect_anomaly(true);
            let result = worker.gradient(model, &task);
            worker.tape.detect_anomaly(false);
            let found = worker.tape.first_non_finite();
            if let Some(found) = found {
                // Tags count from 1; 0 is before the first site, odd is at a site, even after it.
                let number = (found.tag as usize).saturating_sub(1) / 2;
                let site = worker.layout.sites().get(number).map_or("", |s| &s.name);
                let place = match found.tag {
                    0 => "before",
                    tag if tag % 2 == 1 => "at",
                    _ => "after",
                };
                let cause = result.err().map_or(String::new(), |e| format!(" ({e})"));
                return Error::NonFinite {
                    step: at.step,
                    report: format!("{place} site {site:?}: {found}{cause}"),
                };
            }
            if let Err(error) = result {
                return Error::NonFinite { step: at.step, report: error.to_string() };
            }
            if let Some((site, size)) = worker.largest
                && largest.is_none_or(|(_, most)| size.abs() > most.abs())
            {
                largest = Some((site, size));
            }
        }
        let name = |site: usize| self.layout().sites()[site].name.clone();
        let report = match largest {
            Some((site, size)) => format!(
                "the numbers of every draw are finite, but their sum or the norm of the gradient overflows; the largest term of the ELBO is \
                 {size:.3e}, at site {:?}",
                name(site)
            ),
            None => "the numbers of every draw are finite, but their sum overflows".into(),
        };
        Error::NonFinite { step: at.step, report }
    }

    /// How many draws were drawn anew because the model failed there, and why the first one was.
    pub(crate) fn redrawn(&self) -> (usize, Option<String>) {
        let first = self.workers.iter().find_map(|w| w.redrawn_for.as_ref());
        (self.workers.iter().map(|w| w.redrawn).sum(), first.map(Error::to_string))
    }
}
