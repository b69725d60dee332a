//! Whether predictions stay as they are when an exact kernel moves the weights.

use super::Problem;
use crate::error::{Error, Result};
use crate::heads::Head;
use crate::layers::Layer;
use crate::network::NetworkModel;
use crate::sampling::{Compared, some_rows};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, uniform_at};
use probity_vi::hmc::{Chains, Hmc, Runs};
use probity_vi::ladder::Stands;
use probity_vi::linalg::Covariance;
use probity_vi::verdict::Predicted;
use probity_vi::{AnyTarget, Model, Posterior, Sampled, Target, Verdict};

/// Draws that are moved.
const DRAWS: usize = 64;
/// Transitions of the kernel, and their length in units of its metric.
const TRANSITIONS: usize = 4;
const LENGTH: f64 = 1.5;
/// The acceptance below which its steps are halved, and how often they may be.
const ACCEPTANCE: f64 = 0.6;
const HALVED: i32 = 5;

/// Walks that begin at draws of the posterior; the transitions of each in which it learns its
/// metric and goes away from there, and those whose places are looked at.
const WALKS: usize = 8;
const AWAY: usize = 40;
const LOOKED_AT: usize = 10;
/// What predictions may differ by chance, in standard errors of the mean over the walks. With eight
/// of them one entry in 190 is off by four errors (Student's t), and there are up to 200 entries.
const ERRORS: f64 = 4.0;

/// A verdict on what the draws of a posterior predict at the inputs, of which at most 100 rows are
/// looked at: whether it changes when Hamiltonian Monte Carlo on the density of the weights moves
/// them. `network` is the posterior's model; `is_whole` tells whether it has its data. Predictions
/// of the posterior's own draws are linearised where it says so, those of other draws never.
///
/// There are two such kernels. Many draws move a little, which shows small differences where
/// draws are near to where they should be. A few draws move far, with a metric that they learn on
/// the way: near a mode of weights and noise that have found each other, a short push hardly moves
/// predictions, however far too small the noise is.
pub(crate) fn check_at<M: Model<f32> + Clone + Sync, N: Layer<f32>, H: Head>(
    posterior: &Posterior<M, f32>,
    network: &NetworkModel<N, H, f32>,
    x: &DMatrix<f64>,
    (is_whole, linear_at): (bool, Option<&[f64]>),
    compared: impl Compared<M>,
) -> Result<Verdict> {
    if !is_whole || network.network().net().is_random() {
        return Err(Error::Data("a check needs the data of the fit, and a net without dropout".into()));
    }
    let problem = &Problem::new(network)?;
    let d = problem.dim();
    let predict = |points: Vec<f64>, x: &DMatrix<f64>, own: bool| {
        let draws = points.len() / d;
        let sampled = Sampled { points, stands: Stands::Guide, chains: 1, gradients: 0 };
        let moved = Posterior::of_draws(posterior.model().clone(), sampled, 0, 0.0)?;
        compared(moved, linear_at.filter(|_| own).map(<[f64]>::to_vec), x, draws)
    };
    let points = draws_of(posterior, d, DRAWS)?;
    let target = problem.target();
    let metric = metric(&target, &points[..d])?;
    let start = 0.25 * (200.0 / d.max(200) as f64).powf(0.25);
    let kernel = |halved: i32, transitions: usize| {
        let step = start * 0.5_f64.powi(halved);
        Hmc::new().step_size(step).leapfrogs((LENGTH / step).ceil() as usize).transitions(transitions)
    };
    let mut halved = 0;
    while halved < HALVED {
        let tried = kernel(halved, 1).run(&target, &points[..points.len().min(8 * d)], &metric)?;
        if tried.mean_acceptance() >= ACCEPTANCE {
            break;
        }
        halved += 1;
    }
    let moved = kernel(halved, TRANSITIONS).run(&target, &points, &metric)?;
    let acceptance = moved.mean_acceptance();
    let rows = some_rows(x);
    let x = x.select_rows(&rows);
    let (before, pushed) = (predict(points.clone(), &x, true)?, predict(moved.points, &x, false)?);
    let walks = walks(problem, &points)?;
    let walked: Vec<Predicted> =
        walks.chains.into_iter().map(|walk| predict(walk.draws, &x, false)).collect::<Result<_>>()?;
    let after = farther(&before, pushed, beyond_error(&before, &walked));
    let names = crate::sampling::names(&rows, before.mean.len());
    Ok(Verdict::of_pushed(names, acceptance, [&before, &after]))
}

/// Walks from draws of a posterior.
fn walks(problem: &Problem<'_>, points: &[f64]) -> Result<Runs> {
    let d = problem.dim();
    let walks = Chains { chains: WALKS, ascent: 0, warmup: AWAY, draws: LOOKED_AT, ..Chains::default() };
    let start = |key: Key| {
        let all = points.len() / d;
        let one = ((uniform_at::<f64>(key, 0) * all as f64) as usize).min(all - 1);
        Ok(points[one * d..(one + 1) * d].to_vec())
    };
    Ok(walks.run(&problem.target(), start, problem.scales())?)
}

