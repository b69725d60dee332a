//! The length of a long vector.

use super::parallel::{PIECE, SharedMut, for_each_chunk};
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};

crate::precompiled! {
    /// The Euclidean norm. Squares are summed in the precision of the numbers by parts, and these
    /// in `f64`, in an order that does not depend on the number of threads.
    pub fn norm<T>(x: &'a [T]) -> f64 {
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

    /// Adds the squares of these numbers, summed in their own precision, or in `f64` if that range
    /// is not wide enough.
    #[inline(always)]
    pub(super) fn add<T: Scalar>(&mut self, x: &[T]) {
        let mut lanes = lanes(x, |x| x.num() * x.num());
        // Squares that are lost below, or exceed all numbers, in single precision.
        if !(1e-20..1e30).contains(&total(lanes)) {
            lanes = self::lanes(x, |x| x.to_f64() * x.to_f64());
        }
        self.0.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum += lane);
    }

    /// As `add`, every square in `f64`: faster for few numbers, because there is nothing to choose.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "LLVM does not vectorise the loop over an iterator")]
    pub(super) fn add_few<T: Scalar>(&mut self, x: &[T]) {
        let (lines, rest) = x.as_chunks::<LANES>();
        for x in lines {
            for i in 0..LANES {
                self.0[i] += x[i].to_f64() * x[i].to_f64();
            }
        }
        for (sum, x) in self.0.iter_mut().zip(rest) {
            *sum += x.to_f64() * x.to_f64();
        }
    }

    pub(super) fn total(&self) -> f64 {
        total(self.0)
    }
}

/// Sums in lanes: four vectors of AVX-512 at once, which do not wait for each other.
#[inline(always)]
fn lanes<T: Scalar, R: Real>(x: &[T], square: impl Fn(T) -> R) -> [f64; LANES] {
    const WIDE: usize = 4 * LANES;
    let mut sums = [R::zero(); WIDE];
    let (whole, rest) = x.as_chunks::<WIDE>();
    for x in whole {
        for i in 0..WIDE {
            sums[i] += square(x[i]);
        }
    }
    let (lines, rest) = rest.as_chunks::<LANES>();
    for x in lines {
        for i in 0..LANES {
            sums[i] += square(x[i]);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += square(*x);
    }
    let mut lanes = [0.0; LANES];
    for i in 0..LANES {
        let of = |part: usize| sums[part * LANES + i].re();
        lanes[i] = (of(0) + of(1)) + (of(2) + of(3));
    }
    lanes
}

/// The upper half is added to the lower one, and so on.
#[inline(always)]
fn total(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Key, fill_normal};

    #[test]
    fn norms_of_any_length_and_size() {
        for n in [0, 1, 15, 16, 17, 63, 64, 65, 200, 5000] {
            let mut x = vec![0.0_f64; n];
            fill_normal(Key::new(n as u64), 0, &mut x);
            for size in [1.0, 1e-30, 1e25] {
                let x: Vec<f64> = x.iter().map(|x| x * size).collect();
                let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
                let want = x.iter().map(|x| x * x).sum::<f64>().sqrt();
                let (got, got32) = (norm(&x), norm(&single));
                assert!((got - want).abs() <= 1e-14 * want, "{n} {size}: {got} {want}");
                assert!((got32 - want).abs() <= 1e-6 * want, "{n} {size}: {got32} {want}");
            }
        }
        assert!(norm(&[1.0_f32, f32::NAN]).is_nan() && norm(&[f32::INFINITY, 1.0]) == f64::INFINITY);
        assert!(norm(&[1.0_f64, f64::NAN]).is_nan());
    }
}
