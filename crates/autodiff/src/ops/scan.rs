//! Recursions over time: a state that is carried from step to step, as one operation.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use crate::formula::short_name;
use crate::real::{Dual, Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, Inputs, Op, Tape, Var};
use num_traits::Zero;
use std::fmt::Debug;

/// One step of a recursion with a state of `S` numbers, written once on any [`Real`] number.
///
/// Of the `N` arguments the first `S` are the state before the step. The others are parameters, the
/// same in every step, or inputs, which every step has its own of. See [`Tape::scan`].
pub trait Recursion<const N: usize, const S: usize>: Copy + Debug + Send + Sync + 'static {
    /// The state after the step. Mark it `#[inline(always)]`: only an inlined body is compiled for
    /// the wide instruction sets.
    fn step<R: Real>(&self, x: [R; N]) -> [R; S];

    /// The name in errors and printed tapes; by default the name of the type.
    fn name(&self) -> &'static str {
        short_name::<Self>()
    }
}

/// The states of a recursion: T × S, a row for every step. Arguments: the start's S numbers, then
/// the others, each 1 × 1 or T × 1.
#[derive(Clone, Copy, Debug)]
struct Scan<F, const N: usize, const S: usize>(F);

/// An argument, which every step has its own of, or all the same.
#[derive(Clone, Copy)]
struct Series<'a, T> {
    values: &'a [T],
    stride: usize,
}

/// The arguments behind the start. (Those in the place of the start are not used.)
fn series<'a, T: Scalar, const N: usize>(x: &Inputs<'a, T>) -> [Series<'a, T>; N] {
    let mut all = [Series { values: &[], stride: 0 }; N];
    for (k, series) in all.iter_mut().enumerate() {
        *series = Series { values: x.get(k), stride: usize::from(x.shape(k).0 > 1) };
    }
    all
}

struct Forward<'a, F, T, const N: usize, const S: usize> {
    of: F,
    series: [Series<'a, T>; N],
    y: &'a mut [T],
}

impl<F: Recursion<N, S>, T: Scalar, const N: usize, const S: usize> Kernel for Forward<'_, F, T, N, S> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { of, series, y } = self;
        let steps = y.len() / S;
        let mut x = [T::Num::zero(); N];
        for (x, series) in x.iter_mut().zip(&series) {
            *x = series.values[0].num();
        }
        for t in 0..steps {
            for (x, series) in x.iter_mut().zip(&series).skip(S) {
                *x = series.values[t * series.stride].num();
            }
            let state = of.step(x);
            for s in 0..S {
                x[s] = state[s];
                y[t + s * steps] = T::from_num(state[s]);
            }
        }
    }
}

struct Backward<'a, F, T: Scalar, const N: usize, const S: usize> {
    of: F,
    series: [Series<'a, T>; N],
    y: &'a [T],
    g: &'a [T],
    /// T × N: what every step adds to the adjoints of its own arguments.
    own: &'a mut [T],
}

impl<F: Recursion<N, S>, T: Scalar, const N: usize, const S: usize> Kernel for Backward<'_, F, T, N, S> {
    /// The adjoints of the start, and of the arguments that all steps share.
    type Output = [T::Num; N];
    #[inline(always)]
    fn run(self) -> [T::Num; N] {
        let Self { of, series, y, g, own } = self;
        let steps = y.len() / S;
        let mut shared = [T::Num::zero(); N];
        let mut adjoint = [T::Num::zero(); S];
        for t in (0..steps).rev() {
            let mut x = [Dual::constant(T::Num::zero()); N];
            for (k, series) in series.iter().enumerate() {
                let value =
                    if k >= S || t == 0 { series.values[t * series.stride] } else { y[t - 1 + k * steps] };
                x[k] = Dual::variable(value.num(), k);
            }
            let after: [Dual<T::Num, N>; S] = of.step(x);
            let mut before = [T::Num::zero(); N];
            for s in 0..S {
                let adjoint = adjoint[s] + g[t + s * steps].num();
                for k in 0..N {
                    before[k] += adjoint * after[s].du[k];
                }
            }
            adjoint.copy_from_slice(&before[..S]);
            for k in S..N {
                if series[k].stride > 0 {
                    own[t + k * steps] = T::from_num(before[k]);
                } else {
                    shared[k] += before[k];
                }
            }
        }
        shared[..S].copy_from_slice(&adjoint);
        shared
    }
}

