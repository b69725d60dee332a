//! The arithmetic of Adam. It stands here, and not with the optimisers, so that a loop which
//! computes gradients can update the parameters entry by entry.

use crate::precompiled;
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use num_traits::Zero;

/// A step of Adam: `m ← β₁ m + (1-β₁) g`, `v ← β₂ v + (1-β₂) g²`, `θ ← keep θ - rate m / (√v + ε)`.
/// The bias corrections of the moments are in `rate` and `epsilon`. Where
/// `g²` overflows, the step is `θ ← keep θ - rate sign(g)`, and both moments become 0.
///
/// Source: Kingma, Ba 2015, "Adam", algorithm 1 with the reordering at the end of section 2.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// β₁ and β₂.
    pub betas: (f64, f64),
    /// The step size.
    pub rate: f64,
    /// ε: added to the root of the second moment.
    pub epsilon: f64,
    /// The factor of the parameter: 1, or less with weight decay.
    pub keep: f64,
}

impl AdamStep {
    /// Updates the moments, and writes the new parameters to `to`.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn apply<T: Scalar>(&self, params: &[T], gradient: &[T], to: &mut [T], [m, v]: [&mut [T]; 2]) {
        let n = params.len();
        assert!(
            [gradient.len(), to.len(), m.len(), v.len()] == [n; 4],
            "AdamStep: slices of different lengths"
        );
        apply(Moments { step: *self, params, gradient, to, m, v });
    }
}

precompiled! {
    fn apply<T>(moments: Moments<'a, T>) -> () {
        dispatch(moments);
    }
}

/// Below these sizes numbers count as 0. The moments of a parameter whose gradient vanishes would
/// decay into subnormal numbers, on which processors are up to a hundred times slower; the
/// thresholds keep every product of the update normal.
#[derive(Clone, Copy)]
struct Tiny {
    gradient: f64,
    first: f64,
    second: f64,
}

impl Tiny {
    #[inline(always)]
    fn of<T: Scalar>() -> Self {
        const SINGLE: Tiny = Tiny::powers(-58, -100, -118);
        const DOUBLE: Tiny = Tiny::powers(-500, -900, -1002);
        if T::from_f64(1e-60).to_f64() == 0.0 { SINGLE } else { DOUBLE }
    }

    /// These powers of two.
    const fn powers(gradient: i32, first: i32, second: i32) -> Self {
        const fn power(k: i32) -> f64 {
            f64::from_bits(((1023 + k) as u64) << 52)
        }
        Self { gradient: power(gradient), first: power(first), second: power(second) }
    }
}

/// A NaN stays.
#[inline(always)]
fn flush<R: Real>(x: R, tiny: f64) -> R {
    if x.abs() < tiny { R::zero() } else { x }
}

struct Moments<'a, T> {
    step: AdamStep,
    params: &'a [T],
    gradient: &'a [T],
    to: &'a mut [T],
    m: &'a mut [T],
    v: &'a mut [T],
}

impl<T: Scalar> Kernel for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        moments(self.step, self.params, self.gradient, self.to, self.m, self.v);
    }
}

/// The loop. Its slices are of the length of the first.
#[inline(always)]
pub(super) fn moments<T: Scalar>(
    step: AdamStep,
    params: &[T],
    gradient: &[T],
    to: &mut [T],
    m: &mut [T],
    v: &mut [T],
) {
    let ((b1, b2), tiny) = (step.betas, Tiny::of::<T>());
    let n = params.len();
    let (params, gradient, to) = (&params[..n], &gradient[..n], &mut to[..n]);
    let (m, v) = (&mut m[..n], &mut v[..n]);
    for i in 0..n {
        let g = flush(gradient[i].num(), tiny.gradient);
        let first = flush(m[i].num() * b1 + g * (1.0 - b1), tiny.first);
        let second = flush(v[i].num() * b2 + g * g * (1.0 - b2), tiny.second);
        // A square that overflows would stay infinite for ever. The step is then that of the limit
        // of large gradients, the rate, and the moments start again at 0. An infinite gradient is
        // different: it must be noticed.
        let overflown = second == f64::INFINITY && g.abs() < f64::INFINITY;
        let moved = if overflown {
            g.signum() * step.rate
        } else {
            first * step.rate / (second.sqrt() + step.epsilon)
        };
        m[i] = T::from_num(if overflown { T::Num::zero() } else { first });
        v[i] = T::from_num(if overflown { T::Num::zero() } else { second });
        to[i] = T::from_num(params[i].num() * step.keep - moved);
    }
}
