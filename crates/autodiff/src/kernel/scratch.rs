//! Scratch buffers of a thread, kept from call to call: they are neither allocated nor zeroed
//! again.

use crate::real::Scalar;
use std::cell::RefCell;

/// A cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line {
    #[allow(dead_code, reason = "read and written through pointers")]
    bytes: [[u8; 16]; 4],
}

/// Grows to the largest size ever needed.
#[derive(Debug, Default)]
pub(super) struct Scratch(Vec<Line>);

impl Scratch {
    /// Memory for `n` numbers, at a cache line.
    pub(super) fn of<T>(&mut self, n: usize) -> *mut T {
        let count = (n * size_of::<T>()).div_ceil(size_of::<Line>());
        if self.0.len() < count {
            self.0.resize(count, Line::default());
        }
        self.0.as_mut_ptr().cast()
    }

    fn arrays<T: Scalar, const N: usize>(&mut self, count: usize) -> &mut [[T; N]] {
        let first: *mut [T; N] = self.of::<T>(N * count).cast();
        // SAFETY: there is room for so many numbers, which is borrowed mutably and was set to
        // something once. All elements, which are a closed set of types, are made of floats, and
        // these may have any bits.
        unsafe { std::slice::from_raw_parts_mut(first, count) }
    }
}

/// Calls `f` with arrays that hold old numbers.
pub(super) fn with_scratch<T: Scalar, const N: usize, const K: usize, O>(
    f: impl FnOnce(&mut [[T; N]; K]) -> O,
) -> O {
    with_arrays(K, |arrays| match arrays.first_chunk_mut() {
        Some(arrays) => f(arrays),
        None => unreachable!("{K} arrays were asked for"),
    })
}

/// Calls `f` with so many arrays that hold old numbers. The first begins at a cache line.
pub(super) fn with_arrays<T: Scalar, const N: usize, O>(
    count: usize,
    f: impl FnOnce(&mut [[T; N]]) -> O,
) -> O {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => f(scratch.arrays(count)),
        // A caller further up the stack uses them.
        Err(_) => f(Scratch::default().arrays(count)),
    })
}
