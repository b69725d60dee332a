//! Copies of what is read again and again, in the order in which it is read.

use super::vector::Vector;
use super::view::{Columns, View};

/// Copies a panel of rows, so that its columns follow each other in memory, each as many whole
/// vectors as hold the rows.
///
/// # Safety
/// `V`'s contract; the view has this many rows and columns; there is room for as many whole vectors
/// as hold the rows, times `depth`.
#[inline(always)]
pub(super) unsafe fn rows<V: Vector>(a: View<V::Num>, rows: usize, depth: usize, to: *mut V::Num) {
    let column = rows.next_multiple_of(V::LEN);
    // SAFETY: `rows` by `depth` entries are read; `column` by `depth` written.
    unsafe {
        if a.row == 1 {
            copy::<V>(a.start, a.column, rows, to, column, depth);
        } else {
            transpose::<V>(a, rows, depth, to, column);
        }
    }
}

/// Copies `count` pieces of `n` neighbours each, from `from_step` to `to_step` apart.
///
/// # Safety
/// `V`'s contract; pieces of `n` numbers may be read and written there.
#[inline(always)]
pub(super) unsafe fn copy<V: Vector>(
    from: *const V::Num,
    from_step: usize,
    n: usize,
    to: *mut V::Num,
    to_step: usize,
    count: usize,
) {
    let whole = n / V::LEN * V::LEN;
    // SAFETY: the caller's contract.
    unsafe {
        let last = V::mask(n - whole);
        for l in 0..count {
            let (from, to) = (from.add(l * from_step), to.add(l * to_step));
            let mut i = 0;
            while i < whole {
                V::load(from.add(i)).store(to.add(i));
                i += V::LEN;
            }
            if whole < n {
                V::load_first(from.add(whole), last).store_first(to.add(whole), last);
            }
        }
    }
}

/// Copies a matrix so that rows become neighbours: `to[i + j step]` is entry (i, j). In squares, if
/// its columns are neighbours; the last square of a row or column of them begins so early that it
/// is whole, and what the one before it copied is copied twice.
///
/// # Safety
/// `V`'s contract; the view has this many rows and columns, `to` has room.
#[inline(always)]
unsafe fn transpose<V: Vector>(x: View<V::Num>, rows: usize, columns: usize, to: *mut V::Num, step: usize) {
    let s = V::SQUARE;
    // SAFETY: entries (i, j) of the matrix, and their places.
    unsafe {
        if x.column != 1 || rows < s || columns < s {
            for i in 0..rows {
                for j in 0..columns {
                    *to.add(i + j * step) = *x.from(i, j).start;
                }
            }
            return;
        }
        // Along the rows, in which the entries are neighbours.
        if V::TALL > 0 && rows >= V::TALL {
            let lines = Columns::of(View { start: x.start, row: 1, column: x.row });
            let target = Columns::of(View { start: to.cast_const(), row: 1, column: step });
            for i in (0..rows).step_by(V::TALL) {
                let i = i.min(rows - V::TALL);
                for j in (0..columns).step_by(s) {
                    let j = j.min(columns - s);
                    V::transpose_tall(lines.at(x.from(i, j).start), target.at(to.add(i + j * step)));
                }
            }
            return;
        }
        for i in (0..rows).step_by(s) {
            let i = i.min(rows - s);
            for j in (0..columns).step_by(s) {
                let j = j.min(columns - s);
                V::transpose(x.from(i, j).start, x.row, to.add(i + j * step), step);
            }
        }
    }
}
