//! The loops of a formula with a [fast path](crate::Formula::fast_path). For values and for
//! gradients there are two each: one takes the fast path everywhere and is vectorised, one replaces
//! the entries where it does not hold. Without vectors there is one loop, which does both.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::loops::{Body, gradients_by_entry, kernel, numbers, values_by_entry, variables};
use crate::random::BLOCK;
use crate::real::Scalar;
use crate::simd::{Kernel, dispatch, dispatch_scalar};

/// As [`Loops::values`](super::Loops::values).
pub(super) fn values<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    y: &mut [[T; BLOCK]; M],
) {
    if !dispatch(FastValues { body, x, n, y: &mut *y }) {
        dispatch_scalar(ExactValues { body, x, n, y });
    }
}

/// As [`Loops::gradients`](super::Loops::gradients).
pub(super) fn gradients<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    g: &[[T; BLOCK]; M],
    n: usize,
    (y, p): (&mut [[T; BLOCK]; M], &mut [[T; BLOCK]; N]),
) {
    if !dispatch(FastGradients { body, x, g, n, y: &mut *y, p: &mut *p }) {
        dispatch_scalar(ExactGradients { body, x, g, n, y, p });
    }
}

kernel!(FastValues { x: &'a [&'a [T; BLOCK]; N], n: usize, y: &'a mut [[T; BLOCK]; M] } -> bool, fast_values, |b, x, n, y| { values_by_entry(b, x, n, y); true });
kernel!(ExactValues { x: &'a [&'a [T; BLOCK]; N], n: usize, y: &'a mut [[T; BLOCK]; M] } -> (), exact_values, |_, _, _, _| ());
kernel!(FastGradients {
    x: &'a [&'a [T; BLOCK]; N], g: &'a [[T; BLOCK]; M], n: usize,
    y: &'a mut [[T; BLOCK]; M], p: &'a mut [[T; BLOCK]; N]
} -> bool, fast_gradients, |b, x, g, n, y, p| { gradients_by_entry(b, x, g, n, y, p); true });
kernel!(ExactGradients {
    x: &'a [&'a [T; BLOCK]; N], g: &'a [[T; BLOCK]; M], n: usize,
    y: &'a mut [[T; BLOCK]; M], p: &'a mut [[T; BLOCK]; N]
} -> (), exact_gradients, |_, _, _, _, _, _| ());

// A count of failures of the width of a single number shares the lanes of these.

/// The first stage of a fast path that has two, into what the second one overwrites.
#[inline(always)]
fn first_stage<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    to: &mut [T; BLOCK],
) {
    if const { B::STAGED } {
        for e in 0..n.min(BLOCK) {
            to[e] = T::from_num(body.first_stage(numbers(x, e)));
        }
    }
}

/// Whether the fast path holds at all entries.
#[inline(always)]
fn fast_values<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    y: &mut [[T; BLOCK]; M],
) -> bool {
    let mut fails = 0_u32;
    first_stage(body, x, n, &mut y[0]);
    for e in 0..n.min(BLOCK) {
        let (v, _, holds) = body.second_stage(y[0][e].num(), numbers(x, e));
        y[0][e] = T::from_num(v);
        fails |= u32::from(!holds);
    }
    fails == 0
}

/// The entries where the fast path does not hold.
#[inline(always)]
fn exact_values<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    y: &mut [[T; BLOCK]; M],
) {
    for e in 0..n.min(BLOCK) {
        let args = numbers(x, e);
        if !body.fast_path(args).2 {
            let v = body.eval(args);
            for m in 0..M {
                y[m][e] = T::from_num(v[m]);
            }
        }
    }
}

/// Whether the fast path holds at all entries.
#[inline(always)]
fn fast_gradients<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    g: &[[T; BLOCK]; M],
    n: usize,
    y: &mut [[T; BLOCK]; M],
    p: &mut [[T; BLOCK]; N],
) -> bool {
    let mut fails = 0_u32;
    first_stage(body, x, n, &mut y[0]);
    for e in 0..n.min(BLOCK) {
        let (v, partials, holds) = body.second_stage(y[0][e].num(), numbers(x, e));
        y[0][e] = T::from_num(v);
        for k in 0..N {
            p[k][e] = T::from_num(partials[k] * g[0][e].num());
        }
        fails |= u32::from(!holds);
    }
    fails == 0
}

/// The entries where the fast path does not hold.
#[inline(always)]
fn exact_gradients<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    g: &[[T; BLOCK]; M],
    n: usize,
    y: &mut [[T; BLOCK]; M],
    p: &mut [[T; BLOCK]; N],
) {
    for e in 0..n.min(BLOCK) {
        if !body.fast_path(numbers(x, e)).2 {
            let v = body.eval(variables(x, e));
            y[0][e] = T::from_num(v[0].re);
            for k in 0..N {
                p[k][e] = T::from_num(v[0].du[k] * g[0][e].num());
            }
        }
    }
}
