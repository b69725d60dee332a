//! A node of the tape, and where its numbers are.

use super::ALIGN;
use crate::real::Scalar;
use nalgebra::DMatrix;
use std::sync::Arc;

/// Where the value of a node is.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Nowhere: the node does not depend on anything that wants a gradient.
    None,
    /// From this offset of the tape's own adjoints.
    Arena(usize),
    /// From this offset of the parameters' gradient.
    Params(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub rows: u32,
    pub cols: u32,
    pub place: Place,
    pub grad: Grad,
    /// The operation that made the value, or none for a leaf.
    pub op: Option<u32>,
    /// Its arguments: a range of the tape's list.
    pub args: (u32, u32),
    /// What the user was doing (see [`crate::Tape::set_tag`]).
    pub tag: u32,
    /// What stands behind the value.
    pub behind: Behind,
    /// The first and the last operation that have it as an argument.
    pub first_user: u32,
    pub last_user: u32,
    /// Every lane has a value and an adjoint of its own, one after the other.
    pub laned: bool,
    /// It was rectified: where it is at most 0, its adjoint does not matter.
    pub rectified: bool,
}

/// What no operation has as its number.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Entries that an operation writes behind its value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Behind {
    /// A sum, which the next node shows.
    pub sum: bool,
    /// How many nodes, after that of the sum, show parts of the value. It is then seen through them alone.
    pub views: usize,
    /// How many arrays, each as long as the value and from a cache line on, that the operation keeps for the way back.
    pub arrays: usize,
    /// The one array stands instead in the place of the gradient of argument 1 (see [`lending`](super::lending)).
    pub lent: bool,
}

impl Behind {
    /// The entries that are written for a value of `n`.
    pub(crate) fn stored(self, n: usize) -> usize {
        let shown = n + usize::from(self.sum);
        if self.arrays == 0 { shown } else { self.array(n, self.arrays - 1) + n }
    }

    /// Where array `i` begins.
    pub(crate) fn array(self, n: usize, i: usize) -> usize {
        (n + usize::from(self.sum)).next_multiple_of(ALIGN) + i * n.next_multiple_of(ALIGN)
    }
}

impl Node {
    /// A value that no operation made.
    pub(crate) fn leaf((rows, cols): (u32, u32), place: Place, grad: Grad, tag: u32) -> Self {
        Self {
            rows,
            cols,
            place,
            grad,
            op: None,
            args: (0, 0),
            tag,
            behind: Behind::default(),
            first_user: NOBODY,
            last_user: NOBODY,
            laned: false,
            rectified: false,
        }
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows as usize, self.cols as usize)
    }

    /// Entries of the matrix.
    pub(crate) fn size(&self) -> usize {
        self.rows as usize * self.cols as usize
    }

    /// Entries that have an adjoint: of the value and of its sum, or of the values of all lanes.
    pub(crate) fn shown(&self, lanes: usize) -> usize {
        if self.laned { lanes * self.size() } else { self.size() + usize::from(self.behind.sum) }
    }

    /// Entries that the operation writes.
    pub(crate) fn stored(&self, lanes: usize) -> usize {
        if self.laned { lanes * self.size() } else { self.behind.stored(self.size()) }
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
    /// The value of a lane.
    pub(crate) fn get(&self, node: &Node, lane: usize) -> &'a [T] {
        let size = node.size();
        match node.place {
            Place::Arena(at) if node.laned => &self.arena[at + lane * size..][..size],
            Place::Arena(at) => &self.arena[at..at + size],
            Place::Params(at) => &self.params[at..at + node.size()],
            Place::Shared(i) => self.shared[i].as_slice(),
        }
    }

    /// The values of all lanes, or the one value there is.
    pub(crate) fn all(&self, node: &Node, lanes: usize) -> &'a [T] {
        match node.place {
            Place::Arena(at) if node.laned => &self.arena[at..][..lanes * node.size()],
            _ => self.get(node, 0),
        }
    }
}
