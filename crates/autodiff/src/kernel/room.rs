//! Memory of a thread for what is needed for a moment: it is not made, nor set to zero, again and again.

use crate::real::Scalar;
use std::cell::RefCell;

/// A cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line {
    #[allow(dead_code, reason = "read and written through pointers")]
    bytes: [[u8; 16]; 4],
}

/// Grows to what was ever needed, and stays.
#[derive(Debug, Default)]
pub(super) struct Room(Vec<Line>);

impl Room {
    /// For `n` numbers, at a cache line.
    pub(super) fn of<T>(&mut self, n: usize) -> *mut T {
        let count = (n * size_of::<T>()).div_ceil(size_of::<Line>());
        if self.0.len() < count {
            self.0.resize(count, Line::default());
        }
        self.0.as_mut_ptr().cast()
    }

    fn arrays<T: Scalar, const N: usize, const K: usize>(&mut self) -> &mut [[T; N]; K] {
        let arrays: *mut [[T; N]; K] = self.of::<T>(N * K).cast();
        // SAFETY: there is room for so many numbers, which is borrowed mutably and was set to something once. All elements, which are a
        // closed set of types, are made of floats, and these may have any bits.
        unsafe { &mut *arrays }
    }
}

/// Lends `f` some arrays that hold old numbers.
pub(super) fn with_arrays<T: Scalar, const N: usize, const K: usize, O>(
    f: impl FnOnce(&mut [[T; N]; K]) -> O,
) -> O {
    thread_local! {
        static ROOM: RefCell<Room> = RefCell::default();
    }
    ROOM.with(|room| match room.try_borrow_mut() {
        Ok(mut room) => f(room.arrays()),
        // Somebody further up has them.
        Err(_) => f(Room::default().arrays()),
    })
}