impl<F: Recursion<N, S>, T: Scalar, const N: usize, const S: usize> Op<T> for Scan<F, N, S> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        dispatch(Forward { of: self.0, series: series(x), y });
    }

    /// With λₜ the adjoint of the state after step t: `λₜ₋₁ = gₜ₋₁ + (∂f/∂state)ᵀ λₜ`, and step
    /// t adds `(∂f/∂x)ᵀ λₜ` to the adjoint of its argument x.
    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let steps = y.len() / S;
        let series = series(x);
        let mut own = dx.take_scratch(steps * N);
        let shared = dispatch(Backward { of: self.0, series, y, g, own: &mut own });
        for (k, series) in series.iter().enumerate() {
            dx.accumulate_zeroed(k, |to| {
                if series.stride == 0 {
                    to[0] = T::from_num(to[0].num() + shared[k]);
                } else {
                    super::reduce::add(to, &own[k * steps..(k + 1) * steps]);
                }
            });
        }
        dx.put_scratch(own);
    }
}

impl<T: Scalar> Tape<T> {
    /// The states of a [`Recursion`] after each of so many steps: steps × S.
    ///
    /// `start` is the state before the first step; of the other arguments those that are 1 × 1 are
    /// the same in every step, and those that are steps × 1 have a row for each. The gradient with
    /// respect to all of them comes from one recursion backwards: a step costs its arithmetic (with
    /// derivatives, in the backward pass), and no nodes of its own.
    ///
    /// ```
    /// use probity_autodiff::{Real, Recursion, Tape};
    ///
    /// /// Exponential smoothing: level ← level + rate (y - level).
    /// #[derive(Clone, Copy, Debug)]
    /// struct Smoothing;
    /// impl Recursion<3, 1> for Smoothing {
    ///     #[inline(always)]
    ///     fn step<R: Real>(&self, [level, rate, y]: [R; 3]) -> [R; 1] {
    ///         [level + rate * (y - level)]
    ///     }
    /// }
    ///
    /// let tape = Tape::<f64>::new();
    /// let (rate, y) = (tape.scalar(0.5), tape.column(&[1.0, 2.0, 4.0]));
    /// let levels = tape.scan(Smoothing, 3, [0.0.into()], [rate, y]);
    /// assert_eq!(levels.value().as_slice(), [0.5, 1.25, 2.625]);
    /// assert_eq!(tape.backward(levels.sum()).wrt(rate)[(0, 0)], 6.75);
    /// ```
    ///
    /// # Panics
    /// If a start is not 1 × 1, or another argument is neither 1 × 1 nor steps × 1, naming the
    /// recursion. It does not compile unless S + K = N.
    #[track_caller]
    pub fn scan<'t, F: Recursion<N, S>, const N: usize, const S: usize, const K: usize>(
        &'t self,
        f: F,
        steps: usize,
        start: [Var<'t, T>; S],
        args: [Var<'t, T>; K],
    ) -> Var<'t, T> {
        const { assert!(S > 0 && S + K == N, "a recursion of N arguments has S of state and K others") };
        let mut all = [Var::from(0.0); N];
        for (k, (to, var)) in all.iter_mut().zip(start.into_iter().chain(args)).enumerate() {
            let (rows, cols) = var.shape();
            let fits = cols == 1 && (rows == 1 || k >= S && rows == steps);
            let want = if k < S { "1 × 1" } else { "1 × 1, or a column with a row for every step" };
            assert!(fits, "scan {}: argument {k} must be {want} ({steps}), not {rows} × {cols}", f.name());
            *to = var;
        }
        self.record(Scan::<F, N, S>(f), &all, steps, S)
    }
}
