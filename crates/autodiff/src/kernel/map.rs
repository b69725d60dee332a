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
use super::loops::{BackwardRoom, ForwardRoom, Loops, MAX_ARGS};
use super::{SharedMut, for_each_chunk};
use crate::random::{BLOCK, normal_at, uniform_at};
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
        let (mut keep, mut last) = (keep, T::default());
        body.with_forward_room(&mut |ForwardRoom { x: room, y }| {
            body.values(&first_entries(x, room)[..x.len()], 1, y);
            if let Some(keep) = &mut keep {
                keep[0] = y[0][0];
            }
            last = y[y.len() - 1][0];
        });
        return last;
    }
    let segments = segments(shape, x);
    let (size, count) = segments.chunks();
    let keep = keep.map(SharedMut::new);
    let mut sums = [T::default(); MAX_CHUNKS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(count, |i| {
        let (segs, entries) = segments.part(i, size);
        body.with_forward_room(&mut |room| {
            let (segs, entries, columns) = (segs.clone(), entries.clone(), None);
            let sum =
                dispatch(Forward { body, room, x, len: segments.len, segs, entries, keep, summed, columns });
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
    let (size, count) = segments.chunks();
    let columns = Some(SharedMut::new(sums));
    for_each_chunk(count, |i| {
        let (segs, entries) = segments.part(i, size);
        body.with_forward_room(&mut |room| {
            let (segs, entries, keep, summed) = (segs.clone(), entries.clone(), None, false);
            dispatch(Forward { body, room, x, len: rows, segs, entries, keep, summed, columns });
        });
    });
}

/// The first entries of all arguments, without the ways of a long pass: a model has many nodes of
/// one number.
fn first_entries<'b, T: Scalar>(
    x: &[Input<'_, T>],
    room: &'b mut [[T; BLOCK]],
) -> [&'b [T; BLOCK]; MAX_ARGS] {
    for (x, room) in x.iter().zip(&mut *room) {
        room[0] = match *x {
            Input::Full(x) | Input::Row(x) | Input::Col(x) => x[0],
            Input::Scalar(x) => x,
            Input::Normal(key) => normal_at(key, 0),
            Input::Uniform(key) => uniform_at(key, 0),
        };
    }
    let room = &*room;
    let mut at = [&room[0]; MAX_ARGS];
    for (at, room) in at.iter_mut().zip(room) {
        *at = room;
    }
    at
}

fn backward_one<T: Scalar>(
    body: &dyn Loops<T>,
    x: &[Input<'_, T>],
    (kept, summed): (Option<&[T]>, Summed<'_, T>),
    dx: &[Dest<T>],
    sums: &mut [T],
    value: &mut Option<&mut [T]>,
) {
    body.with_backward_room(&mut |BackwardRoom { x: room, y, g, p, .. }| {
        let last = g.len() - 1;
        match summed {
            Summed::No => {}
            Summed::All(s) => g[last][0] = s,
            Summed::Columns(s) => g[last][0] = s[0],
        }
        if let Some(kept) = kept {
            g[0][0] = kept[0];
        }
        body.gradients(&first_entries(x, room)[..x.len()], g, 1, y, p);
        if let Some(value) = value {
            value[0] = y[last][0];
        }
        for ((dx, p), sum) in dx.iter().zip(&*p).zip(&mut *sums) {
            match dx {
                Dest::Nothing => {}
                Dest::Full { to, overwrite } => {
                    // SAFETY: nothing else uses the destination during the pass, and the reference
                    // ends here.
                    let to = unsafe { to.slice(0, 1) };
                    store(to, p, *overwrite);
                }
                Dest::Row(to) | Dest::Col(to) => {
                    // SAFETY: as above.
                    let to = unsafe { to.slice(0, 1) };
                    store(to, p, false);
                }
                Dest::Scalar => *sum = p[0],
            }
        }
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
    room: ForwardRoom<'r, T>,
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
        let ForwardRoom { x, y } = self.room;
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
                    sum.add(&y[last], here.n);
                }
                if self.columns.is_some() {
                    column.add(&y[last], here.n);
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
        return backward_one(body, x, adjoints, dx, sums, &mut value);
    }
    let Some(value) = value else {
        backward_long(body, shape, x, adjoints, dx, sums, Value::Unused);
        return;
    };
    let (to, mut chunks) = (SharedMut::new(value), [T::default(); MAX_CHUNKS]);
    let to = match adjoints.1 {
        Summed::No => Value::Entries(to),
        Summed::Columns(_) => Value::Columns(to),
        Summed::All(_) => Value::Chunks(SharedMut::new(&mut chunks)),
    };
    let count = backward_long(body, shape, x, adjoints, dx, sums, to);
    if let Value::Chunks(_) = to {
        value[0] = total(&chunks[..count]);
    }
}

/// Where the result goes in a backward pass.
#[derive(Clone, Copy)]
enum Value<T> {
    /// Nowhere: the forward pass has computed it.
    Unused,
    /// All entries.
    Entries(SharedMut<T>),
    /// The sum of every chunk, to its number.
    Chunks(SharedMut<T>),
    /// The sum of every column.
    Columns(SharedMut<T>),
}

/// The number of chunks.
fn backward_long<T: Scalar>(
    body: &dyn Loops<T>,
    shape: (usize, usize),
    x: &[Input<'_, T>],
    (kept, summed): (Option<&[T]>, Summed<'_, T>),
    dx: &[Dest<T>],
    sums: &mut [T],
    value: Value<T>,
) -> usize {
    let segments = match summed {
        Summed::Columns(_) => Segments { count: shape.1, len: shape.0 },
        _ => segments(shape, x),
    };
    let (size, count) = segments.chunks();
    let chunk = |i: usize, totals: &mut [T]| {
        let (segs, entries) = segments.part(i, size);
        body.with_backward_room(&mut |room| {
            let (segs, entries, totals) = (segs.clone(), entries.clone(), &mut *totals);
            let (len, value) = (segments.len, (value, i));
            dispatch(Backward { body, room, x, len, segs, entries, kept, summed, dx, totals, value });
        });
    };
    // As a sum of several chunks begins with 0.
    let zero = T::from_f64(0.0).num();
    if count == 1 {
        chunk(0, sums);
        sums.iter_mut().for_each(|sum| *sum = T::from_num(zero + sum.num()));
        return count;
    }
    let n = x.len();
    body.with_chunk_sums(&mut |by_chunk| {
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
            let mut sum = zero;
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
    room: BackwardRoom<'r, T>,
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
        let BackwardRoom { x, y, g, p, sums } = self.room;
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
                    Value::Chunks(_) | Value::Columns(_) => value.add(&y[last], here.n),
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
                        Dest::Row(_) | Dest::Scalar => sums[k].add(&p[k], here.n),
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
