//! The two loops of a formula, the only code that is compiled for every formula and every
//! instruction set.
//!
//! A formula with a fast path has the loops of [`fast_path`](super::fast_path) instead.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::blocks::{Lanes, MAX_CHUNKS};
use super::fast_path;
use super::scratch::with_arrays;
use crate::random::BLOCK;
use crate::real::{Dual, Real, Scalar};
use crate::simd::{Kernel, dispatch};
use std::hint::black_box;

/// `N` arguments to `M` results.
pub(crate) trait Body<const N: usize, const M: usize>: Copy + Send + Sync {
    fn eval<R: Real>(&self, x: [R; N]) -> [R; M];
    /// Whether there is a [fast path](crate::Formula::fast_path); only with one result.
    const FAST_PATH: bool = false;
    /// The result and its partials, and whether they hold.
    #[inline(always)]
    fn fast_path<R: Real>(&self, x: [R; N]) -> (R, [R; N], bool) {
        (self.eval(x)[0], [R::zero(); N], false)
    }
    /// Whether the fast path has [two stages](crate::Formula::STAGED).
    const STAGED: bool = false;
    #[inline(always)]
    fn first_stage<R: Real>(&self, _: [R; N]) -> R {
        R::zero()
    }
    #[inline(always)]
    fn second_stage<R: Real>(&self, _: R, x: [R; N]) -> (R, [R; N], bool) {
        self.fast_path(x)
    }
    /// The name in errors; making it takes time.
    fn name(&self) -> &'static str;
}

