//! The way back through a map to one column, to the rectifier below it.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::super::parallel::{SharedMut, for_each_chunk};
use super::super::room::Room;
use super::Run;
use super::dot::SUMS;
use super::lanes::Vector;
use crate::real::Scalar;
use num_traits::Zero;
use std::any::TypeId;
use std::ops::Range;

/// The map `y = h w`, of values m × n that a rectifier gave and a column, and the adjoint `g` of `y`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToColumn<'a, T> {
    pub(crate) h: &'a [T],
    pub(crate) w: &'a [T],
    pub(crate) g: &'a [T],
}

/// Where the adjoints go: of `w` (and whether it is stored instead of added), and what the rectifier lets through of that of `h`, with the sums
/// of its columns, which are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back<T> {
    pub(crate) w: Option<(SharedMut<T>, bool)>,
    pub(crate) h: SharedMut<T>,
    pub(crate) sums: SharedMut<T>,
}

/// All of that in one pass over `h` and its adjoint: with one number for every row, passes are what takes the time. The sums are done in
/// the order in which products along the depth are.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn passed<T: Scalar>(of: ToColumn<'_, T>, to: Back<T>) {
    /// Entries whose work is worth waking another thread.
    const PART: usize = 1 << 16;
    let (m, n) = (of.g.len(), of.w.len());
    let fits = of.h.len() == m * n && to.h.len() == m * n && to.sums.len() == n;
    assert!(fits && to.w.is_none_or(|(w, _)| w.len() == n), "passed: a column of {n}, {m} rows");
    let columns = (PART / m.max(1)).max(1).next_multiple_of(SUMS);
    for_each_chunk(n.div_ceil(columns), |i| {
        let part = i * columns..n.min((i + 1) * columns);
        macro_rules! floats {
            ($num:ty) => {
                if TypeId::of::<T>() == TypeId::of::<$num>() {
                    // SAFETY: T is this type; the sizes fit, and columns belong to one part.
                    return unsafe { PassedColumns::<$num>::new(of, to, part).run(&mut Room::default()) };
                }
            };
        }
        floats!(f32);
        floats!(f64);
        for j in part {
            // SAFETY: column j, which is that of one part.
            let (back, sum) = unsafe { (to.h.slice(j * m, m), to.sums.slice(j, 1)) };
            let (mut dot, mut total) = (T::Num::zero(), T::Num::zero());
            for ((back, h), g) in back.iter_mut().zip(&of.h[j * m..]).zip(of.g) {
                dot += h.num() * g.num();
                let passed = if h.num() <= 0.0 { T::Num::zero() } else { g.num() * of.w[j].num() };
                total += passed;
                *back = T::from_num(passed);
            }
            sum[0] = T::from_num(total);
            if let Some((w, fresh)) = to.w {
                // SAFETY: as above.
                let w = unsafe { w.slice(j, 1) };
                w[0] = T::from_num(if fresh { dot } else { w[0].num() + dot });
            }
        }
    });
}

/// Some columns of that, as the loops see them.
#[derive(Clone, Copy)]
pub(super) struct PassedColumns<T> {
    m: usize,
    n: usize,
    h: *const T,
    w: *const T,
    g: *const T,
    to_h: *mut T,
    to_sums: *mut T,
    to_w: Option<*mut T>,
    fresh: bool,
}

impl<T: Copy> PassedColumns<T> {
    /// # Safety
    /// `S` is `T`, the sizes fit, and nothing else uses these columns of what is written.
    unsafe fn new<S: Copy>(of: ToColumn<'_, S>, to: Back<S>, part: Range<usize>) -> Self {
        let (m, n) = (of.g.len(), part.len());
        let entries = part.start * m..part.end * m;
        // SAFETY: the caller's contract.
        let to_w = to.w.as_ref().map(|(w, _)| unsafe { w.slice(part.start, n) }.as_mut_ptr().cast());
        Self {
            m,
            n,
            h: of.h[entries.clone()].as_ptr().cast(),
            w: of.w[part.clone()].as_ptr().cast(),
            g: of.g.as_ptr().cast(),
            // SAFETY: as above.
            to_h: unsafe { to.h.slice(entries.start, entries.len()) }.as_mut_ptr().cast(),
            // SAFETY: as above.
            to_sums: unsafe { to.sums.slice(part.start, n) }.as_mut_ptr().cast(),
            to_w,
            fresh: to.w.is_some_and(|(_, fresh)| fresh),
        }
    }

    /// # Safety
    /// `V`'s contract; the pointers are valid for these sizes.
    #[inline(always)]
    pub(super) unsafe fn on<V: Vector<Num = T>, const W: usize>(self, _: &mut Room) {
        // SAFETY: the caller's contract; what is left after whole rounds is masked.
        unsafe {
            for first in (0..self.n).step_by(V::LEN) {
                let count = V::LEN.min(self.n - first);
                let (mut dots, mut sums) = ([V::zero(); 16], [V::zero(); 16]);
                for c in 0..count {
                    [dots[c], sums[c]] = self.column::<V, W>(first + c);
                }
                let mask = V::mask(count);
                V::totals(sums).store_first(self.to_sums.add(first), mask);
                if let Some(to) = self.to_w {
                    let (to, dots) = (to.add(first), V::totals(dots));
                    let dots = if self.fresh { dots } else { V::load_first(to, mask).add(dots) };
                    dots.store_first(to, mask);
                }
            }
        }
    }

    /// Writes a column of the adjoint. Its products with `g` and its entries, each in as many sums as a register has numbers.
    ///
    /// # Safety
    /// As for [`on`](PassedColumns::on).
    #[inline(always)]
    unsafe fn column<V: Vector<Num = T>, const W: usize>(self, j: usize) -> [V; 2] {
        const { assert!(W * V::LEN == SUMS) };
        // SAFETY: the caller's contract.
        unsafe {
            let (h, to, w) = (self.h.add(j * self.m), self.to_h.add(j * self.m), V::splat(self.w.add(j)));
            let (mut dot, mut sum) = ([V::zero(); W], [V::zero(); W]);
            // Not a closure: that would be compiled without the instruction set.
            macro_rules! step {
                ($i:ident, $at:expr, $load:ident, $store:ident $(, $mask:ident)?) => {{
                    let at = $at;
                    let (h, g) = (V::$load(h.add(at) $(, $mask)?), V::$load(self.g.add(at) $(, $mask)?));
                    let passed = V::zero().add_product(g, w).where_above_zero(h);
                    passed.$store(to.add(at) $(, $mask)?);
                    dot[$i] = dot[$i].add_product(h, g);
                    sum[$i] = sum[$i].add(passed);
                }};
            }
            let whole = self.m / SUMS * SUMS;
            for at in (0..whole).step_by(SUMS) {
                for i in 0..W {
                    step!(i, at + i * V::LEN, load, store);
                }
            }
            for i in 0..W {
                let at = whole + i * V::LEN;
                if at < self.m {
                    let mask = V::mask(V::LEN.min(self.m - at));
                    step!(i, at, load_first, store_first, mask);
                }
            }
            let mut half = W / 2;
            while half > 0 {
                for i in 0..half {
                    (dot[i], sum[i]) = (dot[i].add(dot[i + half]), sum[i].add(sum[i + half]));
                }
                half /= 2;
            }
            [dot[0], sum[0]]
        }
    }
}
