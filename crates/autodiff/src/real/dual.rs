//! Forward mode: a value and its derivatives along `N` directions.

use super::{Real, Scalar, sealed::Sealed};
use crate::math::{erf, half_step_slope};
use num_traits::{One, Zero};
use std::cmp::Ordering;
use std::ops::*;

/// A value with `N` exact derivative parts: `re + du[0] ε₀ + … + du[N-1] εₙ₋₁`, `εᵢ εⱼ = 0`.
///
/// A formula evaluated on `Dual<T, N>` gives its value and its `N` partial derivatives. Duals nest
/// (`Dual<Dual<f64, 1>, 1>` carries second derivatives).
#[derive(Clone, Copy, Debug)]
pub struct Dual<T, const N: usize> {
    /// The value.
    pub re: T,
    /// The derivatives.
    pub du: [T; N],
}

/// `f` of every element. A plain loop: LLVM unrolls it before it vectorises the code around it, which it does not
/// always manage for `array::map`.
#[inline(always)]
fn each<T: Copy, const N: usize>(mut a: [T; N], f: impl Fn(T) -> T) -> [T; N] {
    for x in &mut a {
        *x = f(*x);
    }
    a
}

/// `f` of the elements of two arrays.
#[inline(always)]
fn both<T: Copy, const N: usize>(mut a: [T; N], b: [T; N], f: impl Fn(T, T) -> T) -> [T; N] {
    for i in 0..N {
        a[i] = f(a[i], b[i]);
    }
    a
}

impl<T: Real, const N: usize> Dual<T, N> {
    /// A constant: all derivatives zero.
    #[inline(always)]
    pub fn constant(re: T) -> Self {
        Self { re, du: [T::zero(); N] }
    }

    /// The variable number `i`: derivative 1 along direction `i`.
    ///
    /// # Panics
    /// If `i >= N`.
    #[inline(always)]
    pub fn variable(re: T, i: usize) -> Self {
        let mut du = [T::zero(); N];
        du[i] = T::one();
        Self { re, du }
    }

    /// The value `f` of a function at `self`, whose derivative there is `df` (chain rule).
    #[inline(always)]
    pub fn chain(self, f: T, df: T) -> Self {
        Self { re: f, du: each(self.du, |d| d * df) }
    }

    /// The value `f` of a function of two arguments with partial derivatives `da`, `db` (chain rule).
    #[inline(always)]
    pub fn chain2(self, other: Self, f: T, da: T, db: T) -> Self {
        Self { re: f, du: both(self.du, other.du, |a, b| a * da + b * db) }
    }
}

impl<T: Real, const N: usize> Default for Dual<T, N> {
    fn default() -> Self {
        Self::zero()
    }
}
impl<T: PartialEq, const N: usize> PartialEq for Dual<T, N> {
    #[inline(always)]
    fn eq(&self, o: &Self) -> bool {
        self.re == o.re
    }
}
impl<T: PartialOrd, const N: usize> PartialOrd for Dual<T, N> {
    #[inline(always)]
    fn partial_cmp(&self, o: &Self) -> Option<Ordering> {
        self.re.partial_cmp(&o.re)
    }
    #[inline(always)]
    fn lt(&self, o: &Self) -> bool {
        self.re < o.re
    }
    #[inline(always)]
    fn le(&self, o: &Self) -> bool {
        self.re <= o.re
    }
    #[inline(always)]
    fn gt(&self, o: &Self) -> bool {
        self.re > o.re
    }
    #[inline(always)]
    fn ge(&self, o: &Self) -> bool {
        self.re >= o.re
    }
}
impl<T: Real, const N: usize> PartialEq<f64> for Dual<T, N> {
    #[inline(always)]
    fn eq(&self, o: &f64) -> bool {
        self.re == *o
    }
}
impl<T: Real, const N: usize> PartialOrd<f64> for Dual<T, N> {
    #[inline(always)]
    fn partial_cmp(&self, o: &f64) -> Option<Ordering> {
        self.re.partial_cmp(o)
    }
    #[inline(always)]
    fn lt(&self, o: &f64) -> bool {
        self.re < *o
    }
    #[inline(always)]
    fn le(&self, o: &f64) -> bool {
        self.re <= *o
    }
    #[inline(always)]
    fn gt(&self, o: &f64) -> bool {
        self.re > *o
    }
    #[inline(always)]
    fn ge(&self, o: &f64) -> bool {
        self.re >= *o
    }
}

