//! Anomaly detection: which operation made the first non-finite number.

use super::node::{Node, Source};
use super::{Inner, Tape};
use crate::real::Scalar;
use std::fmt;

/// The first non-finite number of a step: which operation made it, and what the user was doing
/// then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// The name of the operation.
    pub op: &'static str,
    /// Rows and columns of its result.
    pub shape: (usize, usize),
    /// The tag that was set when the operation was recorded (see [`Tape::set_tag`]).
    pub tag: u32,
    /// Whether it appeared in the backward pass (a gradient) rather than in a value.
    pub in_gradient: bool,
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.in_gradient { "gradient through" } else { "result of" };
        write!(f, "non-finite {what} {} ({} × {})", self.op, self.shape.0, self.shape.1)
    }
}

/// What the tape keeps for it.
#[derive(Debug, Default)]
pub(super) struct Anomaly {
    /// What the user is doing.
    pub tag: u32,
    pub enabled: bool,
    first: Option<NonFinite>,
}

impl Anomaly {
    pub(super) fn reset(&mut self) {
        (self.tag, self.first) = (0, None);
    }

    /// Checks the value that an operation has computed.
    pub(super) fn check_value<T: Scalar>(&mut self, op: &'static str, node: &Node, x: &[T]) {
        if !finite(x) {
            self.found(op, node, false);
        }
    }

    fn found(&mut self, op: &'static str, node: &Node, in_gradient: bool) {
        let (shape, tag) = (node.shape(), node.tag);
        self.first.get_or_insert(NonFinite { op, shape, tag, in_gradient });
    }
}

fn finite<T: Scalar>(x: &[T]) -> bool {
    x.iter().all(|x| x.to_f64().is_finite())
}

impl<T: Scalar> Inner<T> {
    /// Checks the adjoints that the backward rule of this node's operation has added to.
    pub(super) fn check_contributions(&mut self, id: usize) {
        let node = self.nodes[id];
        let args = &self.args[node.args.0 as usize..node.args.1 as usize];
        let mut adjoints = args.iter().filter_map(|arg| self.adjoint(&self.nodes[*arg as usize]));
        if let (Source::Op(op), false) = (node.source, adjoints.all(finite)) {
            self.anomaly.found(self.ops.ops[op as usize].name(), &node, true);
        }
    }

    /// Before a backward pass from this result. If the result is not finite, finds the operation
    /// that made the number because of which it is not: other numbers that are not finite may be
    /// intended, or the result may not depend on them. If the result is finite, only gradients can
    /// be at fault.
    pub(super) fn trace_origin(&mut self, result: Option<u32>) {
        // Whether a value has a NaN, and whether it has any number that is not finite.
        let look = |id: usize| {
            let x = self.stored_values().get(&self.nodes[id]);
            (x.iter().any(|x| x.to_f64().is_nan()), x.iter().any(|x| !x.to_f64().is_finite()))
        };
        // The node of the operation that computed a value. Outputs follow their operation.
        let maker = |id: usize| match self.nodes[id].source {
            Source::Leaf => None,
            _ => (0..=id).rev().find(|at| self.nodes[*at].source != Source::Output),
        };
        let Some(result) = result.map(|id| id as usize) else { return };
        let Some(mut at) = maker(result) else { return };
        let (mut nan, bad) = look(result);
        if !bad {
            self.anomaly.first = None;
            return;
        }
        // Down to an operation on finite numbers: along a NaN if there is one, else along
        // infinities.
        loop {
            let (from, to) = self.nodes[at].args;
            let args = self.args[from as usize..to as usize].iter().map(|arg| *arg as usize);
            let made = args.filter_map(|arg| maker(arg).map(|maker| (maker, look(arg))));
            let next = made.clone().find(|(_, (has_nan, _))| nan && *has_nan);
            let Some((maker, (has_nan, _))) = next.or(made.clone().find(|(_, (_, bad))| *bad)) else {
                break;
            };
            (at, nan) = (maker, has_nan);
        }
        let node = &self.nodes[at];
        if let Source::Op(op) = node.source {
            let (op, shape, tag) = (self.ops.ops[op as usize].name(), node.shape(), node.tag);
            self.anomaly.first = Some(NonFinite { op, shape, tag, in_gradient: false });
        }
    }
}

impl<T: Scalar> Tape<T> {
    /// Checks every result from now on, at the cost of a pass over it. Meant for running a failed
    /// step again. (PyTorch has `set_detect_anomaly`.)
    pub fn detect_anomaly(&self, on: bool) {
        self.inner_mut().anomaly.enabled = on;
    }

    /// The first non-finite number since the last reset, if anomaly detection was on. After a
    /// backward pass from a result that is not finite, the number because of which it is not.
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        self.inner.borrow().anomaly.first.clone()
    }

    /// Marks the operations recorded from now on, for [`NonFinite`] reports. The meaning is the
    /// caller's.
    #[inline]
    pub fn set_tag(&self, tag: u32) {
        self.inner_mut().anomaly.tag = tag;
    }
}
