//! `+ - * /` and negation, entry by entry, between matrices and with numbers.

use crate::compiled_here;
use crate::formula::Formula;
use crate::real::{Real, Scalar};
use crate::tape::Var;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The same with a whole number, which stands for the number, or a reference, which stands for what
/// it refers to.
macro_rules! also {
    ($left:ty, $right:ty, $tr:ident $f:ident) => {
        impl<'t, T: Scalar> $tr<$right> for $left {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $f(self, other: $right) -> Var<'t, T> {
                Var::from(self).$f(Var::from(other))
            }
        }
    };
}

macro_rules! binary {
    ($($formula:ident $name:literal $tr:ident $f:ident |$a:ident, $b:ident| $body:expr $(, $weights:expr)?;)*) => {$(
        #[derive(Clone, Copy, Debug)]
        struct $formula;
        impl Formula<2> for $formula {
            #[inline(always)]
            fn eval<R: Real>(&self, [$a, $b]: [R; 2]) -> R {
                $body
            }
            fn name(&self) -> &'static str {
                $name
            }
            compiled_here!($formula, 2);
        }
        impl<T: Scalar> $tr for Var<'_, T> {
            type Output = Self;
            #[track_caller]
            fn $f(self, other: Self) -> Self {
                $(if let Some(sum) = Var::of_deferred(&[self, other], &$weights) {
                    return sum;
                })?
                Var::map($formula, [self, other])
            }
        }
        impl<T: Scalar> $tr<f64> for Var<'_, T> {
            type Output = Self;
            fn $f(self, other: f64) -> Self {
                self.$f(Var::from(other))
            }
        }
        impl<'t, T: Scalar> $tr<Var<'t, T>> for f64 {
            type Output = Var<'t, T>;
            fn $f(self, other: Var<'t, T>) -> Var<'t, T> {
                Var::from(self).$f(other)
            }
        }
        also!(Var<'t, T>, i32, $tr $f);
        also!(i32, Var<'t, T>, $tr $f);
        also!(&Var<'t, T>, Var<'t, T>, $tr $f);
        also!(Var<'t, T>, &Var<'t, T>, $tr $f);
        also!(&Var<'t, T>, &Var<'t, T>, $tr $f);
        also!(&Var<'t, T>, f64, $tr $f);
        also!(f64, &Var<'t, T>, $tr $f);
    )*};
}

binary! {
    Plus "+" Add add |a, b| a + b, [1.0, 1.0];
    Minus "-" Sub sub |a, b| a - b, [1.0, -1.0];
    Times "*" Mul mul |a, b| a * b;
    Over "/" Div div |a, b| a / b;
}

#[derive(Clone, Copy, Debug)]
struct Negated;
impl Formula<1> for Negated {
    #[inline(always)]
    fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
        -x
    }
    fn name(&self) -> &'static str {
        "neg"
    }
    compiled_here!(Negated, 1);
}

impl<T: Scalar> Neg for Var<'_, T> {
    type Output = Self;
    fn neg(self) -> Self {
        Var::of_deferred(&[self], &[-1.0]).unwrap_or_else(|| Var::map(Negated, [self]))
    }
}

impl<'t, T: Scalar> Neg for &Var<'t, T> {
    type Output = Var<'t, T>;
    fn neg(self) -> Var<'t, T> {
        -*self
    }
}

impl<'t, T: Scalar> std::iter::Sum for Var<'t, T> {
    /// The sum of matrices of one shape (or broadcasting); the number 0 for none.
    fn sum<I: Iterator<Item = Var<'t, T>>>(iter: I) -> Self {
        iter.reduce(|a, b| a + b).unwrap_or(Var::constant(T::from_f64(0.0)))
    }
}
