//! Matrices in memory, and how a tile walks through the columns of one.

use std::hint::black_box;

/// A matrix in memory: entry (i, j) at `start + i row + j column`.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<T> {
    pub(super) start: *const T,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<T> View<T> {
    /// The part from entry (i, j) on.
    ///
    /// # Safety
    /// That entry is within the matrix.
    #[inline(always)]
    pub(super) unsafe fn from(self, i: usize, j: usize) -> Self {
        // SAFETY: the caller's contract.
        Self { start: unsafe { self.start.add(i * self.row + j * self.column) }, ..self }
    }
}

/// The right factor of tiles, whose rows lie `row` apart.
#[derive(Clone, Copy)]
pub(super) struct Columns<T> {
    start: *const T,
    row: usize,
    /// Distances of the first four columns from the first, and of the fifth. LLVM must not know
    /// that they are multiples of one number: it would walk from column to column, and every
    /// address would wait for the one before.
    steps: [usize; 4],
    four: usize,
}

impl<T> Columns<T> {
    #[inline(always)]
    pub(super) fn of(b: View<T>) -> Self {
        let c = b.column;
        Self {
            start: b.start,
            row: b.row,
            steps: [0, c, black_box(2 * c), black_box(3 * c)],
            four: black_box(4 * c),
        }
    }

    /// The distance of rows.
    #[inline(always)]
    pub(super) fn row(self) -> usize {
        self.row
    }

    /// Where every fourth column starts.
    #[inline(always)]
    pub(super) fn fours(self) -> [*const T; 4] {
        let mut at = [self.start; 4];
        for i in 1..4 {
            at[i] = at[i - 1].wrapping_add(self.four);
        }
        at
    }

    /// The number of column j in a row, where `at` are those of every fourth column.
    ///
    /// # Safety
    /// That entry is within the matrix.
    #[inline(always)]
    pub(super) unsafe fn number(self, at: [*const T; 4], j: usize) -> *const T {
        // SAFETY: the caller's contract.
        unsafe { at[j / 4].add(self.steps[j % 4]) }
    }

    /// The same, elsewhere.
    #[inline(always)]
    pub(super) fn at(self, start: *const T) -> Self {
        Self { start, ..self }
    }
}
