//! What data consist of: [`Number`].

use super::{Dual, Real};

/// An entry of data: a number of any type, or a truth value.
pub trait Number: Copy + 'static {
    /// The nearest `f64`, without derivative parts; 1 for true, 0 for false. Integers of more than
    /// 53 bits are rounded.
    fn to_number(self) -> f64;
}

macro_rules! number {
    ($($of:ty: |$x:ident| $number:expr;)*) => {$(
        impl Number for $of {
            #[inline(always)]
            fn to_number(self) -> f64 {
                let $x = self;
                $number
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
