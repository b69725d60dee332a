//! Stein variational gradient descent.

use super::ascent::setting;
use super::{Inferred, Method, Problem};
use crate::error::Result;
use probity_autodiff::{Key, parallel_map_mut};
use probity_vi::Target;
use probity_vi::optim::{Adam, OptimizerState, Schedule};
use serde::{Deserialize, Serialize};

/// Particles that climb the log density and push each other apart, by a Gaussian kernel whose width
/// is the median distance of the particles.
///
/// Unknown scales of priors follow the weights of their particle. In hundreds of dimensions the
/// forces between particles are weak against the gradients, and the particles stay too close
/// together.
///
/// *Source*: Liu, Wang 2016, "Stein variational gradient descent", algorithm 1; of the width
/// section 5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Svgd {
    /// The number of particles.
    pub particles: usize,
    /// Steps.
    pub steps: usize,
    /// The rate of Adam in the first half; in the second it falls to nothing as a cosine does.
    pub rate: f64,
    /// Rows of a step; none for what is [usual](Problem::by_minibatches).
    pub minibatch: Option<usize>,
    /// The seed of the starts.
    pub seed: u64,
}

impl Default for Svgd {
    fn default() -> Self {
        Self { particles: 20, steps: 1500, rate: 0.02, minibatch: None, seed: 0 }
    }
}

/// Particles whose gradients are computed in one call; the same for any number of threads, as calls
/// of another length may round differently.
const TOGETHER: usize = 5;

impl Method for Svgd {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let Self { particles: n, steps, rate, minibatch, seed } = *self;
        if n < 2 || !(rate > 0.0 && rate.is_finite()) {
            return Err(setting("particles", "two particles and a positive rate are needed".into()));
        }
        let (d, key, free) = (problem.dim(), Key::new(seed), problem.free());
        let start = |i: usize| problem.start(key.fold_in(i as u64).fold_in_str("start"));
        let mut points: Vec<f64> = (0..n).map(start).collect::<Result<Vec<_>>>()?.concat();
        let (mut values, mut gradients) = (vec![0.0; n], vec![0.0; n * d]);
        let mut targets = vec![problem.by_minibatches(minibatch)?; n.div_ceil(TOGETHER)];
        let mut adam = Adam::new(rate);
        let mut state = OptimizerState::new(&adam, n * d);
        let schedule = Schedule::HoldThenCosine { hold: 0.5, end: 0.005 };
        let (mut forces, mut distances) = (vec![0.0; n * d], vec![0.0; n * n]);
        let mut sorted = Vec::with_capacity(n * n);
        for step in 0..steps {
            let done = step as f64 / steps as f64;
            points.chunks_exact_mut(d).for_each(|u| problem.scales().ascend(u, done));
            let own = points.chunks(TOGETHER * d).zip(gradients.chunks_mut(TOGETHER * d));
            let own = own.zip(values.chunks_mut(TOGETHER));
            let mut each: Vec<_> = targets.iter_mut().zip(own).collect();
            let results = parallel_map_mut(&mut each, |(target, ((points, gradients), values))| {
                target.set_key(key.fold_in_str("rows").fold_in(step as u64));
                target.gradients(points, values, gradients)
            });
            results.into_iter().collect::<std::result::Result<(), _>>()?;
            if values.iter().chain(&gradients).any(|x| !x.is_finite()) {
                return Err(setting("rate", "the log density of a particle is not finite".into()));
            }
            squared_distances(&points, d, &free, &mut distances);
            let width = median_width(&distances, n, &mut sorted);
            push(&points, (&gradients, &distances), width, (d, &free), &mut forces);
            state.step(&mut adam, &mut points, &forces, &[(0..n * d, rate * schedule.factor(done))]);
        }
        Ok(Inferred::of_draws(points).chains(n).gradients(problem.passes(n * steps, minibatch)))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

/// The squared distances of all pairs, in these coordinates.
fn squared_distances(points: &[f64], d: usize, free: &[usize], to: &mut [f64]) {
    let n = points.len() / d;
    for i in 0..n {
        for j in 0..i {
            let (a, b) = (&points[i * d..(i + 1) * d], &points[j * d..(j + 1) * d]);
            let square: f64 = free.iter().map(|f| (a[*f] - b[*f]).powi(2)).sum();
            (to[i * n + j], to[j * n + i]) = (square, square);
        }
        to[i * n + i] = 0.0;
    }
}

/// The h of the kernel `e^(-|x - y|² / h)`: the median of the squared distances over ln n.
fn median_width(distances: &[f64], n: usize, sorted: &mut Vec<f64>) -> f64 {
    sorted.clear();
    sorted.extend((0..n).flat_map(|i| (0..i).map(move |j| distances[i * n + j])));
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median =
        if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * (sorted[middle - 1] + sorted[middle]) };
    (median / (n as f64).ln()).max(f64::MIN_POSITIVE)
}

/// Minus the force on every particle: what an optimiser takes for a gradient.
fn push(
    points: &[f64],
    (gradients, distances): (&[f64], &[f64]),
    width: f64,
    (d, free): (usize, &[usize]),
    forces: &mut [f64],
) {
    let n = points.len() / d;
    forces.fill(0.0);
    for (i, force) in forces.chunks_exact_mut(d).enumerate() {
        let own = &points[i * d..(i + 1) * d];
        for j in 0..n {
            let kernel = (-distances[i * n + j] / width).exp() / n as f64;
            let (other, gradient) = (&points[j * d..(j + 1) * d], &gradients[j * d..(j + 1) * d]);
            for f in free {
                force[*f] -= kernel * (gradient[*f] + 2.0 / width * (own[*f] - other[*f]));
            }
        }
    }
}
