//! Finding the operation that made the first non-finite number.

use super::{Inner, Tape};
use crate::real::Scalar;
use std::fmt;

/// The first non-finite number of a step: which operation made it, and what the user was doing then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// The name of the operation.
    pub op: &'static str,
    /// Rows and columns of its result.
    pub shape: (usize, usize),
    /// The tag that was set when the operation was recorded (see [`Tape::set_tag`]).
    pub tag: u32,
    /// Whether it appeared in the backward sweep (a gradient) rather than in a value.
    pub in_gradient: bool,
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.in_gradient { "gradient through" } else { "result of" };
        write!(f, "non-finite {what} {} ({} × {})", self.op, self.shape.0, self.shape.1)
    }
}

#[derive(Debug, Default)]
pub(super) struct Trap {
    pub armed: bool,
    first: Option<NonFinite>,
}

impl Trap {
    pub(super) fn caught(&mut self, op: &'static str, shape: (usize, usize), tag: u32, in_gradient: bool) {
        self.first.get_or_insert(NonFinite { op, shape, tag, in_gradient });
    }

    pub(super) fn clear(&mut self) {
        self.first = None;
    }
}

impl<T: Scalar> Inner<T> {
    /// Names the operation that made the number because of which the result is not finite, in the place of the first number that is not:
    /// infinities may be intended, or nothing to do with the result. If the result is finite, what is to be found is a gradient.
    pub(super) fn blame(&mut self, result: Option<u32>) {
        let values = self.values();
        let look = |id: usize| {
            let of = values.get(&self.nodes[id], 0);
            let nan = of.iter().any(|v| v.to_f64().is_nan());
            (nan, nan || of.iter().any(|v| v.to_f64().is_infinite()))
        };
        // The operation of a node that shows a part of another's value stands there.
        let maker = |id: usize| {
            let shows = |at: &usize| {
                let behind = self.nodes[*at].behind;
                id == *at || behind.sum && id == *at + 1 || (*at + 2..*at + 2 + behind.views).contains(&id)
            };
            (0..=id).rev().find(|at| self.nodes[*at].op.is_some()).filter(shows)
        };
        let Some(mut at) = result.and_then(|id| maker(id as usize)) else { return };
        let (mut nan, bad) = look(result.map_or(at, |id| id as usize));
        if !bad {
            return self.trap.clear();
        }
        // Down to an operation on finite numbers: along NaN if there is one, else along infinities.
        loop {
            let (from, to) = self.nodes[at].args;
            let made = self.args[from as usize..to as usize].iter().map(|a| *a as usize);
            let made = made.filter_map(|a| maker(a).map(|m| (m, look(a)))).filter(|(m, _)| *m < at);
            let next = made.clone().find(|(_, (n, _))| nan && *n).or(made.clone().find(|(_, (_, b))| *b));
            let Some((next, (is_nan, _))) = next else { break };
            (at, nan) = (next, is_nan);
        }
        let (shape, tag) = (self.nodes[at].shape(), self.nodes[at].tag);
        let Some(op) = self.nodes[at].op.map(|op| self.ops[op as usize].name()) else { return };
        self.trap.first = Some(NonFinite { op, shape, tag, in_gradient: false });
    }
}

impl<T: Scalar> Tape<T> {
    /// Checks every result from now on, at the cost of a pass over it. Meant for the replay of a step that failed.
    pub fn trap_non_finite(&self, on: bool) {
        self.inner_mut().trap.armed = on;
    }

    /// The first non-finite number since the last reset, if the trap was on; after a backward pass from a result that is not finite, the one
    /// because of which it is not.
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        self.inner.borrow().trap.first.clone()
    }

    /// Marks the operations recorded from now on, for [`NonFinite`] reports. The meaning is the caller's.
    pub fn set_tag(&self, tag: u32) {
        self.inner_mut().tag = tag;
    }
}
