//! Stochastic gradient descent, with momentum.

use super::{Optimizer, require, require_rate};
use crate::error::Result;
use probity_autodiff::Scalar;
use serde::{Deserialize, Serialize};

/// `b ← momentum b + g`, `θ ← θ - rate b`. Source: Polyak 1964.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sgd {
    rate: f64,
    momentum: f64,
}

impl Sgd {
    /// With this rate (0 or more), without momentum.
    pub fn new(rate: f64) -> Self {
        Self { rate, momentum: 0.0 }
    }

    /// With momentum, from 0 up to less than 1.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }
}

impl<T: Scalar> Optimizer<T> for Sgd {
    fn check(&self) -> Result {
        require_rate("Sgd::new", self.rate)?;
        let momentum = (0.0..1.0).contains(&self.momentum);
        require(momentum, "Sgd::momentum", "a momentum of 0 or more and less than 1", self.momentum)
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    /// The velocity.
    fn state_arrays(&self) -> usize {
        1
    }

    fn begin(&mut self) {}

    fn update(&self, rate: f64, params: &[T], gradient: &[T], to: &mut [T], state: &mut [&mut [T]]) {
        for ((to, b), (p, g)) in to.iter_mut().zip(state[0].iter_mut()).zip(params.iter().zip(gradient)) {
            let velocity = b.num() * self.momentum + g.num();
            *b = T::from_num(velocity);
            *to = T::from_num(p.num() - velocity * rate);
        }
    }
}
