//! How a pass over memory is cut: chunks, segments, blocks of 64 entries; and sums of a fixed
//! shape.

use super::parallel::CHUNK;
use crate::random::BLOCK;
use crate::real::{Real, Scalar};

/// Entries that one accumulator array takes at once.
pub(super) const LANES: usize = 16;
/// Blocks whose sums are gathered before they are added to the running total (cascade summation).
const CASCADE: usize = 64;
/// Upper limit of chunks, whose results stand in an array on the stack.
pub(super) const MAX_CHUNKS: usize = 64;

/// How the columns of a pass are laid out in memory: `count` segments of `len` entries each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segments {
    pub(super) count: usize,
    pub(super) len: usize,
}

impl Segments {
    /// Size and number of the chunks, in segments if there are several, else in entries.
    pub(super) fn chunks(&self) -> (usize, usize) {
        if self.count * self.len <= CHUNK {
            return (self.count.max(self.len), 1);
        }
        let (units, unit) = if self.count > 1 { (self.count, self.len.max(1)) } else { (self.len, 1) };
        let granule = if self.count > 1 { 1 } else { BLOCK };
        let least = CHUNK.div_ceil(unit).max(units.div_ceil(MAX_CHUNKS));
        let size = least.div_ceil(granule) * granule;
        (size, units.div_ceil(size).max(1))
    }

    /// The segments and the entries in each that belong to chunk `i`.
    pub(super) fn part(&self, i: usize, size: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let range = |n: usize| (i * size).min(n)..((i + 1) * size).min(n);
        if self.count > 1 { (range(self.count), 0..self.len) } else { (0..1, range(self.len)) }
    }
}

/// The entries of whole lanes that hold `n` of a block.
#[inline(always)]
pub(super) fn lanes_of(n: usize) -> usize {
    n.next_multiple_of(LANES).min(BLOCK)
}

/// A position in the pass: `n <= 64` entries of segment `seg` from `at`, or of it and the next
/// ones.
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub(super) seg: usize,
    pub(super) len: usize,
    pub(super) at: usize,
    pub(super) n: usize,
}

impl Here {
    /// The entries to compute: whole lanes. The loops over them have a length unknown to the
    /// compiler on purpose: LLVM unrolls a loop of known length before it would vectorise it.
    #[inline(always)]
    pub(super) fn padded(&self) -> usize {
        lanes_of(self.n)
    }
    #[inline(always)]
    pub(super) fn index(&self) -> usize {
        self.seg * self.len + self.at
    }
}

/// A running sum in 16 lanes, in two levels.
#[derive(Clone, Copy)]
pub(super) struct Lanes<R> {
    near: [R; LANES],
    far: [R; LANES],
    blocks: usize,
}

impl<R: Real> Lanes<R> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { near: [R::zero(); LANES], far: [R::zero(); LANES], blocks: 0 }
    }

    /// Adds the values, a block at most.
    #[inline(always)]
    pub(super) fn add<T: Scalar<Num = R>>(&mut self, x: &[T]) {
        add_block(&mut self.near, x);
        self.blocks += 1;
        if self.blocks == CASCADE {
            self.flush();
        }
    }

    /// Adds a value to every lane.
    #[inline(always)]
    pub(super) fn add_lanes(&mut self, x: &[R; LANES]) {
        for (sum, x) in self.near.iter_mut().zip(x) {
            *sum += *x;
        }
    }

    /// Adds all the values, block by block.
    #[inline(always)]
    pub(super) fn add_all<T: Scalar<Num = R>>(&mut self, x: &[T]) {
        for block in x.chunks(BLOCK) {
            self.add(block);
        }
    }

    #[inline(always)]
    pub(super) fn flush(&mut self) {
        for i in 0..LANES {
            self.far[i] += self.near[i];
        }
        self.near = [R::zero(); LANES];
        self.blocks = 0;
    }

    #[inline(always)]
    pub(super) fn total(mut self) -> R {
        self.flush();
        halves(self.far)
    }
}

#[inline(always)]
fn add_block<T: Scalar>(sums: &mut [T::Num; LANES], x: &[T]) {
    let (lanes, rest) = x.as_chunks::<LANES>();
    for x in lanes {
        for i in 0..LANES {
            sums[i] += x[i].num();
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x.num();
    }
}

/// The upper half is added to the lower one, and so on.
#[inline(always)]
fn halves<R: Real>(mut sums: [R; LANES]) -> R {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            let other = sums[i + width];
            sums[i] += other;
        }
    }
    sums[0]
}

/// The sum of a block at most, with the bits of the [`Lanes`] that it alone is added to.
pub(super) fn block_sum<T: Scalar>(x: &[T]) -> T::Num {
    let mut sums = [T::from_f64(0.0).num(); LANES];
    add_block(&mut sums, x);
    halves(sums)
}

/// Whole blocks and whole lanes are copied as arrays, in registers; a copy of unknown length would
/// be a call.
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
