//! A product in blocks that fit the caches.

use super::lanes::Vector;
use super::tile::{Panel, Target, View};

/// Depth of a block: 48 rows of `f32` (or 24 of `f64`) fill a first-level cache of 48 KiB. It is part of the arithmetic: a sum goes
/// in order within a block of depth, then block after block.
const DEPTH: usize = 256;
/// Columns of a block: with this depth, half a MiB of `f32` in the second-level cache.
const COLUMNS: usize = 512;
/// Vectors of rows in a panel.
const ROWS: usize = 3;
/// A panel that meets this many columns is copied first, so that it lies in one piece.
const OFTEN: usize = 64;
/// A transposed block spread over more bytes than this is copied before several panels read it.
const WIDE: usize = 32 * 1024;

/// A cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line {
    #[allow(dead_code, reason = "read and written through pointers")]
    bytes: [[u8; 16]; 4],
}

/// Copies of a panel and of a transposed block. Grows to the largest product and stays.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    panel: Vec<Line>,
    block: Vec<Line>,
}

/// Room for `n` numbers.
fn room<T>(lines: &mut Vec<Line>, n: usize) -> *mut T {
    let count = (n * size_of::<T>()).div_ceil(size_of::<Line>());
    if lines.len() < count {
        lines.resize(count, Line::default());
    }
    lines.as_mut_ptr().cast()
}

/// The borders of `count` parts of `0..n`, as even as whole `step`s allow.
fn part(n: usize, step: usize, count: usize, i: usize) -> (usize, usize) {
    let steps = n.div_ceil(step);
    let at = |i: usize| (steps * i / count * step).min(n);
    (at(i), at(i + 1) - at(i))
}

/// `c = a b` or `c += a b`: m × k by k × n.
///
/// # Safety
/// `V`'s contract; the views have these sizes, and nothing else uses `c`.
#[inline(always)]
pub(super) unsafe fn product<V: Vector>(
    (m, k, n): (usize, usize, usize),
    a: View<V::Num>,
    b: View<V::Num>,
    c: Target<V::Num>,
    scratch: &mut Scratch,
) {
    let column_blocks = n.div_ceil(COLUMNS);
    let depth_blocks = k.div_ceil(DEPTH);
    let panels = m.div_ceil(V::LEN).div_ceil(ROWS);
    for jc in 0..column_blocks {
        let (j, n) = part(n, 8, column_blocks, jc);
        for pc in 0..depth_blocks {
            let (p, depth) = part(k, 1, depth_blocks, pc);
            // SAFETY: the block is within the matrices; the copies have room for what is written.
            unsafe {
                let mut b = b.from(p, j);
                if b.row != 1 && panels > 1 && b.row * depth * size_of::<V::Num>() > WIDE {
                    b = pack_columns::<V>(b, depth, n, &mut scratch.block);
                }
                for ic in 0..panels {
                    let (i, rows) = part(m, V::LEN, panels, ic);
                    let mut a = a.from(i, p);
                    let vectors = rows.div_ceil(V::LEN);
                    if a.row != 1 || n >= OFTEN {
                        a = pack_rows::<V>(a, rows, depth, &mut scratch.panel);
                    }
                    let last = V::mask(rows - (vectors - 1) * V::LEN);
                    let panel = Panel::<V> { a, depth, last };
                    let c = Target { start: c.start.add(i + j * c.column), fresh: c.fresh && pc == 0, ..c };
                    match vectors {
                        1 => panel.times::<1>(b, n, c),
                        2 => panel.times::<2>(b, n, c),
                        _ => panel.times::<3>(b, n, c),
                    }
                }
            }
        }
    }
}

