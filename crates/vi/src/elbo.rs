//! The evidence lower bound and its gradient: one step of work, on one tape per draw.

use crate::error::{Error, Result};
use crate::guide::Guide;
use crate::layout::Layout;
use crate::model::Model;
use crate::scope::{Batcher, Estimator, Mode, Run, run};
use probity_autodiff::{Key, Params, Scalar, Tape, Update, Var};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The parts of an ELBO estimate, in nats, for all rows of the data: `elbo = log_likelihood - kl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Elbo {
    /// The log-likelihood (and factors) at the draw; a minibatch is scaled to all rows.
    pub log_likelihood: f64,
    /// The divergence of the guide from the prior.
    pub kl: f64,
}

impl Elbo {
    /// The lower bound itself, whatever the weight of the KL in the fit.
    pub fn value(&self) -> f64 {
        self.log_likelihood - self.kl
    }
}

/// The loss of a step: `scale (kl_weight kl - log_likelihood)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub kl_weight: f64,
    pub scale: f64,
}

/// What one draw needs, kept from step to step so that its memory is used again.
#[derive(Debug)]
struct Worker<T: Scalar> {
    tape: Tape<T>,
    layout: Layout,
    batcher: Option<Batcher>,
    prefix: String,
    gradient: Vec<T>,
    elbo: Elbo,
    error: Option<Error>,
}

/// Computes ELBO gradients, draw by draw, on as many threads as there are.
#[derive(Debug)]
pub(crate) struct Engine<T: Scalar> {
    workers: Vec<Worker<T>>,
    estimator: Estimator,
    key: Key,
    /// The shortest time of a step on one thread, and how many were timed: a small step is not worth waking other threads.
    fastest: Duration,
    timed: usize,
}

impl<T: Scalar> Engine<T> {
    const WORTH_SHARING: Duration = Duration::from_micros(100);
    const TRIALS: usize = 2;

    pub(crate) fn new(
        layout: &Layout,
        draws: usize,
        batch: Option<usize>,
        estimator: Estimator,
        key: Key,
    ) -> Self {
        let worker = |_| Worker {
            tape: Tape::new(),
            layout: layout.clone(),
            batcher: batch.map(|size| Batcher::new(key.fold_in_str("minibatch"), size)),
            prefix: String::new(),
            gradient: Vec::new(),
            elbo: Elbo::default(),
            error: None,
        };
        let workers = (0..draws).map(worker).collect();
        Self { workers, estimator, key, fastest: Duration::MAX, timed: 0 }
    }

    /// The site table, with the KL methods that the last step used.
    pub(crate) fn layout(&self) -> &Layout {
        &self.workers[0].layout
    }

