//! A product in blocks that fit the caches.

use super::super::scratch::Scratch;
use super::corner;
use super::pack;
use super::passes::Passes;
use super::tile::{Ahead, End, Panel, Target, round};
use super::vector::Vector;
use super::view::{Columns, View};

/// Depth of a block: 48 rows of `f32` (or 24 of `f64`) fill a first-level cache of 48 KiB. It is
/// part of the arithmetic: a sum goes in order within a block of depth, then block after block.
const DEPTH: usize = 256;
/// Columns of a block: with this depth, half a MiB of `f32` in the second-level cache.
const COLUMNS: usize = 512;
/// A panel that meets this many columns is copied first, so that it lies in one piece.
const OFTEN: usize = 64;
/// A block of more bytes than this is not in the first-level cache when a panel comes to it.
const FAR: usize = 32 * 1024;

/// `0..n` in `count` parts as even as can be, the longer ones first.
#[derive(Clone, Copy)]
struct Parts {
    size: usize,
    longer: usize,
    count: usize,
}

impl Parts {
    /// As few parts as can be of at most `most`.
    #[inline(always)]
    fn of(n: usize, most: usize) -> Self {
        let count = n.div_ceil(most);
        Self { size: n / count, longer: n % count, count }
    }

    /// As [`at`](Parts::at), the longer ones last.
    #[inline(always)]
    fn at_last(self, i: usize) -> (usize, usize) {
        let shorter = self.count - self.longer;
        (i * self.size + i.saturating_sub(shorter), self.size + usize::from(i >= shorter))
    }

    /// Start and length of a part.
    #[inline(always)]
    fn at(self, i: usize) -> (usize, usize) {
        (i * self.size + i.min(self.longer), self.size + usize::from(i < self.longer))
    }
}

/// `c = a b` or `c += a b`: m × k by k × n.
///
/// # Safety
/// `V`'s contract; the views have these sizes, and nothing else uses `c`.
#[inline(always)]
pub(super) unsafe fn product<V: Passes>(
    (m, k, n): (usize, usize, usize),
    a: View<V::Num>,
    b: View<V::Num>,
    c: Target<V::Num>,
    scratch: &mut Scratch,
) {
    let (columns, depths) = (Parts::of(n, COLUMNS), Parts::of(k, DEPTH));
    let panels = Parts::of(m.div_ceil(V::LEN), V::ROWS);
    // The tiles with a few rows have at most two whole vectors, which are better than one.
    let few = corner::fits::<V>(m.div_ceil(V::LEN), (m - 1) % V::LEN + 1);
    for jc in 0..columns.count {
        let (j, n) = columns.at(jc);
        for pc in 0..depths.count {
            let (p, depth) = depths.at(pc);
            for ic in 0..panels.count {
                let (first, vectors) = if few { panels.at_last(ic) } else { panels.at(ic) };
                let i = first * V::LEN;
                let rows = (vectors * V::LEN).min(m - i);
                // SAFETY: the block is within the matrices; the copy has room for whole vectors.
                unsafe {
                    let (mut a, b, c) = (a.from(i, p), b.from(p, j), c.from(i, j));
                    if a.row != 1 || n >= OFTEN {
                        let to = scratch.of::<V::Num>(vectors * V::LEN * depth);
                        pack::rows::<V>(a, rows, depth, to);
                        a = View { start: to, row: 1, column: vectors * V::LEN };
                    }
                    let end = c.end.of_block(pc == 0, pc + 1 == depths.count, V::LOWEST);
                    let c = Target { overwrite: c.overwrite && pc == 0, end, ..c };
                    let last = V::mask(rows - (vectors - 1) * V::LEN);
                    macro_rules! times {
                        ($cut:literal) => {{
                            let panel = Panel::<V, $cut> { a: a.start, column: a.column, depth, last };
                            V::times(vectors, panel, b, n, c);
                        }};
                    }
                    if V::LANE > 0 && corner::fits::<V>(vectors, rows - (vectors - 1) * V::LEN) {
                        let panel = Panel::<V, true> { a: a.start, column: a.column, depth, last };
                        V::times_few(vectors - 1, panel, b, n, c);
                    } else if V::FREE_MASKS || rows < vectors * V::LEN {
                        times!(true);
                    } else {
                        times!(false);
                    }
                }
            }
        }
    }
}

/// `c = a b` (or `c += a b`) for a panel and `n` columns of `b`, in tiles of even widths.
///
/// # Safety
/// As for [`Panel::tile`], with `n` columns.
#[inline(always)]
pub(super) unsafe fn times<V: Vector, const R: usize, const CUT: bool>(
    panel: Panel<V, CUT>,
    b: View<V::Num>,
    n: usize,
    c: Target<V::Num>,
) {
    let tiles = Parts::of(n, V::COLUMNS);
    let far = panel.depth * n * size_of::<V::Num>() > FAR;
    let columns = Columns::of(b);
    let (mut j, mut t) = (0, 0);
    for (width, count) in [(tiles.size + 1, tiles.longer), (tiles.size, tiles.count - tiles.longer)] {
        macro_rules! tiles {
            ($($columns:literal)*) => {
                match width {
                    $($columns if V::COLUMNS >= $columns => for _ in 0..count {
                        // SAFETY: columns j to j + width of what the contract speaks of.
                        unsafe {
                            let (b, c) = (b.from(0, j), c.from(0, j));
                            // A block that is far has many columns, and its tiles are wide.
                            if far && 2 * $columns > V::COLUMNS {
                                panel.tile_ahead::<R, $columns>(columns.at(b.start), c, next::<V>(b, width, t));
                            } else {
                                panel.tile::<R, $columns>(columns.at(b.start), c);
                            }
                        }
                        j += width;
                        t += 1;
                    },)*
                    _ => {}
                }
            };
        }
        tiles!(1 2 3 4 5 6 7 8);
    }
}