/// The predictions of all walks together, as near to those `before` as the error of the mean over
/// the walks allows.
fn beyond_error(before: &Predicted, walks: &[Predicted]) -> Predicted {
    let n = walks.len() as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
    let error = |x: &[f64]| {
        let centre = mean(x);
        (x.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt()
    };
    let nearer = |from: f64, to: f64, error: f64| {
        let off = to - from;
        from + off.signum() * (off.abs() - ERRORS * error).max(0.0)
    };
    let each = |of: &dyn Fn(&Predicted) -> f64| walks.iter().map(of).collect::<Vec<f64>>();
    let of = |i: usize| {
        let (centres, spreads) = (each(&|w| w.mean[i]), each(&|w| w.sd[i] * w.sd[i]));
        let centre = mean(&centres);
        let between = centres.iter().map(|m| (m - centre).powi(2)).sum::<f64>() / n;
        let variance = mean(&spreads) + between;
        // The error of ln sd is half of the relative error of the variance.
        let log = nearer(before.sd[i].ln(), 0.5 * variance.ln(), 0.5 * error(&spreads) / variance);
        (nearer(before.mean[i], centre, error(&centres)), log.exp())
    };
    let (mean, sd) = (0..before.mean.len()).map(of).unzip();
    Predicted { mean, sd }
}

/// Of two predictions the one that is farther from those `before`, entry by entry.
fn farther(before: &Predicted, mut a: Predicted, b: Predicted) -> Predicted {
    let drift = |p: &Predicted, i: usize| {
        let shift = (p.mean[i] - before.mean[i]).abs() / before.sd[i];
        shift.max((p.sd[i] / before.sd[i]).ln().abs())
    };
    for i in 0..before.mean.len() {
        // What is not a number is farthest.
        if !(drift(&b, i) <= drift(&a, i)) && !drift(&a, i).is_nan() {
            (a.mean[i], a.sd[i]) = (b.mean[i], b.sd[i]);
        }
    }
    a
}

/// So many draws of a posterior: the first of its own, or of its independent Gaussians.
fn draws_of<M: Model<f32> + Sync>(posterior: &Posterior<M, f32>, d: usize, n: usize) -> Result<Vec<f64>> {
    if let Some(own) = posterior.corrected() {
        return Ok((0..n).flat_map(|i| &own.points[i % own.len() * d..][..d]).copied().collect());
    }
    let (mut mean, mut sd) = (vec![0.0; d], vec![0.0; d]);
    for site in posterior.divergences(1)? {
        let Some(own) = posterior.layout().site(&site.name) else { continue };
        mean[own.offset..own.offset + own.dim()].copy_from_slice(&site.loc);
        sd[own.offset..own.offset + own.dim()].copy_from_slice(&site.scale);
    }
    let mut points = vec![0.0; n * d];
    fill_normal(Key::new(posterior.report().seed).fold_in_str("check"), 0, &mut points);
    for point in points.chunks_exact_mut(d) {
        point.iter_mut().zip(mean.iter().zip(&sd)).for_each(|(u, (m, s))| *u = m + s * *u);
    }
    Ok(points)
}

/// The inverse of the lengths of the Hessian's rows, by differences of gradients along random signs
/// s: `E (H s)ᵢ² = Σⱼ Hᵢⱼ²`.
fn metric(target: &AnyTarget<'_>, u: &[f64]) -> Result<Covariance> {
    const PROBES: u64 = 16;
    const STEP: f64 = 1e-3;
    let d = u.len();
    let mut target = target.clone();
    let [mut here, mut there, mut squares] = [vec![0.0; d], vec![0.0; d], vec![0.0; d]];
    target.gradient(u, &mut here)?;
    for probe in 0..PROBES {
        let key = Key::new(probe).fold_in_str("metric");
        let sign = |i: usize| if uniform_at::<f64>(key, i as u64) < 0.5 { STEP } else { -STEP };
        let at: Vec<f64> = u.iter().enumerate().map(|(i, u)| u + sign(i)).collect();
        target.gradient(&at, &mut there)?;
        let both = there.iter().zip(&here);
        squares.iter_mut().zip(both).for_each(|(s, (a, b))| *s += ((a - b) / STEP).powi(2));
    }
    let lengths: Vec<f64> = squares.iter().map(|s| (s / PROBES as f64).sqrt()).collect();
    let largest = lengths.iter().copied().filter(|x| x.is_finite()).fold(0.0, f64::max).max(1e-300);
    let variance = |x: &f64| if x.is_finite() { x.max(1e-6 * largest).recip() } else { largest.recip() };
    Ok(Covariance::diagonal(&lengths.iter().map(variance).collect::<Vec<_>>())?)
}
