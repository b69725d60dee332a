//! The improved variational online Newton method.

use super::ascent::setting;
use super::{Ascent, Inferred, Method, Problem};
use crate::error::Result;
use probity_autodiff::Key;
use probity_autodiff::random::fill_normal;
use probity_vi::Target;
use probity_vi::optim::Schedule;
use serde::{Deserialize, Serialize};

/// IVON: an independent Gaussian for every weight, by Newton steps whose curvature is learned from
/// the gradients at draws of it.
///
/// The loss is the mean over rows of minus the log likelihood, with the number of rows as its
/// weight; the precision of a weight's prior over that number is its weight decay. It begins at a
/// mode with the diagonal of the Gauss-Newton matrix there: with a curvature that is too small the
/// first steps would be too long. What the head samples, such as the noise, has its prior among the
/// loss, and the curvature of the head's own density in the place of one that is learned: nothing
/// bounds the variance of such an estimate. Unknown scales of priors are set where the ELBO is
/// largest.
///
/// *Source*: Shen et al. 2024, "Variational learning is effective for large deep networks",
/// algorithm 1; every step takes several draws, half of them mirrored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ivon {
    /// The ascent to the mode where it begins.
    pub ascent: Ascent,
    /// Steps.
    pub steps: usize,
    /// Pairs of draws of a step.
    pub pairs: usize,
    /// The rate in the first half; in the second it falls to nothing as a cosine does.
    pub rate: f64,
    /// Rows of a step; none for what is [usual](Problem::by_minibatches).
    pub minibatch: Option<usize>,
    /// The decay of the average of gradients.
    pub beta1: f64,
    /// The decay of the average of curvatures.
    pub beta2: f64,
    /// What is added to every curvature at the start, as a share of their mean.
    pub curvature: f64,
    /// The longest Newton step of a weight, before the rate.
    pub clip: f64,
    /// Draws of the result.
    pub draws: usize,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Default for Ivon {
    fn default() -> Self {
        Self {
            ascent: Ascent { steps: 500, ..Ascent::default() },
            steps: 2000,
            pairs: 2,
            rate: 0.1,
            minibatch: None,
            beta1: 0.9,
            beta2: 0.995,
            curvature: 1.0,
            clip: 0.2,
            draws: 300,
            seed: 0,
        }
    }
}

/// The diagonal of `Σ Jᵢᵀ Hᵢ Jᵢ` over the rows.
fn diagonal(problem: &Problem<'_>, u: &[f64]) -> Result<Vec<f64>> {
    let information = problem.information(&problem.outputs_at(u)?, u)?;
    let (d, k) = (u.len(), problem.outputs());
    let mut sums = vec![0.0; d];
    problem.visit_jacobians(u, |piece| {
        for (i, row) in piece.rows.clone().enumerate() {
            let (own, h) = (&piece.derivatives[i * k * d..][..k * d], &information[row]);
            for (a, by_a) in own.chunks_exact(d).enumerate() {
                for (b, by_b) in own.chunks_exact(d).enumerate() {
                    let both = by_a.iter().zip(by_b);
                    sums.iter_mut().zip(both).for_each(|(sum, (x, y))| *sum += h[(a, b)] * x * y);
                }
            }
        }
        Ok(())
    })?;
    Ok(sums)
}

/// The least curvature per row of what has no prior precision.
const LEAST: f64 = 1e-2;

