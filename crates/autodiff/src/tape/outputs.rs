//! Operations with several outputs, and with values that they save for the backward pass.
//!
//! Such an operation writes its outputs one after the other into one buffer, and its saved values
//! behind them. The nodes that follow the operation's own node show the outputs. They are what
//! other operations take as arguments.

use super::node::{Node, Source};
use super::{ALIGN, Inner, Op, Result, Tape, Var};
use crate::real::Scalar;

/// Arrays that an operation saves for its backward pass, behind its outputs. Each begins at a
/// cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Saved {
    /// Entries of all outputs.
    pub outputs: usize,
    /// How many arrays.
    pub arrays: usize,
    /// The length of each.
    pub len: usize,
}

impl Saved {
    /// Where array `i` begins.
    pub(crate) fn offset(self, i: usize) -> usize {
        self.outputs.next_multiple_of(ALIGN) + i * self.len.next_multiple_of(ALIGN)
    }

    /// Entries that are written, with the outputs.
    pub(crate) fn end(self) -> usize {
        if self.arrays == 0 { self.outputs } else { self.offset(self.arrays - 1) + self.len }
    }
}

impl<T: Scalar> Tape<T> {
    /// As [`record`](Tape::record), for an operation with outputs of these shapes, which saves
    /// these arrays. Returns the number of the node that shows the first output; the others follow.
    #[track_caller]
    pub(crate) fn record_outputs(
        &self,
        op: impl Op<T>,
        args: &[Var<'_, T>],
        shape: (usize, usize),
        outputs: impl ExactSizeIterator<Item = (usize, usize)>,
        saved: Saved,
    ) -> u32 {
        let mut inner = self.inner_mut();
        let first = inner.push_args(self, args);
        let id = inner.run(op, first, shape, Result::Several(saved));
        inner.nodes[id as usize].outputs = outputs.len() as u32;
        let Node { place, grad, tag, .. } = inner.nodes[id as usize];
        let mut at = 0;
        for shape in outputs {
            let node = Node::leaf(shape, place.offset(at), grad.offset(at), tag);
            inner.nodes.push(Node { source: Source::Output, ..node });
            at += node.len;
        }
        id + 1
    }
}

impl<T: Scalar> Inner<T> {
    /// Whether anything was added to the adjoint of this operation's result. If it has several
    /// outputs, the adjoints of those that nothing used are set to zero.
    pub(super) fn complete_outputs(&mut self, id: usize) -> bool {
        let outputs = id + 1..id + 1 + self.nodes[id].outputs as usize;
        if outputs.is_empty() {
            return self.written[id] > 0;
        }
        if outputs.clone().all(|output| self.written[output] == 0) {
            return false;
        }
        for output in outputs {
            if self.written[output] == 0 {
                self.adjoint_mut(output).fill(T::from_f64(0.0));
            }
        }
        true
    }
}
