//! Gaussians: correlated, along a ridge, and of unlike scales.

use super::random::Random;
use super::shape::{Placing, Problem, Shape};

/// Standard normal in d dimensions: mean 0 and covariance I, by definition.
///
/// `ln p(w) = -½ Σ wᵢ²`
pub fn standard(d: usize) -> Shape {
    Shape::uncorrelated(vec![0.0; d], vec![1.0; d], |w, gradient| {
        gradient.iter_mut().zip(w).for_each(|(g, w)| *g = -w);
        -0.5 * w.iter().map(|w| w * w).sum::<f64>()
    })
}

/// Correlated, of 2 to 200 dimensions and a condition number (of the covariance) of up to 10⁶.
pub fn gaussian(random: &mut Random) -> Problem {
    let d = match random.chance(0.2) {
        true => random.log_between(30.0, 200.0),
        false => random.log_between(2.0, 30.0),
    };
    let condition = random.log_between(1.0, 1e3);
    Problem::place(random, standard(d as usize), Placing { condition, scales: 10.0 })
}

/// 10³ to 10⁶ times as long as wide: a direction that the data hardly identify.
pub fn ridge(random: &mut Random) -> Problem {
    let d = random.whole(2, 10);
    let condition = random.log_between(1e3, 1e6);
    Problem::place(random, standard(d), Placing { condition, scales: 1.0 })
}

/// Coordinates in units from 10⁻⁶ to 10⁶.
pub fn scales(random: &mut Random) -> Problem {
    let d = random.whole(2, 20);
    let condition = random.log_between(1.0, 1e3);
    Problem::place(random, standard(d), Placing { condition, scales: 1e6 })
}
