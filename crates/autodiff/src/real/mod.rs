//! The numbers that formulas are written on: [`Real`], and the tape's element types: [`Scalar`].

mod dual;
mod float;
mod number;
mod precompiled;
mod wrappers;

pub use dual::Dual;
pub use number::Number;
#[doc(hidden)]
pub use precompiled::Precompiled;
pub use wrappers::{F32, F64};

use crate::math;
use crate::random::Noise;
use num_traits::{NumAssignOps, NumOps, One, Zero};
use std::fmt::Debug;
use std::ops::Neg;

/// `f` of every element, for loops that LLVM must vectorise. `array::map` is a function of its own
/// unless LLVM happens to inline it, and then does without the instruction set of the kernel around
/// it (predictions took half as long again).
#[inline(always)]
pub fn map_each<A: Copy, B: Copy + Default, const N: usize>(a: [A; N], f: impl Fn(A) -> B) -> [B; N] {
    let mut out = [B::default(); N];
    for (to, x) in out.iter_mut().zip(a) {
        *to = f(x);
    }
    out
}

pub(crate) mod sealed {
    /// Keeps [`super::Real`] and [`super::Scalar`] closed, so that methods can be added later.
    pub trait Sealed {}
}

/// A number in a formula: `f64`, [`F64`], [`F32`], or a [`Dual`] over one of them (nesting
/// allowed).
///
/// This is the one bound of generic numeric code here. Arithmetic works with `Self` and, on the
/// right, with `f64` constants: `z * z * -0.5`. A literal on the left (`0.5 * z`) is not possible
/// in generic code.
///
/// The elementary functions are branch-free where they are hot, so that LLVM vectorises a loop over
/// them. Error bounds in units in the last place (ulp), over the whole range and subnormal results
/// included:
///
/// | function | `f64`, `F64` | `F32` |
/// |---|---|---|
/// | `exp`, `ln`, `sqrt` | 1 | 1 |
/// | `exp_m1`, `ln_1p` | 2 | 2 |
/// | `sigmoid`, `softplus`, `log_sigmoid`, `tanh`, `atanh`, `softplus_inv`, `log1mexp`, `log_add_exp`, `xlogy` | 3 | 3 |
/// | `erf` | 1 | 1 |
/// | `erfc` | 2 | 1 |
/// | `erfcx` | 3 | 1 |
/// | `ndtr`, `log_ndtr`, `ndtri`, `erfinv` | 4 | 1 |
/// | `sin`, `cos`, `tan`, `atan`, `powf` | the platform's (1 in practice) | the platform's (1.5 in practice) |
///
/// The gamma family (`lgamma`, `digamma`, `polygamma`, `ln_beta`, `gamma_p`, `gamma_q`, `beta_inc`)
/// is within `C ulp` of `|f| + Σ |xᵢ ∂f/∂xᵢ|`, the change that rounding the arguments makes: `C` is
/// 4 for the first three and 50 for the others. `F32` computes them in `f64` and rounds.
///
/// Functions with a root away from 0 (`softplus_inv`, `log1mexp`, `log_add_exp`, `xlogy`) hold
/// these bounds relative to `|f| + |x f'|`: near the root, the argument's own rounding is the
/// limit.
pub trait Real:
    sealed::Sealed
    + Copy
    + Debug
    + Default
    + PartialOrd
    + PartialOrd<f64>
    + NumOps
    + NumOps<f64, Self>
    + NumAssignOps
    + Neg<Output = Self>
    + Zero
    + One
    + Noise
    + 'static
{
    /// The same kind of number over `f64`, in which the long computations behind a special function
    /// are done: its functions are calls.
    #[doc(hidden)]
    type Wide: Real<Wide = Self::Wide>;
    #[doc(hidden)]
    fn widen(self) -> Self::Wide;
    #[doc(hidden)]
    fn narrow(wide: Self::Wide) -> Self;

    /// The same kind of number in double precision: its functions are inlined if those of this one
    /// are, so that a loop over them is vectorised.
    #[doc(hidden)]
    type Double: Real<Double = Self::Double>;
    #[doc(hidden)]
    fn to_double(self) -> Self::Double;
    #[doc(hidden)]
    fn from_double(double: Self::Double) -> Self;

    /// What a [`Dual`] is over; a float is its own.
    #[doc(hidden)]
    type Primal: Real;
    /// The value without the outermost derivative parts.
    #[doc(hidden)]
    fn primal(self) -> Self::Primal;
    /// `f` of this number, where `value` and `slope` are `f` and `f'` of its primal value.
    #[doc(hidden)]
    fn chained(self, value: Self::Primal, slope: Self::Primal) -> Self;

    /// The constant `x`.
    fn of(x: f64) -> Self;
    /// The value as `f64`, without any derivative parts.
    fn re(self) -> f64;

    /// Whether it is a number in single precision.
    #[doc(hidden)]
    #[inline(always)]
    fn is_single() -> bool {
        Self::of(f64::MIN_POSITIVE) == 0.0
    }

    /// `eˣ`.
    fn exp(self) -> Self;
    /// `eˣ - 1`, accurate near 0.
    fn exp_m1(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + x)`, accurate near 0.
    fn ln_1p(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Integer power.
    fn powi(self, n: i32) -> Self;
    /// Real power; the base must not be negative.
    fn powf(self, p: Self) -> Self;
    /// Sine (radians).
    fn sin(self) -> Self;
    /// Cosine (radians).
    fn cos(self) -> Self;
    /// Tangent (radians).
    fn tan(self) -> Self;
    /// Arc tangent (radians).
    fn atan(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Inverse hyperbolic tangent.
    fn atanh(self) -> Self;
    /// Absolute value; derivative 0 at 0.
    fn abs(self) -> Self;
    /// Sign: -1, 0 or 1, without a derivative.
    fn signum(self) -> Self;
    /// The logistic function `1 / (1 + e⁻ˣ)`.
    fn sigmoid(self) -> Self;
    /// [`softplus`](Real::softplus), its slope, which is [`sigmoid`](Real::sigmoid), and the slope
    /// of its logarithm: they have an exponential and a division in common. Where the first is too
    /// small for a number and becomes 0, the last is 1.
    #[inline(always)]
    fn softplus_and_slopes(self) -> [Self; 3] {
        self.softplus_and_slopes_from(self.exp_minus_abs())
    }
    /// `e^-|x|`.
    fn exp_minus_abs(self) -> Self;
    /// [`softplus_and_slopes`](Real::softplus_and_slopes), where
    /// [`exp_minus_abs`](Real::exp_minus_abs) is known. Its derivatives are those along `self`.
    fn softplus_and_slopes_from(self, exp_minus_abs: Self) -> [Self; 3];
    /// The inverse of [`softplus`](Real::softplus), `ln(eʸ - 1)`, for `y > 0`.
    fn softplus_inv(self) -> Self;
    /// `ln(1 - e⁻ˣ)` for `x > 0`.
    fn log1mexp(self) -> Self;
    /// `ln(eᵃ + eᵇ)`, without overflow.
    fn log_add_exp(self, other: Self) -> Self;
    /// `x ln y` for `y >= 0`, and 0 at `x = 0`, where the slopes are `ln y` and 0 (both 0 if
    /// `y = 0` too).
    fn xlogy(self, y: Self) -> Self;

    /// The error function.
    fn erf(self) -> Self;
    /// `1 - erf(x)`, accurate in the upper tail.
    fn erfc(self) -> Self;
    /// `e^(x²) erfc(x)`, which does not underflow in the upper tail.
    fn erfcx(self) -> Self;
    /// The inverse of [`erf`](Real::erf): infinite at ±1, NaN beyond.
    fn erfinv(self) -> Self;
    /// The standard normal cdf, accurate in the lower tail.
    fn ndtr(self) -> Self;
    /// The logarithm of the standard normal cdf, accurate in both tails.
    fn log_ndtr(self) -> Self;
    /// The standard normal quantile, the inverse of [`ndtr`](Real::ndtr): infinite at 0 and 1, NaN
    /// beyond.
    fn ndtri(self) -> Self;

    /// `ln |Γ(x)|`.
    fn lgamma(self) -> Self;
    /// `ψ(x)`, the derivative of [`lgamma`](Real::lgamma).
    fn digamma(self) -> Self;
    /// The `n`-th derivative of [`digamma`](Real::digamma): 1 trigamma, 2 tetragamma.
    fn polygamma(self, n: u32) -> Self;

    /// [`ln`](Real::ln) of a positive normal number, for a
    /// [fast path](crate::Formula::fast_path); elsewhere anything.
    #[doc(hidden)]
    fn ln_normal(self) -> Self;
    /// As `ln_normal`, [`exp_m1`](Real::exp_m1) of a number between -80 and 80.
    #[doc(hidden)]
    fn exp_m1_moderate(self) -> Self;
    /// As `ln_normal`, of [`lgamma`](Real::lgamma).
    #[doc(hidden)]
    fn lgamma_positive(self) -> Self;
    /// As `ln_normal`, of [`digamma`](Real::digamma).
    #[doc(hidden)]
    fn digamma_positive(self) -> Self;

    /// `ln Γ(x + ½) - ln Γ(x) - ½ ln x` for `x > 0`.
    #[doc(hidden)]
    fn half_step(self) -> Self;
    /// `ln(1 + x) - x`, without the cancellation at small `x`.
    #[doc(hidden)]
    fn ln_1p_minus(self) -> Self;

    /// `ln B(self, b)` for positive arguments, without cancellation at huge or tiny ones.
    ///
    /// Source: differences of Stirling series, as in DiDonato and Morris 1992 (TOMS 708).
    #[inline]
    fn ln_beta(self, b: Self) -> Self {
        Self::narrow(math::ln_beta(self.widen(), b.widen()))
    }
    /// The regularised lower incomplete gamma function `P(self, x)`; see
    /// [`math::gamma_inc::gamma_tails`].
    #[inline]
    fn gamma_p(self, x: Self) -> Self {
        Self::narrow(math::gamma_inc::gamma_tails(self.widen(), x.widen()).lower)
    }
    /// The regularised upper incomplete gamma function `Q(self, x)`.
    #[inline]
    fn gamma_q(self, x: Self) -> Self {
        Self::narrow(math::gamma_inc::gamma_tails(self.widen(), x.widen()).upper)
    }
    /// `ln P(self, x)`, also where `P` underflows.
    #[inline]
    fn log_gamma_p(self, x: Self) -> Self {
        Self::narrow(math::gamma_inc::gamma_tails(self.widen(), x.widen()).log_lower)
    }
    /// `ln Q(self, x)`, also where `Q` underflows.
    #[inline]
    fn log_gamma_q(self, x: Self) -> Self {
        Self::narrow(math::gamma_inc::gamma_tails(self.widen(), x.widen()).log_upper)
    }
    /// The regularised incomplete beta function `I_x(self, b)`; for its complement and logarithms
    /// see [`math::beta_inc::beta_tails`].
    #[inline]
    fn beta_inc(self, b: Self, x: Self) -> Self {
        Self::narrow(math::beta_inc::beta_tails(self.widen(), b.widen(), x.widen()).lower)
    }

    /// `ln(1 + eˣ)`, without overflow.
    #[inline(always)]
    fn softplus(self) -> Self {
        self.softplus_and_slopes()[0]
    }
    /// `ln sigmoid(x)`, without overflow.
    #[inline(always)]
    fn log_sigmoid(self) -> Self {
        -(-self).softplus()
    }
    /// `1 / x`.
    #[inline(always)]
    fn recip(self) -> Self {
        Self::one() / self
    }
    /// `x²`.
    #[inline(always)]
    fn sq(self) -> Self {
        self * self
    }
    /// The larger of the two; `self` where they are equal. A NaN in `self` stays.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
    /// The smaller of the two; `self` where they are equal. A NaN in `self` stays.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
    /// `max(x, 0)`; derivative 0 at 0. A NaN stays.
    #[inline(always)]
    fn relu(self) -> Self {
        if self <= 0.0 { Self::zero() } else { self }
    }
    /// Whether the value is neither infinite nor NaN.
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.re().is_finite()
    }
}

/// An element of a matrix on the tape: `f32`, `f64`, or a [`Dual`].
///
/// A `Dual` is a number ([`Real`]) itself. `f64` computes through [`F64`], whose functions are
/// inlined into loops, and `f32` through [`F32`], because Rust does not let a library define
/// `f32 * f64`.
pub trait Scalar: sealed::Sealed + Number + Noise + Debug + Default + PartialEq + 'static {
    /// The number that formulas see.
    type Num: Real;
    /// As a number.
    fn num(self) -> Self::Num;
    /// From a number.
    fn from_num(x: Self::Num) -> Self;
    /// The constant `x`, rounded.
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        Self::from_num(Self::Num::of(x))
    }
    /// The value as `f64`, without derivative parts.
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.num().re()
    }
    /// The translation of a function for this element.
    #[doc(hidden)]
    #[track_caller]
    fn call<'a, 'b: 'a, F: Precompiled>(args: F::Args<'a, 'b, Self>) -> F::Output<'a, 'b, Self> {
        F::on::<Self>(args)
    }
}
