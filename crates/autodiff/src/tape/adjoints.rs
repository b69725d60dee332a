//! The adjoints that an operation adds to in the backward pass.

use super::fast::Pass;
use super::node::{Grad, Node};
use crate::kernel::SharedMut;
use crate::real::Scalar;
use std::ops::Range;

/// The adjoints of an operation's arguments. The adjoint of a matrix is the gradient of the result
/// with respect to it, which is the sum of what all operations on it contribute.
#[derive(Debug)]
pub struct Adjoints<'a, T: Scalar> {
    pub(super) nodes: &'a [Node],
    pub(super) args: &'a [u32],
    /// By node: how many entries of the adjoint, from the first, hold contributions so far. The
    /// others hold old numbers.
    pub(super) written: &'a mut [usize],
    /// Adjoints on the tape, of all nodes before the operation.
    pub(super) arena: &'a mut [T],
    /// The gradient of the parameters.
    pub(super) params: &'a mut [T],
    pub(super) scratch: &'a mut Vec<T>,
    pub(super) fast: Pass<'a, T>,
}

impl<T: Scalar> Adjoints<'_, T> {
    /// A scratch buffer of `n` entries of unspecified value. Give it back by
    /// [`put_scratch`](Adjoints::put_scratch), so that the next operation allocates nothing.
    pub fn take_scratch(&mut self, n: usize) -> Vec<T> {
        let mut scratch = std::mem::take(self.scratch);
        scratch.resize(n, T::from_f64(0.0));
        scratch
    }

    /// Takes the scratch buffer back.
    pub fn put_scratch(&mut self, scratch: Vec<T>) {
        *self.scratch = scratch;
    }

    /// Whether argument `k` needs a gradient.
    ///
    /// # Panics
    /// If there is no argument `k`.
    pub fn needs_grad(&self, k: usize) -> bool {
        self.nodes[self.args[k] as usize].grad != Grad::None
    }

    /// Calls `add` with the adjoint of argument `k`, if it needs one. With `overwrite` (the first
    /// contribution) the slice holds old numbers, and every entry must be written. Otherwise the
    /// contribution must be added to what is there.
    ///
    /// # Panics
    /// If there is no argument `k`.
    pub fn accumulate(&mut self, k: usize, add: impl FnOnce(&mut [T], bool)) {
        if let Some((to, overwrite)) = self.slot(k) {
            add(to, overwrite);
        }
    }

    /// As [`accumulate`](Adjoints::accumulate), for contributions that one only adds: before the
    /// first contribution the slice is set to zero.
    pub fn accumulate_zeroed(&mut self, k: usize, add: impl FnOnce(&mut [T])) {
        self.accumulate(k, |to, overwrite| add(zeroed((to, overwrite))));
    }

    /// As [`accumulate`](Adjoints::accumulate), as memory that threads share.
    pub(crate) fn shared(&mut self, k: usize) -> Option<(SharedMut<T>, bool)> {
        self.slot(k).map(|(to, overwrite)| (SharedMut::new(to), overwrite))
    }

    /// As [`accumulate_zeroed`](Adjoints::accumulate_zeroed), as memory that threads share.
    pub(crate) fn shared_zeroed(&mut self, k: usize) -> Option<SharedMut<T>> {
        self.slot(k).map(|slot| SharedMut::new(zeroed(slot)))
    }

    /// The adjoint of argument `k`, and whether this is the first contribution to it.
    fn slot(&mut self, k: usize) -> Option<(&mut [T], bool)> {
        let part = self.fast.window(&self.nodes[self.args[k] as usize]);
        self.slot_of(k, part)
    }

    /// As `slot`, for these entries of the adjoint.
    #[inline]
    pub(super) fn slot_of(&mut self, k: usize, part: Range<usize>) -> Option<(&mut [T], bool)> {
        let id = self.args[k] as usize;
        let to = match self.nodes[id].grad {
            Grad::None => return None,
            Grad::Arena(at) => &mut self.arena[at + part.start..at + part.end],
            Grad::Params(at) => &mut self.params[at + part.start..at + part.end],
        };
        let overwrite = self.written[id] <= part.start;
        if overwrite {
            self.written[id] = part.end;
        }
        self.fast.contributed(id);
        Some((to, overwrite))
    }
}

/// Set to zero before the first contribution.
pub(super) fn zeroed<T: Scalar>((to, overwrite): (&mut [T], bool)) -> &mut [T] {
    if overwrite {
        to.fill(T::from_f64(0.0));
    }
    to
}
