//! The backward pass of a layer with one output, down to the ReLU of the layer below.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls into registers"
)]

use super::super::parallel::{SharedMut, for_each_chunk};
use super::super::scratch::Scratch;
use super::Run;
use super::dot::SUMS;
use super::vector::Vector;
use crate::real::Scalar;
use crate::simd::align_frame;
use num_traits::Zero;
use std::any::TypeId;
use std::ops::Range;

/// The map `y = h w`, of the m × n results of a ReLU and a column, and the adjoint `g` of `y`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToColumn<'a, T> {
    pub(crate) h: &'a [T],
    pub(crate) w: &'a [T],
    pub(crate) g: &'a [T],
}

/// Where the adjoints go: of `w` (and whether to overwrite it), and the masked adjoint of `h` with
/// the sums of its columns, which are overwritten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masked<T> {
    pub(crate) w: Option<(SharedMut<T>, bool)>,
    pub(crate) h: SharedMut<T>,
    pub(crate) sums: SharedMut<T>,
}

/// All of that in one pass over `h` and its adjoint: with one output, passes over memory take most
/// of the time. Sums have the order that matrix products have along the depth.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn backward_column<T: Scalar>(of: ToColumn<'_, T>, to: Masked<T>) {
    /// Entries whose work is worth waking another thread.
    const PART: usize = 1 << 16;
    let (m, n) = (of.g.len(), of.w.len());
    let fits = of.h.len() == m * n && to.h.len() == m * n && to.sums.len() == n;
    assert!(fits && to.w.is_none_or(|(w, _)| w.len() == n), "backward_column: a column of {n}, {m} rows");
    let columns = (PART / m.max(1)).max(1).next_multiple_of(SUMS);
    for_each_chunk(n.div_ceil(columns), |i| {
        let part = i * columns..n.min((i + 1) * columns);
        macro_rules! floats {
            ($num:ty) => {
                if TypeId::of::<T>() == TypeId::of::<$num>() {
                    // SAFETY: T is this type; the sizes fit, and columns belong to one part.
                    return unsafe { MaskedColumns::<$num>::new(of, to, part).run(&mut Scratch::default()) };
                }
            };
        }
        floats!(f32);
        floats!(f64);
        for j in part {
            // SAFETY: column j, which is that of one part.
            let (masked, sum) = unsafe { (to.h.slice(j * m, m), to.sums.slice(j, 1)) };
            let (mut dot, mut total) = (T::Num::zero(), T::Num::zero());
            for ((to, h), g) in masked.iter_mut().zip(&of.h[j * m..]).zip(of.g) {
                dot += h.num() * g.num();
                let part = if h.num() <= 0.0 { T::Num::zero() } else { g.num() * of.w[j].num() };
                total += part;
                *to = T::from_num(part);
            }
            sum[0] = T::from_num(total);
            if let Some((w, overwrite)) = to.w {
                // SAFETY: as above.
                let w = unsafe { w.slice(j, 1) };
                w[0] = T::from_num(if overwrite { dot } else { w[0].num() + dot });
            }
        }
    });
}

/// Some columns of that, as the loops see them.
#[derive(Clone, Copy)]
pub(super) struct MaskedColumns<T> {
    m: usize,
    n: usize,
    h: *const T,
    w: *const T,
    g: *const T,
    to_h: *mut T,
    to_sums: *mut T,
    to_w: Option<*mut T>,
    overwrite: bool,
}

impl<T: Copy> MaskedColumns<T> {
    /// # Safety
    /// `S` is `T`, the sizes fit, and nothing else uses these columns of what is written.
    unsafe fn new<S: Copy>(of: ToColumn<'_, S>, to: Masked<S>, part: Range<usize>) -> Self {
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
            overwrite: to.w.is_some_and(|(_, overwrite)| overwrite),
        }
    }

    /// # Safety
    /// `V`'s contract; the pointers are valid for these sizes.
    #[inline(always)]
    pub(super) unsafe fn on<V: Vector<Num = T>, const W: usize>(self, _: &mut Scratch) {
        align_frame();
        // SAFETY: the caller's contract; the rest after whole rounds is masked.
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
                    let dots = if self.overwrite { dots } else { V::load_first(to, mask).add(dots) };
                    dots.store_first(to, mask);
                }
            }
        }
    }

    /// Writes a column of the adjoint. Its products with `g` and its entries, each in as many sums
    /// as a register has numbers.
    ///
    /// # Safety
    /// As for [`on`](MaskedColumns::on).
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
                    let part = V::zero().add_product(g, w).where_above_zero(h);
                    part.$store(to.add(at) $(, $mask)?);
                    dot[$i] = dot[$i].add_product(h, g);
                    sum[$i] = sum[$i].add(part);
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