    /// What a draw of this step is told.
    fn task<'a>(
        &self,
        guide: &'a dyn Guide<T>,
        params: &'a Params<T>,
        step: usize,
        loss: Loss,
    ) -> Task<'a, T> {
        let (draws, estimator, key) = (self.workers.len(), self.estimator, self.key.fold_in(step as u64));
        Task { guide, params, step, key, draws, estimator, loss, checking: false }
    }

    /// The mean over the draws of the ELBO and of the loss's gradient, which is left in the returned vector.
    pub(crate) fn step(
        &mut self,
        model: &(impl Model<T> + Sync),
        guide: &dyn Guide<T>,
        params: &Params<T>,
        step: usize,
        loss: Loss,
    ) -> Result<(Elbo, &mut Vec<T>)> {
        let task = self.task(guide, params, step, loss);
        let draws = self.workers.len();
        let work = |(i, worker): (usize, &mut Worker<T>)| {
            worker.error = worker.gradient(model, task.draw(i)).err();
        };
        if draws == 1 {
            self.workers[0].gradient(model, task.draw(0))?;
        } else if self.timed >= Self::TRIALS && self.fastest > Self::WORTH_SHARING {
            self.workers.par_iter_mut().enumerate().for_each(work);
        } else {
            let start = Instant::now();
            self.workers.iter_mut().enumerate().for_each(work);
            self.fastest = self.fastest.min(start.elapsed());
            self.timed += 1;
        }
        let mut elbo = Elbo::default();
        let (first, rest) = self.workers.split_at_mut(1);
        for worker in first.iter_mut().chain(rest.iter_mut()) {
            if let Some(error) = worker.error.take() {
                return Err(error);
            }
            elbo.log_likelihood += worker.elbo.log_likelihood / draws as f64;
            elbo.kl += worker.elbo.kl / draws as f64;
        }
        // Added in the order of the draws, whichever thread was first.
        let gradient = &mut first[0].gradient;
        if draws > 1 {
            let share = T::from_f64(1.0 / draws as f64).num();
            for (e, g) in gradient.iter_mut().enumerate() {
                let mut sum = g.num();
                for worker in rest.iter() {
                    sum += worker.gradient[e].num();
                }
                *g = T::from_num(sum * share);
            }
        }
        Ok((elbo, gradient))
    }

    /// As [`step`](Engine::step) with one draw, and the parameters change by the rule as soon as their gradient is complete: the returned vector
    /// has their new values. Also the norm that the gradient had.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn step_updating(
        &mut self,
        model: &(impl Model<T> + Sync),
        guide: &dyn Guide<T>,
        params: &Params<T>,
        step: usize,
        loss: Loss,
        rule: &dyn Update<T>,
        memory: &mut [&mut [T]],
    ) -> Result<(Elbo, f64, &mut Vec<T>)> {
        let task = self.task(guide, params, step, loss).draw(0);
        let worker = &mut self.workers[0];
        let norm =
            worker.back(model, task, |tape, objective| tape.backward_updating(objective, rule, memory))?;
        Ok((worker.elbo, norm, &mut worker.gradient))
    }

    /// Whether a step has a single draw.
    pub(crate) fn one_draw(&self) -> bool {
        self.workers.len() == 1
    }

    /// Runs the step again with every check on, and says where the first non-finite number came from.
    pub(crate) fn explain(
        &mut self,
        model: &(impl Model<T> + Sync),
        guide: &dyn Guide<T>,
        params: &Params<T>,
        step: usize,
        loss: Loss,
    ) -> Error {
        let task = Task { checking: true, ..self.task(guide, params, step, loss) };
        for (i, worker) in self.workers.iter_mut().enumerate() {
            worker.tape.trap_non_finite(true);
            let result = worker.gradient(model, task.draw(i));
            worker.tape.trap_non_finite(false);
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
                return Error::NonFinite { step, report: format!("{place} site {site:?}: {found}{cause}") };
            }
            if let Err(error) = result {
                return Error::NonFinite { step, report: error.to_string() };
            }
        }
        let report = "no operation gave the number: a constant of the model is not finite, or the sum over draws overflows";
        Error::NonFinite { step, report: report.into() }
    }
}

/// What a draw is told.
#[derive(Debug)]
struct Task<'a, T: Scalar> {
    guide: &'a dyn Guide<T>,
    params: &'a Params<T>,
    step: usize,
    key: Key,
    draws: usize,
    estimator: Estimator,
    loss: Loss,
    checking: bool,
}

impl<T: Scalar> Task<'_, T> {
    /// That of draw `i`.
    fn draw(&self, i: usize) -> Self {
        Self { key: self.key.fold_in(i as u64), ..*self }
    }
}

impl<T: Scalar> Worker<T> {
    fn gradient(&mut self, model: &impl Model<T>, task: Task<'_, T>) -> Result {
        self.back(model, task, |tape, objective| drop(tape.backward(objective)))
    }

