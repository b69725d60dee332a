//! `f64` as a number and as an element, and the macro that gives `F32` the same body.

use super::{Precompiled, Real, Scalar, sealed::Sealed};
use crate::math;

/// Implements [`Real`] for a plain float type, whose hot functions live in a module of [`math`].
macro_rules! impl_real {
    ($ty:ty, $hot:ident, $of:expr, $re:expr, $wrap:expr, $raw:expr) => {
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
            impl_real!(@wide: erf erfc erfcx erfinv ndtr log_ndtr ndtri);
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
            #[inline(always)]
            fn lgamma(self) -> Self {
                Self::of(math::gamma::lgamma(self.re()))
            }
            #[inline(always)]
            fn digamma(self) -> Self {
                Self::of(math::gamma::digamma(self.re()))
            }
            #[inline(always)]
            fn lgamma_positive(self) -> Self {
                Self::of(math::lgamma_positive(self.re()))
            }
            #[inline(always)]
            fn digamma_positive(self) -> Self {
                Self::of(math::digamma_positive(self.re()))
            }
            #[inline(always)]
            fn half_step(self) -> Self {
                Self::of(math::half_step(self.re()))
            }
            #[inline(always)]
            fn ln_1p_minus(self) -> Self {
                math::ln_1p_minus_plain(self)
            }
            #[inline]
            fn polygamma(self, n: u32) -> Self {
                Self::of(math::gamma::polygamma(n, self.re()))
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
    (@wide: $($f:ident)*) => {$(
        #[inline]
        fn $f(self) -> Self { Self::of(math::erf::$f(self.re())) }
    )*};
}
pub(super) use impl_real;

impl_real!(f64, double, |x| x, |x| x, |x| x, |x: f64| x);

impl Scalar for f64 {
    type Num = f64;
    #[inline(always)]
    fn num(self) -> f64 {
        self
    }
    #[inline(always)]
    fn from_num(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    #[track_caller]
    fn call<'a, 'b: 'a, F: Precompiled>(args: F::Args<'a, 'b, f64>) -> F::Output<'a, 'b, f64> {
        F::on_f64(args)
    }
}