/// The two loops of a formula, each over the first `n` entries of one block. All else in a pass is
/// compiled once for all formulas: these loops are all that is compiled for every formula and every
/// instruction set.
pub(crate) trait Loops<T: Scalar>: Sync {
    /// The results.
    fn values(&self, x: &[&[T; BLOCK]], n: usize, y: &mut [[T; BLOCK]]);
    /// The results, and `p_k = Σₘ gₘ ∂yₘ/∂xₖ`.
    fn gradients(
        &self,
        x: &[&[T; BLOCK]],
        g: &[[T; BLOCK]],
        n: usize,
        y: &mut [[T; BLOCK]],
        p: &mut [[T; BLOCK]],
    );
    /// Calls `pass` with memory for the forward pass.
    fn with_forward_room(&self, pass: &mut dyn FnMut(ForwardRoom<'_, T>));
    /// Calls `pass` with memory for the backward pass.
    fn with_backward_room(&self, pass: &mut dyn FnMut(BackwardRoom<'_, T>));
    /// Calls `pass` with a sum for every argument.
    fn with_sums(&self, pass: &mut dyn FnMut(SumRoom<'_, T>));
    /// Calls `pass` with room for a number for every argument and chunk.
    fn with_chunk_sums(&self, pass: &mut dyn FnMut(&mut [T]));
}

/// A block of every argument and every result.
pub(crate) struct ForwardRoom<'a, T> {
    pub(crate) x: &'a mut [[T; BLOCK]],
    pub(crate) y: &'a mut [[T; BLOCK]],
}

/// A block of every argument, of every result, of its adjoint, and of every partial.
pub(crate) struct BackwardRoom<'a, T> {
    pub(crate) x: &'a mut [[T; BLOCK]],
    pub(crate) y: &'a mut [[T; BLOCK]],
    pub(crate) g: &'a mut [[T; BLOCK]],
    pub(crate) p: &'a mut [[T; BLOCK]],
}

/// A sum for every argument.
pub(crate) struct SumRoom<'a, T: Scalar>(pub(super) &'a mut [Lanes<T::Num>]);

/// A formula of `N` arguments and `M` results, for which a pass need not be compiled again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiled<B, const N: usize, const M: usize>(pub(crate) B);

/// The most arguments of a formula.
pub(crate) const MAX_ARGS: usize = 32;

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Loops<T> for Compiled<B, N, M> {
    fn values(&self, x: &[&[T; BLOCK]], n: usize, y: &mut [[T; BLOCK]]) {
        let (Some((x, _)), Some((y, _))) = (x.split_first_chunk(), y.split_first_chunk_mut()) else {
            return wrong_sizes();
        };
        if const { B::FAST_PATH } {
            fast_path::values(self.0, x, n, y);
        } else {
            dispatch(Values { body: self.0, x, n, y });
        }
    }
    fn gradients(
        &self,
        x: &[&[T; BLOCK]],
        g: &[[T; BLOCK]],
        n: usize,
        y: &mut [[T; BLOCK]],
        p: &mut [[T; BLOCK]],
    ) {
        let (Some((x, _)), Some((g, _))) = (x.split_first_chunk(), g.split_first_chunk()) else {
            return wrong_sizes();
        };
        let (Some((y, _)), Some((p, _))) = (y.split_first_chunk_mut(), p.split_first_chunk_mut()) else {
            return wrong_sizes();
        };
        if const { B::FAST_PATH } {
            fast_path::gradients(self.0, x, g, n, (y, p));
        } else {
            dispatch(Gradients { body: self.0, x, g, n, y, p });
        }
    }
    fn with_forward_room(&self, pass: &mut dyn FnMut(ForwardRoom<'_, T>)) {
        const { assert!(N <= MAX_ARGS, "a formula has at most 32 arguments") };
        forward_room::<T, N, M>(pass);
    }
    fn with_backward_room(&self, pass: &mut dyn FnMut(BackwardRoom<'_, T>)) {
        backward_room::<T, N, M>(pass);
    }
    fn with_sums(&self, pass: &mut dyn FnMut(SumRoom<'_, T>)) {
        pass(SumRoom(&mut [Lanes::new(); N]));
    }
    fn with_chunk_sums(&self, pass: &mut dyn FnMut(&mut [T])) {
        chunk_sums::<T, N>(pass);
    }
}

// Not compiled for every formula.

// Blocks hold old numbers: to zero them takes as long as the loops of a small matrix. They begin at
// cache lines: a vector that crosses two costs twice.

fn forward_room<T: Scalar, const N: usize, const M: usize>(pass: &mut dyn FnMut(ForwardRoom<'_, T>)) {
    with_arrays(N + M, |blocks| {
        let (x, y) = blocks.split_at_mut(N);
        pass(ForwardRoom { x, y });
    });
}

fn backward_room<T: Scalar, const N: usize, const M: usize>(pass: &mut dyn FnMut(BackwardRoom<'_, T>)) {
    with_arrays(2 * N + 2 * M, |blocks| {
        let (x, rest) = blocks.split_at_mut(N);
        let (p, rest) = rest.split_at_mut(N);
        let (y, g) = rest.split_at_mut(M);
        pass(BackwardRoom { x, y, g, p });
    });
}

fn chunk_sums<T: Scalar, const N: usize>(pass: &mut dyn FnMut(&mut [T])) {
    pass([[T::default(); N]; MAX_CHUNKS].as_flattened_mut());
}

/// The passes give as many blocks as the formula has arguments and results.
fn wrong_sizes() {
    unreachable!("blocks for all arguments and results");
}

/// Makes the kernel of a loop: its arguments, the function that is the loop, and the one that stands
/// for it without vectors.
macro_rules! kernel {
    ($name:ident { $($field:ident: $ty:ty),* } -> $out:ty, $run:ident, $by_entry:expr) => {
        struct $name<'a, B, T, const N: usize, const M: usize> {
            body: B,
            $($field: $ty),*
        }
        impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Kernel for $name<'_, B, T, N, M> {
            type Output = $out;
            #[inline(always)]
            fn run(self) -> $out {
                $run(self.body, $(self.$field),*)
            }
            #[inline(always)]
            fn run_without_vectors(self) -> $out {
                $by_entry(self.body, $(self.$field),*)
            }
        }
    };
}
pub(super) use kernel;

kernel!(Values { x: &'a [&'a [T; BLOCK]; N], n: usize, y: &'a mut [[T; BLOCK]; M] } -> (), values, values_by_entry);
kernel!(Gradients {
    x: &'a [&'a [T; BLOCK]; N], g: &'a [[T; BLOCK]; M], n: usize,
    y: &'a mut [[T; BLOCK]; M], p: &'a mut [[T; BLOCK]; N]
} -> (), gradients, gradients_by_entry);
// These loops are what LLVM must vectorise. It does not when the arguments start as an array of
// zeros or come from `array::from_fn`, nor over an enumerated iterator (measured: four times
// slower). They are functions so that LLVM knows that the results overlap nothing.

#[inline(always)]
pub(super) fn numbers<T: Scalar, const N: usize>(x: &[&[T; BLOCK]; N], e: usize) -> [T::Num; N] {
    let mut args = [x[0][e].num(); N];
    for k in 1..N {
        args[k] = x[k][e].num();
    }
    args
}

#[inline(always)]
pub(super) fn variables<T: Scalar, const N: usize>(x: &[&[T; BLOCK]; N], e: usize) -> [Dual<T::Num, N>; N] {
    let mut args = [Dual::<T::Num, N>::variable(x[0][e].num(), 0); N];
    for k in 1..N {
        args[k] = Dual::variable(x[k][e].num(), k);
    }
    args
}

#[inline(always)]
fn values<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    y: &mut [[T; BLOCK]; M],
) {
    for e in 0..n.min(BLOCK) {
        let v = body.eval(numbers(x, e));
        for m in 0..M {
            y[m][e] = T::from_num(v[m]);
        }
    }
}

#[inline(always)]
fn gradients<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    g: &[[T; BLOCK]; M],
    n: usize,
    y: &mut [[T; BLOCK]; M],
    p: &mut [[T; BLOCK]; N],
) {
    for e in 0..n.min(BLOCK) {
        set_gradients(body.eval(variables(x, e)), g, e, y, p);
    }
}

// Of one entry at a time, so that LLVM neither vectorises nor unrolls: it does not know the index.

pub(super) fn values_by_entry<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    y: &mut [[T; BLOCK]; M],
) {
    for e in 0..n {
        let e = black_box(e) % BLOCK;
        let args = numbers(x, e);
        if const { B::FAST_PATH } {
            let (v, _, holds) = body.fast_path(args);
            if holds {
                y[0][e] = T::from_num(v);
                continue;
            }
        }
        let v = body.eval(args);
        for m in 0..M {
            y[m][e] = T::from_num(v[m]);
        }
    }
}

pub(super) fn gradients_by_entry<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    g: &[[T; BLOCK]; M],
    n: usize,
    y: &mut [[T; BLOCK]; M],
    p: &mut [[T; BLOCK]; N],
) {
    for e in 0..n {
        let e = black_box(e) % BLOCK;
        if const { B::FAST_PATH } {
            let (v, partials, holds) = body.fast_path(numbers(x, e));
            if holds {
                y[0][e] = T::from_num(v);
                for k in 0..N {
                    p[k][e] = T::from_num(partials[k] * g[0][e].num());
                }
                continue;
            }
        }
        set_gradients(body.eval(variables(x, e)), g, e, y, p);
    }
}

/// Results and partials of one entry.
#[inline(always)]
fn set_gradients<T: Scalar, const N: usize, const M: usize>(
    v: [Dual<T::Num, N>; M],
    g: &[[T; BLOCK]; M],
    e: usize,
    y: &mut [[T; BLOCK]; M],
    p: &mut [[T; BLOCK]; N],
) {
    for m in 0..M {
        y[m][e] = T::from_num(v[m].re);
    }
    for k in 0..N {
        let mut d = v[0].du[k] * g[0][e].num();
        for m in 1..M {
            d += v[m].du[k] * g[m][e].num();
        }
        p[k][e] = T::from_num(d);
    }
}
