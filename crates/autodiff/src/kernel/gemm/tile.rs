//! The innermost loop: a tile of the product, summed in registers.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::lanes::Vector;

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

/// Rows `R` vectors tall, of which the last one ends after `last` entries.
#[derive(Clone, Copy)]
pub(super) struct Panel<V: Vector> {
    /// Columns lie `column` apart; rows are neighbours.
    pub(super) a: View<V::Num>,
    pub(super) depth: usize,
    pub(super) last: V::Mask,
}

/// Where a tile goes: column-major.
#[derive(Clone, Copy)]
pub(super) struct Target<T> {
    pub(super) start: *mut T,
    pub(super) column: usize,
    /// Stored instead of added.
    pub(super) fresh: bool,
}

impl<V: Vector> Panel<V> {
    /// `c = a b` (or `c += a b`) for `n <= 2` columns of `b`: tall tiles, for a few sums would wait for each other.
    ///
    /// # Safety
    /// As for [`times`](Panel::times).
    #[inline(always)]
    pub(super) unsafe fn times_few<const R: usize>(self, b: View<V::Num>, n: usize, c: Target<V::Num>) {
        // SAFETY: the caller's contract.
        unsafe {
            match n {
                2 => self.tile::<R, 2>(b, c),
                _ => self.tile::<R, 1>(b, c),
            }
        }
    }

    /// `c = a b` (or `c += a b`) for `n` columns of `b`, in tiles.
    ///
    /// # Safety
    /// `V`'s contract; `b` has `depth` rows and `n` columns, `c` the panel's rows and `n` columns, which nothing else uses.
    #[inline(always)]
    pub(super) unsafe fn times<const R: usize>(self, b: View<V::Num>, n: usize, c: Target<V::Num>) {
        let mut j = 0;
        macro_rules! tiles {
            ($columns:literal) => {
                while V::COLUMNS >= $columns && n - j >= $columns {
                    // SAFETY: columns j to j + $columns of what the contract speaks of.
                    unsafe {
                        let c = Target { start: c.start.add(j * c.column), ..c };
                        self.tile::<R, $columns>(b.from(0, j), c);
                    }
                    j += $columns;
                }
            };
        }
        tiles!(8);
        tiles!(4);
        tiles!(2);
        tiles!(1);
    }

    /// The sums stay in `R C` registers; every step of the loop loads a column of `a` and `C` numbers of `b`.
    ///
    /// # Safety
    /// As for [`times`](Panel::times), with `C` columns.
    #[inline(always)]
    unsafe fn tile<const R: usize, const C: usize>(self, b: View<V::Num>, c: Target<V::Num>) {
        // SAFETY: the caller's contract; the last vector of rows is masked wherever memory is touched.
        unsafe {
            let mut sums = [[V::zero(); R]; C];
            let (mut a, mut b_row) = (self.a.start, b.start);
            for _ in 0..self.depth {
                let mut x = [V::zero(); R];
                for i in 0..R - 1 {
                    x[i] = V::load(a.add(i * V::LEN));
                }
                x[R - 1] = V::load_first(a.add((R - 1) * V::LEN), self.last);
                for (j, sums) in sums.iter_mut().enumerate() {
                    let y = V::splat(b_row.add(j * b.column));
                    for i in 0..R {
                        sums[i] = sums[i].add_product(x[i], y);
                    }
                }
                a = a.wrapping_add(self.a.column);
                b_row = b_row.wrapping_add(b.row);
            }
            for (j, sums) in sums.into_iter().enumerate() {
                let to = c.start.add(j * c.column);
                for (i, sum) in sums.into_iter().enumerate() {
                    let to = to.add(i * V::LEN);
                    match (i + 1 < R, c.fresh) {
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
