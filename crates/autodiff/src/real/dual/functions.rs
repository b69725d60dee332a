//! The functions of a dual number: the chain rule, function by function.

use super::Dual;
use crate::math::{erf, half_step_slope};
use crate::real::{Real, Scalar, map_each, sealed::Sealed};

impl<T: Real, const N: usize> Sealed for Dual<T, N> {}
impl<T: Real, const N: usize> Real for Dual<T, N> {
    #[inline(always)]
    fn of(x: f64) -> Self {
        Self::constant(T::of(x))
    }
    #[inline(always)]
    fn re(self) -> f64 {
        self.re.re()
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let e = self.re.exp();
        self.chain(e, e)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        self.chain(self.re.exp_m1(), self.re.exp())
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(self.re.ln(), self.re.recip())
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.chain(self.re.ln_1p(), (self.re + 1.0).recip())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let s = self.re.sqrt();
        self.chain(s, s.recip() * 0.5)
    }
    #[inline(always)]
    fn powi(self, n: i32) -> Self {
        let slope = if n == 0 { T::zero() } else { self.re.powi(n.saturating_sub(1)) * f64::from(n) };
        self.chain(self.re.powi(n), slope)
    }
    #[inline(always)]
    fn powf(self, p: Self) -> Self {
        let y = self.re.powf(p.re);
        // 0⁰ and 0ᵖ have no slope in the exponent; a plain ln would make 0 · -inf of it.
        let along_p = if self.re > 0.0 { y * self.re.ln() } else { T::zero() };
        // The slope of x⁰ is 0 at x = 0 as well, not 0 · inf.
        let flat = p.re == 0.0 && self.re == 0.0;
        let along_x = if flat { T::zero() } else { p.re * self.re.powf(p.re - 1.0) };
        self.chain2(p, y, along_x, along_p)
    }
    #[inline(always)]
    fn sin(self) -> Self {
        self.chain(self.re.sin(), self.re.cos())
    }
    #[inline(always)]
    fn cos(self) -> Self {
        self.chain(self.re.cos(), -self.re.sin())
    }
    #[inline(always)]
    fn tan(self) -> Self {
        let t = self.re.tan();
        self.chain(t, t * t + 1.0)
    }
    #[inline(always)]
    fn atan(self) -> Self {
        self.chain(self.re.atan(), (self.re * self.re + 1.0).recip())
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        // 1 - tanh², without the cancellation at large |x|.
        let twice = self.re * 2.0;
        self.chain(self.re.tanh(), twice.sigmoid() * (-twice).sigmoid() * 4.0)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.chain(self.re.abs(), self.re.signum())
    }
    #[inline(always)]
    fn signum(self) -> Self {
        Self::constant(self.re.signum())
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let s = self.re.sigmoid();
        // s (1 - s), without the cancellation at large x.
        self.chain(s, s * (-self.re).sigmoid())
    }
    #[inline(always)]
    fn exp_minus_abs(self) -> Self {
        let e = self.re.exp_minus_abs();
        self.chain(e, -self.re.signum() * e)
    }
    #[inline(always)]
    fn softplus_and_slopes_from(self, exp_minus_abs: Self) -> [Self; 3] {
        let [y, slope, log_slope] = self.re.softplus_and_slopes_from(exp_minus_abs.re);
        let bend = (-self.re).sigmoid();
        [
            self.chain(y, slope),
            self.chain(slope, slope * bend),
            self.chain(log_slope, log_slope * (bend - log_slope)),
        ]
    }
    #[inline(always)]
    fn softplus_inv(self) -> Self {
        self.chain(self.re.softplus_inv(), -(-self.re).exp_m1().recip())
    }
    #[inline(always)]
    fn log1mexp(self) -> Self {
        // 1 / (eˣ - 1), in a form whose own derivatives do not overflow at large x.
        let e = -self.re;
        self.chain(self.re.log1mexp(), -e.exp() / e.exp_m1())
    }
    #[inline(always)]
    fn atanh(self) -> Self {
        self.chain(self.re.atanh(), ((-self.re + 1.0) * (self.re + 1.0)).recip())
    }
    #[inline(always)]
    fn log_add_exp(self, other: Self) -> Self {
        // Two equal infinities have no difference; equal numbers keep the derivatives of theirs.
        let stuck = self.re == other.re && !self.re.is_finite();
        let gap = if stuck { T::zero() } else { self.re - other.re };
        // A part without weight has no slope, even if its own has overflowed.
        let (first, second) = (gap.sigmoid(), (-gap).sigmoid());
        let part = |d: T, weight: T| if weight == 0.0 { T::zero() } else { d * weight };
        let du = super::both(self.du, other.du, |a, b| part(a, first) + part(b, second));
        Self { re: self.re.log_add_exp(other.re), du }
    }
    #[inline(always)]
    fn xlogy(self, y: Self) -> Self {
        let corner = self.re == 0.0 && y.re == 0.0;
        let (along_x, along_y) = if corner { (T::zero(), T::zero()) } else { (y.re.ln(), self.re / y.re) };
        self.chain2(y, self.re.xlogy(y.re), along_x, along_y)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        self.chain(self.re.erf(), erf::erf_slope(self.re))
    }
    #[inline(always)]
    fn erfc(self) -> Self {
        self.chain(self.re.erfc(), -erf::erf_slope(self.re))
    }
    #[inline(always)]
    fn erfcx(self) -> Self {
        self.chain(self.re.erfcx(), erf::erfcx_slope(self.re))
    }
    #[inline(always)]
    fn erfinv(self) -> Self {
        let x = self.re.erfinv();
        self.chain(x, erf::erfinv_slope(self.re, x))
    }
    #[inline(always)]
    fn ndtr(self) -> Self {
        self.chain(self.re.ndtr(), erf::ndtr_slope(self.re))
    }
    #[inline(always)]
    fn log_ndtr(self) -> Self {
        self.chain(self.re.log_ndtr(), erf::log_ndtr_slope(self.re))
    }
    #[inline(always)]
    fn ndtri(self) -> Self {
        let x = self.re.ndtri();
        self.chain(x, erf::ndtri_slope(self.re, x))
    }
    type Primal = T;
    #[inline(always)]
    fn primal(self) -> T {
        self.re
    }
    #[inline(always)]
    fn chained(self, value: T, slope: T) -> Self {
        self.chain(value, slope)
    }
    type Wide = Dual<T::Wide, N>;
    #[inline(always)]
    fn widen(self) -> Self::Wide {
        Dual { re: self.re.widen(), du: map_each(self.du, T::widen) }
    }
    #[inline(always)]
    fn narrow(wide: Self::Wide) -> Self {
        Self { re: T::narrow(wide.re), du: map_each(wide.du, T::narrow) }
    }
    type Double = Dual<T::Double, N>;
    #[inline(always)]
    fn to_double(self) -> Self::Double {
        Dual { re: self.re.to_double(), du: map_each(self.du, T::to_double) }
    }
    #[inline(always)]
    fn from_double(double: Self::Double) -> Self {
        Self { re: T::from_double(double.re), du: map_each(double.du, T::from_double) }
    }
    #[inline(always)]
    fn lgamma(self) -> Self {
        self.chain(self.re.lgamma(), self.re.digamma())
    }
    #[inline(always)]
    fn digamma(self) -> Self {
        self.polygamma(0)
    }
    #[inline(always)]
    fn ln_normal(self) -> Self {
        self.chain(self.re.ln_normal(), self.re.recip())
    }
    #[inline(always)]
    fn exp_m1_moderate(self) -> Self {
        self.chain(self.re.exp_m1_moderate(), self.re.exp())
    }
    #[inline(always)]
    fn lgamma_positive(self) -> Self {
        self.chain(self.re.lgamma_positive(), self.re.digamma_positive())
    }
    #[inline(always)]
    fn digamma_positive(self) -> Self {
        self.chain(self.re.digamma_positive(), self.re.polygamma(1))
    }
    #[inline(always)]
    fn half_step(self) -> Self {
        self.chain(self.re.half_step(), T::narrow(half_step_slope(self.re.widen())))
    }
    #[inline(always)]
    fn ln_1p_minus(self) -> Self {
        self.chain(self.re.ln_1p_minus(), -self.re / (self.re + 1.0))
    }
    #[inline(always)]
    fn polygamma(self, n: u32) -> Self {
        self.chain(self.re.polygamma(n), self.re.polygamma(n + 1))
    }
}

impl<T: Real, const N: usize> Scalar for Dual<T, N> {
    type Num = Self;
    #[inline(always)]
    fn num(self) -> Self {
        self
    }
    #[inline(always)]
    fn from_num(x: Self) -> Self {
        x
    }
}
