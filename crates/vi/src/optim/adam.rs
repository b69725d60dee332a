//! Adam, with decoupled weight decay.

use super::{Optimizer, require, require_rate};
use crate::error::Result;
use probity_autodiff::{AdamStep, Scalar};
use serde::{Deserialize, Serialize};

/// `m ← β₁ m + (1-β₁) g`, `v ← β₂ v + (1-β₂) g²`, `θ ← θ - rate (m̂ / (√v̂ + ε) + decay θ)`.
///
/// A gradient whose square overflows, which would leave the second moment infinite for ever, moves
/// its parameter by about the rate and clears both moments.
///
/// Gradients and moments too small to square or to decay without becoming subnormal (in `f32`,
/// gradients below 3.5e-18) count as 0.
///
/// Source: Kingma, Ba 2015, "Adam"; decoupled decay: Loshchilov, Hutter 2019.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Adam {
    rate: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    decay: f64,
    /// β₁ᵗ and β₂ᵗ.
    powers: (f64, f64),
    /// The bias corrections, as factors of the rate and of ε, so that the loop uses the moments
    /// uncorrected.
    corrections: (f64, f64),
}

impl Adam {
    /// With this rate (0 or more), β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no decay.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: 0.0,
            powers: (1.0, 1.0),
            corrections: (1.0, 1.0),
        }
    }

    /// With these decay rates of the moments, from 0 up to less than 1.
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        (self.beta1, self.beta2) = (beta1, beta2);
        self
    }

    /// With this addend to the root of the second moment.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// With decoupled weight decay.
    pub fn decay(mut self, decay: f64) -> Self {
        self.decay = decay;
        self
    }

    /// What is done in the step that was begun, at this rate.
    fn step(&self, rate: f64) -> AdamStep {
        let (gain, root) = self.corrections;
        AdamStep {
            betas: (self.beta1, self.beta2),
            rate: rate * gain,
            epsilon: self.epsilon * root,
            keep: 1.0 - rate * self.decay,
        }
    }
}

impl<T: Scalar> Optimizer<T> for Adam {
    fn check(&self) -> Result {
        require_rate("Adam::new", self.rate)?;
        for beta in [self.beta1, self.beta2] {
            require(
                (0.0..1.0).contains(&beta),
                "Adam::betas",
                "a decay rate of 0 or more and less than 1",
                beta,
            )?;
        }
        let addend = self.epsilon >= 0.0 && self.epsilon < f64::INFINITY;
        require(addend, "Adam::epsilon", "a finite number of 0 or more", self.epsilon)?;
        let decay = self.decay >= 0.0 && self.decay < f64::INFINITY;
        require(decay, "Adam::decay", "a finite weight decay of 0 or more", self.decay)
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    /// The first and the second moment.
    fn state_arrays(&self) -> usize {
        2
    }

    fn begin(&mut self) {
        self.powers = (self.powers.0 * self.beta1, self.powers.1 * self.beta2);
        let root = (1.0 - self.powers.1).sqrt();
        self.corrections = (root / (1.0 - self.powers.0), root);
    }

    fn update(&self, rate: f64, params: &[T], gradient: &[T], to: &mut [T], state: &mut [&mut [T]]) {
        let [m, v] = state else { unreachable!("Adam has two arrays") };
        self.step(rate).apply(params, gradient, to, [m, v]);
    }

    fn adam(&self, rate: f64) -> Option<AdamStep> {
        Some(self.step(rate))
    }
}
