//! Products with very few rows or columns, where neighbours along the depth are neighbours in memory.

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
    for j in 0..n {
        for i in 0..m {
            // SAFETY: row i, column j and entry (i, j) of what the contract speaks of.
            unsafe {
                let sum = dot::<V, W>(k, a.from(i, 0).start, b.from(0, j).start);
                let to = c.start.add(i + j * c.column);
                let one = V::mask(1);
                let sum = V::splat(&sum);
                if c.fresh { sum } else { V::load_first(to, one).add(sum) }.store_first(to, one);
            }
        }
    }
}

/// # Safety
/// `V`'s contract; `k` numbers behind each pointer.
#[inline(always)]
unsafe fn dot<V: Vector, const W: usize>(k: usize, x: *const V::Num, y: *const V::Num) -> V::Num {
    const { assert!(W * V::LEN == SUMS) };
    // SAFETY: the caller's contract; what is left after whole rounds is masked.
    unsafe {
        let mut sums = [V::zero(); W];
        let mut l = 0;
        while l + SUMS <= k {
            for (w, sum) in sums.iter_mut().enumerate() {
                let at = l + w * V::LEN;
                *sum = sum.add_product(V::load(x.add(at)), V::load(y.add(at)));
            }
            l += SUMS;
        }
        for sum in &mut sums {
            if l < k {
                let mask = V::mask((k - l).min(V::LEN));
                *sum = sum.add_product(V::load_first(x.add(l), mask), V::load_first(y.add(l), mask));
            }
            l += V::LEN;
        }
        let mut all = [V::Num::default(); SUMS];
        for (w, sum) in sums.into_iter().enumerate() {
            sum.store(all.as_mut_ptr().add(w * V::LEN));
        }
        let mut half = SUMS / 2;
        while half > 0 {
            for i in 0..half {
                all[i] = all[i] + all[i + half];
            }
            half /= 2;
        }
        all[0]
    }
}
