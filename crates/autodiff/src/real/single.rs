//! `F32`: an `f32` that takes `f64` constants.

use super::float::impl_real;
use super::{Precompiled, Real, Scalar, sealed::Sealed};
use crate::math;
use num_traits::{One, Zero};
use std::ops::*;

/// An `f32` whose arithmetic also takes `f64` constants (rounded to `f32` first), as formulas need.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct F32(
    /// The value.
    pub f32,
);

macro_rules! ops {
    ($($tr:ident $f:ident $tra:ident $fa:ident;)*) => {$(
        impl $tr for F32 {
            type Output = F32;
            #[inline(always)]
            fn $f(self, o: F32) -> F32 { F32(self.0.$f(o.0)) }
        }
        impl $tr<f64> for F32 {
            type Output = F32;
            #[inline(always)]
            fn $f(self, o: f64) -> F32 { F32(self.0.$f(o as f32)) }
        }
        impl $tra for F32 {
            #[inline(always)]
            fn $fa(&mut self, o: F32) { self.0.$fa(o.0) }
        }
    )*};
}
ops! {
    Add add AddAssign add_assign;
    Sub sub SubAssign sub_assign;
    Mul mul MulAssign mul_assign;
    Div div DivAssign div_assign;
    Rem rem RemAssign rem_assign;
}

impl Neg for F32 {
    type Output = F32;
    #[inline(always)]
    fn neg(self) -> F32 {
        F32(-self.0)
    }
}
impl PartialEq<f64> for F32 {
    #[inline(always)]
    fn eq(&self, o: &f64) -> bool {
        self.0 == *o as f32
    }
}
impl PartialOrd<f64> for F32 {
    #[inline(always)]
    fn partial_cmp(&self, o: &f64) -> Option<std::cmp::Ordering> {
        self.0.partial_cmp(&(*o as f32))
    }
    #[inline(always)]
    fn lt(&self, o: &f64) -> bool {
        self.0 < *o as f32
    }
    #[inline(always)]
    fn le(&self, o: &f64) -> bool {
        self.0 <= *o as f32
    }
    #[inline(always)]
    fn gt(&self, o: &f64) -> bool {
        self.0 > *o as f32
    }
    #[inline(always)]
    fn ge(&self, o: &f64) -> bool {
        self.0 >= *o as f32
    }
}
impl Zero for F32 {
    #[inline(always)]
    fn zero() -> F32 {
        F32(0.0)
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}
impl One for F32 {
    #[inline(always)]
    fn one() -> F32 {
        F32(1.0)
    }
}

impl_real!(F32, single, |x| F32(x as f32), |x: F32| x.0 as f64, F32, |x: F32| x.0);

impl Sealed for f32 {}
impl Scalar for f32 {
    type Num = F32;
    #[inline(always)]
    fn num(self) -> F32 {
        F32(self)
    }
    #[inline(always)]
    fn from_num(x: F32) -> f32 {
        x.0
    }
    #[inline(always)]
    #[track_caller]
    fn call<'a, 'b: 'a, F: Precompiled>(args: F::Args<'a, 'b, f32>) -> F::Output<'a, 'b, f32> {
        F::on_f32(args)
    }
}