    /// Runs the model, and lets `back` sweep back from the objective. What it leaves as the gradient of the parameters is kept.
    fn back<O>(
        &mut self,
        model: &impl Model<T>,
        task: Task<'_, T>,
        back: impl FnOnce(&Tape<T>, Var<'_, T>) -> O,
    ) -> Result<O> {
        let Task { guide, params, key, loss, draws, .. } = task;
        self.tape.reset();
        self.tape.bind(params);
        if let Some(batcher) = &mut self.batcher {
            batcher.set_step(task.step);
        }
        let how = Run {
            key,
            batcher: self.batcher.as_mut(),
            estimator: task.estimator,
            checking: task.checking,
            collecting: false,
            prefix: &mut self.prefix,
        };
        let joint = guide.joint(&self.tape, params, key.fold_in_str("guide"));
        let mode = Mode::Elbo { guide, params, joint, draws };
        let out = run(model, &self.tape, &mut self.layout, mode, how)?;
        let (log_likelihood, kl) = (out.log_likelihood.value(), out.kl.value());
        self.elbo = Elbo { log_likelihood: log_likelihood.item().to_f64(), kl: kl.item().to_f64() };
        let kl = if loss.kl_weight == 1.0 { kl } else { kl * loss.kl_weight };
        let mut objective = kl - log_likelihood;
        if loss.scale != 1.0 {
            objective = objective * loss.scale;
        }
        let result = back(&self.tape, objective);
        self.tape.swap_params_gradient(&mut self.gradient);
        // Lets go of the parameters, so that the optimiser can change them in place.
        self.tape.unbind();
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::MeanField;
    use crate::scope::{Scope, discover};
    use probity_autodiff::nalgebra::DMatrix;
    use probity_distributions::{Distribution, Normal};

    /// ELBO and gradient of a regression at minibatch number `step`, all with the noise of one key.
    fn batches(rows: usize, size: Option<usize>, steps: usize, key: Key) -> Vec<(Elbo, Vec<f64>)> {
        let x = DMatrix::from_fn(rows, 2, |i, j| ((i * (j + 2)) as f64).sin());
        let y = DMatrix::from_fn(rows, 1, |i, _| (i as f64).cos());
        let model = |s: &mut Scope<'_>| {
            let w = s.sample("w", Normal::new(0.0, 1.0).rows(2))?;
            s.observe("outside", Normal::new(w, 2.0), &[0.3, 0.1])?;
            s.plate("rows", rows, |s, b| s.observe("y", Normal::new(b.rows(&x).matmul(w), 0.5), b.rows(&y)))
        };
        let layout = discover(&model, Key::new(0)).unwrap();
        let (mut guide, mut params) = (MeanField::new(), Params::new());
        Guide::<f64>::init(&mut guide, &layout, &mut params, Key::new(1)).unwrap();
        let loss = Loss { kl_weight: 1.0, scale: 1.0 };
        let mut engine = Engine::<f64>::new(&layout, 1, size, Estimator::WeightSpace, key);
        (0..steps)
            .map(|step| {
                let task = Task { key: Key::new(7), ..engine.task(&guide, &params, step, loss) };
                let worker = &mut engine.workers[0];
                worker.gradient(&model, task).unwrap();
                (worker.elbo, worker.gradient.clone())
            })
            .collect()
    }

    type Step = (Elbo, Vec<f64>);

    fn mean(all: &[Step]) -> [f64; 6] {
        let n = all.len() as f64;
        let of = |f: &dyn Fn(&Step) -> f64| all.iter().map(f).sum::<f64>() / n;
        let g = |i: usize| of(&|b| b.1[i]);
        [of(&|b| b.0.log_likelihood), of(&|b| b.0.kl), g(0), g(1), g(2), g(3)]
    }

    #[test]
    fn the_minibatches_of_an_epoch_average_to_the_whole() {
        let whole = mean(&batches(20, None, 1, Key::new(0)));
        let parts = batches(20, Some(4), 5, Key::new(0));
        // The KL enters once in every batch, unscaled.
        assert!(parts.iter().all(|b| b.0.kl == whole[1]));
        assert!(parts[0].1[0] != parts[1].1[0]);
        for (a, b) in mean(&parts).iter().zip(whole) {
            assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
        }
        // As large as the data: all rows, in place.
        assert_eq!(mean(&batches(20, Some(20), 1, Key::new(0))), whole);
    }

    #[test]
    fn a_ragged_last_batch_is_unbiased() {
        // 7 rows by 3, 3 and 1: over many epochs the last batch meets every row. Fixed seed: a correct build never fails.
        let whole = mean(&batches(7, None, 1, Key::new(0)));
        let epochs = 6000;
        let parts = batches(7, Some(3), 3 * epochs, Key::new(5));
        for part in 0..3 {
            let of: Vec<_> = parts.iter().skip(part).step_by(3).cloned().collect();
            let got = mean(&of);
            for i in 0..6 {
                let value = |b: &(Elbo, Vec<f64>)| {
                    if i == 0 {
                        b.0.log_likelihood
                    } else if i == 1 {
                        b.0.kl
                    } else {
                        b.1[i - 2]
                    }
                };
                let variance = of.iter().map(|b| (value(b) - got[i]).powi(2)).sum::<f64>() / epochs as f64;
                let error = (variance / epochs as f64).sqrt();
                assert!(
                    (got[i] - whole[i]).abs() < 4.0 * error + 1e-10,
                    "{part} {i}: {} {}",
                    got[i],
                    whole[i]
                );
            }
        }
    }
}
