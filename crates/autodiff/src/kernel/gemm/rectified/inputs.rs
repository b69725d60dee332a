//! Above few inputs that want no gradient: nothing needs the layer's adjoint but the sums that are taken of it.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::super::Run;
use super::super::dot::SUMS;
use super::super::lanes::Vector;
use super::{Own, Sums, To, down, halved, in_columns, own, put};
use crate::kernel::room::Room;
use crate::real::Scalar;
use num_traits::Zero;
use std::any::TypeId;

/// The most inputs.
pub(crate) const FEW_INPUTS: usize = 2;

/// A rectified layer of few inputs `x`, m × k: its values `h` and their adjoint `g`, m × n.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AboveInputs<'a, T> {
    /// m, k and n.
    pub(crate) sizes: (usize, usize, usize),
    pub(crate) h: &'a [T],
    pub(crate) g: &'a [T],
    pub(crate) x: &'a [T],
}

impl<T: Scalar> AboveInputs<'_, T> {
    /// Adds to the adjoints of the weights, k × n, and of the n biases.
    ///
    /// # Panics
    /// If the sizes do not fit, or there are more than [`FEW_INPUTS`].
    pub(crate) fn back(self, to_w: To<T>, to_b: To<T>) {
        let (m, k, n) = self.sizes;
        let fits = self.h.len() == m * n && self.g.len() == m * n && self.x.len() == m * k;
        let room = to_w.is_none_or(|(w, _)| w.len() == k * n) && to_b.is_none_or(|(b, _)| b.len() == n);
        let few = (1..=FEW_INPUTS).contains(&k);
        assert!(fits && room && few, "above inputs: {m} rows, {k} inputs, {n} units");
        in_columns((m, n), |part| {
            let entries = part.start * m..part.end * m;
            // SAFETY: these columns belong to this part.
            let (to_w, to_b) = unsafe { (own(&to_w, &part, k), own(&to_b, &part, 1)) };
            let sizes = (m, k, part.len());
            let of = AboveInputs { sizes, h: &self.h[entries.clone()], g: &self.g[entries], x: self.x };
            of.part(to_w, to_b);
        });
    }

    fn part(self, mut to_w: Own<'_, T>, mut to_b: Own<'_, T>) {
        let (m, k, n) = self.sizes;
        macro_rules! floats {
            ($num:ty) => {
                if TypeId::of::<T>() == TypeId::of::<$num>() {
                    let (h, g, x) = (self.h.as_ptr().cast(), self.g.as_ptr().cast(), self.x.as_ptr().cast());
                    let (to_w, to_b) = (Sums::of(to_w), Sums::of(to_b));
                    let inputs = Inputs::<$num> { sizes: self.sizes, h, g, x, to_w, to_b };
                    // SAFETY: T is this type, and the slices have these sizes.
                    return unsafe { inputs.run(&mut Room::default()) };
                }
            };
        }
        floats!(f32);
        floats!(f64);
        for j in 0..n {
            let passed = |i: usize| {
                let at = i + j * m;
                if self.h[at].num() <= 0.0 { T::Num::zero() } else { self.g[at].num() }
            };
            for r in 0..k {
                let sum = (0..m).fold(T::Num::zero(), |sum, i| sum + passed(i) * self.x[i + r * m].num());
                put(&mut to_w, r + j * k, sum);
            }
            put(&mut to_b, j, (0..m).fold(T::Num::zero(), |sum, i| sum + passed(i)));
        }
    }
}

/// The same as the loops see it.
#[derive(Clone, Copy)]
pub(in super::super) struct Inputs<T> {
    sizes: (usize, usize, usize),
    h: *const T,
    g: *const T,
    x: *const T,
    to_w: Sums<T>,
    to_b: Sums<T>,
}

impl<T: Copy> Inputs<T> {
    /// # Safety
    /// `V`'s contract; the pointers are valid for these sizes.
    #[inline(always)]
    pub(in super::super) unsafe fn on<V: Vector<Num = T>, const W: usize>(self, _: &mut Room) {
        // SAFETY: the caller's contract.
        unsafe {
            match self.sizes.1 {
                1 => self.columns::<V, W, 1>(),
                _ => self.columns::<V, W, 2>(),
            }
        }
    }

    /// # Safety
    /// As for [`on`](Inputs::on), with `K` inputs.
    #[inline(always)]
    unsafe fn columns<V: Vector<Num = T>, const W: usize, const K: usize>(self) {
        let n = self.sizes.2;
        // SAFETY: the caller's contract.
        unsafe {
            for first in (0..n).step_by(V::LEN) {
                let count = V::LEN.min(n - first);
                let mut sums = [V::zero(); 16];
                let mut j = 0;
                macro_rules! tiles {
                    ($($columns:literal)*) => {
                        $(while V::LEN >= $columns * K && count - j >= $columns {
                            self.tile::<V, W, K, $columns>(first + j, &mut sums[j..]);
                            j += $columns;
                        })*
                    };
                }
                tiles!(4 2 1);
                self.to_b.put(first, count, sums);
            }
        }
    }

    /// `C` columns at once, which share the loads of the inputs.
    ///
    /// # Safety
    /// As for [`columns`](Inputs::columns); there are columns from `j` on.
    #[inline(always)]
    unsafe fn tile<V: Vector<Num = T>, const W: usize, const K: usize, const C: usize>(
        self,
        j: usize,
        sums: &mut [V],
    ) {
        let m = self.sizes.0;
        // SAFETY: the caller's contract; what is left after whole rounds is masked.
        unsafe {
            let (h, g) = (self.h.add(j * m), self.g.add(j * m));
            let (mut dot, mut sum) = ([[[V::zero(); W]; K]; C], [[V::zero(); W]; C]);
            macro_rules! step {
                ($i:expr, $at:expr, $load:ident, $store:ident, $($mask:ident)?) => {
                    let mut x = [V::zero(); K];
                    for r in 0..K {
                        x[r] = V::$load(self.x.add($at + r * m) $(, $mask)?);
                    }
                    for c in 0..C {
                        let at = $at + c * m;
                        let h = V::$load(h.add(at) $(, $mask)?);
                        let passed = V::$load(g.add(at) $(, $mask)?).where_above_zero(h);
                        for r in 0..K {
                            dot[c][r][$i] = dot[c][r][$i].add_product(passed, x[r]);
                        }
                        sum[c][$i] = sum[c][$i].add(passed);
                    }
                };
            }
            down!(m, step);
            let mut dots = [V::zero(); 16];
            for c in 0..C {
                for r in 0..K {
                    dots[c * K + r] = halved(dot[c][r]);
                }
                sums[c] = halved(sum[c]);
            }
            self.to_w.put(j * K, C * K, dots);
        }
    }
}
