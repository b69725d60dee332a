//! Forward mode: a value and its derivatives along `N` directions.

use super::{Real, Scalar, sealed::Sealed};
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
        Self { re: f, du: self.du.map(|d| d * df) }
    }

    /// The value `f` of a function of two arguments with partial derivatives `da`, `db` (chain rule).
    #[inline(always)]
    pub fn chain2(self, other: Self, f: T, da: T, db: T) -> Self {
        Self { re: f, du: std::array::from_fn(|i| self.du[i] * da + other.du[i] * db) }
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
    fn gt(&self, o: &Self) -> bool {
        self.re > o.re
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
    fn gt(&self, o: &f64) -> bool {
        self.re > *o
    }
}

impl<T: Real, const N: usize> Add for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Self { re: self.re + o.re, du: std::array::from_fn(|i| self.du[i] + o.du[i]) }
    }
}
impl<T: Real, const N: usize> Sub for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Self { re: self.re - o.re, du: std::array::from_fn(|i| self.du[i] - o.du[i]) }
    }
}
impl<T: Real, const N: usize> Mul for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        Self { re: self.re * o.re, du: std::array::from_fn(|i| self.du[i] * o.re + o.du[i] * self.re) }
    }
}
impl<T: Real, const N: usize> Div for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        let q = self.re / o.re;
        Self { re: q, du: std::array::from_fn(|i| (self.du[i] - o.du[i] * q) / o.re) }
    }
}
impl<T: Real, const N: usize> Rem for Dual<T, N> {
    type Output = Self;
    /// `x - trunc(x / y) y`; the derivative is that of the smooth pieces.
    #[inline(always)]
    fn rem(self, o: Self) -> Self {
        let whole = T::of((self.re.re() / o.re.re()).trunc());
        Self { re: self.re % o.re, du: std::array::from_fn(|i| self.du[i] - o.du[i] * whole) }
    }
}
impl<T: Real, const N: usize> Neg for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { re: -self.re, du: self.du.map(|d| -d) }
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
        Self { re: self.re * o, du: self.du.map(|d| d * o) }
    }
}
impl<T: Real, const N: usize> Div<f64> for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: f64) -> Self {
        Self { re: self.re / o, du: self.du.map(|d| d / o) }
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
        let slope = if n == 0 { T::zero() } else { self.re.powi(n - 1) * f64::from(n) };
        self.chain(self.re.powi(n), slope)
    }
    #[inline(always)]
    fn powf(self, p: Self) -> Self {
        let y = self.re.powf(p.re);
        // 0⁰ and 0ᵖ have no slope in the exponent; a plain ln would make 0 · -inf of it.
        let along_p = if self.re > 0.0 { y * self.re.ln() } else { T::zero() };
        self.chain2(p, y, p.re * self.re.powf(p.re - 1.0), along_p)
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
        let t = self.re.tanh();
        self.chain(t, T::one() - t * t)
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
        self.chain(self.re.log1mexp(), self.re.exp_m1().recip())
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
    #[inline]
    fn lgamma(self) -> Self {
        self.chain(self.re.lgamma(), self.re.digamma())
    }
    #[inline]
    fn digamma(self) -> Self {
        self.polygamma(0)
    }
    #[inline]
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
