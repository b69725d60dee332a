//! ReLU masks: the derivative of a ReLU, applied to an adjoint in place.
//!
//! Where `max(x, 0)` is 0, the adjoint of `x` is 0. A backward pass for leaves only
//! ([`backward_leaves`](super::super::Tape::backward_leaves)) need not keep the adjoint of the
//! values beside that of `x`, so a layer `max(X W + b, 0)` masks it in place. If the values are the
//! input of a layer with one output and of nothing else, that layer writes the masked adjoint at
//! once, in the pass over the values that gives the gradient of its own weights. It also sums the
//! columns of what it writes: these sums are the gradient of `b`.
//!
//! *What it saves.* Masked in place: 1.5 % of a step of `seed` (14.38 to 14.17 µs). Masked by the
//! layer with one output: 9 % of `uci` (4.89 to 4.43 µs), 2.4 % of `seed`.
//!
//! *Without it* a layer copies the masked adjoint into a scratch buffer. Sums of columns have
//! another order, so their last bits change.

use super::super::node::Grad;
use super::super::{Adjoints, BuiltIn, Tape, Var};
use crate::kernel::SharedMut;
use crate::real::Scalar;

/// The node whose adjoint is masked already, if there is one, and the sums of its columns.
#[derive(Debug, Default)]
pub(super) struct ReluMask<T> {
    node: Option<usize>,
    sums: Vec<T>,
    /// Memory for the next sums, while an operation reads these.
    spare: Vec<T>,
}

impl<T: Scalar> ReluMask<T> {
    /// No adjoint is masked.
    pub(super) fn clear(&mut self) {
        self.node = None;
    }

    /// Something is added to the adjoint of this node, so it is not masked any more.
    #[inline(always)]
    pub(super) fn invalidate(&mut self, node: usize) {
        if self.node == Some(node) {
            self.node = None;
        }
    }

    /// The adjoint of this node will be masked. Returns the place for the sums of its columns.
    fn start(&mut self, node: usize, columns: usize) -> &mut [T] {
        self.node = Some(node);
        self.sums.resize(columns, T::from_f64(0.0));
        &mut self.sums
    }

    fn take(&mut self, node: usize) -> Option<Vec<T>> {
        self.node.take_if(|masked| *masked == node)?;
        Some(std::mem::replace(&mut self.sums, std::mem::take(&mut self.spare)))
    }
}

impl<T: Scalar> Tape<T> {
    /// As [`record`](Tape::record), for an operation that ends with a ReLU and calls
    /// [`Adjoints::take_masked_sums`].
    #[track_caller]
    #[inline]
    pub(crate) fn record_relu(
        &self,
        op: impl BuiltIn,
        args: &[Var<'_, T>],
        (rows, cols): (usize, usize),
    ) -> Var<'_, T> {
        let value = self.record_own(op, args, rows, cols);
        if let Some(id) = value.on(self) {
            self.inner_mut().nodes[id as usize].fast.relu = true;
        }
        value
    }
}

impl<T: Scalar> Adjoints<'_, T> {
    /// The adjoint of argument `k` and the place for the sums of its columns, if the caller may
    /// write the masked adjoint: the argument is the result of a ReLU, only leaves are needed, and
    /// nothing has been added yet. Every entry must be written.
    pub(crate) fn masked(&mut self, k: usize) -> Option<(SharedMut<T>, SharedMut<T>)> {
        let id = self.args[k] as usize;
        let node = &self.nodes[id];
        let (Grad::Arena(at), true) = (node.grad, node.fast.relu && self.fast.mode.leaves_only) else {
            return None;
        };
        let once = self.args.iter().filter(|arg| **arg == self.args[k]).count() == 1;
        if !once || node.fast.per_lane || self.written[id] > 0 {
            return None;
        }
        self.written[id] = node.len;
        let to = SharedMut::new(&mut self.arena[at..at + node.len]);
        Some((to, SharedMut::new(self.fast.relu_mask.start(id, node.cols as usize))))
    }

    /// The sums of the columns of the operation's own adjoint, if that is
    /// [masked](Adjoints::masked). Give the memory back by
    /// [`put_masked_sums`](Adjoints::put_masked_sums).
    pub(crate) fn take_masked_sums(&mut self) -> Option<Vec<T>> {
        self.fast.relu_mask.take(self.fast.op as usize)
    }

    /// Takes the memory back.
    pub(crate) fn put_masked_sums(&mut self, sums: Vec<T>) {
        self.fast.relu_mask.spare = sums;
    }
}
