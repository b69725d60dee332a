//! Numbers that stand where the gradient of parameters will be.
//!
//! Until the sweep comes to a parameter, nothing needs the place of its gradient. A draw of Gaussians is as large as its locations and as its scale
//! parameters: it may put its noise in the place of the gradient of the latter, and have its adjoint in that of the former. The sweep reads both a moment
//! before it writes new parameters there, so that these find their memory in the cache, and the step needs as much less of it. The old parameters
//! stand elsewhere and stay, so that a failed step can be looked at.

use super::node::{Grad, NOBODY, Node};
use super::{Inner, Place, Tape, Var};
use crate::kernel::SharedMut;
use crate::real::Scalar;

/// Whether places may be lent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lending {
    Never,
    /// For one sweep that updates.
    Possible,
    /// That sweep has been.
    Over,
}

impl<T: Scalar> Tape<T> {
    /// Whether the places of the gradients of two parameters may be lent to an operation on them, the first to use them.
    pub(crate) fn lends(&self, first: Var<'_, T>, second: Var<'_, T>) -> bool {
        let inner = self.inner.borrow();
        let free = |var: Var<'_, T>| match inner.nodes[var.on(self)? as usize] {
            Node { grad: Grad::Params(at), op: None, first_user: NOBODY, .. } => Some(at),
            _ => None,
        };
        inner.lending == Lending::Possible && free(first).zip(free(second)).is_some_and(|(a, b)| a != b)
    }
}

/// The place of the gradient of argument 1.
pub(super) fn lent_room<T: Scalar>(nodes: &[Node], args: &[u32], gradient: &mut [T]) -> Option<SharedMut<T>> {
    let node = &nodes[args[1] as usize];
    let Grad::Params(at) = node.grad else { return None };
    Some(SharedMut::new(&mut gradient[at..at + node.size()]))
}

impl<T: Scalar> Inner<T> {
    /// Before the sweep: operations to which a place is lent have their adjoints in the other, if nothing else uses these parameters. If something does,
    /// they get back what is theirs.
    ///
    /// # Panics
    /// If the parameters were bound for another sweep than this.
    #[track_caller]
    pub(super) fn lend_adjoints(&mut self, updating: bool) {
        match self.lending {
            Lending::Never => return,
            Lending::Possible if updating => self.lending = Lending::Over,
            _ => panic!("backward: the parameters were bound for a single sweep, by backward_updating"),
        }
        for id in self.lent.drain(..) {
            let node = &self.nodes[id as usize];
            let args = [0, 1].map(|k| self.nodes[self.args[node.args.0 as usize + k] as usize]);
            let [Grad::Params(first), Grad::Params(second)] = args.map(|arg| arg.grad) else { continue };
            let [first_alone, second_alone] = args.map(|arg| arg.last_user == id);
            if let (Place::Arena(value), false) = (node.place, second_alone) {
                let (n, own) = (node.size(), value + node.behind.array(node.size(), 0));
                self.arena[own..own + n].copy_from_slice(&self.params_grad[second..second + n]);
                self.nodes[id as usize].behind.lent = false;
            }
            if first_alone {
                self.nodes[id as usize].grad = Grad::Params(first);
            }
        }
    }
}