impl Method for Ivon {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let Self { ref ascent, steps, pairs, rate, minibatch, .. } = *self;
        let Self { beta1, beta2, curvature, clip, draws, seed, .. } = *self;
        let inside = |x: f64| (0.0..1.0).contains(&x);
        if pairs == 0
            || draws == 0
            || !(rate > 0.0 && curvature > 0.0 && clip > 0.0 && inside(beta1) && inside(beta2))
        {
            return Err(setting(
                "rate",
                "a pair, a draw, a positive rate and curvature, and decays below 1 are needed".into(),
            ));
        }
        let (d, n, key) = (problem.dim(), problem.rows() as f64, Key::new(seed));
        let (weights, free) = (problem.weights(), problem.free());
        let mut has_prior = vec![false; d];
        weights.iter().for_each(|i| has_prior[*i] = true);
        let mode = ascent.climb(problem, key.fold_in_str("ascent"))?;
        let mut mean = mode.u;
        let mut momentum = vec![0.0; d];
        let mut curvatures = diagonal(problem, &mean)?;
        let average = weights.iter().map(|i| curvatures[*i]).sum::<f64>() / weights.len().max(1) as f64;
        curvatures.iter_mut().for_each(|h| *h = (*h + curvature * average) / n + LEAST);
        let [mut joint, mut prior] = [problem.by_minibatches(minibatch)?, problem.prior()];
        let mut precisions = problem.prior_precisions(&mean)?;
        let count = 2 * pairs;
        let (mut noise, mut points) = (vec![0.0; d], vec![0.0; count * d]);
        let (mut values, mut gradients) = (vec![0.0; count], vec![0.0; count * d]);
        let (mut of_prior, mut all_prior) = (vec![0.0; d], vec![0.0; count * d]);
        let mut variances = vec![0.0; d];
        let schedule = Schedule::HoldThenCosine { hold: 0.5, end: 0.005 };
        for step in 0..steps {
            let done = step as f64 / steps as f64;
            if step % 10 == 0 {
                problem.scales().maximize(&mut mean, Some(&variances));
                precisions = problem.prior_precisions(&mean)?;
                if !problem.head().is_empty() {
                    let of_head = problem.head_curvature(&problem.outputs_at(&mean)?, &mean)?;
                    for (own, i) in problem.head().enumerate() {
                        curvatures[i] = (of_head[(own, own)] / n).max(LEAST);
                    }
                }
            }
            let decay = |i: usize| if has_prior[i] { precisions[i] / n } else { 0.0 };
            for i in &free {
                variances[*i] = 1.0 / (n * (curvatures[*i] + decay(*i)));
            }
            for pair in 0..pairs {
                fill_normal(key.fold_in(step as u64).fold_in(pair as u64), 0, &mut noise);
                for (half, sign) in [1.0, -1.0].into_iter().enumerate() {
                    let point = &mut points[(2 * pair + half) * d..][..d];
                    point.copy_from_slice(&mean);
                    free.iter().for_each(|i| point[*i] += sign * variances[*i].sqrt() * noise[*i]);
                }
            }
            joint.set_key(key.fold_in_str("rows").fold_in(step as u64));
            joint.gradients(&points, &mut values, &mut gradients)?;
            prior.gradients(&points, &mut values, &mut all_prior)?;
            prior.gradient(&mean, &mut of_prior)?;
            if gradients.iter().any(|g| !g.is_finite()) {
                return Err(setting("rate", "the log density of a draw is not finite".into()));
            }
            let correction = 1.0 - beta1.powi(step as i32 + 1);
            let rate = rate * schedule.factor(done);
            for i in free.iter().copied() {
                // The slope of the loss per row, and what the draws say of its curvature.
                let (mut slope, mut bend) = (0.0, 0.0);
                for (point, (g, p)) in
                    points.chunks_exact(d).zip(gradients.chunks_exact(d).zip(all_prior.chunks_exact(d)))
                {
                    let own = (if has_prior[i] { p[i] - g[i] } else { -g[i] }) / (n * count as f64);
                    slope += own;
                    bend += own * (point[i] - mean[i]) / variances[i];
                }
                momentum[i] = beta1 * momentum[i] + (1.0 - beta1) * slope;
                let (h, rest) = (curvatures[i], 1.0 - beta2);
                let stiffness = h + decay(i);
                if has_prior[i] {
                    let correction = 0.5 * (rest * (h - bend)).powi(2) / stiffness;
                    curvatures[i] = (beta2 * h + rest * bend + correction).max(1e-9);
                }
                let pull = if has_prior[i] { -of_prior[i] / n } else { 0.0 };
                let newton = (momentum[i] / correction + pull) / (curvatures[i] + decay(i));
                mean[i] -= rate * newton.clamp(-clip, clip);
            }
        }
        let decay = |i: usize| if has_prior[i] { precisions[i] / n } else { 0.0 };
        let mut points = Vec::with_capacity(draws * d);
        for draw in 0..draws {
            fill_normal(key.fold_in_str("draws").fold_in(draw as u64), 0, &mut noise);
            let mut point = mean.clone();
            free.iter().for_each(|i| point[*i] += noise[*i] / (n * (curvatures[*i] + decay(*i))).sqrt());
            points.extend(point);
        }
        Ok(Inferred::of_draws(points).gradients(mode.gradients + problem.passes(count * steps, minibatch)))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}
