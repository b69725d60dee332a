//! What an operation is: a value rule and a derivative rule.

use super::node::{Grad, Node, Values};
use crate::kernel::SharedMut;
use crate::kernel::update::{Turn, Updates};
use crate::real::Scalar;
use std::any::Any;
use std::fmt::Debug;

/// An operation on the tape: how its value comes from its arguments, and what its arguments' adjoints receive.
///
/// All operations of this crate are written with this trait, and a user's own enter by [`crate::Tape::record`].
/// Matrices are column-major slices; their shapes are asked of [`Inputs`].
///
/// Once the tape has been through a step, a step with the same operations allocates nothing: an operation is stored in
/// the place of its predecessor, provided that it has the same type.
pub trait Op<T: Scalar>: Debug + Send + Any {
    /// The name in errors and printed tapes.
    fn name(&self) -> &'static str;

    /// Computes the value. `y` holds old numbers: every entry must be written.
    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]);

    /// Adds `gᵀ ∂y/∂xₖ` to the adjoint of every argument `k` that wants one.
    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>);
}

/// The arguments of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, T: Scalar> {
    pub(super) nodes: &'a [Node],
    pub(super) values: Values<'a, T>,
    pub(super) args: &'a [u32],
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
    pub fn get(&self, k: usize) -> &'a [T] {
        self.values.get(&self.nodes[self.args[k] as usize])
    }

    /// Rows and columns of argument `k`.
    ///
    /// # Panics
    /// If there is no argument `k`.
    pub fn shape(&self, k: usize) -> (usize, usize) {
        self.nodes[self.args[k] as usize].shape()
    }
}

/// How far the sweep has come with the adjoint of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reached {
    /// Nothing has been added: the numbers there are old.
    No,
    /// It holds what the operations so far have added.
    Touched,
    /// It was complete, and its parameters have changed.
    Finished,
}

/// The adjoints of an operation's arguments.
#[derive(Debug)]
pub struct Adjoints<'a, T: Scalar> {
    pub(super) nodes: &'a [Node],
    pub(super) args: &'a [u32],
    pub(super) reached: &'a mut [Reached],
    /// Adjoints on the tape, up to that of the operation itself.
    pub(super) arena: &'a mut [T],
    /// Adjoints of the parameters.
    pub(super) params: &'a mut [T],
    pub(super) scratch: &'a mut Vec<T>,
    /// The number of the operation itself.
    pub(super) node: u32,
    /// What becomes of parameters, if they are to change during the sweep, and their values.
    pub(super) updates: Option<(Updates<'a, T>, &'a [T])>,
}

impl<'a, T: Scalar> Adjoints<'a, T> {
    /// Memory for intermediate results, `n` entries of unspecified value. Give it back by
    /// [`put_scratch`](Adjoints::put_scratch), so that the next operation allocates nothing.
    pub fn take_scratch(&mut self, n: usize) -> Vec<T> {
        let mut scratch = std::mem::take(self.scratch);
        scratch.resize(n, T::from_f64(0.0));
        scratch
    }

    /// Takes back the memory.
    pub fn put_scratch(&mut self, scratch: Vec<T>) {
        *self.scratch = scratch;
    }

    /// Whether argument `k` needs a gradient.
    ///
    /// # Panics
    /// If there is no argument `k`.
    pub fn wants(&self, k: usize) -> bool {
        self.nodes[self.args[k] as usize].grad != Grad::None
    }

    /// Lets `add` add to the adjoint of argument `k`, if it needs one. With `fresh` the slice holds old numbers and must be
    /// overwritten entirely; otherwise the contribution is added to what is there.
    ///
    /// # Panics
    /// If there is no argument `k`.
    pub fn add(&mut self, k: usize, add: impl FnOnce(&mut [T], bool)) {
        if let Some((to, fresh)) = self.slot(k) {
            add(to, fresh);
        }
    }

    /// As [`add`](Adjoints::add), for contributions that only touch some entries: a fresh slice is set to zero first.
    pub fn add_to_some(&mut self, k: usize, add: impl FnOnce(&mut [T])) {
        self.add(k, |to, fresh| {
            if fresh {
                to.fill(T::from_f64(0.0));
            }
            add(to);
        });
    }

    /// The adjoint of argument `k` as memory shared between threads, and whether it is fresh.
    pub(crate) fn shared(&mut self, k: usize) -> Option<(SharedMut<T>, bool)> {
        self.slot(k).map(|(to, fresh)| (SharedMut::new(to), fresh))
    }

    /// The turn of argument `k`, if it is a parameter whose gradient is complete with the part of this operation. Asked once, after its adjoint.
    pub(crate) fn turn(&mut self, k: usize) -> Option<Turn<'a, T>> {
        let (updates, values) = self.updates?;
        let id = self.args[k] as usize;
        let node = &self.nodes[id];
        let Grad::Params(at) = node.grad else { return None };
        // The sweep goes back, so the first to have used it is the last to add to its gradient; here, in the last place.
        let last = node.first_user == self.node && !self.args[k + 1..].contains(&self.args[k]);
        if !last {
            return None;
        }
        self.reached[id] = Reached::Finished;
        Some(updates.turn(values, SharedMut::new(self.params), at..at + node.size()))
    }

    fn slot(&mut self, k: usize) -> Option<(&mut [T], bool)> {
        let id = self.args[k] as usize;
        let node = &self.nodes[id];
        let to = match node.grad {
            Grad::None => return None,
            Grad::Arena(at) => &mut self.arena[at..at + node.size()],
            Grad::Params(at) => &mut self.params[at..at + node.size()],
        };
        let fresh = std::mem::replace(&mut self.reached[id], Reached::Touched) == Reached::No;
        Some((to, fresh))
    }
}
