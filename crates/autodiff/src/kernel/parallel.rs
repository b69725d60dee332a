//! Work split into chunks whose borders do not depend on the number of threads.

use rayon::prelude::*;
use std::ops::Range;

/// Elements per chunk. Results that are summed are summed within a chunk first, so this number is part of the
/// arithmetic: a change of it changes last bits.
pub(crate) const CHUNK: usize = 32 * 1024;

/// Calls `f` once for every chunk index below `n`, on several threads when there are several.
#[inline]
pub(crate) fn for_each_chunk(n: usize, f: impl Fn(usize) + Sync + Send) {
    if n <= 1 || rayon::current_num_threads() == 1 {
        (0..n).for_each(f);
    } else {
        (0..n).into_par_iter().for_each(f);
    }
}

/// Calls `f` with parts of the slice, each with its place, on several threads if it is long.
pub(crate) fn in_chunks<T: Send + Sync>(to: &mut [T], f: impl Fn(&mut [T], usize) + Sync + Send) {
    let (n, to) = (to.len(), SharedMut::new(to));
    for_each_chunk(n.div_ceil(CHUNK), |i| {
        let at = i * CHUNK;
        // SAFETY: chunks do not overlap.
        f(unsafe { to.slice(at, CHUNK.min(n - at)) }, at);
    });
}

/// A pointer to a slice whose parts are written by different threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedMut<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: the pointer is only dereferenced through `slice`, whose contract demands disjoint parts.
unsafe impl<T: Send> Send for SharedMut<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<T> {}

impl<T> SharedMut<T> {
    pub(crate) fn new(slice: &mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len() }
    }

    /// A part of the slice.
    ///
    /// # Panics
    /// If it is not within the slice.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len);
        Self { start: self.start.wrapping_add(range.start), len: range.len() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The part `from..from + n`.
    ///
    /// # Safety
    /// The slice given to `new` is still borrowed mutably, and no other live part overlaps this one.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, from: usize, n: usize) -> &mut [T] {
        assert!(from <= self.len && n <= self.len - from);
        // SAFETY: within the slice by the assertion; not aliased by the caller's contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), n) }
    }

    /// Writes one entry.
    ///
    /// # Safety
    /// As for `slice`.
    #[inline(always)]
    pub(crate) unsafe fn set(&self, i: usize, value: T) {
        // SAFETY: the caller's contract is that of `slice`.
        let entry = unsafe { self.slice(i, 1) };
        entry[0] = value;
    }
}
