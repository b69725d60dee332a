//! Loops that do nothing but compute, or nothing but move bytes.

use num_traits::Float;
use probity_autodiff::simd::{Kernel, dispatch};

/// Multiply-adds per number and pass.
pub const CHAIN: usize = 64;
/// Numbers of a vector, and vectors at once: enough that the next one never waits for the result of
/// the last.
const LANES: usize = 16;
const AT_ONCE: usize = 10;
/// Numbers that are worked on together.
pub const GROUP: usize = LANES * AT_ONCE;

/// A chain of fused multiply-adds on every number of an array that fits in the first cache.
struct MultiplyAdd<'a, T>(&'a mut [T], T, T);

impl<T: Float> Kernel for MultiplyAdd<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self(x, factor, addend) = self;
        let (groups, _) = x.as_chunks_mut::<LANES>();
        let (groups, _) = groups.as_chunks_mut::<AT_ONCE>();
        for group in groups {
            let mut y = *group;
            for _ in 0..CHAIN {
                for y in &mut y {
                    for y in y {
                        *y = y.mul_add(factor, addend);
                    }
                }
            }
            *group = y;
        }
    }
}

/// `CHAIN` times `x ← x factor + addend`, for all whole groups of `x`.
pub fn multiply_add<T: Float>(x: &mut [T], factor: T, addend: T) {
    dispatch(MultiplyAdd(x, factor, addend));
}

/// The ways to move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// `a ← b`: 8 bytes per place.
    Copy,
    /// `a ← b + s c`: 12 bytes per place.
    Triad,
    /// `a, b, c, d` each multiplied in place, as an optimiser's state: 32 bytes per place.
    Update,
}

impl Pass {
    /// Arrays that it uses.
    pub fn arrays(self) -> usize {
        match self {
            Pass::Copy => 2,
            Pass::Triad => 3,
            Pass::Update => 4,
        }
    }

    /// Bytes read and written per place.
    pub fn bytes(self) -> usize {
        match self {
            Pass::Copy => 8,
            Pass::Triad => 12,
            Pass::Update => 32,
        }
    }

    /// One pass over the arrays, which are of one length; `s` is a number that the compiler does
    /// not know.
    pub fn run(self, arrays: &mut [Vec<f32>], s: f32) {
        match (self, arrays) {
            (Pass::Copy, [a, b]) => a.copy_from_slice(b),
            (Pass::Triad, [a, b, c]) => dispatch(TriadOf(a, b, c, s)),
            (Pass::Update, [a, b, c, d]) => dispatch(UpdateOf(a, b, c, d, s)),
            (pass, arrays) => unreachable!("{pass:?} of {} arrays", arrays.len()),
        }
    }
}

struct TriadOf<'a>(&'a mut [f32], &'a [f32], &'a [f32], f32);

impl Kernel for TriadOf<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self(a, b, c, s) = self;
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            *a = *b + s * *c;
        }
    }
}

struct UpdateOf<'a>(&'a mut [f32], &'a mut [f32], &'a mut [f32], &'a mut [f32], f32);

impl Kernel for UpdateOf<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self(a, b, c, d, s) = self;
        for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
            (*a, *b, *c, *d) = (*a * s, *b * s, *c * s, *d * s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_compute_what_they_say() {
        let arrays = |n| (1..=n).map(|k| vec![k as f32; 100]).collect::<Vec<_>>();
        let of = |pass: Pass| {
            let mut all = arrays(pass.arrays());
            pass.run(&mut all, 0.5);
            all.iter().map(|a| a[99]).collect::<Vec<_>>()
        };
        assert_eq!(of(Pass::Copy), [2.0, 2.0]);
        assert_eq!(of(Pass::Triad), [3.5, 2.0, 3.0]);
        assert_eq!(of(Pass::Update), [0.5, 1.0, 1.5, 2.0]);
    }

    #[test]
    fn the_chain_has_its_length() {
        let mut x = vec![0.0f64; 3 * GROUP];
        multiply_add(&mut x, 1.0, 2.0);
        assert!(x.iter().all(|x| *x == 2.0 * CHAIN as f64));
    }
}
