//! Targets of many coordinates: chains at once, from paths that climb to the typical set.

use super::chains::{Chained, Plan, Timed, run};
use super::{Evaluator, Ladder, Quantity, seed_of};
use crate::error::{Error, Result};
use crate::linalg::{Covariance, Factor};
use crate::nuts::MetricKind;
use crate::pathfinder::{Found, Pathfinder};
use probity_autodiff::Key;
use probity_autodiff::random::{fill_normal, fill_uniform};

/// Paths, of which the better ones are where chains begin.
const PATHS: usize = 8;
/// A variance of the first metric is at least this part of the largest one.
const NARROWEST: f64 = 1e-10;

/// Chains with a diagonal metric of their own, each from a draw of another path of Pathfinder. A
/// Gaussian of full rank would cost the square of the number of coordinates, importance weights
/// between so many coordinates say nothing, and a factor that does not fit the posterior's shape
/// would be no better metric than the diagonal that the chains learn.
///
/// None if the time is over before the first chains are done.
pub(crate) fn wide(
    ladder: &Ladder,
    evaluator: &mut Evaluator<'_>,
    start: &dyn Fn(Key) -> Result<(Vec<f64>, Vec<f64>)>,
    quantities: &[Quantity],
    key: Key,
) -> Result<Option<Chained>> {
    let d = evaluator.dim();
    evaluator.tell(|| format!("{PATHS} paths to where the mass is"));
    let around = around(start, key.fold_in_str("starts"))?;
    let finder = Pathfinder::new().paths(PATHS).draws(PATHS).elbo_draws(8);
    let timed = Timed { target: evaluator.target().clone(), deadline: ladder.deadline };
    let (starts, metric) = match finder.seed(seed_of(key.fold_in_str("paths"))).run(&timed, &around) {
        Ok(found) => {
            evaluator.evaluations += found.gradients;
            let metric = metric(&found)?;
            (starts(&found, &metric), metric)
        }
        // No path arrived anywhere: chains begin where guides do.
        Err(Error::Setting { .. }) => (around, Covariance::identity(d)),
        Err(error) => return Err(error),
    };
    let plan = Plan { metric, learn: MetricKind::Diagonal, warmup: 600, draws: 1000, starts };
    run(ladder, evaluator, &plan, quantities, key.fold_in_str("chains"))
}

/// Where paths begin: half of them where guides start, each with a key of its own, and half at
/// distances up to 2 from there. A path from a narrow place may lead into the neck of a funnel.
fn around(start: &dyn Fn(Key) -> Result<(Vec<f64>, Vec<f64>)>, key: Key) -> Result<Vec<f64>> {
    let mut starts = Vec::new();
    for path in 0..PATHS {
        let key = key.fold_in(path as u64);
        let (mut place, sd) = start(key.fold_in(0))?;
        let mut z = vec![0.0; place.len()];
        if path % 2 == 0 {
            fill_normal(key.fold_in(1), 0, &mut z);
            place.iter_mut().zip(z.iter().zip(&sd)).for_each(|(x, (z, sd))| *x += z * sd);
        } else {
            fill_uniform(key.fold_in(1), 0, &mut z);
            place.iter_mut().zip(&z).for_each(|(x, u)| *x += 4.0 * u - 2.0);
        }
        starts.extend(place);
    }
    Ok(starts)
}

/// Draws of the paths whose ELBO is not far below the highest: in a neck, where the density is
/// high, there is no mass. First that of the best, and then always the one whose mean is farthest
/// from all before it: so chains begin in all modes that were found.
fn starts(found: &Found, metric: &Covariance) -> Vec<f64> {
    let (d, best, paths) = (found.dim, found.best(), found.paths.len());
    let mut left: Vec<usize> =
        (0..paths).filter(|k| found.paths[*k].elbo >= best.elbo - (20.0 + 0.1 * d as f64)).collect();
    let mean = |k: usize| {
        let mut mean = found.paths[k].mean.clone();
        metric.whiten(&mut mean);
        mean
    };
    let means: Vec<Vec<f64>> = (0..paths).map(mean).collect();
    let apart =
        |a: usize, b: usize| -> f64 { means[a].iter().zip(&means[b]).map(|(a, b)| (a - b).powi(2)).sum() };
    let mut order: Vec<usize> = Vec::new();
    while !left.is_empty() {
        let score = |k: usize| match order.is_empty() {
            true => found.paths[k].elbo,
            false => order.iter().map(|o| apart(*o, k)).fold(f64::INFINITY, f64::min),
        };
        let next = (0..left.len()).max_by(|a, b| score(left[*a]).total_cmp(&score(left[*b]))).unwrap_or(0);
        order.push(left.swap_remove(next));
    }
    // Draw i is of path i P / n.
    let first = |k: usize| (k * PATHS).div_ceil(paths) * d;
    order.into_iter().flat_map(|k| &found.proposals[first(k)..][..d]).copied().collect()
}

/// The variances of the path with the highest ELBO.
fn metric(found: &Found) -> Result<Covariance> {
    let mut variances = found.best().covariance.variances();
    let largest = variances.iter().copied().filter(|v| v.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
    let usable = |v: f64| if v.is_finite() { v.max(NARROWEST * largest) } else { largest };
    variances.iter_mut().for_each(|v| *v = usable(*v));
    Covariance::diagonal(&variances)
}
