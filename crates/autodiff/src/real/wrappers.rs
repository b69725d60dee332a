//! `F32` and `F64`: the floats of loops, which take `f64` constants; and `f32` and `f64` as elements,
//! which compute through them.

use super::float::impl_real;
use super::{Precompiled, Real, Scalar, sealed::Sealed};
use crate::math;
use num_traits::{One, Zero};
use std::ops::*;

/// Arithmetic of a wrapper of a float, also with `f64` constants.
macro_rules! wrapper {
    ($ty:ident, $float:ty) => {
        wrapper! { @ops $ty, $float;
            Add add AddAssign add_assign;
            Sub sub SubAssign sub_assign;
            Mul mul MulAssign mul_assign;
            Div div DivAssign div_assign;
            Rem rem RemAssign rem_assign;
        }
        impl Neg for $ty {
            type Output = $ty;
            #[inline(always)]
            fn neg(self) -> $ty {
                $ty(-self.0)
            }
        }
        impl PartialEq<f64> for $ty {
            #[inline(always)]
            fn eq(&self, o: &f64) -> bool {
                self.0 == *o as $float
            }
        }
        impl PartialOrd<f64> for $ty {
            #[inline(always)]
            fn partial_cmp(&self, o: &f64) -> Option<std::cmp::Ordering> {
                self.0.partial_cmp(&(*o as $float))
            }
            #[inline(always)]
            fn lt(&self, o: &f64) -> bool {
                self.0 < *o as $float
            }
            #[inline(always)]
            fn le(&self, o: &f64) -> bool {
                self.0 <= *o as $float
            }
            #[inline(always)]
            fn gt(&self, o: &f64) -> bool {
                self.0 > *o as $float
            }
            #[inline(always)]
            fn ge(&self, o: &f64) -> bool {
                self.0 >= *o as $float
            }
        }
        impl Zero for $ty {
            #[inline(always)]
            fn zero() -> $ty {
                $ty(0.0)
            }
            #[inline(always)]
            fn is_zero(&self) -> bool {
                self.0 == 0.0
            }
        }
        impl One for $ty {
            #[inline(always)]
            fn one() -> $ty {
                $ty(1.0)
            }
        }
    };
    (@ops $ty:ident, $float:ty; $($tr:ident $f:ident $tra:ident $fa:ident;)*) => {$(
        impl $tr for $ty {
            type Output = $ty;
            #[inline(always)]
            fn $f(self, o: $ty) -> $ty { $ty(self.0.$f(o.0)) }
        }
        impl $tr<f64> for $ty {
            type Output = $ty;
            #[inline(always)]
            fn $f(self, o: f64) -> $ty { $ty(self.0.$f(o as $float)) }
        }
        impl $tra for $ty {
            #[inline(always)]
            fn $fa(&mut self, o: $ty) { self.0.$fa(o.0) }
        }
    )*};
}

/// An `f32` whose arithmetic also takes `f64` constants (rounded to `f32` first), as formulas need.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct F32(
    /// The value.
    pub f32,
);

/// The `f64` of loops over many numbers. Its elementary functions are inlined, so that a loop over
/// them is vectorised; those of a plain `f64` are calls. The results are the same bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct F64(
    /// The value.
    pub f64,
);

wrapper!(F32, f32);
wrapper!(F64, f64);

impl_real!(F32, F64, single, wide, |x| F32(x as f32), |x: F32| x.0 as f64, F32, |x: F32| x.0);
impl_real!(F64, F64, double, wide, F64, |x: F64| x.0, F64, |x: F64| x.0);

impl Sealed for f32 {}

/// Makes a float an element, which computes through its wrapper.
macro_rules! element {
    ($float:ty, $num:ident, $translated:ident) => {
        impl Scalar for $float {
            type Num = $num;
            #[inline(always)]
            fn num(self) -> $num {
                $num(self)
            }
            #[inline(always)]
            fn from_num(x: $num) -> $float {
                x.0
            }
            #[inline(always)]
            #[track_caller]
            fn call<'a, 'b: 'a, F: Precompiled>(args: F::Args<'a, 'b, $float>) -> F::Output<'a, 'b, $float> {
                F::$translated(args)
            }
        }
    };
}
element!(f32, F32, on_f32);
element!(f64, F64, on_f64);
