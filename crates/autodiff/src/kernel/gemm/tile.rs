//! The innermost loop: a tile of the product, summed in registers.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::vector::Vector;
use super::view::Columns;

/// Where a tile goes: column-major.
#[derive(Clone, Copy)]
pub(super) struct Target<T> {
    pub(super) start: *mut T,
    pub(super) column: usize,
    /// Stored instead of added.
    pub(super) overwrite: bool,
    /// What becomes of the sums in the end.
    pub(super) end: End<T>,
}

/// The end of a sum. In blocks, in tall tiles and in outer products.
#[derive(Clone, Copy)]
pub(super) enum End<T> {
    /// Nothing is done.
    Plain,
    /// A number of its column is added (on the first write), and what is below a limit becomes the
    /// limit.
    Affine { bias: *const T, least: T },
}

impl<T: Copy> End<T> {
    /// The end of one of several blocks of depth: the bias is added in the first, the limit holds
    /// in the last.
    #[inline(always)]
    pub(super) fn of_block(self, first: bool, last: bool, lowest: T) -> Self {
        match self {
            End::Affine { bias, .. } if first && !last => End::Affine { bias, least: lowest },
            End::Affine { .. } if !last => End::Plain,
            end => end,
        }
    }
}

impl<T> Target<T> {
    /// The part from entry (i, j) on.
    ///
    /// # Safety
    /// As for [`View::from`](super::view::View::from).
    #[inline(always)]
    pub(super) unsafe fn from(self, i: usize, j: usize) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            let end = match self.end {
                End::Plain => End::Plain,
                End::Affine { bias, least } => End::Affine { bias: bias.add(j), least },
            };
            Self { start: self.start.add(i + j * self.column), end, ..self }
        }
    }
}

/// What a tile asks for while it computes: as many cache lines as it has columns, for every
/// [`round`] of steps of depth.
#[derive(Clone, Copy)]
pub(super) struct Ahead<T> {
    pub(super) start: *const T,
    /// From line to line, and from round to round.
    pub(super) line: usize,
    pub(super) round: usize,
}

/// Rows `R` vectors tall, of which the last one ends after `last` entries if it is `CUT`.
#[derive(Clone, Copy)]
pub(super) struct Panel<V: Vector, const CUT: bool> {
    /// Columns lie `column` apart; rows are neighbours.
    pub(super) a: *const V::Num,
    pub(super) column: usize,
    pub(super) depth: usize,
    pub(super) last: V::Mask,
}

/// Steps of depth for which the numbers of a column fill a cache line.
pub(super) const fn round<T>() -> usize {
    64 / size_of::<T>()
}

impl<V: Vector, const CUT: bool> Panel<V, CUT> {
    /// `c = a b` or `c += a b`.
    ///
    /// # Safety
    /// `V`'s contract; `b` has `depth` rows and `C` columns, `c` the panel's rows and `C` columns,
    /// which nothing else uses.
    #[inline(always)]
    pub(super) unsafe fn tile<const R: usize, const C: usize>(self, b: Columns<V::Num>, c: Target<V::Num>) {
        let mut sums = Sums::<V, R, C>::new(self, b);
        // SAFETY: the caller's contract.
        unsafe {
            sums.steps(self, b, self.depth);
            self.put(sums.sums, c);
        }
    }

    /// The same, and what the next tile reads is asked for meanwhile.
    ///
    /// # Safety
    /// As for [`tile`](Panel::tile).
    #[inline(always)]
    pub(super) unsafe fn tile_ahead<const R: usize, const C: usize>(
        self,
        b: Columns<V::Num>,
        c: Target<V::Num>,
        mut ahead: Ahead<V::Num>,
    ) {
        let mut sums = Sums::<V, R, C>::new(self, b);
        let mut left = self.depth;
        // SAFETY: the caller's contract.
        unsafe {
            while left > 0 {
                for j in 0..C {
                    V::prefetch(ahead.start.wrapping_add(j * ahead.line));
                }
                ahead.start = ahead.start.wrapping_add(ahead.round);
                let steps = left.min(round::<V::Num>());
                sums.steps(self, b, steps);
                left -= steps;
            }
            self.put(sums.sums, c);
        }
    }

