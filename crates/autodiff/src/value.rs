//! `Value`: what a distribution's parameters and values can be, a plain number or a matrix on a tape.

use crate::formula::Formula;
use crate::real::{Dual, Real, Scalar};
use crate::tape::Var;
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A plain number (`f64`, [`Dual`]) or a matrix ([`Var`]): code written on `Value` works on both.
///
/// Formulas enter by [`apply`](Value::apply): a plain evaluation on numbers, one fused node on a tape.
pub trait Value:
    Copy
    + Debug
    + From<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
    + Neg<Output = Self>
{
    /// A formula, entry by entry, with broadcasting.
    ///
    /// # Panics
    /// If matrices do not broadcast.
    fn apply<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self;

    /// The sum of a formula over all entries, 1 × 1.
    ///
    /// # Panics
    /// If matrices do not broadcast.
    fn apply_sum<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self;

    /// Rows and columns; 1 × 1 for a number.
    fn shape(&self) -> (usize, usize);

    /// The sum of all entries.
    fn sum(self) -> Self;

    /// Whether the condition holds for every entry (as `f64`, without derivatives).
    fn all(&self, condition: impl Fn(f64) -> bool) -> bool;
}

macro_rules! number {
    ($(($($generics:tt)*) $ty:ty;)*) => {$(
        impl<$($generics)*> Value for $ty {
            #[inline(always)]
            fn apply<F: Formula<K>, const K: usize>(f: F, args: [Self; K]) -> Self {
                f.eval(args)
            }
            #[inline(always)]
            fn apply_sum<F: Formula<K>, const K: usize>(f: F, args: [Self; K]) -> Self {
                f.eval(args)
            }
            fn shape(&self) -> (usize, usize) {
                (1, 1)
            }
            fn sum(self) -> Self {
                self
            }
            fn all(&self, condition: impl Fn(f64) -> bool) -> bool {
                condition(self.re())
            }
        }
    )*};
}
number! {
    () f64;
    (T: Real, const N: usize) Dual<T, N>;
}

impl<T: Real, const N: usize> From<f64> for Dual<T, N> {
    fn from(x: f64) -> Self {
        Self::of(x)
    }
}

impl<T: Scalar> Value for Var<'_, T> {
    #[track_caller]
    fn apply<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self {
        Var::map(f, args)
    }
    #[track_caller]
    fn apply_sum<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self {
        Var::map_sum(f, args)
    }
    fn shape(&self) -> (usize, usize) {
        Var::shape(self)
    }
    fn sum(self) -> Self {
        Var::sum(self)
    }
    fn all(&self, condition: impl Fn(f64) -> bool) -> bool {
        self.read(|x| x.iter().all(|v| condition(v.to_f64())))
    }
}
