//! One pass over memory for a formula: values (kept or summed) forward, exact partials backward.
//!
//! A pass goes block by block: up to 64 entries are loaded into arrays on the stack, the formula runs on lanes of
//! 16, results go back. Lanes that pad the last block repeat its last entry and are left out of sums. Sums have
//! a fixed shape: 16 lanes within a chunk, then chunk after chunk, so that neither the vector width nor the number of
//! threads changes a bit.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::blocks::{Here, LANES, Lanes, MAX_CHUNKS, Segments};
use super::{SharedMut, for_each_chunk};
use crate::random::{BLOCK, Key, fill_normal, fill_uniform, normal_at, uniform_at};
use crate::real::{Dual, Real, Scalar};
use crate::simd::{Kernel, dispatch};
use std::array::from_fn;

/// `N` arguments to `M` results.
pub(crate) trait Body<const N: usize, const M: usize>: Copy + Send + Sync {
    fn eval<R: Real>(&self, x: [R; N]) -> [R; M];
}

/// The two loops of a formula, each over the first `n` entries of one block. All else in a pass is compiled once for all
/// formulas: these loops are all that is compiled for every formula and every instruction set.
pub(crate) trait Loops<T, const N: usize, const M: usize>: Sync {
    /// The results.
    fn values(&self, x: &[&[T; BLOCK]; N], n: usize, y: &mut [[T; BLOCK]; M]);
    /// `p_k = Σₘ gₘ ∂yₘ/∂xₖ`.
    fn gradients(&self, x: &[&[T; BLOCK]; N], g: &[[T; BLOCK]; M], n: usize, p: &mut [[T; BLOCK]; N]);
}

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Loops<T, N, M> for B {
    fn values(&self, x: &[&[T; BLOCK]; N], n: usize, y: &mut [[T; BLOCK]; M]) {
        dispatch(Values { body: *self, x, n, y });
    }
    fn gradients(&self, x: &[&[T; BLOCK]; N], g: &[[T; BLOCK]; M], n: usize, p: &mut [[T; BLOCK]; N]) {
        dispatch(Gradients { body: *self, x, g, n, p });
    }
}

struct Values<'a, B, T, const N: usize, const M: usize> {
    body: B,
    x: &'a [&'a [T; BLOCK]; N],
    n: usize,
    y: &'a mut [[T; BLOCK]; M],
}

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Kernel for Values<'_, B, T, N, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        values(self.body, self.x, self.n, self.y);
    }
}

/// This loop and the next are what LLVM must vectorise. It does not when the arguments start as an array of zeros or come from
/// `array::from_fn`, nor over an enumerated iterator (measured: four times slower). They are functions so that LLVM knows that the results
/// overlap nothing.
#[inline(always)]
fn values<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    y: &mut [[T; BLOCK]; M],
) {
    for e in 0..n.min(BLOCK) {
        let mut args = [x[0][e].num(); N];
        for k in 1..N {
            args[k] = x[k][e].num();
        }
        let v = body.eval(args);
        for m in 0..M {
            y[m][e] = T::from_num(v[m]);
        }
    }
}

struct Gradients<'a, B, T, const N: usize, const M: usize> {
    body: B,
    x: &'a [&'a [T; BLOCK]; N],
    g: &'a [[T; BLOCK]; M],
    n: usize,
    p: &'a mut [[T; BLOCK]; N],
}

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Kernel for Gradients<'_, B, T, N, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        gradients(self.body, self.x, self.g, self.n, self.p);
    }
}

