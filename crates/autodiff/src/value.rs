//! `Value`: what a distribution's parameters and values can be, a plain number or a matrix on a
//! tape.

use crate::formula::{Formula, FormulaPair};
use crate::ops::Arg;
use crate::random::{Key, normal_at, uniform_at};
use crate::real::{Dual, Real, Scalar};
use crate::tape::{Tape, Var};
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A plain number (`f64`, [`Dual`]) or a matrix ([`Var`]): code written on `Value` works on both.
///
/// Formulas enter by [`apply`](Value::apply): a plain evaluation on numbers, one fused node on a
/// tape.
pub trait Value:
    Copy
    + Debug
    + From<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
    + Neg<Output = Self>
{
    /// Where results live: nothing for numbers, the tape for matrices.
    type Context: Copy;

    /// A formula, entry by entry, with broadcasting.
    ///
    /// # Panics
    /// If matrices do not broadcast.
    fn apply<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self;

    /// The sum of a formula over all entries, 1 × 1.
    ///
    /// # Panics
    /// If matrices do not broadcast.
    fn apply_sum<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self;

    /// A formula with noise among its arguments; the result has at least the shape `least` (a
    /// number stays a number).
    ///
    /// # Panics
    /// If matrices do not broadcast.
    fn draw<F: Formula<N>, const N: usize>(
        cx: Self::Context,
        f: F,
        args: [Draw<Self>; N],
        least: (usize, usize),
    ) -> Self;

    /// Both results of a formula pair with noise among its arguments, in one pass: the entries, and
    /// the sum of the second result. The shape is as for [`draw`](Value::draw).
    ///
    /// # Panics
    /// If matrices do not broadcast.
    fn draw_pair<F: FormulaPair<N>, const N: usize>(
        cx: Self::Context,
        f: F,
        args: [Draw<Self>; N],
        least: (usize, usize),
    ) -> (Self, Self);

    /// Rows and columns; 1 × 1 for a number.
    fn shape(&self) -> (usize, usize);

    /// The sum of all entries.
    fn sum(self) -> Self;

    /// The sum of every row, r × 1.
    fn sum_rows(self) -> Self;

    /// A formula, entry by entry or summed.
    ///
    /// # Panics
    /// If matrices do not broadcast.
    #[track_caller]
    fn apply_as<F: Formula<N>, const N: usize>(terms: Terms, f: F, args: [Self; N]) -> Self {
        match terms {
            Terms::Each => Self::apply(f, args),
            Terms::Sum => Self::apply_sum(f, args),
        }
    }

    /// The number behind a bare constant of a tape's formulas, for which a formula may be simpler.
    /// None for all else, and for plain numbers.
    fn fixed(&self) -> Option<f64> {
        None
    }

    /// The first entry that meets the condition (as `f64`, without derivatives).
    fn find(&self, condition: impl Fn(f64) -> bool) -> Option<f64>;
}

/// Whether terms are wanted one by one or as their sum (one fused pass either way).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Every term.
    Each,
    /// The sum of the terms, 1 × 1.
    Sum,
}

/// An argument that may be noise, of which a number takes the first element of the key's stream.
#[derive(Clone, Copy, Debug)]
pub enum Draw<V> {
    /// A value.
    Value(V),
    /// Independent standard normal noise.
    Normal(Key),
    /// Independent uniform noise from the open interval (0, 1).
    Uniform(Key),
}

/// The value, or the first element of the key's stream.
fn first_draw<R: Real>(arg: Draw<R>) -> R {
    match arg {
        Draw::Value(x) => x,
        Draw::Normal(key) => R::of(normal_at::<f64>(key, 0)),
        Draw::Uniform(key) => R::of(uniform_at::<f64>(key, 0)),
    }
}

macro_rules! number {
    ($(($($generics:tt)*) $ty:ty;)*) => {$(
        impl<$($generics)*> Value for $ty {
            type Context = ();
            fn draw<F: Formula<K>, const K: usize>(
                (): (),
                f: F,
                args: [Draw<Self>; K],
                _: (usize, usize),
            ) -> Self {
                f.eval(args.map(first_draw))
            }
            fn draw_pair<F: FormulaPair<K>, const K: usize>(
                (): (),
                f: F,
                args: [Draw<Self>; K],
                _: (usize, usize),
            ) -> (Self, Self) {
                f.eval(args.map(first_draw))
            }
            #[inline(always)]
            fn apply<F: Formula<K>, const K: usize>(f: F, args: [Self; K]) -> Self {
                f.eval(args)
            }
            #[inline(always)]
            fn apply_sum<F: Formula<K>, const K: usize>(f: F, args: [Self; K]) -> Self {
                f.eval(args)
            }
            fn shape(&self) -> (usize, usize) {
                (1, 1)
            }
            fn sum(self) -> Self {
                self
            }
            fn sum_rows(self) -> Self {
                self
            }
            fn find(&self, condition: impl Fn(f64) -> bool) -> Option<f64> {
                Some(self.re()).filter(|x| condition(*x))
            }
        }
    )*};
}
number! {
    () f64;
    (T: Real, const N: usize) Dual<T, N>;
}

impl<T: Real, const N: usize> From<f64> for Dual<T, N> {
    fn from(x: f64) -> Self {
        Self::of(x)
    }
}

impl<'t, T: Scalar> From<Draw<Var<'t, T>>> for Arg<'t, T> {
    fn from(arg: Draw<Var<'t, T>>) -> Self {
        match arg {
            Draw::Value(x) => Arg::Var(x),
            Draw::Normal(key) => Arg::Normal(key),
            Draw::Uniform(key) => Arg::Uniform(key),
        }
    }
}

impl<'t, T: Scalar> Value for Var<'t, T> {
    type Context = &'t Tape<T>;
    #[track_caller]
    fn draw<F: Formula<N>, const N: usize>(
        tape: &'t Tape<T>,
        f: F,
        args: [Draw<Self>; N],
        least: (usize, usize),
    ) -> Self {
        tape.map_noise(f, args.map(Arg::from), least)
    }
    #[track_caller]
    fn draw_pair<F: FormulaPair<N>, const N: usize>(
        tape: &'t Tape<T>,
        f: F,
        args: [Draw<Self>; N],
        least: (usize, usize),
    ) -> (Self, Self) {
        tape.map_pair(f, args.map(Arg::from), least)
    }
    #[track_caller]
    fn apply<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self {
        Var::map(f, args)
    }
    #[track_caller]
    fn apply_sum<F: Formula<N>, const N: usize>(f: F, args: [Self; N]) -> Self {
        Var::map_sum(f, args)
    }
    #[inline]
    fn shape(&self) -> (usize, usize) {
        Var::shape(self)
    }
    fn sum(self) -> Self {
        Var::sum(self)
    }
    fn sum_rows(self) -> Self {
        self.sum_axis(crate::Axis::Cols)
    }
    fn fixed(&self) -> Option<f64> {
        self.constant_value().map(|x| x.to_f64())
    }
    fn find(&self, condition: impl Fn(f64) -> bool) -> Option<f64> {
        self.read_lanes(|x| x.iter().map(|v| v.to_f64()).find(|v| condition(*v)))
    }
}
