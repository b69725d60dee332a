//! Products of few rows or columns, where neighbours along the depth are neighbours in memory:
//! entry by entry, along the depth.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::tile::Target;
use super::vector::Vector;
use super::view::{Columns, View};

/// Running sums of an entry, whatever the width of a register: the order of the additions is part
/// of the arithmetic. Number l of the depth goes to sum l modulo 16; in the end the upper half is
/// added to the lower one, and so on.
pub(super) const SUMS: usize = 16;

/// `c = a b` or `c += a b`. `V` registers of `W` hold [`SUMS`] numbers.
///
/// # Safety
/// `V`'s contract; `a` is m × k with neighbouring columns, `b` k × n with neighbouring rows, and
/// nothing else uses `c`.
#[inline(always)]
pub(super) unsafe fn dots<V: Vector, const W: usize>(
    (m, k, n): (usize, usize, usize),
    a: View<V::Num>,
    b: View<V::Num>,
    c: Target<V::Num>,
) {
    // As vectors along the depth: those of `a` lie `a.row` apart, those of `b` lie `b.column`
    // apart.
    let (x, y) = (View { column: a.row, ..a }, b);
    // SAFETY: the caller's contract.
    unsafe {
        if n <= 2 {
            for j in 0..n {
                line::<V, W>((m, k), x, y.from(0, j).start, c.from(0, j).start, 1, c.overwrite);
            }
        } else if m == 1 {
            line::<V, W>((n, k), y, x.start, c.start, c.column, c.overwrite);
        } else {
            tiles::<V, W>((m, k, n), x, y, c);
        }
    }
}

/// The products of `n` vectors with one, as many at once as a register has numbers.
///
/// # Safety
/// As for [`dots`].
#[inline(always)]
unsafe fn line<V: Vector, const W: usize>(
    (n, k): (usize, usize),
    x: View<V::Num>,
    y: *const V::Num,
    to: *mut V::Num,
    step: usize,
    overwrite: bool,
) {
    let columns = Columns::of(x);
    let y = Columns::of(View { start: y, row: 1, column: 0 });
    let mut i = 0;
    macro_rules! entries {
        ($($rows:literal)*) => {
            $(while V::DOTS >= $rows && n - i >= $rows {
                // SAFETY: the caller's contract.
                unsafe {
                    let totals = entries::<V, W, $rows, 1>(k, columns.at(x.from(0, i).start), y);
                    put::<V, $rows, 1>(totals, to.add(i * step), (step, 0), overwrite);
                }
                i += $rows;
            })*
        };
    }
    entries!(16 8 4 2 1);
}

/// The products of `m` vectors with `n`, in tiles.
///
/// # Safety
/// As for [`dots`].
#[inline(always)]
unsafe fn tiles<V: Vector, const W: usize>(
    (m, k, n): (usize, usize, usize),
    x: View<V::Num>,
    y: View<V::Num>,
    c: Target<V::Num>,
) {
    let (rows, columns) = (Columns::of(x), Columns::of(y));
    let mut j = 0;
    macro_rules! entries {
        ($columns:literal, $most:literal: $($rows:literal)*) => {
            while ($columns == 1 || V::DOTS >= $most * $columns) && n - j >= $columns {
                let mut i = 0;
                $(while V::DOTS >= $rows * $columns && m - i >= $rows {
                    // SAFETY: the caller's contract.
                    unsafe {
                        let (x, y) = (rows.at(x.from(0, i).start), columns.at(y.from(0, j).start));
                        let totals = entries::<V, W, $rows, $columns>(k, x, y);
                        put::<V, $rows, $columns>(totals, c.from(i, j).start, (1, c.column), c.overwrite);
                    }
                    i += $rows;
                })*
                j += $columns;
            }
        };
    }
    if m == 2 {
        // The totals of sixteen entries take as long as those of eight.
        entries!(8, 2: 2);
    }
    entries!(4, 4: 4 2 1);
    entries!(2, 4: 4 2 1);
    entries!(1, 4: 4 2 1);
}

/// The products of `R` vectors with `C`: column by column in one register.
///
/// # Safety
/// `V`'s contract; `k` numbers in each vector.
#[inline(always)]
unsafe fn entries<V: Vector, const W: usize, const R: usize, const C: usize>(
    k: usize,
    x: Columns<V::Num>,
    y: Columns<V::Num>,
) -> V {
    const { assert!(W * V::LEN == SUMS) };
    debug_assert!(R * C <= V::DOTS);
    // SAFETY: the caller's contract; what is left after whole rounds is masked.
    unsafe {
        let mut sums = [[[V::zero(); R]; C]; W];
        let (mut x_at, mut y_at) = (x.fours(), y.fours());
        let mut left = k;
        // Not a closure: that would be compiled without the instruction set.
        macro_rules! step {
            ($w:ident, $load:ident $(, $mask:ident)?) => {{
                let mut column = [V::zero(); R];
                for r in 0..R {
                    column[r] = V::$load(x.number(x_at, r) $(, $mask)?);
                }
                for s in 0..C {
                    let y = V::$load(y.number(y_at, s) $(, $mask)?);
                    for r in 0..R {
                        sums[$w][s][r] = sums[$w][s][r].add_product(column[r], y);
                    }
                }
                for i in 0..4 {
                    x_at[i] = x_at[i].wrapping_add(V::LEN);
                    y_at[i] = y_at[i].wrapping_add(V::LEN);
                }
            }};
        }
        while left >= SUMS {
            for w in 0..W {
                step!(w, load);
            }
            left -= SUMS;
        }
        for w in 0..W {
            if left > 0 {
                let now = left.min(V::LEN);
                let mask = V::mask(now);
                step!(w, load_first, mask);
                left -= now;
            }
        }
        let mut all = [V::zero(); 16];
        for s in 0..C {
            for r in 0..R {
                let mut half = W / 2;
                while half > 0 {
                    for w in 0..half {
                        sums[w][s][r] = sums[w][s][r].add(sums[w + half][s][r]);
                    }
                    half /= 2;
                }
                all[s * R + r] = sums[0][s][r];
            }
        }
        V::totals(all)
    }
}

/// Stores the totals of a tile with these steps between rows and between columns, or adds them to
/// what is there.
///
/// # Safety
/// `V`'s contract, and that part of the target.
#[inline(always)]
unsafe fn put<V: Vector, const R: usize, const C: usize>(
    totals: V,
    to: *mut V::Num,
    (row, column): (usize, usize),
    overwrite: bool,
) {
    // SAFETY: the caller's contract.
    unsafe {
        if C == 1 && row == 1 {
            let mask = V::mask(R);
            let all = if overwrite { totals } else { V::load_first(to, mask).add(totals) };
            return all.store_first(to, mask);
        }
        let mut all = [V::Num::default(); 16];
        totals.store(all.as_mut_ptr());
        if row == 1 && overwrite {
            // Column by column, not number by number.
            for s in 0..C {
                let (from, to) = (all.as_ptr().add(s * R), to.add(s * column));
                to.cast::<[V::Num; R]>().write_unaligned(from.cast::<[V::Num; R]>().read_unaligned());
            }
            return;
        }
        for s in 0..C {
            for r in 0..R {
                let to = to.add(r * row + s * column);
                *to = if overwrite { all[s * R + r] } else { *to + all[s * R + r] };
            }
        }
    }
}
