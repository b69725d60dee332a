//! Work split into chunks whose borders do not depend on the number of threads.

use super::spin_wait::{join, share};
use std::ops::Range;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Elements per chunk. Results that are summed are summed within a chunk first, so this number is
/// part of the arithmetic: a change of it changes last bits.
pub(crate) const CHUNK: usize = 32 * 1024;

/// Entries per piece of a pass over parameters.
pub(crate) const PIECE: usize = 4096;

/// Calls `f` once for every chunk index below `n`, on several threads when there are several.
///
/// A thread takes half of its share of the rest at once, as neighbours: long runs through memory at
/// first, and little to wait for at the end.
#[inline]
pub(crate) fn for_each_chunk(n: usize, f: impl Fn(usize) + Sync + Send) {
    let threads = if n <= 1 { 1 } else { rayon::current_num_threads().min(n) };
    if threads == 1 {
        return (0..n).for_each(f);
    }
    on_threads_by_chunk(threads, n, &f);
}

/// Not compiled for every `f`: a chunk is long enough for an indirect call.
fn on_threads_by_chunk(threads: usize, n: usize, f: &(dyn Fn(usize) + Sync)) {
    share();
    let take = |from: usize| (n - from).div_ceil(2 * threads);
    let next = AtomicUsize::new(0);
    on_threads(threads, &|| {
        while let Ok(from) = next.fetch_update(Relaxed, Relaxed, |from| (from < n).then(|| from + take(from)))
        {
            (from..from + take(from)).for_each(f);
        }
    });
}

/// Calls `f` at most so often, on as many threads.
fn on_threads(count: usize, f: &(dyn Fn() + Sync)) {
    if count == 1 {
        return f();
    }
    let half = count / 2;
    join(|| on_threads(half, f), || on_threads(count - half, f));
}

/// Calls `f` with the number of every piece of `n` entries, on several threads if there are enough.
pub(crate) fn for_each_piece(n: usize, f: impl Fn(usize) + Sync + Send) {
    /// Pieces whose work is worth waking another thread.
    const MANY: usize = 8;
    match n.div_ceil(PIECE) {
        count if count < MANY => (0..count).for_each(f),
        count => for_each_chunk(count, f),
    }
}

/// Calls `f` with parts of the slice, each with its place, on several threads if it is long.
pub(crate) fn in_chunks<T: Send + Sync>(to: &mut [T], f: impl Fn(&mut [T], usize) + Sync + Send) {
    in_parts(to, CHUNK, f);
}

/// The same with parts of this size.
pub(crate) fn in_parts<T: Send + Sync>(to: &mut [T], size: usize, f: impl Fn(&mut [T], usize) + Sync + Send) {
    let (n, to) = (to.len(), SharedMut::new(to));
    for_each_chunk(n.div_ceil(size), |i| {
        let at = i * size;
        // SAFETY: parts do not overlap.
        f(unsafe { to.slice(at, size.min(n - at)) }, at);
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
    /// The slice given to `new` is still borrowed mutably, and no other live part overlaps this
    /// one.
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
