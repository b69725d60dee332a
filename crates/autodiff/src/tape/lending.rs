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
    /// What stood in places that were lent is no longer there.
    Over,
}

impl<T: Scalar> Tape<T> {
    /// Whether the places of the gradients of two parameters may be lent to an operation on them, the first to use them.
    #[track_caller]
    pub(crate) fn lends(&self, first: Var<'_, T>, second: Var<'_, T>) -> bool {
        let (first, second, inner) = (first.on(self), second.on(self), self.inner.borrow());
        let free = |id: Option<u32>| match inner.nodes[id? as usize] {
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
    /// Before a sweep. If it updates, operations to which a place is lent have their adjoints in the other, if nothing else uses these parameters. What
    /// does not suit the sweep or the other users goes home.
    ///
    /// # Panics
    /// If it is too late for that.
    #[track_caller]
    pub(super) fn lend_adjoints(&mut self, updating: bool) {
        if self.lent.is_empty() {
            return;
        }
        assert!(
            self.lending == Lending::Possible,
            "backward: the parameters were bound for one update (Tape::bind_to_update), which has been"
        );
        for i in 0..self.lent.len() {
            let id = self.lent[i];
            let Node { args: (first, _), .. } = self.nodes[id as usize];
            let args = [0, 1].map(|k| self.nodes[self.args[first as usize + k] as usize]);
            let [first_alone, second_alone] = args.map(|arg| updating && arg.last_user == id);
            if !second_alone {
                self.bring_home(id, args[1].grad);
            }
            if first_alone {
                self.nodes[id as usize].grad = args[0].grad;
            }
        }
        if updating {
            self.lending = Lending::Over;
        } else {
            self.lent.clear();
        }
    }

    /// The array that an operation keeps, from this place.
    fn bring_home(&mut self, id: u32, from: Grad) {
        let node = &mut self.nodes[id as usize];
        node.behind.lent = false;
        if let (Grad::Params(from), Place::Arena(value)) = (from, node.place) {
            let (n, to) = (node.size(), value + node.behind.array(node.size(), 0));
            self.arena[to..to + n].copy_from_slice(&self.params_grad[from..from + n]);
        }
    }
}
