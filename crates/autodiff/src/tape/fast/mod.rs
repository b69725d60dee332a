//! What makes the tape fast, apart from what makes it right. One can skip this folder.
//!
//! The rest of `tape` records operations, runs their forward and backward rules, and adds up
//! adjoints. It would give the same gradients without this folder. The optimisations are:
//!
//! * [`lanes`]: several draws of a step share one tape.
//! * [`relu_mask`]: adjoints are masked in place, and in the pass that computes them.
//! * [`fused_update`]: the optimiser changes a parameter as soon as its gradient is complete.
//! * [`donated`]: buffers for the gradient serve as scratch buffers until then.
//! * [`deferred`]: values that only the sum of a result needs are computed in the backward pass.
//! * [`recording`]: the tape of one evaluation is run again at other points.
//!
//! Each file says what it saves, on which workload, and what would break without it.
//!
//! This file is the door between both sides. The tape keeps one field of each of these types, and
//! calls their methods at fixed points: [`Fast`] belongs to the tape, [`Flags`] to a node, [`Call`]
//! to the arguments of an operation, [`Pass`] to its adjoints, and [`Mode`] to a backward pass. An
//! operation offers its optimised rules as a [`FastOp`].

mod deferred;
mod donated;
mod fused_update;
mod lanes;
mod recording;
mod relu_mask;

pub(crate) use lanes::{backward_by_lane, forward_by_lane};
pub use recording::{NodeId, Recording};

use super::node::{Grad, Node};
use super::{Adjoints, Inner, Inputs, Op};
use crate::kernel::SharedMut;
use crate::kernel::fused_update::FusedUpdate;
use crate::real::Scalar;
use donated::Donations;
use lanes::Lanes;
use relu_mask::ReluMask;
use std::cell::Cell;
use std::ops::Range;

/// Faster forms of the rules of an operation. Each has a default that is as slow as [`Op`].
pub trait FastOp<T: Scalar>: Op<T> {
    /// As [`backward`](Op::backward), where nobody needs `g` any more. The operation may change it,
    /// which saves a scratch buffer.
    fn backward_in_place(&self, x: &Inputs<'_, T>, y: &[T], g: &mut [T], dx: &mut Adjoints<'_, T>) {
        self.backward(x, y, g, dx);
    }

    /// As [`forward`](Op::forward) for all [lanes](super::Tape::set_lanes) of the tape at once: `y`
    /// holds their values, one after the other.
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        forward_by_lane(self, x, y);
    }

    /// As [`backward`](Op::backward) for all lanes at once.
    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        backward_by_lane(self, x, y, g, dx);
    }

    /// Both rules in one pass: writes `y` as well.
    fn backward_with_value(&self, x: &Inputs<'_, T>, y: &mut [T], g: &[T], dx: &mut Adjoints<'_, T>) {
        self.forward(x, y);
        self.backward(x, y, g, dx);
    }

    /// As [`backward_with_value`](FastOp::backward_with_value) for all lanes at once.
    fn backward_lanes_with_value(&self, x: &Inputs<'_, T>, y: &mut [T], g: &[T], dx: &mut Adjoints<'_, T>) {
        self.forward_lanes(x, y);
        self.backward_lanes(x, y, g, dx);
    }

    /// Whether the backward rule reads values (those of the arguments, or its own).
    fn reads_values(&self) -> bool {
        true
    }
}

/// What the optimisations keep on a tape.
#[derive(Debug, Default)]
pub(super) struct Fast<T> {
    lanes: Lanes,
    relu_mask: ReluMask<T>,
    donations: Donations,
    /// The nodes whose values are deferred.
    deferred: Vec<u32>,
    /// Squares of the gradient that fused updates have consumed.
    squares: Vec<f64>,
    /// Whether somebody read a value.
    pub(super) values_read: Cell<bool>,
}

/// What the optimisations note about a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    /// The first operation that has it as an argument.
    first_user: u32,
    /// The last one.
    last_user: u32,
    /// It has a value and an adjoint for every lane, one after the other.
    pub(super) per_lane: bool,
    /// It is the result of a ReLU: where it is at most 0, its adjoint does not matter.
    pub(super) relu: bool,
    /// Its value has not been computed.
    pub(super) deferred: bool,
}

/// What the optimisations know when a rule of an operation is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<T> {
    /// The lane at hand, and how many there are.
    lane: usize,
    lanes: usize,
    /// In the forward pass: the buffer for the gradient of the parameters.
    gradient: Option<SharedMut<T>>,
}

/// What the optimisations know when an operation adds to adjoints.
#[derive(Debug)]
pub(super) struct Pass<'a, T: Scalar> {
    /// The node of the operation.
    op: u32,
    lane: usize,
    mode: &'a Mode<'a, T>,
    relu_mask: &'a mut ReluMask<T>,
    donations: &'a Donations,
    /// The values of the parameters.
    params: &'a [T],
}

/// What kind of backward pass is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode<'a, T: Scalar> {
    /// Only the gradients of leaves are needed.
    pub leaves_only: bool,
    /// What changes the parameters during the pass.
    pub update: Option<&'a FusedUpdate<'a, T>>,
}

impl<T: Scalar> Mode<'_, T> {
    /// All gradients are kept, and nothing else happens.
    pub const PLAIN: Self = Self { leaves_only: false, update: None };
    /// Intermediate gradients are not kept.
    pub const LEAVES: Self = Self { leaves_only: true, update: None };
}

