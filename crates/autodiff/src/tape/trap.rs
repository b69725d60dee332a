//! Finding the operation that made the first non-finite number.

use super::Tape;
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

impl<T: Scalar> Tape<T> {
    /// Checks every result from now on, at the cost of a pass over it. Meant for the replay of a step that failed.
    pub fn trap_non_finite(&self, on: bool) {
        self.inner_mut().trap.armed = on;
    }

    /// The first non-finite number since the last reset, if the trap was on.
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        self.inner.borrow().trap.first.clone()
    }

    /// Marks the operations recorded from now on, for [`NonFinite`] reports. The meaning is the caller's.
    pub fn set_tag(&self, tag: u32) {
        self.inner_mut().tag = tag;
    }
}
