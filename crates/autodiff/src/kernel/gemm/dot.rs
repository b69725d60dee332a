//! Products with very few rows or columns, where neighbours along the depth are neighbours in memory.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::lanes::Vector;
use super::tile::{Target, View};

/// Running sums of a product of two vectors, whatever the width of a register: the order of the additions is part of the arithmetic.
const SUMS: usize = 16;

/// `c = a b` or `c += a b`, entry by entry. `V` registers of `W` hold [`SUMS`] numbers.
///
/// # Safety
/// `V`'s contract; `a` is m × k with neighbouring columns, `b` k × n with neighbouring rows, and nothing else uses `c`.
#[inline(always)]
pub(super) unsafe fn dots<V: Vector, const W: usize>(
    (m, k, n): (usize, usize, usize),
    a: View<V::Num>,
    b: View<V::Num>,
    c: Target<V::Num>,
) {
    let one = |i: usize, j: usize, sum: V::Num| {
        // SAFETY: entry (i, j) of what the contract speaks of.
        unsafe {
            let to = c.start.add(i + j * c.column);
            *to = if c.fresh { sum } else { *to + sum };
        }
    };
    for j in 0..n {
        let mut i = 0;
        // SAFETY: rows i to i + 4 and column j of what the contract speaks of.
        unsafe {
            while i + 4 <= m {
                let x = [a.from(i, 0), a.from(i + 1, 0), a.from(i + 2, 0), a.from(i + 3, 0)];
                let sums = dot::<V, W, 4>(k, x.map(|x| x.start), b.from(0, j).start);
                for (r, sum) in sums.into_iter().enumerate() {
                    one(i + r, j, sum);
                }
                i += 4;
            }
            while i < m {
                let [sum] = dot::<V, W, 1>(k, [a.from(i, 0).start], b.from(0, j).start);
                one(i, j, sum);
                i += 1;
            }
        }
    }
}

/// The products of `R` vectors with one: their sums do not wait for each other.
///
/// # Safety
/// `V`'s contract; `k` numbers behind each pointer.
#[inline(always)]
unsafe fn dot<V: Vector, const W: usize, const R: usize>(
    k: usize,
    x: [*const V::Num; R],
    y: *const V::Num,
) -> [V::Num; R] {
    const { assert!(W * V::LEN == SUMS) };
    // SAFETY: the caller's contract; what is left after whole rounds is masked.
    unsafe {
        let mut sums = [[V::zero(); W]; R];
        let mut l = 0;
        while l + SUMS <= k {
            for w in 0..W {
                let at = l + w * V::LEN;
                let y = V::load(y.add(at));
                for r in 0..R {
                    sums[r][w] = sums[r][w].add_product(V::load(x[r].add(at)), y);
                }
            }
            l += SUMS;
        }
        for w in 0..W {
            if l < k {
                let mask = V::mask((k - l).min(V::LEN));
                let y = V::load_first(y.add(l), mask);
                for r in 0..R {
                    sums[r][w] = sums[r][w].add_product(V::load_first(x[r].add(l), mask), y);
                }
            }
            l += V::LEN;
        }
        let mut all = [[V::Num::default(); SUMS]; R];
        for r in 0..R {
            for w in 0..W {
                sums[r][w].store(all[r].as_mut_ptr().add(w * V::LEN));
            }
        }
        let mut half = SUMS / 2;
        while half > 0 {
            for r in 0..R {
                for i in 0..half {
                    all[r][i] = all[r][i] + all[r][i + half];
                }
            }
            half /= 2;
        }
        let mut totals = [V::Num::default(); R];
        for r in 0..R {
            totals[r] = all[r][0];
        }
        totals
    }
}
