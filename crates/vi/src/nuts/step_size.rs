//! The step size: a first guess, and its adaptation to an acceptance rate.

use super::hamiltonian::{Hamiltonian, State};
use crate::error::Result;
use probity_autodiff::Key;

/// Dual averaging of the logarithm of the step size.
///
/// *Source*: Hoffman, Gelman 2014, "The No-U-Turn sampler", section 3.2.1, with the constants
/// there.
#[derive(Clone, Debug)]
pub(crate) struct DualAveraging {
    target: f64,
    centre: f64,
    error: f64,
    log_step: f64,
    log_mean: f64,
    count: f64,
}

impl DualAveraging {
    pub fn new(target: f64, step: f64) -> Self {
        let log_step = step.ln();
        Self { target, centre: (10.0 * step).ln(), error: 0.0, log_step, log_mean: log_step, count: 0.0 }
    }

    pub fn learn(&mut self, acceptance: f64) {
        const GAMMA: f64 = 0.05;
        const T0: f64 = 10.0;
        const KAPPA: f64 = 0.75;
        self.count += 1.0;
        let weight = 1.0 / (self.count + T0);
        self.error = (1.0 - weight) * self.error + weight * (self.target - acceptance);
        self.log_step = self.centre - self.error * self.count.sqrt() / GAMMA;
        let weight = self.count.powf(-KAPPA);
        self.log_mean = weight * self.log_step + (1.0 - weight) * self.log_mean;
    }

    /// The step size to try next.
    pub fn step(&self) -> f64 {
        self.log_step.exp()
    }

    /// The step size that was learned.
    pub fn mean(&self) -> f64 {
        self.log_mean.exp()
    }
}

/// A step size near which the acceptance of one leapfrog step crosses 0.8, by doubling or halving
/// from `step`.
///
/// *Source*: Hoffman, Gelman 2014, algorithm 4, with Stan's bound.
pub(super) fn first_guess(h: &mut Hamiltonian<'_>, state: &State, mut step: f64, key: Key) -> Result<f64> {
    let mut trial = State::default();
    let mut up = None;
    // A hundred doublings are a factor of 1e30.
    for i in 0..100 {
        trial.copy_from(state);
        h.kick(&mut trial, key.fold_in(i));
        let before = trial.at.energy;
        h.leapfrog(&mut trial, step)?;
        let accepted = before - trial.at.energy > 0.8_f64.ln();
        if *up.get_or_insert(accepted) != accepted {
            break;
        }
        step *= if accepted { 2.0 } else { 0.5 };
    }
    Ok(step)
}
