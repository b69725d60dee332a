//! Adam, with decoupled weight decay.

use super::Optimizer;
use probity_autodiff::simd::{Kernel, dispatch};
use probity_autodiff::{Real, Scalar};
use serde::{Deserialize, Serialize};

/// `m ← β₁ m + (1-β₁) g`, `v ← β₂ v + (1-β₂) g²`, `θ ← θ - rate (m̂ / (√v̂ + ε) + decay θ)`.
///
/// Gradients and moments too small to square or to decay without becoming subnormal (in `f32`, gradients below 3.5e-18) count as 0.
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
    /// Of the rate and of ε: with them, `rate m̂ / (√v̂ + ε)` needs the moments only as they are.
    corrections: (f64, f64),
}

impl Adam {
    /// With this rate, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no decay.
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

impl<T: Scalar> Optimizer<T> for Adam {
    fn rate(&self) -> f64 {
        self.rate
    }

    /// The first and the second moment.
    fn memory(&self) -> usize {
        2
    }

    fn begin(&mut self) {
        self.powers = (self.powers.0 * self.beta1, self.powers.1 * self.beta2);
        let root = (1.0 - self.powers.1).sqrt();
        self.corrections = (root / (1.0 - self.powers.0), root);
    }

    fn update(&self, rate: f64, params: &[T], gradient: &[T], to: &mut [T], memory: &mut [&mut [T]]) {
        let [m, v] = memory else { unreachable!("Adam has two arrays") };
        let (gain, root) = self.corrections;
        let rule = Rule {
            beta: (self.beta1, self.beta2),
            rate: rate * gain,
            epsilon: self.epsilon * root,
            keep: 1.0 - rate * self.decay,
        };
        dispatch(Moments { params, gradient, to, m, v, rule, tiny: Tiny::of::<T>() });
    }
}

/// The constants of a step.
#[derive(Clone, Copy)]
struct Rule {
    beta: (f64, f64),
    rate: f64,
    epsilon: f64,
    keep: f64,
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

struct Moments<'a, T> {
    params: &'a [T],
    gradient: &'a [T],
    to: &'a mut [T],
    m: &'a mut [T],
    v: &'a mut [T],
    rule: Rule,
    tiny: Tiny,
}

impl<T: Scalar> Kernel for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (b1, b2) = self.rule.beta;
        let n = self.params.len();
        let (params, gradient, to) = (&self.params[..n], &self.gradient[..n], &mut self.to[..n]);
        let (m, v) = (&mut self.m[..n], &mut self.v[..n]);
        for i in 0..n {
            let g = flush(gradient[i].num(), self.tiny.gradient);
            let first = flush(m[i].num() * b1 + g * (1.0 - b1), self.tiny.first);
            let second = flush(v[i].num() * b2 + g * g * (1.0 - b2), self.tiny.second);
            m[i] = T::from_num(first);
            v[i] = T::from_num(second);
            let step = first * self.rule.rate / (second.sqrt() + self.rule.epsilon);
            to[i] = T::from_num(params[i].num() * self.rule.keep - step);
        }
    }
}
