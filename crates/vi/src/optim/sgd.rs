//! Stochastic gradient descent, with momentum.

use super::Optimizer;
use probity_autodiff::Scalar;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// `b ← momentum b + g`, `θ ← θ - rate b`. Source: Polyak 1964.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sgd<T> {
    rate: f64,
    momentum: f64,
    velocity: Vec<T>,
}

impl<T> Sgd<T> {
    /// With this rate, without momentum.
    pub fn new(rate: f64) -> Self {
        Self { rate, momentum: 0.0, velocity: Vec::new() }
    }

    /// With momentum.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }
}

impl<T: Scalar> Optimizer<T> for Sgd<T> {
    fn rate(&self) -> f64 {
        self.rate
    }

    fn step(&mut self, params: &mut [T], gradient: &[T], rates: &[(Range<usize>, f64)]) {
        if self.velocity.is_empty() {
            self.velocity.resize(params.len(), T::from_f64(0.0));
        }
        assert!(params.len() == gradient.len() && params.len() == self.velocity.len(), "Sgd: lengths differ");
        for (range, rate) in rates {
            for i in range.clone() {
                let velocity = self.velocity[i].num() * self.momentum + gradient[i].num();
                self.velocity[i] = T::from_num(velocity);
                params[i] = T::from_num(params[i].num() - velocity * *rate);
            }
        }
    }

    fn reset(&mut self) {
        self.velocity.clear();
    }
}
