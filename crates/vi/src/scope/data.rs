//! What can be given as data.

use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::{Number, Scalar, Tape, Var};
use std::any::Any;
use std::sync::Arc;

/// Numbers that a model observes or computes with: single numbers, columns (slices, arrays,
/// vectors, `DVector`), matrices, or values already on the tape. Entries are floating-point or
/// integer numbers, or truth values (1 for true).
///
/// Integers of more than 53 bits are rounded.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given as data",
    note = "data are numbers, or a reference to a slice, array, `Vec`, `DVector` or `DMatrix` of them"
)]
pub trait Data<'t, T: Scalar> {
    /// As a value on the tape.
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T>;
}

macro_rules! single {
    ($($number:ty),*) => {$(
        impl<'t, T: Scalar> Data<'t, T> for $number {
            fn on(self, _: &'t Tape<T>) -> Var<'t, T> {
                Var::from(self.to_number())
            }
        }
    )*};
}
single!(f64, f32, bool, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

/// A table of numbers, column by column: a matrix, or a column (slice, array, vector).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a table of numbers",
    note = "a table is a slice, array, `Vec`, `DVector` or `DMatrix` of numbers"
)]
pub trait Table {
    /// The type of the entries.
    type Entry: Number;

    /// Rows and columns.
    fn size(&self) -> (usize, usize);

    /// The entries, column by column.
    fn entries(&self) -> &[Self::Entry];

    /// As a constant on a tape.
    fn constant<'t, T: Scalar>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        let (rows, cols) = self.size();
        tape.constant_with(rows, cols, |to| Self::Entry::convert(self.entries(), to))
    }
}

impl<E: Number> Table for [E] {
    type Entry = E;
    fn size(&self) -> (usize, usize) {
        (self.len(), 1)
    }
    fn entries(&self) -> &[E] {
        self
    }
}

impl<E: Number, const N: usize> Table for [E; N] {
    type Entry = E;
    fn size(&self) -> (usize, usize) {
        (N, 1)
    }
    fn entries(&self) -> &[E] {
        self
    }
}

impl<E: Number> Table for Vec<E> {
    type Entry = E;
    fn size(&self) -> (usize, usize) {
        (self.len(), 1)
    }
    fn entries(&self) -> &[E] {
        self
    }
}

impl<E: Number> Table for DVector<E> {
    type Entry = E;
    fn size(&self) -> (usize, usize) {
        (self.data.as_vec().len(), 1)
    }
    fn entries(&self) -> &[E] {
        self.data.as_slice()
    }
}

impl<E: Number> Table for DMatrix<E> {
    type Entry = E;
    fn size(&self) -> (usize, usize) {
        self.shape()
    }
    fn entries(&self) -> &[E] {
        self.data.as_slice()
    }
}

impl<X: Table + ?Sized> Table for &X {
    type Entry = X::Entry;
    fn size(&self) -> (usize, usize) {
        (**self).size()
    }
    fn entries(&self) -> &[X::Entry] {
        (**self).entries()
    }
    fn constant<'t, T: Scalar>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        (**self).constant(tape)
    }
}

/// A matrix of the tape's elements is shared, not copied.
impl<X: Table + 'static> Table for Arc<X> {
    type Entry = X::Entry;
    fn size(&self) -> (usize, usize) {
        (**self).size()
    }
    fn entries(&self) -> &[X::Entry] {
        (**self).entries()
    }
    fn constant<'t, T: Scalar>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        match (self as &dyn Any).downcast_ref::<Arc<DMatrix<T>>>() {
            Some(matrix) => tape.share(matrix),
            None => (**self).constant(tape),
        }
    }
}

impl<'t, T: Scalar> Data<'t, T> for Var<'t, T> {
    fn on(self, _: &'t Tape<T>) -> Var<'t, T> {
        self
    }
}

/// Lists of any numbers are data. Of matrices, those of `f64` and shared ones of the tape's
/// elements: if all were, Rust could not tell the type of `&DMatrix::zeros(2, 3)`. Values that are
/// given away are not, as Clippy would then find every `&` of a model needless.
macro_rules! tables {
    ($([$($generics:tt)*] $table:ty;)*) => {$(
        impl<'t, T: Scalar, $($generics)*> Data<'t, T> for $table {
            fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
                self.constant(tape)
            }
        }
    )*};
}
tables! {
    [E: Number] &[E];
    [E: Number, const N: usize] &[E; N];
    [E: Number] &Vec<E>;
    [E: Number] &DVector<E>;
    [] &DMatrix<f64>;
    [] &Arc<DMatrix<T>>;
}
