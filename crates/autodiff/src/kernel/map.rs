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
use super::loops::Loops;
use super::{SharedMut, for_each_chunk};
use crate::random::{BLOCK, normal_at, uniform_at};
use crate::real::Scalar;
use crate::simd::{Kernel, dispatch};
use std::array::from_fn;

/// The forward pass. Keeps result 0 in `keep` if given; returns the sum of the last result if
/// `summed`.
pub(crate) fn forward<T, const N: usize, const M: usize>(
    body: &dyn Loops<T, N, M>,
    shape: (usize, usize),
    x: &[Input<'_, T>; N],
    keep: Option<&mut [T]>,
    summed: bool,
) -> T
where
    T: Scalar,
{
    if shape == (1, 1) {
        let y = one(x, |x, y| body.values(x, 1, y));
        if let Some(keep) = keep {
            keep[0] = y[0][0];
        }
        return y[M - 1][0];
    }
    let segments = segments(shape, x);
    let (size, count) = segments.chunks();
    let keep = keep.map(SharedMut::new);
    let mut sums = [T::default(); MAX_CHUNKS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(count, |i| {
        let (segs, entries) = segments.part(i, size);
        let sum =
            dispatch(Forward { body, x, len: segments.len, segs, entries, keep, summed, columns: None });
        // SAFETY: every chunk writes its own place.
        unsafe { out.set(i, sum) };
    });
    total(&sums[..count])
}

/// The sum of the last result over every column.
pub(crate) fn forward_columns<T, const N: usize, const M: usize>(
    body: &dyn Loops<T, N, M>,
    (rows, cols): (usize, usize),
    x: &[Input<'_, T>; N],
    sums: &mut [T],
) where
    T: Scalar,
{
    let segments = Segments { count: cols, len: rows };
    let (size, count) = segments.chunks();
    let columns = Some(SharedMut::new(sums));
    for_each_chunk(count, |i| {
        let (segs, entries) = segments.part(i, size);
        dispatch(Forward { body, x, len: rows, segs, entries, keep: None, summed: false, columns });
    });
}

/// The first entries of all arguments, for nodes of one number: a model has many of them, and the
/// setup of a long pass would take most of their time.
fn one<T: Scalar, const N: usize, O: Default + Copy, const K: usize>(
    x: &[Input<'_, T>; N],
    run: impl FnOnce(&[&[T; BLOCK]; N], &mut [[O; BLOCK]; K]),
) -> [[O; BLOCK]; K] {
    let mut scratch = [[T::default(); BLOCK]; N];
    for k in 0..N {
        scratch[k][0] = match x[k] {
            Input::Full(x) | Input::Row(x) | Input::Col(x) => x[0],
            Input::Scalar(x) => x,
            Input::Normal(key) => normal_at(key, 0),
            Input::Uniform(key) => uniform_at(key, 0),
        };
    }
    let mut at = [&scratch[0]; N];
    for k in 1..N {
        at[k] = &scratch[k];
    }
    let mut out = [[O::default(); BLOCK]; K];
    run(&at, &mut out);
    out
}

fn backward_one<T, const N: usize, const M: usize>(
    body: &dyn Loops<T, N, M>,
    x: &[Input<'_, T>; N],
    kept: Option<&[T]>,
    summed: Summed<'_, T>,
    dx: &[Dest<T>; N],
) -> [T; N]
where
    T: Scalar,
{
    let zero = T::from_f64(0.0);
    let mut g = [[zero; BLOCK]; M];
    match summed {
        Summed::No => {}
        Summed::All(s) => g[M - 1][0] = s,
        Summed::Columns(s) => g[M - 1][0] = s[0],
    }
    if let Some(kept) = kept {
        g[0][0] = kept[0];
    }
    let p = one(x, |x, p| body.gradients(x, &g, 1, p));
    let mut sums = [zero; N];
    for k in 0..N {
        match &dx[k] {
            Dest::Nothing => {}
            Dest::Full { to, overwrite } => {
                // SAFETY: nothing else uses the destination during the pass, and the reference ends
                // here.
                let to = unsafe { to.slice(0, 1) };
                store(to, &p[k], *overwrite);
            }
            Dest::Row(to) | Dest::Col(to) => {
                // SAFETY: as above.
                let to = unsafe { to.slice(0, 1) };
                store(to, &p[k], false);
            }
            Dest::Scalar => sums[k] = p[k][0],
        }
    }
    sums
}

/// Sum in order.
pub(super) fn total<T: Scalar>(x: &[T]) -> T {
    let mut sum = T::from_f64(0.0).num();
    for v in x {
        sum += v.num();
    }
    T::from_num(sum)
}

/// Blocks begin at cache lines: a vector that crosses two costs twice, and it was chance whether
/// they did.
#[repr(align(64))]
struct Aligned<A>(A);

struct Forward<'a, T, const N: usize, const M: usize> {
    body: &'a dyn Loops<T, N, M>,
    x: &'a [Input<'a, T>; N],
    len: usize,
    segs: std::ops::Range<usize>,
    entries: std::ops::Range<usize>,
    keep: Option<SharedMut<T>>,
    summed: bool,
    /// Where the sum of every segment goes.
    columns: Option<SharedMut<T>>,
}

impl<T, const N: usize, const M: usize> Kernel for Forward<'_, T, N, M>
where
    T: Scalar,
{
    type Output = T;

    #[inline(always)]
    fn run(self) -> T {
        let mut sum = Lanes::new();
        let Aligned(x) = &mut Aligned([[T::default(); BLOCK]; N]);
        let Aligned(y) = &mut Aligned([[T::default(); BLOCK]; M]);
        for seg in self.segs {
            let mut column = Lanes::new();
            let mut at = self.entries.start;
            while at < self.entries.end {
                let here = Here { seg, len: self.len, at, n: BLOCK.min(self.entries.end - at) };
                self.body.values(&load(self.x, here, at == self.entries.start, x), here.padded(), y);
                if let Some(keep) = self.keep {
                    // SAFETY: blocks do not overlap, within a chunk or between chunks.
                    let keep = unsafe { keep.slice(here.index(), here.n) };
                    copy_out(&y[0], keep);
                }
                if self.summed {
                    sum.add(&y[M - 1], here.n);
                }
                if self.columns.is_some() {
                    column.add(&y[M - 1], here.n);
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
/// `kept` is the adjoint of the kept result. Returns the parts for scalar destinations.
pub(crate) fn backward<T, const N: usize, const M: usize>(
    body: &dyn Loops<T, N, M>,
    shape: (usize, usize),
    x: &[Input<'_, T>; N],
    kept: Option<&[T]>,
    summed: Summed<'_, T>,
    dx: &[Dest<T>; N],
) -> [T; N]
where
    T: Scalar,
{
    if shape == (1, 1) {
        return backward_one(body, x, kept, summed, dx);
    }
    let segments = match summed {
        Summed::Columns(_) => Segments { count: shape.1, len: shape.0 },
        _ => segments(shape, x),
    };
    let mut sums = [[T::default(); N]; MAX_CHUNKS];
    let (size, count) = segments.chunks();
    let chunk = |i: usize| {
        let (segs, entries) = segments.part(i, size);
        dispatch(Backward { body, x, len: segments.len, segs, entries, kept, summed, dx })
    };
    if dx.iter().any(|d| matches!(d, Dest::Col(_))) {
        // Every column adds to the same entries: one thread, in order.
        (0..count).for_each(|i| sums[i] = chunk(i));
    } else {
        let out = SharedMut::new(&mut sums);
        for_each_chunk(count, |i| {
            let sum = chunk(i);
            // SAFETY: every chunk writes its own place.
            unsafe { out.set(i, sum) };
        });
    }
    from_fn(|k| {
        let mut sum = T::from_f64(0.0).num();
        for s in &sums[..count] {
            sum += s[k].num();
        }
        T::from_num(sum)
    })
}

struct Backward<'a, T, const N: usize, const M: usize> {
    body: &'a dyn Loops<T, N, M>,
    x: &'a [Input<'a, T>; N],
    len: usize,
    segs: std::ops::Range<usize>,
    entries: std::ops::Range<usize>,
    kept: Option<&'a [T]>,
    summed: Summed<'a, T>,
    dx: &'a [Dest<T>; N],
}

impl<T, const N: usize, const M: usize> Kernel for Backward<'_, T, N, M>
where
    T: Scalar,
{
    type Output = [T; N];

    #[inline(always)]
    fn run(self) -> [T; N] {
        let zero = T::from_f64(0.0);
        let mut sums = [Lanes::new(); N];
        let Aligned(x) = &mut Aligned([[zero; BLOCK]; N]);
        let Aligned(g) = &mut Aligned([[zero; BLOCK]; M]);
        let Aligned(p) = &mut Aligned([[zero; BLOCK]; N]);
        if let Summed::All(s) = self.summed {
            g[M - 1] = [s; BLOCK];
        }
        for seg in self.segs {
            if let Summed::Columns(s) = self.summed {
                g[M - 1] = [s[seg]; BLOCK];
            }
            let mut rows = [Lanes::new(); N];
            let mut at = self.entries.start;
            while at < self.entries.end {
                let here = Here { seg, len: self.len, at, n: BLOCK.min(self.entries.end - at) };
                let x = load(self.x, here, at == self.entries.start, x);
                if let Some(kept) = self.kept {
                    copy_padded(&kept[here.index()..][..here.n], &mut g[0]);
                }
                self.body.gradients(&x, g, here.padded(), p);
                for k in 0..N {
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
                        Dest::Row(_) => rows[k].add(&p[k], here.n),
                        Dest::Scalar => sums[k].add(&p[k], here.n),
                    }
                }
                at += BLOCK;
            }
            for k in 0..N {
                if let Dest::Row(to) = &self.dx[k] {
                    // SAFETY: a segment belongs to one chunk.
                    let to = unsafe { to.slice(seg, 1) };
                    to[0] = T::from_num(to[0].num() + rows[k].total());
                }
            }
        }
        let mut totals = [zero; N];
        for k in 0..N {
            totals[k] = T::from_num(sums[k].total());
        }
        totals
    }
}
