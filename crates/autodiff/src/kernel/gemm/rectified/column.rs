//! Below a map to one column: the layer's adjoint is one number for every row, times one for every unit.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::super::Run;
use super::super::dot::SUMS;
use super::super::lanes::Vector;
use super::{Own, Sums, To, down, halved, in_columns, own, put};
use crate::kernel::SharedMut;
use crate::kernel::room::Room;
use crate::real::Scalar;
use num_traits::Zero;
use std::any::TypeId;

/// A map `y = h w` to one column: the values `h` of the rectified layer below, m × n, the weights, and the adjoint `g` of `y`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BelowColumn<'a, T> {
    pub(crate) h: &'a [T],
    pub(crate) w: &'a [T],
    pub(crate) g: &'a [T],
}

impl<T: Scalar> BelowColumn<'_, T> {
    /// Adds to the adjoint of `w`. Stores the adjoint of `h` as the rectifier lets it through, and the sums of its columns.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub(crate) fn back(self, to_w: To<T>, to_h: SharedMut<T>, sums: SharedMut<T>) {
        let (m, n) = (self.g.len(), self.w.len());
        let fits = self.h.len() == m * n && to_h.len() == m * n && sums.len() == n;
        assert!(fits && to_w.is_none_or(|(w, _)| w.len() == n), "below a column: {m} rows, {n} units");
        in_columns((m, n), |part| {
            let entries = part.start * m..part.end * m;
            // SAFETY: these columns belong to this part, here and below.
            let to_w = unsafe { own(&to_w, &part, 1) };
            // SAFETY: as above.
            let to_h = unsafe { to_h.slice(entries.start, entries.len()) };
            // SAFETY: as above.
            let sums = unsafe { sums.slice(part.start, part.len()) };
            BelowColumn { h: &self.h[entries], w: &self.w[part], g: self.g }.part(to_w, to_h, sums);
        });
    }

    fn part(self, mut to_w: Own<'_, T>, to_h: &mut [T], sums: &mut [T]) {
        let (m, n) = (self.g.len(), self.w.len());
        macro_rules! floats {
            ($num:ty) => {
                if TypeId::of::<T>() == TypeId::of::<$num>() {
                    let (h, w, g) = (self.h.as_ptr().cast(), self.w.as_ptr().cast(), self.g.as_ptr().cast());
                    let (to_h, sums) = (to_h.as_mut_ptr().cast(), Sums::of(Some((sums, true))));
                    let columns = Columns::<$num> { m, n, h, w, g, to_h, sums, to_w: Sums::of(to_w) };
                    // SAFETY: T is this type, and the slices have these sizes.
                    return unsafe { columns.run(&mut Room::default()) };
                }
            };
        }
        floats!(f32);
        floats!(f64);
        for j in 0..n {
            let (mut dot, mut sum) = (T::Num::zero(), T::Num::zero());
            for i in 0..m {
                let (h, g) = (self.h[i + j * m].num(), self.g[i].num());
                let passed = if h <= 0.0 { T::Num::zero() } else { g * self.w[j].num() };
                to_h[i + j * m] = T::from_num(passed);
                dot += h * g;
                sum += passed;
            }
            sums[j] = T::from_num(sum);
            put(&mut to_w, j, dot);
        }
    }
}

/// The same as the loops see it.
#[derive(Clone, Copy)]
pub(in super::super) struct Columns<T> {
    m: usize,
    n: usize,
    h: *const T,
    w: *const T,
    g: *const T,
    to_h: *mut T,
    sums: Sums<T>,
    to_w: Sums<T>,
}

impl<T: Copy> Columns<T> {
    /// # Safety
    /// `V`'s contract; the pointers are valid for these sizes.
    #[inline(always)]
    pub(in super::super) unsafe fn on<V: Vector<Num = T>, const W: usize>(self, _: &mut Room) {
        // SAFETY: the caller's contract.
        unsafe {
            for first in (0..self.n).step_by(V::LEN) {
                let count = V::LEN.min(self.n - first);
                let (mut dots, mut sums) = ([V::zero(); 16], [V::zero(); 16]);
                let mut j = 0;
                while count - j >= 4 {
                    self.tile::<V, W, 4>(first + j, &mut dots[j..], &mut sums[j..]);
                    j += 4;
                }
                while j < count {
                    self.tile::<V, W, 1>(first + j, &mut dots[j..], &mut sums[j..]);
                    j += 1;
                }
                self.sums.put(first, count, sums);
                self.to_w.put(first, count, dots);
            }
        }
    }

    /// `C` columns at once, which share the loads of `g`.
    ///
    /// # Safety
    /// As for [`on`](Columns::on); there are columns from `j` on.
    #[inline(always)]
    unsafe fn tile<V: Vector<Num = T>, const W: usize, const C: usize>(
        self,
        j: usize,
        dots: &mut [V],
        sums: &mut [V],
    ) {
        // SAFETY: the caller's contract; what is left after whole rounds is masked.
        unsafe {
            let (h, to_h) = (self.h.add(j * self.m), self.to_h.add(j * self.m));
            let mut w = [V::zero(); C];
            for c in 0..C {
                w[c] = V::splat(self.w.add(j + c));
            }
            let (mut dot, mut sum) = ([[V::zero(); W]; C], [[V::zero(); W]; C]);
            macro_rules! step {
                ($i:expr, $at:expr, $load:ident, $store:ident, $($mask:ident)?) => {
                    let g = V::$load(self.g.add($at) $(, $mask)?);
                    for c in 0..C {
                        let at = $at + c * self.m;
                        let h = V::$load(h.add(at) $(, $mask)?);
                        let passed = V::zero().add_product(g, w[c]).where_above_zero(h);
                        passed.$store(to_h.add(at) $(, $mask)?);
                        dot[c][$i] = dot[c][$i].add_product(h, g);
                        sum[c][$i] = sum[c][$i].add(passed);
                    }
                };
            }
            down!(self.m, step);
            for c in 0..C {
                (dots[c], sums[c]) = (halved(dot[c]), halved(sum[c]));
            }
        }
    }
}
