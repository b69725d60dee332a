//! Functions of one matrix, entry by entry, and of two with broadcasting.

use crate::compiled_here;
use crate::formula::Formula;
use crate::real::{Real, Scalar};
use crate::tape::Var;

macro_rules! unary {
    ($($(#[$doc:meta])* $formula:ident $f:ident $($compiled_here:ident)?;)*) => {
        $(
            #[derive(Clone, Copy, Debug)]
            struct $formula;
            impl Formula<1> for $formula {
                #[inline(always)]
                fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
                    x.$f()
                }
                fn name(&self) -> &'static str {
                    stringify!($f)
                }
                $($compiled_here!($formula, 1);)?
            }
        )*
        impl<'t, T: Scalar> Var<'t, T> {
            $(
                $(#[$doc])*
                pub fn $f(self) -> Self {
                    Var::map($formula, [self])
                }
            )*
        }
    };
}

unary! {
    /// `eˣ`.
    Exp exp compiled_here;
    /// `eˣ - 1`, accurate near 0.
    ExpM1 exp_m1;
    /// Natural logarithm.
    #[doc(alias = "log")]
    Ln ln compiled_here;
    /// `ln(1 + x)`, accurate near 0.
    Ln1p ln_1p;
    /// Square root.
    Sqrt sqrt compiled_here;
    /// Square.
    Square sq compiled_here;
    /// `1 / x`.
    Recip recip;
    /// Absolute value; derivative 0 at 0.
    Abs abs;
    /// Sine (radians).
    Sin sin;
    /// Cosine (radians).
    Cos cos;
    /// Arc tangent (radians).
    Atan atan;
    /// Hyperbolic tangent.
    Tanh tanh compiled_here;
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid sigmoid compiled_here;
    /// `ln sigmoid(x)`, without overflow.
    LogSigmoid log_sigmoid;
    /// `ln(1 + eˣ)`, without overflow.
    Softplus softplus compiled_here;
    /// The inverse of softplus, `ln(eʸ - 1)`, for `y > 0`.
    SoftplusInv softplus_inv;
    /// `ln(1 - e⁻ˣ)` for `x > 0`.
    Log1mExp log1mexp;
    /// Error function.
    Erf erf;
    /// `1 - erf(x)`, accurate in the upper tail.
    Erfc erfc;
    /// Standard normal distribution function.
    Ndtr ndtr;
    /// Logarithm of the standard normal distribution function.
    LogNdtr log_ndtr;
    /// `ln |Γ(x)|`.
    LGamma lgamma;
    /// Derivative of `ln Γ(x)`.
    Digamma digamma;
}

#[derive(Clone, Copy, Debug)]
struct Powi(i32);
impl Formula<1> for Powi {
    #[inline(always)]
    fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
        x.powi(self.0)
    }
    fn name(&self) -> &'static str {
        "powi"
    }
}

macro_rules! binary {
    ($($(#[$doc:meta])* $formula:ident $f:ident;)*) => {
        $(
            #[derive(Clone, Copy, Debug)]
            struct $formula;
            impl Formula<2> for $formula {
                #[inline(always)]
                fn eval<R: Real>(&self, [a, b]: [R; 2]) -> R {
                    a.$f(b)
                }
                fn name(&self) -> &'static str {
                    stringify!($f)
                }
            }
        )*
        impl<'t, T: Scalar> Var<'t, T> {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $f(self, other: impl Into<Self>) -> Self {
                    Var::map($formula, [self, other.into()])
                }
            )*
        }
    };
}

binary! {
    /// Power, entry by entry; the base must not be negative.
    Powf powf;
    /// The larger of the two; where they are equal, the gradient goes to `self`.
    Max max;
    /// The smaller of the two; where they are equal, the gradient goes to `self`.
    Min min;
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Integer power, entry by entry.
    pub fn powi(self, n: i32) -> Self {
        Var::map(Powi(n), [self])
    }
}