    /// Stores a tile, or adds it to what is there.
    ///
    /// # Safety
    /// As for [`tile`](Panel::tile).
    #[inline(always)]
    pub(super) unsafe fn put<const R: usize, const C: usize>(self, sums: [[V; R]; C], c: Target<V::Num>) {
        // SAFETY: the caller's contract.
        unsafe {
            if let End::Affine { bias, least } = c.end {
                return self.end(sums, c, bias, V::splat(&least));
            }
            for j in 0..C {
                for i in 0..R {
                    let (to, sum) = (c.start.add(j * c.column + i * V::LEN), sums[j][i]);
                    match (i + 1 < R || !CUT, c.overwrite) {
                        (true, true) => sum.store(to),
                        (true, false) => V::load(to).add(sum).store(to),
                        (false, true) => sum.store_first(to, self.last),
                        (false, false) => V::load_first(to, self.last).add(sum).store_first(to, self.last),
                    }
                }
            }
        }
    }
}

impl<V: Vector, const CUT: bool> Panel<V, CUT> {
    /// As [`put`](Panel::put), with an end.
    ///
    /// # Safety
    /// As for [`tile`](Panel::tile), and a bias for every column.
    #[inline(always)]
    unsafe fn end<const R: usize, const C: usize>(
        self,
        sums: [[V; R]; C],
        c: Target<V::Num>,
        bias: *const V::Num,
        least: V,
    ) {
        // SAFETY: the caller's contract.
        unsafe {
            for j in 0..C {
                let bias = V::splat(bias.add(j));
                for i in 0..R {
                    let to = c.start.add(j * c.column + i * V::LEN);
                    let whole = i + 1 < R || !CUT;
                    let before = match (whole, c.overwrite) {
                        (_, true) => bias,
                        (true, false) => V::load(to),
                        (false, false) => V::load_first(to, self.last),
                    };
                    let y = before.add(sums[j][i]).at_least(least);
                    if whole { y.store(to) } else { y.store_first(to, self.last) }
                }
            }
        }
    }
}

/// A tile in the making: its sums stay in `R C` registers.
struct Sums<V: Vector, const R: usize, const C: usize> {
    sums: [[V; R]; C],
    /// Where the next step reads.
    a: *const V::Num,
    b: [*const V::Num; 4],
}

impl<V: Vector, const R: usize, const C: usize> Sums<V, R, C> {
    #[inline(always)]
    fn new<const CUT: bool>(panel: Panel<V, CUT>, b: Columns<V::Num>) -> Self {
        // SAFETY: `V`'s contract.
        Self { sums: [[unsafe { V::zero() }; R]; C], a: panel.a, b: b.fours() }
    }

    /// Each step loads a column of the panel and a row of `b`.
    ///
    /// # Safety
    /// As for [`tile`](Panel::tile), if so many steps are left.
    #[inline(always)]
    unsafe fn steps<const CUT: bool>(&mut self, panel: Panel<V, CUT>, b: Columns<V::Num>, steps: usize) {
        // SAFETY: the caller's contract; the last vector of rows is masked wherever memory is
        // touched.
        unsafe {
            for _ in 0..steps {
                let mut x = [V::zero(); R];
                for i in 0..R - 1 {
                    x[i] = V::load(self.a.add(i * V::LEN));
                }
                let last = self.a.add((R - 1) * V::LEN);
                x[R - 1] = if CUT { V::load_first(last, panel.last) } else { V::load(last) };
                for j in 0..C {
                    let y = V::splat(b.number(self.b, j));
                    for i in 0..R {
                        self.sums[j][i] = self.sums[j][i].add_product(x[i], y);
                    }
                }
                self.a = self.a.wrapping_add(panel.column);
                for at in &mut self.b {
                    *at = at.wrapping_add(b.row());
                }
            }
        }
    }
}
