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
        let unused = |var: Var<'_, T>| {
            let node = &inner.nodes[var.on(self)? as usize];
            let is_parameter = node.op.is_none() && node.first_user == NOBODY;
            if let Grad::Params(at) = node.grad { Some(at).filter(|_| is_parameter) } else { None }
        };
        inner.lending == Lending::Possible && unused(first).zip(unused(second)).is_some_and(|(a, b)| a != b)
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
            let node = self.nodes[id as usize];
            let first = node.args.0 as usize;
            let [a, b] = [0, 1].map(|k| &self.nodes[self.args[first + k] as usize]);
            let (alone, size) = ([a, b].map(|arg| arg.last_user == id), node.size());
            let (Grad::Params(a), Grad::Params(b), Place::Arena(value)) = (a.grad, b.grad, node.place) else {
                continue;
            };
            let node = &mut self.nodes[id as usize];
            if alone[0] && node.grad != Grad::None {
                node.grad = Grad::Params(a);
            }
            if !alone[1] {
                node.behind.lent = false;
                let own = value + node.behind.array(size, 0);
                self.arena[own..own + size].copy_from_slice(&self.params_grad[b..b + size]);
            }
        }
    }
}
