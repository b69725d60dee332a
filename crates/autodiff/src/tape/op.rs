//! What an operation is: a forward rule and a backward rule.

use super::Adjoints;
#[cfg(doc)]
use super::Tape;
use super::fast::{Call, FastOp};
use super::node::{Node, Values};
use crate::real::Scalar;
use std::any::Any;
use std::fmt::Debug;

/// An operation on the tape: how its value is computed from its arguments, and what it adds to
/// their adjoints.
///
/// All operations of this crate are written with this trait. A user's own operation is recorded by
/// [`Tape::record`](crate::Tape::record). Matrices are column-major slices; [`Inputs`] knows their
/// shapes.
///
/// Once the tape has been through a step, a step with the same operations allocates nothing: an
/// operation is stored in the box of its predecessor, provided that it has the same type.
pub trait Op<T: Scalar>: Debug + Send + Any {
    /// The name in errors and printed tapes.
    fn name(&self) -> &'static str;

    /// The forward pass: computes the value. `y` holds old numbers: every entry must be written.
    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]);

    /// The backward pass: adds `gᵀ ∂y/∂xₖ` to the adjoint of every argument `k` that needs one.
    /// `y` is the value and `g` its adjoint.
    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>);

    /// Faster forms of these two rules for special cases, if it has any.
    fn fast(&self) -> Option<&dyn FastOp<T>> {
        None
    }
}

/// The arguments of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, T: Scalar> {
    pub(super) nodes: &'a [Node],
    pub(super) values: Values<'a, T>,
    pub(super) args: &'a [u32],
    pub(super) fast: Call<T>,
}

impl<'a, T: Scalar> Inputs<'a, T> {
    /// The number of arguments.
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// Whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// Argument `k`, column by column.
    ///
    /// # Panics
    /// If there is no argument `k`.
    #[inline]
    pub fn get(&self, k: usize) -> &'a [T] {
        let node = self.node(k);
        &self.values.get(node)[self.fast.window(node)]
    }

    /// Rows and columns of argument `k`.
    ///
    /// # Panics
    /// If there is no argument `k`.
    pub fn shape(&self, k: usize) -> (usize, usize) {
        self.node(k).shape()
    }

    pub(super) fn node(&self, k: usize) -> &'a Node {
        &self.nodes[self.args[k] as usize]
    }
}