impl<T: Scalar> Fast<T> {
    pub fn reset(&mut self) {
        self.lanes = Lanes::default();
        self.donations.reset();
        self.deferred.clear();
        self.values_read.set(false);
    }

    /// The entries of a node's value.
    pub fn len(&self, node: &Node) -> usize {
        if node.fast.per_lane { self.lanes.count * node.size() } else { node.size() }
    }

    /// For the call of an operation's rule.
    pub fn call(&self, node: &Node, gradient: Option<&mut [T]>) -> Call<T> {
        let lanes = if node.fast.per_lane { self.lanes.count } else { 1 };
        Call { lane: 0, lanes, gradient: gradient.map(SharedMut::new) }
    }

    /// For the adjoints that the operation of this node adds to.
    pub fn pass<'a>(&'a mut self, op: usize, mode: &'a Mode<'a, T>, params: &'a [T]) -> Pass<'a, T> {
        let Self { relu_mask, donations, .. } = self;
        Pass { op: op as u32, lane: 0, mode, relu_mask, donations, params }
    }
}

/// In place of a user, where there is none.
const NO_USER: u32 = u32::MAX;

impl Default for Flags {
    fn default() -> Self {
        Self { first_user: NO_USER, last_user: NO_USER, per_lane: false, relu: false, deferred: false }
    }
}

impl Flags {
    /// Notes that the node `id`, whose flags these are, has an argument with the flags `arg`.
    #[inline(always)]
    pub(super) fn join(&mut self, id: u32, arg: &mut Self) {
        (arg.first_user, arg.last_user) = (id.min(arg.first_user), id);
        self.per_lane |= arg.per_lane;
        self.deferred |= arg.deferred;
    }

    /// Whether no operation has it as an argument.
    fn is_unused(self) -> bool {
        self.first_user == NO_USER
    }

    /// Of a node that shows the same value, which has been computed.
    pub(super) fn of_same_value(self) -> Self {
        Self { per_lane: self.per_lane, ..Self::default() }
    }
}

impl<T> Call<T> {
    /// The entries of an argument that the rule sees.
    #[inline(always)]
    pub fn window(&self, node: &Node) -> Range<usize> {
        lanes::window(node, self.lane)
    }
}

impl<T: Scalar> Pass<'_, T> {
    /// The entries of an argument's adjoint that the rule adds to.
    #[inline(always)]
    pub fn window(&self, node: &Node) -> Range<usize> {
        lanes::window(node, self.lane)
    }

    /// Something is added to the adjoint of this node.
    #[inline(always)]
    pub fn contributed(&mut self, id: usize) {
        self.relu_mask.invalidate(id);
    }
}

/// Calls the forward rule of an operation, unless its value is deferred.
#[inline(always)]
pub(super) fn forward<T: Scalar>(op: &dyn Op<T>, node: &Node, x: &Inputs<'_, T>, y: &mut [T]) {
    if node.fast.deferred {
        return;
    }
    match (node.fast.per_lane, op.fast()) {
        (false, _) => op.forward(x, y),
        (true, Some(fast)) => fast.forward_lanes(x, y),
        (true, None) => forward_by_lane(op, x, y),
    }
}

/// Calls the backward rule of an operation; whether that has computed its value too.
pub(super) fn backward<T: Scalar>(
    op: &dyn Op<T>,
    node: &Node,
    x: &Inputs<'_, T>,
    (y, g): (&mut [T], &mut [T]),
    dx: &mut Adjoints<'_, T>,
) -> bool {
    if let (true, Some(fast)) = (node.fast.deferred, op.fast()) {
        return deferred::backward(fast, node, x, (y, g), dx);
    }
    match (node.fast.per_lane, op.fast()) {
        (false, Some(fast)) if dx.fast.mode.leaves_only => fast.backward_in_place(x, y, g, dx),
        (false, _) => op.backward(x, y, g, dx),
        (true, Some(fast)) => fast.backward_lanes(x, y, g, dx),
        (true, None) => backward_by_lane(op, x, y, g, dx),
    }
    false
}

impl<T: Scalar> Inner<T> {
    /// Before a backward pass.
    #[track_caller]
    pub(super) fn start_pass(&mut self, mode: &Mode<'_, T>) {
        self.settle_donations(mode.update.is_some());
        self.fast.relu_mask.clear();
        if self.anomaly.enabled {
            self.compute_deferred();
        }
    }

    /// After a backward pass: all values are there.
    pub(super) fn end_pass(&mut self) {
        self.compute_deferred();
    }

    /// The backward pass has come to a leaf: its gradient is complete.
    #[inline(always)]
    pub(super) fn leaf_complete(&mut self, id: usize, mode: &Mode<'_, T>) {
        let (node, written) = (&self.nodes[id], self.written[id]);
        if let (Some(update), Grad::Params(at)) = (mode.update, node.grad)
            && fused_update::is_due(written)
        {
            let range = at..at + node.len;
            self.update_range(update, range);
        }
    }

    /// The gradient of these parameters is complete: the result does not depend on them.
    pub(super) fn unused_complete(&mut self, range: Range<usize>, mode: &Mode<'_, T>) {
        if let (Some(update), false) = (mode.update, range.is_empty()) {
            self.update_range(update, range);
        }
    }
}
