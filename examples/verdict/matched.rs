//! What single Gaussians are worth: that of the highest ELBO, and that of batch and match.

use super::problems::shape::Problem;
use super::run::{errors, is_wrong};
use probity_vi::Gaussian;
use probity_vi::batch_and_match::BatchAndMatch;
use std::time::Instant;

/// A Gaussian against the truth.
#[derive(Clone, Copy, Debug)]
pub struct Approximation {
    pub mean_error: f64,
    pub sd_error: f64,
    /// Of batch and match: the shape of the tail of its weights, whether it came to rest, and what
    /// it took.
    pub k_hat: f64,
    pub at_rest: bool,
    pub gradients: usize,
    pub seconds: f64,
}

impl Approximation {
    /// Nothing.
    const NONE: Self = Self {
        mean_error: f64::INFINITY,
        sd_error: f64::INFINITY,
        k_hat: f64::NAN,
        at_rest: false,
        gradients: 0,
        seconds: 0.0,
    };

    pub fn is_wrong(&self) -> bool {
        is_wrong((self.mean_error, self.sd_error))
    }

    pub fn of_the_best(problem: &Problem, gaussian: &Gaussian) -> Self {
        let (mean_error, sd_error) = errors(problem, gaussian.mean.as_slice(), gaussian.sd().as_slice());
        Self { mean_error, sd_error, ..Self::NONE }
    }

    pub fn matched(problem: &Problem, seed: u64) -> Self {
        let (mean, sd) = &problem.start;
        let start = Instant::now();
        let found = BatchAndMatch::new().seed(seed).start(mean, sd).run(&problem.target);
        let seconds = start.elapsed().as_secs_f64();
        // No Gaussian is a wrong one.
        let Ok(found) = found else { return Self { seconds, ..Self::NONE } };
        let (mean_error, sd_error) = errors(problem, &found.mean, &found.sd());
        let (k_hat, at_rest, gradients) = (found.psis.k_hat, found.at_rest, found.gradients);
        Self { mean_error, sd_error, k_hat, at_rest, gradients, seconds }
    }
}
