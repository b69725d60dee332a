//! Adam, with decoupled weight decay.

use super::Optimizer;
use probity_autodiff::simd::{Kernel, dispatch};
use probity_autodiff::{Real, Scalar};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// `m ← β₁ m + (1-β₁) g`, `v ← β₂ v + (1-β₂) g²`, `θ ← θ - rate (m̂ / (√v̂ + ε) + decay θ)`.
///
/// Source: Kingma, Ba 2015, "Adam"; decoupled decay: Loshchilov, Hutter 2019.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Adam<T> {
    rate: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    decay: f64,
    steps: i32,
    /// First and second moments.
    m: Vec<T>,
    v: Vec<T>,
}

impl<T> Adam<T> {
    /// With this rate, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no decay.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: 0.0,
            steps: 0,
            m: Vec::new(),
            v: Vec::new(),
        }
    }

    /// With these decay rates of the moments.
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
}

impl<T: Scalar> Optimizer<T> for Adam<T> {
    fn rate(&self) -> f64 {
        self.rate
    }

    fn step(&mut self, params: &mut [T], gradient: &[T], rates: &[(Range<usize>, f64)]) {
        if self.m.is_empty() {
            self.m.resize(params.len(), T::from_f64(0.0));
            self.v.resize(params.len(), T::from_f64(0.0));
        }
        assert!(params.len() == gradient.len() && params.len() == self.m.len(), "Adam: lengths differ");
        self.steps += 1;
        let correction1 = 1.0 - self.beta1.powi(self.steps);
        let correction2 = 1.0 - self.beta2.powi(self.steps);
        for (range, rate) in rates {
            dispatch(Update {
                params: &mut params[range.clone()],
                gradient: &gradient[range.clone()],
                m: &mut self.m[range.clone()],
                v: &mut self.v[range.clone()],
                beta: (self.beta1, self.beta2),
                // rate m̂ / (√v̂ + ε) with the corrections taken out of the loop.
                rate: rate * correction2.sqrt() / correction1,
                epsilon: self.epsilon * correction2.sqrt(),
                keep: 1.0 - rate * self.decay,
            });
        }
    }

    fn reset(&mut self) {
        self.steps = 0;
        self.m.clear();
        self.v.clear();
    }
}

struct Update<'a, T> {
    params: &'a mut [T],
    gradient: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
    beta: (f64, f64),
    rate: f64,
    epsilon: f64,
    keep: f64,
}

impl<T: Scalar> Kernel for Update<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (b1, b2) = self.beta;
        let n = self.params.len();
        let (params, gradient) = (&mut self.params[..n], &self.gradient[..n]);
        let (m, v) = (&mut self.m[..n], &mut self.v[..n]);
        for i in 0..n {
            let g = gradient[i].num();
            let first = m[i].num() * b1 + g * (1.0 - b1);
            let second = v[i].num() * b2 + g * g * (1.0 - b2);
            m[i] = T::from_num(first);
            v[i] = T::from_num(second);
            let step = first * self.rate / (second.sqrt() + self.epsilon);
            params[i] = T::from_num(params[i].num() * self.keep - step);
        }
    }
}
