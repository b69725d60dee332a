//! `f64` as a number, and the macro that gives `F32` and `F64` the same body.

use super::{Real, sealed::Sealed};
use crate::math;

/// Implements [`Real`] for a float type, whose elementary functions live in a module of [`math`],
/// and those that are always in double precision in another one.
macro_rules! impl_real {
    ($ty:ty, $double:ty, $hot:ident, $wide:ident, $of:expr, $re:expr, $wrap:expr, $raw:expr) => {
        impl Sealed for $ty {}
        impl Real for $ty {
            #[inline(always)]
            fn of(x: f64) -> Self {
                $of(x)
            }
            #[inline(always)]
            fn re(self) -> f64 {
                $re(self)
            }
            impl_real!(@hot $hot, $wrap, $raw; exp exp_m1 exp_m1_moderate exp_minus_abs ln ln_normal ln_1p);
            #[inline(always)]
            fn softplus_and_slopes_from(self, exp_minus_abs: Self) -> [Self; 3] {
                let [y, slope, log_slope] =
                    math::$hot::softplus_and_slopes_from($raw(self), $raw(exp_minus_abs));
                [$wrap(y), $wrap(slope), $wrap(log_slope)]
            }
            impl_real!(@std $wrap, $raw; sqrt sin cos tan atan abs);
            #[inline(always)]
            fn powi(self, n: i32) -> Self {
                $wrap($raw(self).powi(n))
            }
            #[inline(always)]
            fn powf(self, p: Self) -> Self {
                $wrap($raw(self).powf($raw(p)))
            }
            #[inline(always)]
            fn signum(self) -> Self {
                if self > 0.0 {
                    Self::of(1.0)
                } else if self < 0.0 {
                    Self::of(-1.0)
                } else {
                    self
                }
            }
            impl_real!(@generic: tanh atanh sigmoid softplus_inv log1mexp);
            impl_real!(@wide $wide: erf erfc erfcx erfinv ndtr log_ndtr ndtri);
            impl_real!(@wide $wide: lgamma digamma lgamma_positive digamma_positive half_step);
            #[inline(always)]
            fn log_add_exp(self, other: Self) -> Self {
                math::logistic::log_add_exp(self, other)
            }
            #[inline(always)]
            fn xlogy(self, y: Self) -> Self {
                math::logistic::xlogy(self, y)
            }
            type Primal = Self;
            #[inline(always)]
            fn primal(self) -> Self {
                self
            }
            #[inline(always)]
            fn chained(self, value: Self, _: Self) -> Self {
                value
            }
            type Wide = f64;
            #[inline(always)]
            fn widen(self) -> f64 {
                self.re()
            }
            #[inline(always)]
            fn narrow(wide: f64) -> Self {
                Self::of(wide)
            }
            type Double = $double;
            #[inline(always)]
            fn to_double(self) -> $double {
                <$double>::of(self.re())
            }
            #[inline(always)]
            fn from_double(double: $double) -> Self {
                Self::of(double.re())
            }
            #[inline(always)]
            fn ln_1p_minus(self) -> Self {
                math::ln_1p_minus_plain(self)
            }
            #[inline]
            fn polygamma(self, n: u32) -> Self {
                Self::of(math::$wide::polygamma(n, self.re()))
            }
        }
    };
    (@hot $hot:ident, $wrap:expr, $raw:expr; $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self { $wrap(math::$hot::$f($raw(self))) }
    )*};
    (@std $wrap:expr, $raw:expr; $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self { $wrap($raw(self).$f()) }
    )*};
    (@generic: $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self { math::logistic::$f(self) }
    )*};
    // In double precision, whatever the type.
    (@wide $wide:ident: $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self { Self::of(math::$wide::$f(self.re())) }
    )*};
}
pub(super) use impl_real;

impl_real!(f64, f64, called, called, |x| x, |x| x, |x| x, |x: f64| x);
