//! What an operation is: a value rule and a derivative rule.

#[cfg(doc)]
use super::Tape;
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

    /// As [`backward`](Op::backward), where nobody needs `g` any more: it may be changed, which can save memory that would have to come from further
    /// away.
    fn backward_in_place(&self, x: &Inputs<'_, T>, y: &[T], g: &mut [T], dx: &mut Adjoints<'_, T>) {
        self.backward(x, y, g, dx);
    }

    /// As [`forward`](Op::forward) on a tape with several [lanes](Tape::set_lanes): `y` holds the values of all, one after the other. An operation
    /// that has a faster way than one lane after the other says it here.
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        lane_by_lane(self, x, y);
    }

    /// As [`backward`](Op::backward) on a tape with several lanes.
    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        back_lane_by_lane(self, x, y, g, dx);
    }
}

/// The value rule, one lane after the other.
pub(crate) fn lane_by_lane<T: Scalar>(op: &(impl Op<T> + ?Sized), x: &Inputs<'_, T>, y: &mut [T]) {
    let size = y.len() / x.lanes();
    for lane in 0..x.lanes() {
        op.forward(&x.lane(lane), &mut y[lane * size..][..size]);
    }
}

/// The derivative rule, one lane after the other.
pub(crate) fn back_lane_by_lane<T: Scalar>(
    op: &(impl Op<T> + ?Sized),
    x: &Inputs<'_, T>,
    y: &[T],
    g: &[T],
    dx: &mut Adjoints<'_, T>,
) {
    let size = y.len() / x.lanes();
    for lane in 0..x.lanes() {
        let at = lane * size..(lane + 1) * size;
        dx.lane = lane;
        op.backward(&x.lane(lane), &y[at.clone()], &g[at], dx);
    }
}

/// The arguments of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, T: Scalar> {
    pub(super) nodes: &'a [Node],
    pub(super) values: Values<'a, T>,
    pub(super) args: &'a [u32],
    pub(super) lane: usize,
    pub(super) lanes: usize,
    pub(super) lent: Option<SharedMut<T>>,
}

impl<'a, T: Scalar> Inputs<'a, T> {
    /// On the way there, the place for an array that is [lent](super::node::Behind).
    pub(crate) fn lent(&self) -> Option<SharedMut<T>> {
        self.lent
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// The arguments of one lane.
    pub fn lane(&self, lane: usize) -> Self {
        Self { lane, ..*self }
    }

    /// Whether argument `k` has a value for every lane.
    pub(crate) fn is_laned(&self, k: usize) -> bool {
        self.nodes[self.args[k] as usize].laned
    }

    /// The values of argument `k` in all lanes, one after the other, or the one that it has.
    pub(crate) fn all(&self, k: usize) -> &'a [T] {
        self.values.all(&self.nodes[self.args[k] as usize], self.lanes)
    }

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
        self.values.get(&self.nodes[self.args[k] as usize], self.lane)
    }

    /// Rows and columns of argument `k`.
    ///
    /// # Panics
    /// If there is no argument `k`.
    pub fn shape(&self, k: usize) -> (usize, usize) {
        self.nodes[self.args[k] as usize].shape()
    }
}

/// How far the sweep has come with the adjoint of a node: in how many lanes something has been added (1 without lanes). In the others the
/// numbers are old.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reached(u32);

impl Reached {
    pub(crate) const NO: Self = Self(0);
    /// It was complete, and its parameters have changed.
    pub(crate) const FINISHED: Self = Self(u32::MAX);

    /// In so many lanes, from the first on.
    pub(crate) fn lanes(count: usize) -> Self {
        Self(count as u32)
    }

    pub(crate) fn is_open(self) -> bool {
        self != Self::NO && self != Self::FINISHED
    }
}

