//! Forward mode: a value and its derivatives along `N` directions, and their arithmetic.

mod functions;

use super::Real;
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

/// Denominators below this size are stretched, in either precision; what is divided by them
/// overflows or does not need its last bits.
const TINY: f64 = 1e-30;
/// 2¹⁰⁰: with it, the reciprocal of every number but 0 is finite, in either precision.
const STRETCH: f64 = f64::from_bits((1023 + 100) << 52);

/// `f` of every element. A plain loop: LLVM unrolls it before it vectorises the code around it,
/// which it does not always manage for `array::map`.
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

    /// The value `f` of a function of two arguments with partial derivatives `da`, `db` (chain
    /// rule).
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
        // The reciprocal of a subnormal number overflows: both parts of the fraction are stretched
        // by a power of two first.
        let stretch = if o.re < TINY && o.re > -TINY { STRETCH } else { 1.0 };
        let (q, inverse) = (self.re / o.re, (o.re * stretch).recip());
        // In an infinite quotient, a denominator that does not change has no part: 0 · ∞ would be
        // NaN.
        let finite = (q * 0.0).is_zero();
        let top = |a, b: T| if finite || b != T::zero() { a - b * q } else { a };
        Self { re: q, du: both(self.du, o.du, |a, b| top(a, b) * stretch * inverse) }
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
