//! Adam, with decoupled weight decay.

use super::Optimizer;
use probity_autodiff::simd::{Kernel, dispatch};
use probity_autodiff::{Real, Scalar};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// `m ← β₁ m + (1-β₁) g`, `v ← β₂ v + (1-β₂) g²`, `θ ← θ - rate (m̂ / (√v̂ + ε) + decay θ)`.
///
/// Gradients and moments too small to square or to decay without becoming subnormal (in `f32`, gradients below 3.5e-18) count as 0.
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
            let rule = Rule {
                beta: (self.beta1, self.beta2),
                // rate m̂ / (√v̂ + ε) with the corrections taken out of the loop.
                rate: rate * correction2.sqrt() / correction1,
                epsilon: self.epsilon * correction2.sqrt(),
                keep: 1.0 - rate * self.decay,
            };
            let part = Part {
                params: &mut params[range.clone()],
                gradient: &gradient[range.clone()],
                m: &mut self.m[range.clone()],
                v: &mut self.v[range.clone()],
            };
            part.update(rule);
        }
    }

    fn reset(&mut self) {
        self.steps = 0;
        self.m.clear();
        self.v.clear();
    }
}

/// Parameters from which on the work is shared by threads. Every parameter is updated by itself, so that nothing depends on it.
const SHARE: usize = 16 * 1024;

/// The constants of a step.
#[derive(Clone, Copy)]
struct Rule {
    beta: (f64, f64),
    rate: f64,
    epsilon: f64,
    keep: f64,
}

struct Part<'a, T> {
    params: &'a mut [T],
    gradient: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
}

impl<T: Scalar> Part<'_, T> {
    /// Halves go to other threads while they are worth it.
    fn update(self, rule: Rule) {
        let n = self.params.len();
        if n < 2 * SHARE || rayon::current_num_threads() == 1 {
            return dispatch(Update { part: self, rule, tiny: Tiny::of::<T>() });
        }
        let half = n / 2;
        let (params, gradient) = (self.params.split_at_mut(half), self.gradient.split_at(half));
        let (m, v) = (self.m.split_at_mut(half), self.v.split_at_mut(half));
        let left = Part { params: params.0, gradient: gradient.0, m: m.0, v: v.0 };
        let right = Part { params: params.1, gradient: gradient.1, m: m.1, v: v.1 };
        rayon::join(|| left.update(rule), || right.update(rule));
    }
}

/// Below these sizes numbers count as 0. The moments of a parameter whose gradient vanishes would decay into subnormal numbers, on which
/// processors are up to a hundred times slower; the thresholds keep every product of the update normal.
#[derive(Clone, Copy)]
struct Tiny {
    gradient: f64,
    first: f64,
    second: f64,
}

impl Tiny {
    fn of<T: Scalar>() -> Self {
        let single = T::from_f64(1e-60).to_f64() == 0.0;
        let power =
            |single_power: i32, double_power| 2.0_f64.powi(if single { single_power } else { double_power });
        Self { gradient: power(-58, -500), first: power(-100, -900), second: power(-118, -1002) }
    }
}

/// A NaN stays.
#[inline(always)]
fn flush<R: Real>(x: R, tiny: f64) -> R {
    if x.abs() < tiny { R::zero() } else { x }
}

struct Update<'a, T> {
    part: Part<'a, T>,
    rule: Rule,
    tiny: Tiny,
}

impl<T: Scalar> Kernel for Update<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (b1, b2) = self.rule.beta;
        let n = self.part.params.len();
        let (params, gradient) = (&mut self.part.params[..n], &self.part.gradient[..n]);
        let (m, v) = (&mut self.part.m[..n], &mut self.part.v[..n]);
        for i in 0..n {
            let g = flush(gradient[i].num(), self.tiny.gradient);
            let first = flush(m[i].num() * b1 + g * (1.0 - b1), self.tiny.first);
            let second = flush(v[i].num() * b2 + g * g * (1.0 - b2), self.tiny.second);
            m[i] = T::from_num(first);
            v[i] = T::from_num(second);
            let step = first * self.rule.rate / (second.sqrt() + self.rule.epsilon);
            params[i] = T::from_num(params[i].num() * self.rule.keep - step);
        }
    }
}
