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
use std::any::Any;
use std::hint::black_box;

/// `N` arguments to `M` results.
pub(crate) trait Body<const N: usize, const M: usize>: Copy + Send + Sync + 'static {
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
pub(crate) trait Loops<T: Scalar>: Any + Send + Sync {
    /// The name of the formula in errors; making it takes time.
    fn name(&self) -> &'static str;
    /// How many arguments and results it has.
    fn sizes(&self) -> (usize, usize);
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
    /// Stores the formula in this box, and allocates only if that holds one of another type.
    fn store(&self, to: &mut Box<dyn Loops<T>>);
}

/// A block of every argument and every result.
pub(crate) struct ForwardScratch<'a, T> {
    pub(crate) x: &'a mut [[T; BLOCK]],
    pub(crate) y: &'a mut [[T; BLOCK]],
}

/// A block of every argument, of every result, of its adjoint, and of every partial.
pub(crate) struct BackwardScratch<'a, T> {
    pub(crate) x: &'a mut [[T; BLOCK]],
    pub(crate) y: &'a mut [[T; BLOCK]],
    pub(crate) g: &'a mut [[T; BLOCK]],
    pub(crate) p: &'a mut [[T; BLOCK]],
}

/// A formula of `N` arguments and `M` results, for which a pass need not be compiled again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiled<B, const N: usize, const M: usize>(pub(crate) B);

/// The most arguments of a formula.
pub(crate) const MAX_ARGS: usize = 32;

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Loops<T> for Compiled<B, N, M> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn sizes(&self) -> (usize, usize) {
        const { assert!(N <= MAX_ARGS, "a formula has at most 32 arguments") };
        (N, M)
    }
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
    fn store(&self, to: &mut Box<dyn Loops<T>>) {
        let any: &mut dyn Any = to.as_mut();
        match any.downcast_mut::<Self>() {
            Some(same) => *same = *self,
            None => *to = Box::new(*self),
        }
    }
}

/// No formula.
impl<T: Scalar> Loops<T> for () {
    fn name(&self) -> &'static str {
        "no formula"
    }
    fn sizes(&self) -> (usize, usize) {
        (0, 0)
    }
    fn values(&self, _: &[&[T; BLOCK]], _: usize, _: &mut [[T; BLOCK]]) {}
    fn gradients(
        &self,
        _: &[&[T; BLOCK]],
        _: &[[T; BLOCK]],
        _: usize,
        _: &mut [[T; BLOCK]],
        _: &mut [[T; BLOCK]],
    ) {
    }
    fn store(&self, to: &mut Box<dyn Loops<T>>) {
        *to = Box::new(());
    }
}

// Memory for a pass. Not compiled for every formula.

/// Calls a function with the least `N` of a few that is enough for this number of arguments.
macro_rules! with_arrays_for {
    ($args:expr, $f:ident($($arg:expr),*)) => {
        match $args {
            0..=2 => $f::<T, 2>($($arg),*),
            3..=4 => $f::<T, 4>($($arg),*),
            5..=8 => $f::<T, 8>($($arg),*),
            _ => $f::<T, { $crate::kernel::MAX_ARGS }>($($arg),*),
        }
    };
}
pub(crate) use with_arrays_for;

// Blocks hold old numbers: to zero them takes as long as the loops of a small matrix. They begin at
// cache lines: a vector that crosses two costs twice.

/// Calls `pass` with memory for the forward pass.
pub(super) fn with_forward_scratch<T: Scalar>(
    body: &dyn Loops<T>,
    pass: &mut dyn FnMut(ForwardScratch<'_, T>),
) {
    let (n, m) = body.sizes();
    with_arrays(n + m, |blocks| {
        let (x, y) = blocks.split_at_mut(n);
        pass(ForwardScratch { x, y });
    });
}

/// Calls `pass` with memory for the backward pass.
pub(super) fn with_backward_scratch<T: Scalar>(
    body: &dyn Loops<T>,
    pass: &mut dyn FnMut(BackwardScratch<'_, T>),
) {
    let (n, m) = body.sizes();
    with_arrays(2 * n + 2 * m, |blocks| {
        let (x, rest) = blocks.split_at_mut(n);
        let (p, rest) = rest.split_at_mut(n);
        let (y, g) = rest.split_at_mut(m);
        pass(BackwardScratch { x, y, g, p });
    });
}

type Sums<T> = [Lanes<<T as Scalar>::Num>];

/// Calls `pass` with a sum for each of `n` arguments.
pub(super) fn with_sums<T: Scalar>(n: usize, pass: &mut dyn FnMut(&mut Sums<T>)) {
    fn sums<T: Scalar, const N: usize>(n: usize, pass: &mut dyn FnMut(&mut Sums<T>)) {
        pass(&mut [Lanes::new(); N][..n]);
    }
    with_arrays_for!(n, sums(n, pass));
}

/// Calls `pass` with a number for each of `n` arguments and each chunk.
pub(super) fn with_chunk_sums<T: Scalar>(n: usize, pass: &mut dyn FnMut(&mut [T])) {
    fn sums<T: Scalar, const N: usize>(n: usize, pass: &mut dyn FnMut(&mut [T])) {
        pass(&mut [[T::default(); N]; MAX_CHUNKS].as_flattened_mut()[..n * MAX_CHUNKS]);
    }
    with_arrays_for!(n, sums(n, pass));
}

/// The passes give as many blocks as the formula has arguments and results.
fn wrong_sizes() {
    unreachable!("blocks for all arguments and results");
}

/// Makes the kernel of a loop: its arguments, the function that is the loop, and the one that
/// stands for it without vectors.
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
