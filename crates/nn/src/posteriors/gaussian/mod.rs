//! Gaussian approximations of structured covariance by stochastic gradients of the ELBO.

mod block;
mod dense;
mod diagonal;
mod last_layer_full;
mod low_rank;
mod matrix_normal;

pub use last_layer_full::LastLayerFullVi;
pub use low_rank::LowRankVi;
pub use matrix_normal::MatrixNormalVi;

use super::ascent::setting;
use super::{Ascent, Inferred, Problem};
use crate::error::Result;
use block::Block;
use diagonal::Diagonal;
use probity_autodiff::Key;
use probity_autodiff::random::fill_normal;
use probity_vi::Target;
use probity_vi::optim::{Adam, OptimizerState, Schedule};
use serde::{Deserialize, Serialize};

/// What the Gaussian approximations of structured covariance have in common: they begin at a mode
/// as narrow Gaussians, and follow gradients of the ELBO at draws of the weights, of which half are
/// mirrored, with the exact entropy, by Adam. Unknown scales of priors are set where the ELBO is
/// largest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GaussianSettings {
    /// The ascent to the mode.
    pub ascent: Ascent,
    /// Steps.
    pub steps: usize,
    /// Pairs of draws of a step.
    pub pairs: usize,
    /// The rate of Adam in the first half; in the second it falls to nothing as a cosine does.
    pub rate: f64,
    /// Rows of a step; none for what is [usual](Problem::by_minibatches).
    pub minibatch: Option<usize>,
    /// The standard deviation of every weight at the start.
    pub scale: f64,
    /// Draws of the result.
    pub draws: usize,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Default for GaussianSettings {
    fn default() -> Self {
        Self {
            ascent: Ascent { steps: 800, ..Ascent::default() },
            steps: 1500,
            pairs: 2,
            rate: 0.01,
            minibatch: None,
            scale: 0.02,
            draws: 300,
            seed: 0,
        }
    }
}

/// The best Gaussian whose covariance has these blocks; coordinates in none of them are
/// independent.
fn fit(
    problem: &Problem<'_>,
    settings: &GaussianSettings,
    mut blocks: Vec<Box<dyn Block>>,
) -> Result<Inferred> {
    let GaussianSettings { ascent, steps, pairs, rate, minibatch, scale, draws, seed } = settings;
    let positive = |x: f64| x > 0.0 && x.is_finite();
    if *pairs == 0 || *draws == 0 || !positive(*rate) || !positive(*scale) {
        return Err(setting("rate", "a pair, a draw, a positive rate and scale are needed".into()));
    }
    let (d, key) = (problem.dim(), Key::new(*seed));
    let mut covered = vec![false; d];
    blocks.iter().flat_map(|b| b.coordinates()).for_each(|i| covered[*i] = true);
    let rest: Vec<usize> = problem.free().into_iter().filter(|i| !covered[*i]).collect();
    blocks.push(Box::new(Diagonal::new(rest)));
    let free = problem.free();
    let mode = ascent.climb(problem, key.fold_in(0))?;
    let mut fit = State::new(d, blocks, mode.u, *scale, key.fold_in_str("scales"));
    let total = fit.params.len();
    let mut adam = Adam::new(*rate);
    let mut state = OptimizerState::new(&adam, total);
    let schedule = Schedule::HoldThenCosine { hold: 0.5, end: 0.005 };
    let count = 2 * pairs;
    let mut target = problem.by_minibatches(*minibatch)?;
    let (mut points, mut values, mut gradients) =
        (vec![0.0; count * d], vec![0.0; count], vec![0.0; count * d]);
    let (mut loss, mut variances) = (vec![0.0; total], vec![0.0; d]);
    let mut noise = vec![vec![0.0; fit.noise]; *pairs];
    for step in 0..*steps {
        if step % 10 == 0 && !problem.scales().is_empty() {
            fit.variances(&mut variances);
            problem.scales().maximize(&mut fit.params[..d], Some(&variances));
        }
        for (pair, noise) in noise.iter_mut().enumerate() {
            fill_normal(key.fold_in(step as u64).fold_in(pair as u64), 0, noise);
            let (up, down) = points[2 * pair * d..2 * (pair + 1) * d].split_at_mut(d);
            fit.draw(noise, up);
            // The mirrored draw.
            down.iter_mut().zip(&*up).zip(&fit.params).for_each(|((down, up), m)| *down = 2.0 * m - up);
        }
        target.set_key(key.fold_in_str("rows").fold_in(step as u64));
        target.gradients(&points, &mut values, &mut gradients)?;
        if gradients.iter().any(|g| !g.is_finite()) {
            return Err(setting("rate", "the log density of a draw is not finite".into()));
        }
        loss.fill(0.0);
        fit.entropy(&mut loss[d..]);
        for (noise, both) in noise.iter().zip(gradients.chunks_exact(2 * d)) {
            let (up, down) = both.split_at(d);
            free.iter().for_each(|i| loss[*i] += (up[*i] + down[*i]) / count as f64);
            let change: Vec<f64> = up.iter().zip(down).map(|(a, b)| (a - b) / count as f64).collect();
            fit.accumulate(noise, &change, &mut loss[d..]);
        }
        loss.iter_mut().for_each(|x| *x = -*x);
        let factor = schedule.factor(step as f64 / *steps as f64);
        state.step(&mut adam, &mut fit.params, &loss, &[(0..total, rate * factor)]);
    }
    let mut points = vec![0.0; draws * d];
    let mut noise = vec![0.0; fit.noise];
    for (draw, point) in points.chunks_exact_mut(d).enumerate() {
        fill_normal(key.fold_in_str("draws").fold_in(draw as u64), 0, &mut noise);
        fit.draw(&noise, point);
    }
    Ok(Inferred::of_draws(points).gradients(mode.gradients + problem.passes(count * steps, *minibatch)))
}

