//! Scales that are not known: funnels, and the posteriors of conjugate hierarchies.

use super::random::Random;
use super::shape::{Placing, Problem, Shape};
use super::single::trigamma;
use probity_autodiff::Real;

/// A funnel: v ~ N(0, s²) is the logarithm of a variance, and `xᵢ | v ~ N(0, exp(c v))` for i = 1
/// to k. With c = 1 it is centred; with c = 0 it is written non-centred, and a Gaussian.
///
/// `ln p(v, x) = -½ v² / s² - ½ k c v - ½ exp(-c v) Σ xᵢ²`; means 0, variances s² and
/// `E exp(c v) = exp(c² s² / 2)`, no correlation.
///
/// Source: Neal 2003, "Slice sampling", section 8; partially centred: Papaspiliopoulos, Roberts,
/// Sköld 2007.
pub fn funnel_shape(k: usize, s: f64, c: f64) -> Shape {
    let mut variance = vec![(c * c * s * s / 2.0).exp(); k + 1];
    variance[0] = s * s;
    Shape::uncorrelated(vec![0.0; k + 1], variance, move |w, gradient| {
        let (v, x) = (w[0], &w[1..]);
        let precision = (-c * v).exp();
        let squares = x.iter().map(|x| x * x).sum::<f64>();
        gradient[0] = -v / (s * s) + 0.5 * c * (precision * squares - k as f64);
        gradient[1..].iter_mut().zip(x).for_each(|(g, x)| *g = -x * precision);
        -0.5 * (v * v / (s * s) + k as f64 * c * v + precision * squares)
    })
}

/// Half of them centred, a quarter non-centred, and a quarter between.
pub fn funnel(random: &mut Random) -> Problem {
    let (k, s) = (random.whole(1, 10), random.log_between(0.3, 3.0));
    let c = if random.chance(0.5) {
        1.0
    } else if random.chance(0.5) {
        0.0
    } else {
        random.between(0.0, 1.0)
    };
    Problem::place(random, funnel_shape(k, s, c), Placing { condition: 1.0, scales: 10.0 })
}

/// The posterior of k means and their common variance under conjugate priors: `σ² ~ InvGamma(a, b)`
/// and `μⱼ | σ² ~ N(0, σ² / κ)`, in the unconstrained numbers l = ln σ² and μ, centred.
///
/// `ln p(l, μ) = -a l - b exp(-l) - ½ k l - ½ κ exp(-l) Σ μⱼ²`. As b / σ² is Gamma(a, 1), l has the
/// mean ln b - ψ(a) and the variance ψ'(a); μ has mean 0 and variance `E σ² / κ = b / ((a - 1) κ)`
/// for a > 1; no correlation.
///
/// Source: Gelman et al. 2013, Bayesian Data Analysis, section 3.3.
pub fn hierarchy_shape(k: usize, a: f64, b: f64, kappa: f64) -> Shape {
    let (mut mean, mut variance) = (vec![0.0; k + 1], vec![b / ((a - 1.0) * kappa); k + 1]);
    (mean[0], variance[0]) = (b.ln() - a.digamma(), trigamma(a));
    Shape::uncorrelated(mean, variance, move |w, gradient| {
        let (l, mu) = (w[0], &w[1..]);
        let precision = (-l).exp();
        let squares = kappa * mu.iter().map(|x| x * x).sum::<f64>();
        gradient[0] = -a - 0.5 * k as f64 + precision * (b + 0.5 * squares);
        gradient[1..].iter_mut().zip(mu).for_each(|(g, x)| *g = -kappa * x * precision);
        -(a + 0.5 * k as f64) * l - precision * (b + 0.5 * squares)
    })
}

/// After three observations (a = 1.5) to a hundred.
pub fn hierarchy(random: &mut Random) -> Problem {
    let (a, b) = (random.log_between(1.5, 50.0), random.log_between(0.1, 10.0));
    let (kappa, k) = (random.log_between(0.5, 100.0), random.whole(1, 8));
    Problem::place(random, hierarchy_shape(k, a, b, kappa), Placing { condition: 1.0, scales: 5.0 })
}
