//! Tiles whose last vector holds only a few rows.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::tile::{Panel, Target};
use super::vector::Vector;
use super::view::Columns;
use std::hint::black_box;

/// Whether a panel with so many rows in its last vector is done in this way.
#[inline(always)]
pub(super) fn fits<V: Vector>(vectors: usize, last: usize) -> bool {
    vectors > 1 && last <= V::LANE
}

/// The masks of the four lanes. LLVM must not know them: it would make permutations of what takes a
/// masked move.
///
/// # Safety
/// `V`'s contract.
#[inline(always)]
pub(super) unsafe fn lanes<V: Vector>() -> [V::Mask; 4] {
    // SAFETY: the caller's contract.
    black_box(unsafe { [V::lane_mask(0), V::lane_mask(1), V::lane_mask(2), V::lane_mask(3)] })
}

/// As [`Panel::tile`], for `R` whole vectors and a last one of at most [`Vector::LANE`] rows, whose
/// sums are those of four columns in one register: the numbers of `b` that the whole vectors use
/// come together in another, each in its lane. The sums are done in the same order.
///
/// # Safety
/// As for [`Panel::tile`]; the masks are those of [`lanes`].
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const R: usize, const C: usize>(
    panel: Panel<V, true>,
    lanes: [V::Mask; 4],
    b: Columns<V::Num>,
    c: Target<V::Num>,
) {
    const { assert!(C <= 8) };
    // SAFETY: the caller's contract; the last rows are masked wherever memory is touched.
    unsafe {
        let mut sums = [[V::zero(); R]; C];
        let mut few = [V::zero(); 2];
        let (mut a, mut at) = (panel.a, b.fours());
        for _ in 0..panel.depth {
            let mut x = [V::zero(); R];
            for i in 0..R {
                x[i] = V::load(a.add(i * V::LEN));
            }
            let last = V::load_lanes(a.add(R * V::LEN), panel.last);
            for g in 0..C.div_ceil(4) {
                let mut all = V::zero();
                for q in 0..4 {
                    let j = 4 * g + q;
                    if j < C {
                        let y = V::splat(b.number(at, j));
                        for i in 0..R {
                            sums[j][i] = sums[j][i].add_product(x[i], y);
                        }
                        all = if q == 0 { y } else { all.or(y, lanes[q]) };
                    }
                }
                few[g] = few[g].add_product(last, all);
            }
            a = a.wrapping_add(panel.column);
            for at in &mut at {
                *at = at.wrapping_add(b.row());
            }
        }
        let whole =
            Panel::<V, false> { a: panel.a, column: panel.column, depth: panel.depth, last: panel.last };
        whole.put(sums, c);
        let mut rows = [[V::zero()]; C];
        for j in 0..C {
            let all = few[j / 4];
            rows[j] = [match j % 4 {
                0 => all,
                1 => all.lane::<1>(),
                2 => all.lane::<2>(),
                _ => all.lane::<3>(),
            }];
        }
        panel.put(rows, c.from(R * V::LEN, 0));
    }
}
