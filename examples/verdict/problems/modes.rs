//! Two modes.
//!
//! Of the kinds that count, their scales are within a factor 0.7 to 1.4 of each other. A mode that
//! is much narrower than the one that was found, and far from it in many dimensions, is missed by
//! every method that only looks at the density of points: its basin has a share of the volume that
//! falls as a power of the number of dimensions, and nothing elsewhere tells of it.

use super::random::Random;
use super::shape::{Placing, Problem, Shape};
use probity_autodiff::nalgebra::{DMatrix, DVector};
use std::sync::Arc;

/// Ratios of scales of modes of which each can be seen from the other.
const ALIKE: (f64, f64) = (0.7, 1.4);

/// A mixture of N(0, I) with share p and N(δ, s² I) with share 1 - p.
///
/// Mean (1 - p) δ, covariance (p + (1 - p) s²) I + p (1 - p) δ δ': the mean of the covariances, and
/// the covariance of the means.
pub fn mixture(p: f64, delta: DVector<f64>, s: f64) -> Shape {
    let d = delta.len();
    let mean = &delta * (1.0 - p);
    let covariance =
        DMatrix::identity(d, d) * (p + (1.0 - p) * s * s) + &delta * delta.transpose() * (p * (1.0 - p));
    let log_density = move |w: &[f64], gradient: &mut [f64]| {
        let squares: f64 = w.iter().map(|w| w * w).sum();
        let others: f64 = w.iter().zip(delta.iter()).map(|(w, e)| ((w - e) / s).powi(2)).sum();
        let one = p.ln() - 0.5 * squares;
        let other = (1.0 - p).ln() - 0.5 * others - w.len() as f64 * s.ln();
        let largest = one.max(other);
        let value = largest + ((one - largest).exp() + (other - largest).exp()).ln();
        let (one, other) = ((one - value).exp(), (other - value).exp());
        for ((g, w), e) in gradient.iter_mut().zip(w).zip(delta.iter()) {
            *g = -one * w - other * (w - e) / (s * s);
        }
        value
    };
    Shape { log_density: Arc::new(log_density), mean, covariance }
}

/// Half of them with equal mass, the others with a share between 0.1 and 0.9; the second between
/// `narrow` and `wide` times as wide as the first.
fn two(random: &mut Random, distance: f64, (narrow, wide): (f64, f64)) -> Problem {
    let d = random.whole(1, 10);
    let p = if random.chance(0.5) { 0.5 } else { random.between(0.1, 0.9) };
    let s = random.log_between(narrow, wide);
    let delta = random.direction(d) * distance;
    let condition = random.log_between(1.0, 5.0);
    Problem::place(random, mixture(p, delta, s), Placing { condition, scales: 10.0 })
}

/// 1 to 4 standard deviations apart: one hump, or two that chains connect.
pub fn near(random: &mut Random) -> Problem {
    let distance = random.between(1.0, 4.0);
    two(random, distance, ALIKE)
}

/// 6 to 30 standard deviations apart, between which no chain moves.
pub fn far(random: &mut Random) -> Problem {
    let distance = random.log_between(6.0, 30.0);
    two(random, distance, ALIKE)
}

/// As [`far`], the second mode 3 to 30 times as narrow as the first: what is known to be missed.
pub fn narrow(random: &mut Random) -> Problem {
    let distance = random.log_between(6.0, 30.0);
    two(random, distance, (1.0 / 30.0, 1.0 / 3.0))
}