#[inline(always)]
fn gradients<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    g: &[[T; BLOCK]; M],
    n: usize,
    p: &mut [[T; BLOCK]; N],
) {
    for e in 0..n.min(BLOCK) {
        let mut args = [Dual::<T::Num, N>::variable(x[0][e].num(), 0); N];
        for k in 1..N {
            args[k] = Dual::variable(x[k][e].num(), k);
        }
        let v = body.eval(args);
        for k in 0..N {
            let mut d = v[0].du[k] * g[0][e].num();
            for m in 1..M {
                d += v[m].du[k] * g[m][e].num();
            }
            p[k][e] = T::from_num(d);
        }
    }
}

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
fn load<'b, T: Scalar, const N: usize>(
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
fn padded<'b, T: Copy>(x: &'b [T], room: &'b mut [T; BLOCK]) -> &'b [T; BLOCK] {
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
fn copy_padded<T: Copy>(x: &[T], out: &mut [T; BLOCK]) {
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
fn copy_out<T: Copy>(x: &[T; BLOCK], to: &mut [T]) {
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

/// The forward pass. Keeps result 0 in `keep` if given; returns the sum of the last result if `summed`.
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
    let segments = Segments::new(shape, x);
    let (size, count) = segments.chunks();
    let keep = keep.map(SharedMut::new);
    let mut sums = [T::default(); MAX_CHUNKS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(count, |i| {
        let (segs, entries) = segments.part(i, size);
        let sum = dispatch(Forward { body, x, len: segments.len, segs, entries, keep, summed });
        // SAFETY: every chunk writes its own place.
        unsafe { out.set(i, sum) };
    });
    total(&sums[..count])
}

/// The first entries of all arguments, without the ways of a long pass: a model has many nodes of one number.
fn one<T: Scalar, const N: usize, O: Default + Copy, const K: usize>(
    x: &[Input<'_, T>; N],
    run: impl FnOnce(&[&[T; BLOCK]; N], &mut [[O; BLOCK]; K]),
) -> [[O; BLOCK]; K] {
    let mut room = [[T::default(); BLOCK]; N];
    for k in 0..N {
        room[k][0] = match x[k] {
            Input::Full(x) | Input::Row(x) | Input::Col(x) => x[0],
            Input::Scalar(x) => x,
            Input::Normal(key) => normal_at(key, 0),
            Input::Uniform(key) => uniform_at(key, 0),
        };
    }
    let mut at = [&room[0]; N];
    for k in 1..N {
        at[k] = &room[k];
    }
    let mut out = [[O::default(); BLOCK]; K];
    run(&at, &mut out);
    out
}

fn backward_one<T, const N: usize, const M: usize>(
    body: &dyn Loops<T, N, M>,
    x: &[Input<'_, T>; N],
    kept: Option<&[T]>,
    summed: Option<T>,
    dx: &[Dest<T>; N],
) -> [T; N]
where
    T: Scalar,
{
    let zero = T::from_f64(0.0);
    let mut g = [[zero; BLOCK]; M];
    if let Some(s) = summed {
        g[M - 1][0] = s;
    }
    if let Some(kept) = kept {
        g[0][0] = kept[0];
    }
    let p = one(x, |x, p| body.gradients(x, &g, 1, p));
    let mut sums = [zero; N];
    for k in 0..N {
        match &dx[k] {
            Dest::Nothing => {}
            Dest::Full { to, fresh } => {
                // SAFETY: nothing else uses the destination during the pass, and the reference ends here.
                let to = unsafe { to.slice(0, 1) };
                store(to, &p[k], *fresh);
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
fn total<T: Scalar>(x: &[T]) -> T {
    let mut sum = T::from_f64(0.0).num();
    for v in x {
        sum += v.num();
    }
    T::from_num(sum)
}

/// Blocks begin at cache lines: a vector that crosses two costs twice, and it was chance whether they did.
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
                at += BLOCK;
            }
        }
        T::from_num(sum.total())
    }
}

/// The backward pass: adds `(Σₘ gₘ ∂yₘ/∂xₖ)` to the destination of every argument.
///
/// `kept` is the adjoint of the kept result, `summed` that of the sum. Returns the parts for scalar destinations.
pub(crate) fn backward<T, const N: usize, const M: usize>(
    body: &dyn Loops<T, N, M>,
    shape: (usize, usize),
    x: &[Input<'_, T>; N],
    kept: Option<&[T]>,
    summed: Option<T>,
    dx: &[Dest<T>; N],
) -> [T; N]
where
    T: Scalar,
{
    if shape == (1, 1) {
        return backward_one(body, x, kept, summed, dx);
    }
    let segments = Segments::new(shape, x);
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
    summed: Option<T>,
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
        if let Some(s) = self.summed {
            g[M - 1] = [s; BLOCK];
        }
        for seg in self.segs {
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
                        Dest::Full { to, fresh } => {
                            // SAFETY: blocks do not overlap, within a chunk or between chunks, and the reference
                            // ends before the next argument's (which may be the same memory) begins.
                            let to = unsafe { to.slice(here.index(), here.n) };
                            store(to, &p[k], *fresh);
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

#[inline(always)]
fn store<T: Scalar>(to: &mut [T], p: &[T; BLOCK], fresh: bool) {
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
