//! How the entries of a block come from memory, and how they go back.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::SharedMut;
use super::blocks::{Here, LANES, Segments, copy_padded};
use super::loops::MAX_ARGS;
use crate::random::{BLOCK, Key, fill_normal, fill_uniform};
use crate::real::Scalar;

/// What a formula reads for one argument. `Row` is a 1 × c, `Col` an r × 1 matrix, stretched to r ×
/// c.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a, T> {
    Full(&'a [T]),
    Row(&'a [T]),
    Col(&'a [T]),
    Scalar(T),
    Normal(Key),
    Uniform(Key),
}

/// Where the partials with respect to one argument are added.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dest<T> {
    /// Not wanted.
    Nothing,
    /// Entry by entry; added, or with `overwrite` stored.
    Full {
        to: SharedMut<T>,
        overwrite: bool,
    },
    Row(SharedMut<T>),
    Col(SharedMut<T>),
    /// Summed, and returned by the pass.
    Scalar,
}

impl<'a, T: Scalar> Input<'a, T> {
    /// The entries of a block: where they are, or in `scratch`, padded to whole lanes with the last
    /// one. `first` says that `scratch` does not hold the entries of the same segment.
    #[inline(always)]
    fn load<'b>(&self, here: Here, first: bool, scratch: &'b mut [T; BLOCK]) -> &'b [T; BLOCK]
    where
        'a: 'b,
    {
        match self {
            Input::Full(x) => padded(&x[here.index()..][..here.n], scratch),
            Input::Col(x) => padded(&x[here.at..][..here.n], scratch),
            Input::Row(x) => {
                if first {
                    *scratch = [x[here.seg]; BLOCK];
                }
                scratch
            }
            Input::Scalar(x) => {
                if first {
                    *scratch = [*x; BLOCK];
                }
                scratch
            }
            // Calls, not inlined: the generators are long, and every formula would carry a copy per
            // argument.
            Input::Normal(key) => {
                fill_normal(*key, here.index() as u64, &mut scratch[..here.padded()]);
                scratch
            }
            Input::Uniform(key) => {
                fill_uniform(*key, here.index() as u64, &mut scratch[..here.padded()]);
                scratch
            }
        }
    }
}

/// How a pass over these arguments is laid out: without a row or a column among them, the whole
/// matrix is one segment.
pub(super) fn segments<T>((rows, cols): (usize, usize), inputs: &[Input<'_, T>]) -> Segments {
    let by_column = inputs.iter().any(|x| matches!(x, Input::Row(_) | Input::Col(_)));
    if by_column { Segments { count: cols, len: rows } } else { Segments { count: 1, len: rows * cols } }
}

/// A block of every argument.
#[inline(always)]
pub(super) fn load<'b, T: Scalar>(
    x: &[Input<'b, T>],
    here: Here,
    first: bool,
    scratch: &'b mut [[T; BLOCK]],
) -> [&'b [T; BLOCK]; MAX_ARGS] {
    // Loops, for a closure would be compiled without the instruction set and called.
    let Some((own, mut rest)) = scratch.split_first_mut() else { unreachable!("formulas have arguments") };
    let mut at = [x[0].load(here, first, own); MAX_ARGS];
    for k in 1..x.len().min(MAX_ARGS) {
        let Some((own, others)) = rest.split_first_mut() else { break };
        at[k] = x[k].load(here, first, own);
        rest = others;
    }
    at
}

#[inline(always)]
pub(super) fn padded<'b, T: Copy>(x: &'b [T], scratch: &'b mut [T; BLOCK]) -> &'b [T; BLOCK] {
    match x.first_chunk() {
        Some(whole) => whole,
        None => {
            copy_padded(x, scratch);
            scratch
        }
    }
}

/// The first entries of a block, as many as there is room for.
#[inline(always)]
pub(super) fn copy_out<T: Copy>(x: &[T; BLOCK], to: &mut [T]) {
    if let Some(whole) = to.first_chunk_mut() {
        *whole = *x;
        return;
    }
    let (to, rest) = to.as_chunks_mut::<LANES>();
    let (x, _) = x.as_chunks::<LANES>();
    for (to, x) in to.iter_mut().zip(x) {
        *to = *x;
    }
    if !rest.is_empty() {
        rest.iter_mut().zip(&x[to.len()]).for_each(|(to, x)| *to = *x);
    }
}

#[inline(always)]
pub(super) fn store<T: Scalar>(to: &mut [T], p: &[T; BLOCK], overwrite: bool) {
    if overwrite {
        copy_out(p, to);
    } else if let Some(to) = to.first_chunk_mut::<BLOCK>() {
        for e in 0..BLOCK {
            to[e] = T::from_num(to[e].num() + p[e].num());
        }
    } else {
        add(to, p);
    }
}

/// Adds as many entries as there is room for.
#[inline(always)]
pub(super) fn add<T: Scalar>(to: &mut [T], x: &[T]) {
    for (to, x) in to.iter_mut().zip(x) {
        *to = T::from_num(to.num() + x.num());
    }
}
