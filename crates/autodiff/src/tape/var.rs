//! `Var`: a copyable handle to a node, or a bare constant.

use super::Tape;
use crate::real::Scalar;
use nalgebra::DMatrix;
use std::fmt;

/// A matrix in a computation: a handle to a node of a [`Tape`], or a bare constant that needs no
/// tape.
///
/// Handles are `Copy`; operators and methods record operations. A number becomes a constant by
/// `Var::from(2.0)`, and a result of constants only is a constant again.
///
/// *Shapes.* Operations on entries broadcast: 1 × 1, 1 × c and r × 1 stretch to r × c.
///
/// *Panics.* Every operation panics when its shapes do not fit, or when its arguments are on
/// different tapes; the message names the operation and the shapes, and the place is the caller's.
#[derive(Clone, Copy)]
pub struct Var<'t, T: Scalar = f64>(At<'t, T>);

#[derive(Clone, Copy)]
enum At<'t, T: Scalar> {
    Constant(T),
    Node(&'t Tape<T>, u32),
}

impl<'t, T: Scalar> Var<'t, T> {
    pub(crate) fn node(tape: &'t Tape<T>, id: u32) -> Self {
        Self(At::Node(tape, id))
    }

    /// A constant.
    pub fn constant(x: T) -> Self {
        Self(At::Constant(x))
    }

    /// The constant, if this is one.
    pub fn constant_value(&self) -> Option<T> {
        match self.0 {
            At::Constant(x) => Some(x),
            At::Node(..) => None,
        }
    }

    /// Whether it depends on something that needs a gradient: a variable or a parameter.
    ///
    /// ```
    /// use probity_autodiff::Tape;
    ///
    /// let tape = Tape::<f64>::new();
    /// let (x, c) = (tape.scalar(2.0), tape.column(&[1.0, 2.0]));
    /// assert!((x * c).requires_grad() && !c.exp().requires_grad());
    /// ```
    pub fn requires_grad(&self) -> bool {
        self.handle().is_some_and(|(tape, id)| tape.requires_grad(id))
    }

    /// The tape and the node's number, unless this is a bare constant.
    pub(super) fn handle(&self) -> Option<(&'t Tape<T>, u32)> {
        match self.0 {
            At::Constant(_) => None,
            At::Node(tape, id) => Some((tape, id)),
        }
    }

    /// The tape, unless this is a bare constant.
    pub fn tape(&self) -> Option<&'t Tape<T>> {
        match self.0 {
            At::Constant(_) => None,
            At::Node(tape, _) => Some(tape),
        }
    }

    /// The node's number, or none for a bare constant.
    #[track_caller]
    pub(crate) fn on(&self, tape: &Tape<T>) -> Option<u32> {
        match self.0 {
            At::Constant(_) => None,
            At::Node(own, id) => {
                assert!(std::ptr::eq(own, tape), "a Var of another tape was used in this operation");
                Some(id)
            }
        }
    }

    /// Rows and columns.
    #[inline]
    pub fn shape(&self) -> (usize, usize) {
        match self.0 {
            At::Constant(_) => (1, 1),
            At::Node(tape, id) => tape.shape_of(id),
        }
    }

    /// Rows.
    pub fn nrows(&self) -> usize {
        self.shape().0
    }

    /// Columns.
    pub fn ncols(&self) -> usize {
        self.shape().1
    }

    /// The value, copied.
    pub fn value(&self) -> DMatrix<T> {
        let (rows, cols) = self.shape();
        self.read(|x| DMatrix::from_column_slice(rows, cols, x))
    }

    /// Calls `read` with the value, column by column.
    pub fn read<O>(&self, read: impl FnOnce(&[T]) -> O) -> O {
        match self.0 {
            At::Constant(x) => read(&[x]),
            At::Node(tape, id) => tape.read(id, read),
        }
    }

    /// The value of a 1 × 1 matrix.
    ///
    /// # Panics
    /// If the matrix is not 1 × 1.
    #[track_caller]
    pub fn item(&self) -> T {
        let (rows, cols) = self.shape();
        assert!(rows == 1 && cols == 1, "item: the matrix must be 1 × 1, not {rows} × {cols}");
        self.read(|x| x[0])
    }

    /// The same value, through which no gradient flows (stop-gradient).
    pub fn detach(self) -> Self {
        match self.0 {
            At::Constant(_) => self,
            At::Node(tape, id) => tape.detached(id),
        }
    }
}

impl<T: Scalar> From<i32> for Var<'_, T> {
    fn from(x: i32) -> Self {
        Self::from(f64::from(x))
    }
}

impl<T: Scalar> From<&Self> for Var<'_, T> {
    fn from(x: &Self) -> Self {
        *x
    }
}

impl<T: Scalar> From<f64> for Var<'_, T> {
    fn from(x: f64) -> Self {
        Self::constant(T::from_f64(x))
    }
}

impl<T: Scalar> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            At::Constant(x) => write!(f, "Var({x:?})"),
            At::Node(_, id) => {
                let (rows, cols) = self.shape();
                write!(f, "Var(node {id}, {rows} × {cols})")
            }
        }
    }
}