/// As [`product`], for one or two columns and an `a` whose rows are neighbours. The blocks of depth are the same, and so are the sums.
///
/// # Safety
/// As for [`product`].
#[inline(always)]
pub(super) unsafe fn few_columns<V: Vector>(
    (m, k, n): (usize, usize, usize),
    a: View<V::Num>,
    b: View<V::Num>,
    c: Target<V::Num>,
) {
    let depth_blocks = k.div_ceil(DEPTH);
    for pc in 0..depth_blocks {
        let (p, depth) = part(k, 1, depth_blocks, pc);
        let mut i = 0;
        while i < m {
            let vectors = (m - i).div_ceil(V::LEN);
            // SAFETY: rows from i, columns from p, as many as there are.
            unsafe {
                let (a, b) = (a.from(i, p), b.from(p, 0));
                let c = Target { start: c.start.add(i), fresh: c.fresh && pc == 0, ..c };
                macro_rules! rows {
                    ($vectors:literal) => {{
                        let rows = ($vectors * V::LEN).min(m - i);
                        let last = V::mask(rows - ($vectors - 1) * V::LEN);
                        Panel::<V> { a, depth, last }.times_few::<$vectors>(b, n, c);
                        i += rows;
                    }};
                }
                match vectors {
                    1 => rows!(1),
                    2 | 3 => rows!(2),
                    4..=7 => rows!(4),
                    _ => rows!(8),
                }
            }
        }
    }
}

/// Copies a panel of rows, so that its columns follow each other in memory.
///
/// # Safety
/// As for [`product`], for a view of these sizes.
#[inline(always)]
unsafe fn pack_rows<V: Vector>(
    a: View<V::Num>,
    rows: usize,
    depth: usize,
    room_for: &mut Vec<Line>,
) -> View<V::Num> {
    let column = rows.next_multiple_of(V::LEN);
    let to = room::<V::Num>(room_for, column * depth);
    // SAFETY: `rows` by `depth` entries are read; `column` by `depth` written, all of them within `to`.
    unsafe {
        if a.row == 1 {
            let whole = rows / V::LEN * V::LEN;
            let last = V::mask(rows - whole);
            for l in 0..depth {
                let (from, to) = (a.start.add(l * a.column), to.add(l * column));
                let mut i = 0;
                while i < whole {
                    V::load(from.add(i)).store(to.add(i));
                    i += V::LEN;
                }
                if whole < rows {
                    V::load_first(from.add(whole), last).store(to.add(whole));
                }
            }
        } else {
            transpose::<V>(a, rows, depth, to, column);
        }
    }
    View { start: to, row: 1, column }
}

/// Copies a block column by column, so that a column's entries are neighbours.
///
/// # Safety
/// As for [`product`], for a view of these sizes.
#[inline(always)]
unsafe fn pack_columns<V: Vector>(
    b: View<V::Num>,
    depth: usize,
    n: usize,
    room_for: &mut Vec<Line>,
) -> View<V::Num> {
    let column = depth.next_multiple_of(V::SQUARE);
    let to = room::<V::Num>(room_for, column * n);
    // SAFETY: `depth` by `n` entries are read and written, within `to`.
    unsafe { transpose::<V>(b, depth, n, to, column) };
    View { start: to, row: 1, column }
}

/// Copies a matrix so that rows become neighbours: `to[i + j step]` is entry (i, j). In squares, as far as they go, if its columns are neighbours.
///
/// # Safety
/// `V`'s contract; the view has this many rows and columns, `to` has room.
#[inline(always)]
unsafe fn transpose<V: Vector>(x: View<V::Num>, rows: usize, columns: usize, to: *mut V::Num, step: usize) {
    let s = V::SQUARE;
    let (whole_rows, whole_columns) = (rows / s * s, if x.column == 1 { columns / s * s } else { 0 });
    // SAFETY: entries (i, j) of the matrix, and their places.
    unsafe {
        let one = |i: usize, j: usize| *to.add(i + j * step) = *x.from(i, j).start;
        // Along the rows, in which the entries are neighbours.
        let mut i = 0;
        while i < whole_rows {
            let mut j = 0;
            while j < whole_columns {
                V::transpose(x.from(i, j).start, x.row, to.add(i + j * step), step);
                j += s;
            }
            for j in whole_columns..columns {
                (i..i + s).for_each(|i| one(i, j));
            }
            i += s;
        }
        for i in whole_rows..rows {
            (0..columns).for_each(|j| one(i, j));
        }
    }
}
