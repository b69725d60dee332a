//! Means and variances of ReLUs of Gaussians, as one operation.

use probity_autodiff::{Adjoints, Inputs, Op, Real, Tape, Var, parallel_map_mut};
use std::f64::consts::FRAC_1_SQRT_2;

/// A variance that is nothing beside those of weights, so that no root is one of 0.
const LEAST: f64 = 1e-12;

/// Entries of a piece of work.
const PIECE: usize = 4096;

/// Of means and variances of Gaussians (n × c each), four matrices side by side: means and
/// variances of their ReLUs; and, for the backward pass, the probabilities of being positive and
/// the densities at 0.
///
/// With standard deviation s, mean m, at = m / s, Φ = Φ(at), φ = φ(at): the mean is M = m Φ + s φ,
/// the variance V = (m² + s²) Φ + m s φ - M². Their derivatives need no more functions: dM = Φ dm +
/// φ / (2 s) ds², dV = 2 M (1 - Φ) dm + (Φ - M φ / s) ds².
#[derive(Clone, Copy, Debug)]
struct ReluMoments;

/// Mean and variance of `relu(x)`, the probability that x is positive, its density at 0.
pub(super) fn relu_moments(mean: f64, variance: f64) -> [f64; 4] {
    let variance = variance + LEAST;
    let sd = variance.sqrt();
    let at = mean / sd;
    // Half of an erfc, not `ndtr`: digits of a probability far out say nothing here, and it is
    // faster.
    let positive = 0.5 * Real::erfc(-at * FRAC_1_SQRT_2);
    let density = (at * at * -0.5).exp() * 0.398_942_280_401_432_7;
    let first = at * positive + density;
    // E x² - (E x)², in units of the variance.
    let second = (at * at + 1.0) * positive + at * density - first * first;
    [sd * first, variance * second.max(0.0), positive, density / sd]
}

impl Op<f64> for ReluMoments {
    fn name(&self) -> &'static str {
        "relu moments"
    }

    fn forward(&self, x: &Inputs<'_, f64>, y: &mut [f64]) {
        let (means, variances) = (x.get(0), x.get(1));
        let mut parts = y.chunks_exact_mut(means.len().max(1));
        let mut part = || parts.next().unwrap_or_default().chunks_mut(PIECE);
        let to = part().zip(part()).zip(part()).zip(part());
        let mut pieces: Vec<_> = to.zip(means.chunks(PIECE).zip(variances.chunks(PIECE))).collect();
        parallel_map_mut(&mut pieces, |((((a, b), c), d), (means, variances))| {
            for (i, (mean, variance)) in means.iter().zip(*variances).enumerate() {
                [a[i], b[i], c[i], d[i]] = relu_moments(*mean, *variance);
            }
        });
    }

    fn backward(&self, x: &Inputs<'_, f64>, y: &[f64], g: &[f64], dx: &mut Adjoints<'_, f64>) {
        let n = x.get(0).len();
        let (of_mean, of_variance) = (&g[..n], &g[n..2 * n]);
        let (m, positive, density) = (&y[..n], &y[2 * n..3 * n], &y[3 * n..]);
        dx.accumulate_zeroed(0, |to| {
            for i in 0..n {
                let slope = 2.0 * m[i] * (1.0 - positive[i]);
                to[i] += of_mean[i] * positive[i] + of_variance[i] * slope;
            }
        });
        dx.accumulate_zeroed(1, |to| {
            for i in 0..n {
                let slope = positive[i] - m[i] * density[i];
                to[i] += 0.5 * of_mean[i] * density[i] + of_variance[i] * slope;
            }
        });
    }
}

