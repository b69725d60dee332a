//! What data consist of: [`Number`].

use super::{Dual, Real, Scalar};

/// An entry of data: a number of any type, or a truth value.
pub trait Number: Copy + 'static {
    /// The nearest `f64`, without derivative parts; 1 for true, 0 for false. Integers of more than
    /// 53 bits are rounded.
    fn to_number(self) -> f64;

    /// Writes these numbers to `to`, which should have as many entries.
    fn convert<T: Scalar>(from: &[Self], to: &mut [T]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = T::from_f64(from.to_number());
        }
    }
}

macro_rules! number {
    ($($of:ty: |$x:ident| $number:expr;)*) => {$(
        impl Number for $of {
            #[inline(always)]
            fn to_number(self) -> f64 {
                let $x = self;
                $number
            }
            // Compiled here: programs have data in builds without optimisation, too.
            fn convert<T: Scalar>(from: &[Self], to: &mut [T]) {
                crate::precompiled! {
                    fn convert<T>(from: &'a [$of], to: &'a mut [T]) -> () {
                        for (to, from) in to.iter_mut().zip(from) {
                            *to = T::from_f64(from.to_number());
                        }
                    }
                }
                convert(from, to);
            }
        }
    )*};
}
number! {
    f64: |x| x;
    f32: |x| f64::from(x);
    bool: |x| f64::from(u8::from(x));
    u8: |x| f64::from(x);
    u16: |x| f64::from(x);
    u32: |x| f64::from(x);
    u64: |x| x as f64;
    usize: |x| x as f64;
    i8: |x| f64::from(x);
    i16: |x| f64::from(x);
    i32: |x| f64::from(x);
    i64: |x| x as f64;
    isize: |x| x as f64;
}

impl<T: Real, const N: usize> Number for Dual<T, N> {
    #[inline(always)]
    fn to_number(self) -> f64 {
        self.re()
    }
}
