//! The length of a long vector.

use super::parallel::{SharedMut, for_each_chunk};
use super::update::PIECE;
use crate::real::Scalar;
use crate::simd::{Kernel, dispatch};

/// The Euclidean norm, summed in `f64`, in an order that does not depend on the number of threads.
pub fn norm<T: Scalar>(x: &[T]) -> f64 {
    /// Parts whose sums stand in an array on the stack.
    const PARTS: usize = 64;
    let size = x.len().div_ceil(PARTS).max(PIECE);
    let mut sums = [0.0; PARTS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(x.len().div_ceil(size), |i| {
        let part = &x[i * size..x.len().min((i + 1) * size)];
        // SAFETY: every part writes its own place.
        unsafe { out.set(i, squares(part)) };
    });
    sums.iter().sum::<f64>().sqrt()
}

/// `Σ x²`.
pub(crate) fn squares<T: Scalar>(x: &[T]) -> f64 {
    dispatch(Of(x))
}

struct Of<'a, T>(&'a [T]);

impl<T: Scalar> Kernel for Of<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut sum = Squares::new();
        sum.add(self.0);
        sum.total()
    }
}

const LANES: usize = 16;

/// A running sum of squares in 16 lanes, whatever the instruction set.
#[derive(Clone, Copy)]
pub(super) struct Squares([f64; LANES]);

impl Squares {
    pub(super) fn new() -> Self {
        Self([0.0; LANES])
    }

    #[inline(always)]
    pub(super) fn add<T: Scalar>(&mut self, x: &[T]) {
        let mut sums = self.0;
        let (whole, rest) = x.as_chunks::<LANES>();
        for x in whole {
            for i in 0..LANES {
                sums[i] += x[i].to_f64() * x[i].to_f64();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += x.to_f64() * x.to_f64();
        }
        self.0 = sums;
    }

    pub(super) fn total(&self) -> f64 {
        self.0.iter().sum()
    }
}