/// Means and variances (n × c each) of the ReLUs of Gaussians with these.
pub(super) fn relu<'t>(
    tape: &'t Tape<f64>,
    mean: Var<'t, f64>,
    variance: Var<'t, f64>,
) -> (Var<'t, f64>, Var<'t, f64>) {
    let (n, c) = mean.shape();
    let all = tape.record(ReluMoments, &[mean, variance], n, 4 * c);
    (all.cols(0..c), all.cols(c..2 * c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_autodiff::Key;
    use probity_autodiff::random::fill_normal;

    /// Against draws, and at the ends.
    #[test]
    fn moments_of_a_relu_are_those_of_its_draws() {
        let n = 200_000;
        let mut z = vec![0.0; n];
        fill_normal(Key::new(5), 0, &mut z);
        for (mean, variance) in [(0.0, 1.0), (-1.0, 0.5), (0.7, 2.0), (2.0, 0.3)] {
            let sd: f64 = f64::sqrt(variance);
            let draws = || z.iter().map(|z| (mean + sd * z).max(0.0));
            let exact = relu_moments(mean, variance);
            let average = draws().sum::<f64>() / n as f64;
            let spread = draws().map(|x| (x - average).powi(2)).sum::<f64>() / n as f64;
            let fourth = draws().map(|x| (x - average).powi(4)).sum::<f64>() / n as f64;
            // Five standard errors.
            assert!((average - exact[0]).abs() < 5.0 * (spread / n as f64).sqrt(), "{mean} {variance}");
            let error = ((fourth - spread * spread) / n as f64).sqrt();
            assert!((spread - exact[1]).abs() < 5.0 * error, "{mean} {variance}: {spread} {exact:?}");
        }
        let [mean, variance, ..] = relu_moments(50.0, 1.0);
        assert!((mean - 50.0).abs() < 1e-10 && (variance - 1.0).abs() < 1e-10);
        let [mean, variance, ..] = relu_moments(-50.0, 1.0);
        assert!(mean.abs() < 1e-300 && (0.0..1e-300).contains(&variance));
    }

    /// The backward pass against differences.
    #[test]
    fn slopes_of_the_moments_are_those_of_differences() {
        let (means, variances) = ([-2.5, -0.3, 0.0, 0.8, 4.0], [0.4, 1.3, 0.7, 2.0, 0.1]);
        let weights = [0.7, -1.1, 0.4, 2.0, -0.6, 1.2, 0.9, -0.8, 0.3, 0.5];
        let value = |means: &[f64], variances: &[f64]| -> f64 {
            let all = means.iter().zip(variances).enumerate();
            all.map(|(i, (m, v))| {
                let [mean, variance, ..] = relu_moments(*m, *v);
                weights[i] * mean + weights[5 + i] * variance
            })
            .sum()
        };
        let tape = Tape::new();
        let (m, v) = (
            tape.variable_with(5, 1, |to| to.copy_from_slice(&means)),
            tape.variable_with(5, 1, |to| to.copy_from_slice(&variances)),
        );
        let (mean, variance) = relu(&tape, m, v);
        let weight =
            |from: usize| tape.constant_with(5, 1, |to| to.copy_from_slice(&weights[from..from + 5]));
        let sum = (mean * weight(0) + variance * weight(5)).sum();
        let want = value(&means, &variances);
        // The terms are about 1, their sum is less.
        assert!((sum.item() - want).abs() < 1e-14, "{} {want}", sum.item());
        let gradients = tape.backward(sum);
        let h = 1e-6;
        for i in 0..5 {
            let moved = |at: &[f64; 5], by: f64| {
                let mut at = *at;
                at[i] += by;
                at
            };
            let by_mean = value(&moved(&means, h), &variances) - value(&moved(&means, -h), &variances);
            let by_variance = value(&means, &moved(&variances, h)) - value(&means, &moved(&variances, -h));
            for (slope, difference) in [(gradients.wrt(m)[i], by_mean), (gradients.wrt(v)[i], by_variance)] {
                let difference = difference / (2.0 * h);
                assert!(
                    (slope - difference).abs() < 1e-8 * difference.abs().max(1.0),
                    "{slope} {difference}"
                );
            }
        }
    }
}
