//! Other modes than the one that was found.

use super::Evaluator;
use crate::error::Result;
use crate::gaussian::{Covariance, Gaussian, Settings, solve};
use crate::linalg::{Dense, Factor};
use crate::optim::{Ended, Lbfgs};
use crate::target::{AnyTarget, Target};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DVector;
use probity_autodiff::random::fill_normal;
use std::time::Instant;

/// The most modes.
const MOST: usize = 5;
/// How many places afar are looked at, and how many of them a climb follows at most.
const PLACES: usize = 512;
const CLIMBS: usize = 24;
/// How far from the mean they are, in standard deviations.
const AFAR: [f64; 4] = [5.0, 10.0, 20.0, 40.0];
/// Places at draws of the start's spread, and twice that.
const STARTS: usize = 16;

/// The best Gaussians of the modes that climbs from afar end in; `best` first.
///
/// Climbs begin along the axes of the best Gaussian and along random directions, and at draws of
/// the start's spread. From most places of a density with a single mode one Newton step is home; no
/// k̂ can see a mode that no draw has visited.
pub(super) fn find(
    evaluator: &mut Evaluator<'_>,
    best: &Gaussian,
    start: &Gaussian,
    (budget, deadline): (usize, Option<Instant>),
    key: Key,
) -> Result<Vec<Gaussian>> {
    let mut found = vec![best.clone()];
    let Ok(factor) = best.cholesky() else { return Ok(found) };
    let d = best.dim();
    let home = 3.0 + 0.5 * (d as f64).sqrt();
    let target = evaluator.target().clone();
    let mut whitened = Whitened::new(target, best.mean.as_slice(), factor);
    let places = places(best, start, &whitened.factor, key);
    let lbfgs = Lbfgs::new().iterations(60).tolerance(1e-3);
    // Climbs that ended far from the mean, with the density there.
    let mut ends: Vec<(Vec<f64>, f64)> = Vec::new();
    let points: Vec<f64> = places.iter().flat_map(|z| whitened.place(z).to_vec()).collect();
    let (mut values, mut gradients) = (vec![0.0; places.len()], vec![0.0; points.len()]);
    evaluator.gradients(&points, &mut values, &mut gradients)?;
    let mut climbs = 0;
    for ((z, value), gradient) in places.iter().zip(values).zip(gradients.chunks_exact_mut(d)) {
        whitened.factor.unwhiten_transposed(gradient);
        let newton = z.iter().zip(gradient).map(|(z, g)| (z + *g).powi(2)).sum::<f64>().sqrt();
        if !value.is_finite() || newton < home || climbs == CLIMBS {
            continue;
        }
        climbs += 1;
        let Ok(path) = lbfgs.run(&mut whitened, z) else { continue };
        evaluator.evaluations += path.evaluations;
        if path.ended == Ended::Iterations {
            continue;
        }
        let (mode, value) = (path.mode().to_vec(), path.values[path.len() - 1]);
        if distance(&mode, &vec![0.0; d]) < home
            || !value.is_finite()
            || ends.iter().any(|(other, _)| distance(other, &mode) < 1.0)
        {
            continue;
        }
        ends.push((mode, value));
    }
    // The highest first: they are the likeliest to have mass.
    ends.sort_by(|a, b| b.1.total_cmp(&a.1));
    let before = evaluator.evaluations;
    for (i, (mode, _)) in ends.into_iter().take(2 * MOST).enumerate() {
        if found.len() == MOST || evaluator.evaluations > before + budget {
            break;
        }
        let mut u = mode;
        whitened.factor.unwhiten(&mut u);
        let mean = &best.mean + DVector::from_vec(u);
        let begin = Gaussian { mean, factor: best.factor.clone() };
        let settings =
            Settings { covariance: Covariance::Full, tolerance: 0.2, gradients: budget / 4, deadline };
        let mut evaluate = |u: &[f64], values: &mut [f64], to: &mut [f64]| evaluator.gradients(u, values, to);
        let key = key.fold_in_str("solve").fold_in(i as u64);
        let Some(outcome) = solve(begin, settings, key, &mut evaluate, &mut |_, _, _| true)? else {
            continue;
        };
        if outcome.full.cholesky().is_ok() && found.iter().all(|g| !same(g, &outcome.full)) {
            found.push(outcome.full);
        }
    }
    Ok(found)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Where climbs may begin, in the coordinates of the best Gaussian.
fn places(best: &Gaussian, start: &Gaussian, factor: &Dense, key: Key) -> Vec<Vec<f64>> {
    let d = best.dim();
    let widths = start.sd();
    let mut places = Vec::with_capacity(PLACES + STARTS);
    for i in 0..STARTS {
        let mut z = vec![0.0; d];
        fill_normal(key.fold_in_str("start").fold_in(i as u64), 0, &mut z);
        let wide = if i % 2 == 0 { 1.0 } else { 2.0 };
        for (j, z) in z.iter_mut().enumerate() {
            *z = start.mean[j] + wide * widths[j] * *z - best.mean[j];
        }
        factor.whiten(&mut z);
        places.push(z);
    }
    let axes = (2 * d).min(PLACES / (2 * AFAR.len()));
    for i in 0..PLACES / AFAR.len() {
        let mut z = vec![0.0; d];
        if i < axes {
            z.copy_from_slice(best.factor.column(i / 2).as_slice());
            factor.whiten(&mut z);
            if i % 2 == 1 {
                z.iter_mut().for_each(|z| *z = -*z);
            }
        } else {
            fill_normal(key.fold_in(i as u64), 0, &mut z);
        }
        let norm = z.iter().map(|z| z * z).sum::<f64>().sqrt();
        places.extend(AFAR.map(|afar| z.iter().map(|z| z * afar / norm).collect()));
    }
    places
}

/// Whether two Gaussians are about the same place: the mean of each is within the other.
fn same(a: &Gaussian, b: &Gaussian) -> bool {
    let within = |a: &Gaussian, b: &Gaussian| {
        let Ok(factor) = a.cholesky() else { return true };
        let mut z = (&b.mean - &a.mean).as_slice().to_vec();
        factor.whiten(&mut z);
        z.iter().map(|z| z * z).sum::<f64>().sqrt() < 1.0
    };
    within(a, b) && within(b, a)
}

/// A target in coordinates in which a Gaussian is standard normal.
#[derive(Clone, Debug)]
pub(super) struct Whitened<'a> {
    target: AnyTarget<'a>,
    mean: Vec<f64>,
    factor: Dense,
    /// Scratch.
    u: Vec<f64>,
}

impl<'a> Whitened<'a> {
    pub(super) fn new(target: AnyTarget<'a>, mean: &[f64], factor: Dense) -> Self {
        Self { target, mean: mean.to_vec(), factor, u: vec![0.0; mean.len()] }
    }

    /// Where z is in the target's coordinates.
    fn place(&mut self, z: &[f64]) -> &[f64] {
        self.u.copy_from_slice(z);
        self.factor.unwhiten(&mut self.u);
        self.u.iter_mut().zip(&self.mean).for_each(|(u, m)| *u += m);
        &self.u
    }
}

impl Target for Whitened<'_> {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn gradient(&mut self, z: &[f64], gradient: &mut [f64]) -> Result<f64> {
        self.place(z);
        let value = self.target.gradient(&self.u, gradient)?;
        self.factor.unwhiten_transposed(gradient);
        Ok(value)
    }
}
