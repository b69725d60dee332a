//! What can be given as data.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Tape, Var};
use std::sync::Arc;

/// Numbers that a model observes or computes with: matrices, columns (slices and vectors), single numbers, or values
/// already on the tape.
pub trait Data<'t, T: Scalar> {
    /// As a value on the tape.
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T>;
}

impl<'t, T: Scalar> Data<'t, T> for Var<'t, T> {
    fn on(self, _: &'t Tape<T>) -> Var<'t, T> {
        self
    }
}

impl<'t, T: Scalar> Data<'t, T> for f64 {
    fn on(self, _: &'t Tape<T>) -> Var<'t, T> {
        Var::from(self)
    }
}

impl<'t, T: Scalar> Data<'t, T> for &DMatrix<f64> {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant_with(self.nrows(), self.ncols(), |y| convert(self.as_slice(), y))
    }
}

impl<'t, T: Scalar> Data<'t, T> for &[f64] {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant_with(self.len(), 1, |y| convert(self, y))
    }
}

impl<'t, T: Scalar, const N: usize> Data<'t, T> for &[f64; N] {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.as_slice().on(tape)
    }
}

impl<'t, T: Scalar> Data<'t, T> for &Vec<f64> {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.as_slice().on(tape)
    }
}

impl<'t, T: Scalar> Data<'t, T> for &Arc<DMatrix<T>> {
    fn on(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.share(self)
    }
}

fn convert<T: Scalar>(x: &[f64], y: &mut [T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = T::from_f64(*x);
    }
}
