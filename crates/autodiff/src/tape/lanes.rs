//! Several draws at once: what differs from draw to draw has a value for each, a lane; all else is computed once.

use super::node::Place;
use super::{Inner, Tape, Var};
use crate::random::Key;
use crate::real::Scalar;
use crate::tape::node::Grad;

impl<T: Scalar> Tape<T> {
    /// Runs the program that is recorded from here to the next [`reset`](Tape::reset) for several draws at once: lanes `first..first + count`.
    ///
    /// Noise is drawn for every lane (lane 0 has that of the key, lane l that of `key.fold_in(l)`), and what is computed from it has a value for
    /// every lane; all else is computed once. Handles show the shape of one lane. [`backward`](Tape::backward) gives the gradient of the sum over
    /// the lanes. A program that looks at values cannot know of lanes: it sees the first, and [`has_peeked`](Tape::has_peeked) tells.
    ///
    /// # Panics
    /// If something has been recorded, or `count` is 0.
    #[track_caller]
    pub fn set_lanes(&mut self, first: usize, count: usize) {
        let inner = self.inner.get_mut();
        assert!(
            inner.nodes.is_empty() && count > 0,
            "set_lanes: {count} lanes after {} nodes",
            inner.nodes.len()
        );
        (inner.first_lane, inner.lanes) = (first, count);
    }

    /// Whether a value that differs from lane to lane was read as if there were one (but for [`Var::read_lanes`]).
    pub fn has_peeked(&self) -> bool {
        self.inner.borrow().peeked.get()
    }

    /// How many lanes there are.
    pub(crate) fn lanes(&self) -> usize {
        self.inner.borrow().lanes
    }

    /// The number of the first lane.
    pub(crate) fn lane_number(&self) -> usize {
        self.inner.borrow().first_lane
    }

    /// The key of the noise of a lane.
    pub(crate) fn lane_key(&self, key: Key, lane: usize) -> Key {
        self.inner.borrow().lane_key(key, lane)
    }

    /// A matrix without a gradient, which `fill` writes by the key of every lane.
    pub(crate) fn constant_by_lane(
        &self,
        rows: usize,
        cols: usize,
        key: Key,
        fill: impl Fn(Key, &mut [T]),
    ) -> Var<'_, T> {
        let (lanes, size) = (self.lanes(), rows * cols);
        let mut inner = self.inner_mut();
        let at = inner.allocate(lanes * size);
        for lane in 0..lanes {
            let key = inner.lane_key(key, lane);
            fill(key, &mut inner.arena[at + lane * size..][..size]);
        }
        let id = inner.push((rows, cols), Place::Arena(at), Grad::None);
        inner.nodes[id as usize].laned = lanes > 1;
        drop(inner);
        Var::node(self, id)
    }

    /// An r × c matrix that wants a gradient and has a value for every lane: those of lane after lane, each column by column.
    ///
    /// After a backward pass from a result with a value for every lane, [`Gradients::of_lanes`](super::Gradients::of_lanes) has the gradient of
    /// every lane's result with respect to that lane's value.
    ///
    /// # Panics
    /// If `values` does not have r × c entries for every lane.
    #[track_caller]
    pub fn variable_by_lane(&self, rows: usize, cols: usize, values: &[T]) -> Var<'_, T> {
        let (lanes, size) = (self.lanes(), rows * cols);
        assert!(
            values.len() == lanes * size,
            "variable_by_lane: {} entries for {lanes} lanes of {rows} × {cols}",
            values.len()
        );
        let mut inner = self.inner.borrow_mut();
        let at = inner.allocate(values.len());
        inner.arena[at..at + values.len()].copy_from_slice(values);
        let grad = inner.allocate_adjoint(values.len());
        let id = inner.push((rows, cols), Place::Arena(at), grad);
        inner.nodes[id as usize].laned = lanes > 1;
        drop(inner);
        Var::node(self, id)
    }

    /// Calls `read` with the values of a node in all lanes, or the one that it has.
    pub(crate) fn read_lanes<O>(&self, id: u32, read: impl FnOnce(&[T]) -> O) -> O {
        let inner = self.inner.borrow();
        read(inner.values().all(&inner.nodes[id as usize], inner.lanes))
    }

    /// Whether a node has a value for every lane.
    pub(crate) fn is_laned(&self, id: u32) -> bool {
        self.inner.borrow().nodes[id as usize].laned
    }
}

impl<T: Scalar> Inner<T> {
    fn lane_key(&self, key: Key, lane: usize) -> Key {
        key.of_lane(self.first_lane + lane)
    }
}

impl Key {
    /// The key of the noise of the lane with this number.
    pub(crate) fn of_lane(self, number: usize) -> Self {
        if number == 0 { self } else { self.fold_in(number as u64) }
    }
}
