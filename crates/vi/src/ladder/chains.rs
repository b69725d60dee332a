//! Chains of the No-U-Turn sampler, until they agree or the budget is used up.

use super::weigh::Weighted;
use super::wide::wide;
use super::{Answer, Evaluator, Ladder, Quantity, Stands, seed_of};
use crate::diagnostics::{mean, psis};
use crate::error::{Error, Result};
use crate::gaussian::Gaussian;
use crate::linalg::Covariance;
use crate::nuts::{MetricKind, Nuts, Samples};
use crate::target::{AnyTarget, Target};
use crate::verdict::{Check, Grade, Verdict, What};
use probity_autodiff::Key;
use rand::seq::SliceRandom;
use std::time::Instant;

/// How many chains.
pub(crate) const CHAINS: usize = 4;
/// Up to so many dimensions the whole covariance is learned anew from the chains.
const LEARNED: usize = 50;
/// Up to so many it is the first metric that is tried.
const METRIC: usize = 100;
/// A trajectory has at most 2^`DEPTH` - 1 steps.
pub(crate) const DEPTH: usize = 9;

/// How chains run.
pub(super) struct Plan {
    /// The first metric.
    pub(super) metric: Covariance,
    /// What is learned of it.
    pub(super) learn: MetricKind,
    pub(super) warmup: usize,
    /// Draws of every chain in the first round.
    pub(super) draws: usize,
    /// d numbers for every start.
    pub(super) starts: Vec<f64>,
}

/// Draws of chains, in random order, and whether to believe them.
pub(crate) struct Chained {
    pub(crate) points: Vec<f64>,
    pub(crate) verdict: Verdict,
}

/// Chains after weights that do not hold: from the Gaussians that were found, in the metric of the
/// first; beyond [`METRIC`] dimensions, if there is one Gaussian, as on wide targets first, because
/// a Gaussian that misses the typical set is a bad metric that cannot be learned anew. None if no
/// start has a finite density, or the time is over before the first chains are.
pub(super) fn chains(
    ladder: &Ladder,
    evaluator: &mut Evaluator<'_>,
    weighted: &Weighted,
    start: &Gaussian,
    quantities: &[Quantity],
    key: Key,
) -> Result<Option<Answer>> {
    let answer = |Chained { points, verdict }| {
        let gaussian = weighted.gaussians[0].clone();
        let (stands, k_hat) = (Stands::Chains, weighted.psis.k_hat);
        Answer { gaussian, points, stands, verdict, k_hat, evaluations: 0 }
    };
    let mut first = None;
    if evaluator.dim() > METRIC && weighted.gaussians.len() == 1 {
        let sd = start.sd();
        let start = |_| Ok((start.mean.as_slice().to_vec(), sd.as_slice().to_vec()));
        first = wide(ladder, evaluator, &start, quantities, key.fold_in_str("wide"))?;
        let done = first.as_ref().is_some_and(|c| c.verdict.grade() == Grade::A);
        if done || ladder.one_round || evaluator.evaluations > ladder.budget || ladder.is_late() {
            return Ok(first.map(answer));
        }
    }
    let Ok(metric) = weighted.gaussians[0].cholesky() else { return Ok(first.map(answer)) };
    let starts = weighted.starts(CHAINS, key.fold_in_str("starts"));
    if starts.is_empty() {
        return Ok(first.map(answer));
    }
    let (learn, warmup) =
        if evaluator.dim() <= LEARNED { (MetricKind::Dense, 250) } else { (MetricKind::Fixed, 150) };
    let plan = Plan { metric: Covariance::Dense(metric), learn, warmup, draws: 1000, starts };
    let second = run(ladder, evaluator, &plan, quantities, key)?;
    let better = match (first, second) {
        (Some(a), Some(b)) => Some(if b.verdict.grade() < a.verdict.grade() { b } else { a }),
        (a, b) => a.or(b),
    };
    Ok(better.map(answer))
}

/// Runs chains, with smaller steps where they diverge and more draws where they are slow. None if
/// the time is over before the first ones are done.
pub(super) fn run(
    ladder: &Ladder,
    evaluator: &mut Evaluator<'_>,
    plan: &Plan,
    quantities: &[Quantity],
    key: Key,
) -> Result<Option<Chained>> {
    let d = evaluator.dim();
    let mut best: Option<Chained> = None;
    let (mut draws, mut acceptance) = (plan.draws, 0.9);
    for round in 0.. {
        let nuts = Nuts::new()
            .chains(CHAINS)
            .metric(plan.metric.clone())
            .learn(plan.learn)
            .warmup(plan.warmup)
            .draws(draws)
            .acceptance(acceptance)
            .max_depth(DEPTH)
            .seed(seed_of(key.fold_in(round)));
        let before = evaluator.evaluations;
        evaluator.tell(|| {
            format!("{CHAINS} chains of {} draws each, after {before} gradients", plan.warmup + draws)
        });
        let target = Timed { target: evaluator.target().clone(), deadline: ladder.deadline };
        let mut samples = match nuts.run(&target, &plan.starts) {
            Err(_) if ladder.is_late() => break,
            done => done?,
        };
        samples.chains.iter_mut().try_for_each(|chain| evaluator.map_to_answer(&mut chain.draws))?;
        evaluator.evaluations += samples.gradients();
        let cost = evaluator.evaluations - before;
        let verdict = grade(&samples, quantities);
        let diverged = verdict.value(What::Divergences).is_some_and(|x| x > 0.0);
        let slow = verdict.checks().iter().any(|c| c.what == What::EffectiveDraws && c.grade > Grade::A)
            || verdict.checks().iter().any(|c| c.what == What::RHat && c.grade > Grade::A);
        if best.as_ref().is_none_or(|b| verdict.grade() <= b.verdict.grade()) {
            let points = shuffled(&samples, d, key.fold_in_str("order"));
            best = Some(Chained { points, verdict: verdict.clone() });
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
        // In a funnel more of the same does not help.
        let bad = |c: &Check| match c.what {
            What::Divergences | What::Energy => c.grade > Grade::A,
            _ => c.grade > Grade::B,
        };
        let leave = ladder.one_round && verdict.checks().iter().any(bad);
        if done || leave || evaluator.evaluations + next > ladder.budget || ladder.is_late() {
            break;
        }
    }
    Ok(best)
}

/// A target that fails once the time is over, and so ends the chains.
#[derive(Clone, Debug)]
pub(super) struct Timed<'a> {
    pub(super) target: AnyTarget<'a>,
    pub(super) deadline: Option<Instant>,
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
