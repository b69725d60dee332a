//! One pass over memory for a formula: values (kept or summed) forward, exact partials backward.
//!
//! A pass goes block by block: up to 64 entries are loaded into arrays on the stack, the formula
//! runs on lanes of 16, results go back. Lanes that pad the last block repeat its last entry and
//! are left out of sums. Sums have a fixed shape: 16 lanes within a chunk, then chunk after chunk,
//! so that neither the vector width nor the number of threads changes a bit.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::blocks::{Here, Lanes, MAX_CHUNKS, Segments, copy_padded};
use super::entries::{Dest, Input, copy_out, load, segments, store};
use super::loops::{
    BackwardScratch, ForwardScratch, Loops, with_backward_scratch, with_chunk_sums, with_forward_scratch,
    with_sums,
};
use super::{SharedMut, for_each_chunk, one_entry, short_columns};
use crate::random::BLOCK;
use crate::real::Scalar;
use crate::simd::{Kernel, dispatch};

/// The forward pass. Keeps result 0 in `keep` if given; returns the sum of the last result if
/// `summed`.
pub(crate) fn forward<T: Scalar>(
    body: &dyn Loops<T>,
    shape: (usize, usize),
    x: &[Input<'_, T>],
    keep: Option<&mut [T]>,
    summed: bool,
) -> T {
    if shape == (1, 1) {
        return one_entry::forward(body, x, keep);
    }
    let segments = segments(shape, x);
    if short_columns::is_short(segments) {
        return short_columns::forward(body, segments, x, keep, None, summed);
    }
    forward_long(body, segments, x, keep, summed)
}

/// As `forward`, for matrices of any size.
pub(super) fn forward_long<T: Scalar>(
    body: &dyn Loops<T>,
    segments: Segments,
    x: &[Input<'_, T>],
    keep: Option<&mut [T]>,
    summed: bool,
) -> T {
    let (size, count) = segments.chunks();
    let keep = keep.map(SharedMut::new);
    let mut sums = [T::default(); MAX_CHUNKS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(count, |i| {
        let (segs, entries) = segments.part(i, size);
        with_forward_scratch(body, &mut |scratch| {
            let (segs, entries, columns) = (segs.clone(), entries.clone(), None);
            let sum = dispatch(Forward {
                body,
                scratch,
                x,
                len: segments.len,
                segs,
                entries,
                keep,
                summed,
                columns,
            });
            // SAFETY: every chunk writes its own place.
            unsafe { out.set(i, sum) };
        });
    });
    total(&sums[..count])
}

/// The sum of the last result over every column.
pub(crate) fn forward_columns<T: Scalar>(
    body: &dyn Loops<T>,
    (rows, cols): (usize, usize),
    x: &[Input<'_, T>],
    sums: &mut [T],
) {
    let segments = Segments { count: cols, len: rows };
    if short_columns::is_short(segments) {
        short_columns::forward(body, segments, x, None, Some(sums), false);
    } else {
        forward_columns_long(body, segments, x, sums);
    }
}

pub(super) fn forward_columns_long<T: Scalar>(
    body: &dyn Loops<T>,
    segments: Segments,
    x: &[Input<'_, T>],
    sums: &mut [T],
) {
    let (size, count) = segments.chunks();
    let columns = Some(SharedMut::new(sums));
    for_each_chunk(count, |i| {
        let (segs, entries) = segments.part(i, size);
        with_forward_scratch(body, &mut |scratch| {
            let (segs, entries, keep, summed) = (segs.clone(), entries.clone(), None, false);
            dispatch(Forward { body, scratch, x, len: segments.len, segs, entries, keep, summed, columns });
        });
    });
}

/// Sum in order.
pub(super) fn total<T: Scalar>(x: &[T]) -> T {
    let mut sum = T::from_f64(0.0).num();
    for v in x {
        sum += v.num();
    }
    T::from_num(sum)
}

struct Forward<'a, 'r, T: Scalar> {
    body: &'a dyn Loops<T>,
    scratch: ForwardScratch<'r, T>,
    x: &'a [Input<'a, T>],
    len: usize,
    segs: std::ops::Range<usize>,
    entries: std::ops::Range<usize>,
    keep: Option<SharedMut<T>>,
    summed: bool,
    /// Where the sum of every segment goes.
    columns: Option<SharedMut<T>>,
}

impl<T: Scalar> Kernel for Forward<'_, '_, T> {
    type Output = T;

    #[inline(always)]
    fn run(self) -> T {
        let mut sum = Lanes::new();
        let ForwardScratch { x, y } = self.scratch;
        let (args, last) = (self.x.len(), y.len() - 1);
        for seg in self.segs {
            let mut column = Lanes::new();
            let mut at = self.entries.start;
            while at < self.entries.end {
                let here = Here { seg, len: self.len, at, n: BLOCK.min(self.entries.end - at) };
                let blocks = load(self.x, here, at == self.entries.start, x);
                self.body.values(&blocks[..args], here.padded(), y);
                if let Some(keep) = self.keep {
                    // SAFETY: blocks do not overlap, within a chunk or between chunks.
                    let keep = unsafe { keep.slice(here.index(), here.n) };
                    copy_out(&y[0], keep);
                }
                if self.summed {
                    sum.add(&y[last][..here.n]);
                }
                if self.columns.is_some() {
                    column.add(&y[last][..here.n]);
                }
                at += BLOCK;
            }
            if let Some(columns) = self.columns {
                // SAFETY: a segment belongs to one chunk.
                unsafe { columns.set(seg, T::from_num(column.total())) };
            }
        }
        T::from_num(sum.total())
    }
}

/// The adjoint of a sum.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Summed<'a, T> {
    /// There is no sum.
    No,
    /// Of all entries.
    All(T),
    /// Of every column.
    Columns(&'a [T]),
}

/// The backward pass: adds `(Σₘ gₘ ∂yₘ/∂xₖ)` to the destination of every argument.
///
/// The adjoints are those of the kept result and of the sum. The parts for scalar destinations are
/// left in `sums`. If `value` is given, the result is written there, as by the forward pass.
pub(crate) fn backward<T: Scalar>(
    body: &dyn Loops<T>,
    shape: (usize, usize),
    x: &[Input<'_, T>],
    adjoints: (Option<&[T]>, Summed<'_, T>),
    dx: &[Dest<T>],
    sums: &mut [T],
    mut value: Option<&mut [T]>,
) {
    if shape == (1, 1) {
        return one_entry::backward(body, x, adjoints, dx, sums, &mut value);
    }
    let segments = match adjoints.1 {
        Summed::Columns(_) => Segments { count: shape.1, len: shape.0 },
        _ => segments(shape, x),
    };
    let to = value.as_deref_mut().map_or(Value::Unused, |value| match (SharedMut::new(value), adjoints.1) {
        (to, Summed::No) => Value::Entries(to),
        (to, Summed::Columns(_)) => Value::Columns(to),
        (to, Summed::All(_)) => Value::Chunks(to),
    });
    match (to, value) {
        // The only chunk.
        _ if short_columns::is_short(segments) => {
            short_columns::backward(body, segments, x, adjoints, dx, sums, to);
        }
        (Value::Chunks(_), Some(value)) => {
            let mut chunks = [T::default(); MAX_CHUNKS];
            let to = Value::Chunks(SharedMut::new(&mut chunks));
            let count = backward_long(body, segments, x, adjoints, dx, sums, to);
            value[0] = total(&chunks[..count]);
        }
        _ => {
            backward_long(body, segments, x, adjoints, dx, sums, to);
        }
    }
}

/// Where the result goes in a backward pass.
#[derive(Clone, Copy)]
pub(super) enum Value<T> {
    /// Nowhere: the forward pass has computed it.
    Unused,
    /// All entries.
    Entries(SharedMut<T>),
    /// The sum of every chunk, to its number.
    Chunks(SharedMut<T>),
    /// The sum of every column.
    Columns(SharedMut<T>),
}

/// As `backward`, for matrices of any size; the number of chunks.
pub(super) fn backward_long<T: Scalar>(
    body: &dyn Loops<T>,
    segments: Segments,
    x: &[Input<'_, T>],
    (kept, summed): (Option<&[T]>, Summed<'_, T>),
    dx: &[Dest<T>],
    sums: &mut [T],
    value: Value<T>,
) -> usize {
    let (size, count) = segments.chunks();
    let chunk = |i: usize, totals: &mut [T]| {
        let (segs, entries) = segments.part(i, size);
        with_sums::<T>(x.len(), &mut |sums| {
            with_backward_scratch(body, &mut |scratch| {
                let (segs, entries, totals) = (segs.clone(), entries.clone(), &mut *totals);
                let (len, value) = (segments.len, (value, i));
                dispatch(Backward {
                    body,
                    scratch,
                    sums,
                    x,
                    len,
                    segs,
                    entries,
                    kept,
                    summed,
                    dx,
                    totals,
                    value,
                });
            });
        });
    };
    if count == 1 {
        chunk(0, sums);
        return count;
    }
    let n = x.len();
    with_chunk_sums::<T>(n, &mut |by_chunk| {
        if dx.iter().any(|d| matches!(d, Dest::Col(_))) {
            // Every column adds to the same entries: one thread, in order.
            by_chunk.chunks_exact_mut(n).take(count).enumerate().for_each(|(i, totals)| chunk(i, totals));
        } else {
            let out = SharedMut::new(by_chunk);
            for_each_chunk(count, |i| {
                // SAFETY: every chunk writes its own place.
                chunk(i, unsafe { out.slice(i * n, n) });
            });
        }
        for (k, to) in sums.iter_mut().enumerate() {
            let mut sum = T::from_f64(0.0).num();
            for totals in by_chunk.chunks_exact(n).take(count) {
                sum += totals[k].num();
            }
            *to = T::from_num(sum);
        }
    });
    count
}

struct Backward<'a, 'r, T: Scalar> {
    body: &'a dyn Loops<T>,
    scratch: BackwardScratch<'r, T>,
    sums: &'r mut [Lanes<T::Num>],
    x: &'a [Input<'a, T>],
    len: usize,
    segs: std::ops::Range<usize>,
    entries: std::ops::Range<usize>,
    kept: Option<&'a [T]>,
    summed: Summed<'a, T>,
    dx: &'a [Dest<T>],
    /// The sums for all arguments.
    totals: &'r mut [T],
    /// Where the sum of the last result goes, and the number of this chunk.
    value: (Value<T>, usize),
}

impl<T: Scalar> Kernel for Backward<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let BackwardScratch { x, y, g, p } = self.scratch;
        let sums = self.sums;
        let (args, last) = (self.x.len(), g.len() - 1);
        let (to, chunk) = self.value;
        let mut value = Lanes::new();
        if let Summed::All(s) = self.summed {
            g[last] = [s; BLOCK];
        }
        for seg in self.segs {
            if let Summed::Columns(s) = self.summed {
                g[last] = [s[seg]; BLOCK];
            }
            let mut at = self.entries.start;
            while at < self.entries.end {
                let here = Here { seg, len: self.len, at, n: BLOCK.min(self.entries.end - at) };
                let blocks = load(self.x, here, at == self.entries.start, x);
                if let Some(kept) = self.kept {
                    copy_padded(&kept[here.index()..][..here.n], &mut g[0]);
                }
                self.body.gradients(&blocks[..args], g, here.padded(), y, p);
                match to {
                    Value::Unused => {}
                    Value::Entries(to) => {
                        // SAFETY: blocks do not overlap, within a chunk or between chunks.
                        copy_out(&y[last], unsafe { to.slice(here.index(), here.n) });
                    }
                    Value::Chunks(_) | Value::Columns(_) => value.add(&y[last][..here.n]),
                }
                for k in 0..args {
                    match &self.dx[k] {
                        Dest::Nothing => {}
                        Dest::Full { to, overwrite } => {
                            // SAFETY: blocks do not overlap, within a chunk or between chunks, and
                            // the reference ends before the next argument's (which may be the same
                            // memory) begins.
                            let to = unsafe { to.slice(here.index(), here.n) };
                            store(to, &p[k], *overwrite);
                        }
                        Dest::Col(to) => {
                            // SAFETY: with a column destination the pass runs on one thread.
                            let to = unsafe { to.slice(here.at, here.n) };
                            store(to, &p[k], false);
                        }
                        Dest::Row(_) | Dest::Scalar => sums[k].add(&p[k][..here.n]),
                    }
                }
                at += BLOCK;
            }
            for k in 0..args {
                if let Dest::Row(to) = &self.dx[k] {
                    // SAFETY: a segment belongs to one chunk.
                    let to = unsafe { to.slice(seg, 1) };
                    to[0] = T::from_num(to[0].num() + sums[k].total());
                    sums[k] = Lanes::new();
                }
            }
            if let Value::Columns(to) = to {
                // SAFETY: a segment belongs to one chunk.
                unsafe { to.set(seg, T::from_num(value.total())) };
                value = Lanes::new();
            }
        }
        for k in 0..args {
            self.totals[k] = T::from_num(sums[k].total());
        }
        if let Value::Chunks(to) = to {
            // SAFETY: every chunk writes its own place.
            unsafe { to.set(chunk, T::from_num(value.total())) };
        }
    }
}