impl<T: Real, const N: usize> Add for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Self { re: self.re + o.re, du: both(self.du, o.du, |a, b| a + b) }
    }
}
impl<T: Real, const N: usize> Sub for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Self { re: self.re - o.re, du: both(self.du, o.du, |a, b| a - b) }
    }
}
impl<T: Real, const N: usize> Mul for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        self.chain2(o, self.re * o.re, o.re, self.re)
    }
}
impl<T: Real, const N: usize> Div for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    #[allow(clippy::suspicious_arithmetic_impl, reason = "the quotient rule")]
    fn div(self, o: Self) -> Self {
        let (q, inverse) = (self.re / o.re, o.re.recip());
        Self { re: q, du: both(self.du, o.du, |a, b| (a - b * q) * inverse) }
    }
}
impl<T: Real, const N: usize> Rem for Dual<T, N> {
    type Output = Self;
    /// `x - trunc(x / y) y`; the derivative is that of the smooth pieces.
    #[inline(always)]
    fn rem(self, o: Self) -> Self {
        let whole = T::of((self.re.re() / o.re.re()).trunc());
        Self { re: self.re % o.re, du: both(self.du, o.du, |a, b| a - b * whole) }
    }
}
impl<T: Real, const N: usize> Neg for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { re: -self.re, du: each(self.du, |d| -d) }
    }
}
impl<T: Real, const N: usize> Add<f64> for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: f64) -> Self {
        Self { re: self.re + o, du: self.du }
    }
}
impl<T: Real, const N: usize> Sub<f64> for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: f64) -> Self {
        Self { re: self.re - o, du: self.du }
    }
}
impl<T: Real, const N: usize> Mul<f64> for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: f64) -> Self {
        Self { re: self.re * o, du: each(self.du, |d| d * o) }
    }
}
impl<T: Real, const N: usize> Div<f64> for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: f64) -> Self {
        Self { re: self.re / o, du: each(self.du, |d| d / o) }
    }
}
impl<T: Real, const N: usize> Rem<f64> for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn rem(self, o: f64) -> Self {
        Self { re: self.re % o, du: self.du }
    }
}
macro_rules! assign {
    ($($tr:ident $f:ident $op:tt;)*) => {$(
        impl<T: Real, const N: usize> $tr for Dual<T, N> {
            #[inline(always)]
            fn $f(&mut self, o: Self) { *self = *self $op o; }
        }
    )*};
}
assign! { AddAssign add_assign +; SubAssign sub_assign -; MulAssign mul_assign *; DivAssign div_assign /; RemAssign rem_assign %; }

impl<T: Real, const N: usize> Zero for Dual<T, N> {
    #[inline(always)]
    fn zero() -> Self {
        Self::constant(T::zero())
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.re.is_zero()
    }
}
impl<T: Real, const N: usize> One for Dual<T, N> {
    #[inline(always)]
    fn one() -> Self {
        Self::constant(T::one())
    }
}

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
    fn softplus(self) -> Self {
        self.chain(self.re.softplus(), self.re.sigmoid())
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
        self.chain2(other, self.re.log_add_exp(other.re), gap.sigmoid(), (-gap).sigmoid())
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
    type Wide = Dual<T::Wide, N>;
    #[inline(always)]
    fn widen(self) -> Self::Wide {
        Dual { re: self.re.widen(), du: self.du.map(T::widen) }
    }
    #[inline(always)]
    fn narrow(wide: Self::Wide) -> Self {
        Self { re: T::narrow(wide.re), du: wide.du.map(T::narrow) }
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
