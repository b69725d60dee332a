//! A node of the tape, and where its numbers are.

use super::fast::Flags;
use crate::real::Scalar;
use nalgebra::DMatrix;
use std::sync::Arc;

/// Where the value of a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// From this offset of the tape's own memory.
    Arena(usize),
    /// From this offset of the bound parameters.
    Params(usize),
    /// In this shared matrix.
    Shared(usize),
}

/// Where the adjoint of a node is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Grad {
    /// Nowhere: the node does not depend on anything that needs a gradient.
    None,
    /// From this offset of the tape's own adjoints.
    Arena(usize),
    /// From this offset of the gradient of the parameters.
    Params(usize),
}

impl Place {
    /// So many entries further on.
    pub(crate) fn offset(self, by: usize) -> Self {
        match self {
            Place::Arena(at) => Place::Arena(at + by),
            Place::Params(at) => Place::Params(at + by),
            Place::Shared(_) => self,
        }
    }
}

impl Grad {
    /// So many entries further on.
    pub(crate) fn offset(self, by: usize) -> Self {
        match self {
            Grad::None => Grad::None,
            Grad::Arena(at) => Grad::Arena(at + by),
            Grad::Params(at) => Grad::Params(at + by),
        }
    }
}

/// What made the value of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    /// Nothing: a variable, a constant, or a parameter.
    Leaf,
    /// This operation.
    Op(u32),
    /// The operation of a node before, which has several outputs (see [`outputs`](super::outputs)).
    Output,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub rows: u32,
    pub cols: u32,
    /// Entries of the value. There are more than `rows × cols` if the node stands for several
    /// outputs, or for several draws (see [`fast::lanes`](super::fast)).
    pub len: usize,
    pub place: Place,
    pub grad: Grad,
    pub source: Source,
    /// The arguments of the operation: a range of the tape's list.
    pub args: (u32, u32),
    /// How many of the next nodes show the outputs of this one; 0 if it is its own output.
    pub outputs: u32,
    /// Entries that the operation writes: those of the value, and saved values behind it.
    pub stored: usize,
    /// What the user was doing (see [`crate::Tape::set_tag`]).
    pub tag: u32,
    pub fast: Flags,
}

impl Node {
    /// A value that no operation made.
    pub(crate) fn leaf((rows, cols): (usize, usize), place: Place, grad: Grad, tag: u32) -> Self {
        Self {
            rows: rows as u32,
            cols: cols as u32,
            len: rows * cols,
            place,
            grad,
            source: Source::Leaf,
            args: (0, 0),
            outputs: 0,
            stored: rows * cols,
            tag,
            fast: Flags::default(),
        }
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows as usize, self.cols as usize)
    }

    /// Entries of the matrix.
    pub(crate) fn size(&self) -> usize {
        self.rows as usize * self.cols as usize
    }
}

/// All values of a tape, for reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a, T: Scalar> {
    pub arena: &'a [T],
    pub params: &'a [T],
    pub shared: &'a [Arc<DMatrix<T>>],
}

impl<'a, T: Scalar> Values<'a, T> {
    #[inline]
    pub(crate) fn get(&self, node: &Node) -> &'a [T] {
        match node.place {
            Place::Arena(at) => &self.arena[at..at + node.len],
            Place::Params(at) => &self.params[at..at + node.len],
            Place::Shared(i) => self.shared[i].as_slice(),
        }
    }
}