/// The same for a panel of `R` vectors and a few rows.
///
/// # Safety
/// As for [`times`].
#[inline(always)]
pub(super) unsafe fn times_few<V: Vector, const R: usize>(
    panel: Panel<V, true>,
    b: View<V::Num>,
    n: usize,
    c: Target<V::Num>,
) {
    let tiles = Parts::of(n, V::COLUMNS);
    let columns = Columns::of(b);
    // SAFETY: the caller's contract.
    let lanes = unsafe { corner::lanes::<V>() };
    for t in 0..tiles.count {
        let (j, width) = tiles.at(t);
        macro_rules! tile {
            ($($columns:literal)*) => {
                match width {
                    $($columns if V::COLUMNS >= $columns => {
                        // SAFETY: columns j to j + width of what the contract speaks of.
                        unsafe {
                            let (b, c) = (b.from(0, j), c.from(0, j));
                            corner::tile::<V, R, $columns>(panel, lanes, columns.at(b.start), c);
                        }
                    })*
                    _ => {}
                }
            };
        }
        tile!(1 2 3 4 5 6 7 8);
    }
}

/// What the tiles after this one will read: the next columns; or the next part of rows, which for a
/// whole line of numbers serves several tiles, so that each of them asks for its share of the rows.
#[inline(always)]
fn next<V: Vector>(b: View<V::Num>, width: usize, tile: usize) -> Ahead<V::Num> {
    let round = round::<V::Num>();
    if b.row == 1 {
        Ahead { start: b.start.wrapping_add(width * b.column), line: b.column, round }
    } else {
        let tiles = round / V::COLUMNS;
        let share = tile % tiles;
        let start = b.start.wrapping_add((tiles - share) * width + share * V::COLUMNS * b.row);
        Ahead { start, line: b.row, round: round * b.row }
    }
}

/// As [`product`], for one or two columns and an `a` whose rows are neighbours. The blocks of depth
/// are the same, and so are the sums.
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
    let depths = Parts::of(k, DEPTH);
    for pc in 0..depths.count {
        let (p, depth) = depths.at(pc);
        let mut i = 0;
        while i < m {
            let vectors = (m - i).div_ceil(V::LEN);
            // SAFETY: rows from i, columns from p, as many as there are.
            unsafe {
                let (a, b) = (a.from(i, p), Columns::of(b.from(p, 0)));
                let c = c.from(i, 0);
                let end = c.end.of_block(pc == 0, pc + 1 == depths.count, V::LOWEST);
                let c = Target { overwrite: c.overwrite && pc == 0, end, ..c };
                macro_rules! rows {
                    ($vectors:literal) => {{
                        let rows = ($vectors * V::LEN).min(m - i);
                        let last = V::mask(rows - ($vectors - 1) * V::LEN);
                        let panel = Panel::<V, true> { a: a.start, column: a.column, depth, last };
                        match n {
                            1 => panel.tile::<$vectors, 1>(b, c),
                            _ => panel.tile::<$vectors, 2>(b, c),
                        }
                        i += rows;
                    }};
                }
                match vectors {
                    4..=7 if V::ROWS == 3 => rows!(4),
                    8.. if V::ROWS == 3 => rows!(8),
                    1 => rows!(1),
                    _ => rows!(2),
                }
            }
        }
    }
}

/// `c = a b` or `c += a b` for a column and a row: column by column, in the order of memory. For
/// tall columns: after a short one, a masked vector makes the next column wait, which begins within
/// its width.
///
/// # Safety
/// As for [`product`], with a depth of one and neighbouring rows of `a`.
#[inline(always)]
pub(super) unsafe fn outer<V: Vector>(
    (m, n): (usize, usize),
    a: View<V::Num>,
    b: View<V::Num>,
    c: Target<V::Num>,
) {
    let whole = m / V::LEN * V::LEN;
    // SAFETY: the caller's contract; the last vector is masked if it is not whole.
    unsafe {
        let last = V::mask(m - whole);
        for j in 0..n {
            let (y, c) = (V::splat(b.from(0, j).start), c.from(0, j));
            let (first, least) = match c.end {
                End::Affine { bias, least } => (V::splat(bias), least),
                End::Plain => (V::zero(), V::LOWEST),
            };
            let least = V::splat(&least);
            for i in (0..whole).step_by(V::LEN) {
                let (x, to) = (V::load(a.start.add(i)), c.start.add(i));
                let old = if c.overwrite { first } else { V::load(to) };
                old.add_product(x, y).at_least(least).store(to);
            }
            if whole < m {
                let (x, to) = (V::load_first(a.start.add(whole), last), c.start.add(whole));
                let old = if c.overwrite { first } else { V::load_first(to, last) };
                old.add_product(x, y).at_least(least).store_first(to, last);
            }
        }
    }
}