/// The mean of all coordinates, and then the parameters of the blocks.
struct State {
    dim: usize,
    blocks: Vec<Box<dyn Block>>,
    params: Vec<f64>,
    /// Standard normal numbers of a draw.
    noise: usize,
}

impl State {
    fn new(dim: usize, blocks: Vec<Box<dyn Block>>, mut params: Vec<f64>, scale: f64, key: Key) -> Self {
        let noise = blocks.iter().map(|b| b.noise()).sum();
        for (i, block) in blocks.iter().enumerate() {
            let start = params.len();
            params.resize(start + block.parameters(), 0.0);
            block.start(scale, key.fold_in(i as u64), &mut params[start..]);
        }
        Self { dim, blocks, params, noise }
    }

    /// Every block with its parameters' place after the mean and its noise's.
    fn each(&self) -> impl Iterator<Item = (&dyn Block, std::ops::Range<usize>, std::ops::Range<usize>)> {
        let (mut at, mut noise) = (0, 0);
        self.blocks.iter().map(move |block| {
            let (params, own) = (at..at + block.parameters(), noise..noise + block.noise());
            (at, noise) = (params.end, own.end);
            (block.as_ref(), params, own)
        })
    }

    fn draw(&self, noise: &[f64], u: &mut [f64]) {
        let (mean, params) = self.params.split_at(self.dim);
        u.copy_from_slice(mean);
        for (block, own, z) in self.each() {
            block.add(&params[own], &noise[z], u);
        }
    }

    /// Adds the derivatives of the log density by the parameters of the blocks.
    fn accumulate(&self, noise: &[f64], gradient: &[f64], to: &mut [f64]) {
        let params = &self.params[self.dim..];
        for (block, own, z) in self.each() {
            block.accumulate(&params[own.clone()], &noise[z], gradient, &mut to[own]);
        }
    }

    fn entropy(&self, to: &mut [f64]) {
        let params = &self.params[self.dim..];
        self.each().for_each(|(block, own, _)| block.entropy(&params[own.clone()], &mut to[own]));
    }

    fn variances(&self, to: &mut [f64]) {
        let params = &self.params[self.dim..];
        self.each().for_each(|(block, own, _)| block.variances(&params[own], to));
    }
}