/// The node whose adjoint is what its rectifier lets through, and nothing else, if there is one; and the sums of that adjoint's columns.
#[derive(Debug, Default)]
pub(crate) struct Passed<T> {
    node: Option<usize>,
    sums: Vec<T>,
    /// Memory for the next ones, while these are being used.
    spare: Vec<T>,
}

impl<T: Scalar> Passed<T> {
    pub(super) fn nowhere(&mut self) {
        self.node = None;
    }

    /// Something is added to the adjoint of this node.
    fn unless_at(&mut self, node: usize) {
        if self.node == Some(node) {
            self.node = None;
        }
    }

    fn columns_of(&mut self, node: usize, columns: usize) -> &mut [T] {
        self.node = Some(node);
        self.sums.resize(columns, T::from_f64(0.0));
        &mut self.sums
    }

    fn take(&mut self, node: usize) -> Option<Vec<T>> {
        self.node.take_if(|of| *of == node)?;
        Some(std::mem::replace(&mut self.sums, std::mem::take(&mut self.spare)))
    }
}

/// The adjoints of an operation's arguments.
#[derive(Debug)]
pub struct Adjoints<'a, T: Scalar> {
    pub(super) nodes: &'a [Node],
    pub(super) args: &'a [u32],
    pub(super) reached: &'a mut [Reached],
    /// Only the gradients of leaves are wanted.
    pub(super) leaves_only: bool,
    pub(super) passed: &'a mut Passed<T>,
    /// Adjoints on the tape, up to that of the operation itself.
    pub(super) arena: &'a mut [T],
    /// Adjoints of the parameters.
    pub(super) params: &'a mut [T],
    pub(super) scratch: &'a mut Vec<T>,
    pub(super) lane: usize,
    pub(super) lanes: usize,
    /// The number of the operation itself.
    pub(super) node: u32,
    /// What becomes of parameters, if they are to change during the sweep; and their values.
    pub(super) updates: Option<&'a Updates<'a, T>>,
    pub(super) values: &'a [T],
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

    /// The adjoint of argument `k`, and where the sums of its columns go, if the argument is a value that was rectified and nobody sees its adjoint but
    /// that operation: it need only be what the rectifier lets through. Nothing has been added yet, and all entries must be written.
    pub(crate) fn passed(&mut self, k: usize) -> Option<(SharedMut<T>, SharedMut<T>)> {
        let id = self.args[k] as usize;
        let node = &self.nodes[id];
        let (Grad::Arena(at), true) = (node.grad, node.rectified && self.leaves_only) else { return None };
        let once = self.args.iter().filter(|arg| **arg == self.args[k]).count() == 1;
        if !once || node.laned || self.reached[id] != Reached::NO {
            return None;
        }
        self.reached[id] = Reached::lanes(1);
        let to = SharedMut::new(&mut self.arena[at..at + node.size()]);
        Some((to, SharedMut::new(self.passed.columns_of(id, node.cols as usize))))
    }

    /// The sums of the columns of the operation's own adjoint, if that is what its rectifier [lets through](Adjoints::passed). Give the memory
    /// back by [`put_sums`](Adjoints::put_sums).
    pub(crate) fn take_sums(&mut self) -> Option<Vec<T>> {
        self.passed.take(self.node as usize)
    }

    /// Takes back the memory.
    pub(crate) fn put_sums(&mut self, sums: Vec<T>) {
        self.passed.spare = sums;
    }

    /// As [`add`](Adjoints::add), for contributions that only touch some entries: a fresh slice is set to zero first.
    pub fn add_to_some(&mut self, k: usize, add: impl FnOnce(&mut [T])) {
        self.add(k, |to, fresh| add(zeroed((to, fresh))));
    }

    /// The adjoint of argument `k` as memory shared between threads, and whether it is fresh.
    pub(crate) fn shared(&mut self, k: usize) -> Option<(SharedMut<T>, bool)> {
        self.slot(k).map(|(to, fresh)| (SharedMut::new(to), fresh))
    }

    /// Whether the operation's own adjoint (but for that of its sum) stands in the place of the gradient of argument 0; and what it keeps, in that of
    /// argument 1.
    pub(crate) fn lent(&self) -> [bool; 2] {
        let node = &self.nodes[self.node as usize];
        [matches!(node.grad, Grad::Params(_)), node.behind.lent]
    }

    /// The turn of argument `k`, if it is a parameter whose gradient is complete with the part of this operation. Asked once, after its adjoint.
    pub(crate) fn turn(&mut self, k: usize) -> Option<Turn<'a, T>> {
        let updates = self.updates?;
        let id = self.args[k] as usize;
        let node = &self.nodes[id];
        let (Grad::Params(at), None) = (node.grad, node.op) else { return None };
        // The sweep goes back, so the first to have used it is the last to add to its gradient; here, in the last place.
        let last = node.first_user == self.node && !self.args[k + 1..].contains(&self.args[k]);
        if !last {
            return None;
        }
        self.reached[id] = Reached::FINISHED;
        Some(updates.turn(self.values, SharedMut::new(self.params), at..at + node.size()))
    }

    /// As [`add`](Adjoints::add), in the lane at hand or in all.
    pub(crate) fn add_to(&mut self, k: usize, all: bool, add: impl FnOnce(&mut [T], bool)) {
        if all { self.add_all(k, add) } else { self.add(k, add) }
    }

    /// As [`add`](Adjoints::add), for the adjoints of all lanes of an argument that has them.
    pub(crate) fn add_all(&mut self, k: usize, add: impl FnOnce(&mut [T], bool)) {
        if let Some((to, fresh)) = self.slots(k) {
            add(to, fresh);
        }
    }

    /// As [`shared`](Adjoints::shared), for few entries that are each the sum of many: set to zero if they are fresh, so that one only adds.
    pub(crate) fn cleared(&mut self, k: usize) -> Option<SharedMut<T>> {
        self.slot(k).map(|slot| SharedMut::new(zeroed(slot)))
    }

    /// As `cleared`, all lanes.
    pub(crate) fn cleared_lanes(&mut self, k: usize) -> Option<SharedMut<T>> {
        self.slots(k).map(|slot| SharedMut::new(zeroed(slot)))
    }

    /// As [`shared`](Adjoints::shared), all lanes.
    pub(crate) fn all_shared(&mut self, k: usize) -> Option<(SharedMut<T>, bool)> {
        self.slots(k).map(|(to, fresh)| (SharedMut::new(to), fresh))
    }

    /// The adjoint of argument `k`, in the lane at hand if it has lanes.
    fn slot(&mut self, k: usize) -> Option<(&mut [T], bool)> {
        let id = self.args[k] as usize;
        let node = &self.nodes[id];
        let lane = if node.laned { self.lane } else { 0 };
        let to = match node.grad {
            Grad::None => return None,
            Grad::Arena(at) => &mut self.arena[at + lane * node.size()..][..node.size()],
            Grad::Params(at) => &mut self.params[at..at + node.size()],
        };
        let Reached(before) = self.reached[id];
        let fresh = before as usize <= lane;
        if fresh {
            self.reached[id] = Reached::lanes(lane + 1);
        }
        self.passed.unless_at(id);
        Some((to, fresh))
    }

    fn slots(&mut self, k: usize) -> Option<(&mut [T], bool)> {
        let id = self.args[k] as usize;
        let node = &self.nodes[id];
        let Grad::Arena(at) = node.grad else { return None };
        let fresh = self.reached[id] == Reached::NO;
        self.reached[id] = Reached::lanes(self.lanes);
        self.passed.unless_at(id);
        Some((&mut self.arena[at..][..self.lanes * node.size()], fresh))
    }
}

/// Set to zero where it holds old numbers.
fn zeroed<T: Scalar>((to, fresh): (&mut [T], bool)) -> &mut [T] {
    if fresh {
        to.fill(T::from_f64(0.0));
    }
    to
}
