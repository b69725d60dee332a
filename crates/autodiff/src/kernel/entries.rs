//! How the entries of a block come from memory, and how they go back.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::SharedMut;
use super::blocks::{Here, LANES};
use crate::random::{BLOCK, Key, fill_normal, fill_uniform};
use crate::real::Scalar;

/// What a formula reads for one argument. `Row` is a 1 × c, `Col` an r × 1 matrix, stretched to r × c.
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
    /// Entry by entry; stored instead of added where `fresh`.
    Full {
        to: SharedMut<T>,
        fresh: bool,
    },
    Row(SharedMut<T>),
    Col(SharedMut<T>),
    /// Summed, and returned by the pass.
    Scalar,
}

impl<'a, T: Scalar> Input<'a, T> {
    /// The entries of a block: where they are, or in `room`, padded to whole lanes with the last one. `fresh` says that `room` does not
    /// hold the entries of the same segment.
    #[inline(always)]
    fn load<'b>(&self, here: Here, fresh: bool, room: &'b mut [T; BLOCK]) -> &'b [T; BLOCK]
    where
        'a: 'b,
    {
        match self {
            Input::Full(x) => padded(&x[here.index()..][..here.n], room),
            Input::Col(x) => padded(&x[here.at..][..here.n], room),
            Input::Row(x) => {
                if fresh {
                    *room = [x[here.seg]; BLOCK];
                }
                room
            }
            Input::Scalar(x) => {
                if fresh {
                    *room = [*x; BLOCK];
                }
                room
            }
            // Calls, not inlined: the generators are long, and every formula would carry a copy per argument.
            Input::Normal(key) => {
                fill_normal(*key, here.index() as u64, &mut room[..here.padded()]);
                room
            }
            Input::Uniform(key) => {
                fill_uniform(*key, here.index() as u64, &mut room[..here.padded()]);
                room
            }
        }
    }
}

/// A block of every argument.
#[inline(always)]
pub(super) fn load<'b, T: Scalar, const N: usize>(
    x: &[Input<'b, T>; N],
    here: Here,
    fresh: bool,
    room: &'b mut [[T; BLOCK]; N],
) -> [&'b [T; BLOCK]; N] {
    // Loops, for a closure would be compiled without the instruction set and called.
    let Some((own, mut rest)) = room.split_first_mut() else { unreachable!("formulas have arguments") };
    let mut at = [x[0].load(here, fresh, own); N];
    for k in 1..N {
        let Some((own, others)) = rest.split_first_mut() else { break };
        at[k] = x[k].load(here, fresh, own);
        rest = others;
    }
    at
}

#[inline(always)]
pub(super) fn padded<'b, T: Copy>(x: &'b [T], room: &'b mut [T; BLOCK]) -> &'b [T; BLOCK] {
    match x.first_chunk() {
        Some(whole) => whole,
        None => {
            copy_padded(x, room);
            room
        }
    }
}

/// Whole blocks and whole lanes are copied as arrays, in registers; a copy of unknown length would be a call.
#[inline(always)]
pub(super) fn copy_padded<T: Copy>(x: &[T], out: &mut [T; BLOCK]) {
    if let Some(whole) = x.first_chunk() {
        *out = *whole;
        return;
    }
    let (lanes, rest) = x.as_chunks::<LANES>();
    let (to, _) = out.as_chunks_mut::<LANES>();
    for (to, x) in to.iter_mut().zip(lanes) {
        *to = *x;
    }
    if let Some(last) = rest.last() {
        let to = &mut to[lanes.len()];
        *to = [*last; LANES];
        to.iter_mut().zip(rest).for_each(|(to, x)| *to = *x);
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
pub(super) fn store<T: Scalar>(to: &mut [T], p: &[T; BLOCK], fresh: bool) {
    if fresh {
        copy_out(p, to);
    } else if let Some(to) = to.first_chunk_mut::<BLOCK>() {
        for e in 0..BLOCK {
            to[e] = T::from_num(to[e].num() + p[e].num());
        }
    } else {
        for (to, p) in to.iter_mut().zip(p) {
            *to = T::from_num(to.num() + p.num());
        }
    }
}
