//! Matrix products on column-major slices.

use crate::real::Scalar;
use num_traits::Zero;
use std::any::TypeId;

/// A column-major matrix, possibly read transposed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mat<'a, T> {
    pub data: &'a [T],
    /// Rows and columns as stored.
    pub rows: usize,
    pub cols: usize,
    pub transposed: bool,
}

impl<T> Mat<'_, T> {
    /// Rows and columns as read.
    pub(crate) fn shape(&self) -> (usize, usize) {
        if self.transposed { (self.cols, self.rows) } else { (self.rows, self.cols) }
    }

    /// The transposed matrix.
    pub(crate) fn t(mut self) -> Self {
        self.transposed = !self.transposed;
        self
    }

    /// Distances in memory between neighbours in a row and in a column, as read: (column stride, row stride).
    fn strides(&self) -> (isize, isize) {
        let rows = self.rows as isize;
        if self.transposed { (1, rows) } else { (rows, 1) }
    }
}

/// `c = a b`, or `c += a b` where not `fresh`. `c` is column-major without gaps.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn gemm<T: Scalar>(c: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, fresh: bool) {
    let ((m, k), (k2, n)) = (a.shape(), b.shape());
    assert!(
        k == k2 && c.len() == m * n && a.data.len() == a.rows * a.cols && b.data.len() == b.rows * b.cols
    );
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if fresh {
            c.fill(T::from_f64(0.0));
        }
        return;
    }
    macro_rules! fast {
        ($ty:ty, $krate:ident, $module:ident) => {
            if TypeId::of::<T>() == TypeId::of::<$ty>() {
                let ((a_cs, a_rs), (b_cs, b_rs)) = (a.strides(), b.strides());
                let gemm = $krate::gemm::$module::get_gemm_fn();
                // dst = alpha dst + beta lhs rhs; alpha is not read when the destination is fresh.
                // SAFETY: T is this type; the assertion above puts every index within its slice, and `c` is borrowed
                // mutably, so it overlaps neither operand.
                unsafe {
                    gemm(
                        m,
                        n,
                        k,
                        c.as_mut_ptr().cast::<$ty>(),
                        m as isize,
                        1,
                        !fresh,
                        a.data.as_ptr().cast::<$ty>(),
                        a_cs,
                        a_rs,
                        b.data.as_ptr().cast::<$ty>(),
                        b_cs,
                        b_rs,
                        1.0,
                        1.0,
                        false,
                        false,
                        false,
                        gemm_common::Parallelism::None,
                    );
                }
                return;
            }
        };
    }
    fast!(f32, gemm_f32, f32);
    fast!(f64, gemm_f64, f64);
    plain(c, a, b, fresh);
}

/// The textbook loop, for duals.
fn plain<T: Scalar>(c: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, fresh: bool) {
    let ((m, k), (_, n)) = (a.shape(), b.shape());
    let ((a_cs, a_rs), (b_cs, b_rs)) = (a.strides(), b.strides());
    for j in 0..n {
        for i in 0..m {
            let mut sum = if fresh { T::Num::zero() } else { c[i + j * m].num() };
            for l in 0..k {
                let x = a.data[i * a_rs as usize + l * a_cs as usize].num();
                let y = b.data[l * b_rs as usize + j * b_cs as usize].num();
                sum += x * y;
            }
            c[i + j * m] = T::from_num(sum);
        }
    }
}
