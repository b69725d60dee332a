//! Chains in the metric of the Gaussian, until they agree or the budget is used up.

use super::weigh::Weighted;
use super::{Answer, Evaluator, Ladder, Quantity, Stands, seed_of};
use crate::diagnostics::{mean, psis};
use crate::error::{Error, Result};
use crate::linalg::Covariance;
use crate::nuts::{MetricKind, Nuts, Samples};
use crate::target::{AnyTarget, Target};
use crate::verdict::{Grade, Verdict, What};
use probity_autodiff::Key;
use rand::seq::SliceRandom;
use std::time::Instant;

const CHAINS: usize = 4;
/// Up to so many dimensions the whole covariance is learned anew from the chains.
const LEARNED: usize = 50;
/// A trajectory has at most 2^`DEPTH` - 1 steps.
pub(crate) const DEPTH: usize = 9;

/// None if no start has a finite density, or the time is over before the first chains are.
pub(super) fn chains(
    ladder: &Ladder,
    evaluator: &mut Evaluator<'_>,
    weighted: &Weighted,
    quantities: &[Quantity],
    key: Key,
) -> Result<Option<Answer>> {
    let d = evaluator.dim();
    let Ok(metric) = weighted.gaussians[0].cholesky() else { return Ok(None) };
    let starts = weighted.starts(CHAINS, key.fold_in_str("starts"));
    if starts.is_empty() {
        return Ok(None);
    }
    let (learn, warmup) = if d <= LEARNED { (MetricKind::Dense, 250) } else { (MetricKind::Fixed, 150) };
    let mut best: Option<Answer> = None;
    let (mut draws, mut acceptance) = (1000, 0.9);
    for round in 0.. {
        let nuts = Nuts::new()
            .chains(CHAINS)
            .metric(Covariance::Dense(metric.clone()))
            .learn(learn)
            .warmup(warmup)
            .draws(draws)
            .acceptance(acceptance)
            .max_depth(DEPTH)
            .seed(seed_of(key.fold_in(round)));
        let before = evaluator.evaluations;
        let target = Timed { target: evaluator.target().clone(), deadline: ladder.deadline };
        let samples = match nuts.run(&target, &starts) {
            Err(_) if ladder.is_late() => break,
            done => done?,
        };
        evaluator.evaluations += samples.gradients();
        let cost = evaluator.evaluations - before;
        let verdict = grade(&samples, quantities);
        let diverged = verdict.value(What::Divergences).is_some_and(|x| x > 0.0);
        let slow = verdict.checks().iter().any(|c| c.what == What::EffectiveDraws && c.grade > Grade::A)
            || verdict.checks().iter().any(|c| c.what == What::RHat && c.grade > Grade::A);
        if best.as_ref().is_none_or(|b| verdict.grade() <= b.verdict.grade()) {
            let points = shuffled(&samples, d, key.fold_in_str("order"));
            let gaussian = weighted.gaussians[0].clone();
            let (stands, k_hat) = (Stands::Chains, weighted.psis.k_hat);
            best = Some(Answer { gaussian, points, stands, verdict, k_hat, evaluations: 0 });
        }
        let done = best.as_ref().is_some_and(|b| b.verdict.grade() == Grade::A);
        let mut next = cost;
        if diverged && acceptance < 0.98 {
            acceptance = if acceptance < 0.95 { 0.97 } else { 0.99 };
            next *= 2;
        } else if slow {
            draws *= 3;
            next *= 3;
        } else {
            break;
        }
        if done || evaluator.evaluations + next > ladder.budget || ladder.is_late() {
            break;
        }
    }
    Ok(best)
}

/// A target that fails once the time is over, and so ends the chains.
#[derive(Clone, Debug)]
struct Timed<'a> {
    target: AnyTarget<'a>,
    deadline: Option<Instant>,
}

impl Target for Timed<'_> {
    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::Setting { setting: "time_limit", problem: "the time is over".into() });
        }
        self.target.gradient(u, gradient)
    }
}

/// Whether the chains of a run can be believed.
pub(crate) fn grade(samples: &Samples, quantities: &[Quantity]) -> Verdict {
    let mut verdict = Verdict::new(quantities.iter().map(|q| q.name.clone()));
    let transitions = || samples.chains.iter().flat_map(|c| &c.transitions);
    let n = transitions().count() as f64;
    verdict.check(What::Divergences, samples.divergences() as f64 / n);
    let long = transitions().filter(|t| t.depth >= DEPTH).count();
    verdict.check(What::LongTrajectories, long as f64 / n);
    verdict.check(What::Energy, samples.e_bfmi());
    verdict.check_each(What::RHat, &samples.r_hat());
    let each = samples.ess_bulk().into_iter().zip(samples.ess_tail());
    verdict.check_each(What::EffectiveDraws, &each.map(|(a, b)| a.min(b)).collect::<Vec<_>>());
    let squares = |i: usize| {
        let x: Vec<f64> = samples.coordinate(i).draws().iter().map(|u| quantities[i].of(*u)).collect();
        let mean = mean(&x);
        let squares: Vec<f64> = x.iter().map(|x| 2.0 * (x - mean).abs().ln()).collect();
        psis(&squares, 1.0).k_hat
    };
    verdict.check_each(What::ParetoKOfSquares, &(0..samples.dim).map(squares).collect::<Vec<_>>());
    verdict
}

fn shuffled(samples: &Samples, d: usize, key: Key) -> Vec<f64> {
    let draws = samples.draws();
    let mut order: Vec<usize> = (0..draws.len() / d).collect();
    order.shuffle(&mut key.rng());
    order.iter().flat_map(|i| &draws[i * d..(i + 1) * d]).copied().collect()
}
