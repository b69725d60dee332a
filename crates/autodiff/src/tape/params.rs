//! Parameters on the tape: bound, not copied.

use super::lending::Lending;
use super::node::{Grad, Node, Place};
use super::{Inner, Tape, Var};
use crate::aligned::AlignedVec;
use crate::params::{ParamId, Params};
use crate::real::Scalar;
use std::sync::Arc;

impl<T: Scalar> Tape<T> {
    /// Makes these parameters readable by [`param`](Tape::param), until the next reset. Nothing is copied, and the
    /// parameters cannot change before the reset without being copied.
    ///
    /// # Panics
    /// After draws of parameters bound [for an update](Tape::bind_to_update), if the tape was not reset.
    #[track_caller]
    pub fn bind(&self, params: &Params<T>) {
        self.bind_for(params, Lending::Never);
    }

    /// As [`bind`](Tape::bind), for one sweep by [`backward_updating`](Tape::backward_updating), which is then the last before the next
    /// reset: numbers that it needs may stand where it leaves the new parameters, which saves memory that would have to come from far. The draws of many
    /// Gaussians ([`gaussian_draw`](Tape::gaussian_draw)) whose parameters nothing else uses do so.
    ///
    /// # Panics
    /// As `bind`.
    #[track_caller]
    pub fn bind_to_update(&self, params: &Params<T>) {
        self.bind_for(params, Lending::Possible);
    }

    #[track_caller]
    fn bind_for(&self, params: &Params<T>, lending: Lending) {
        let mut inner = self.inner_mut();
        assert!(
            inner.lent.is_empty(),
            "bind: after draws of parameters bound for an update, reset the tape first"
        );
        inner.lending = lending;
        inner.params = Some(params.shared().clone());
        inner.params_grad.resize(params.len(), T::from_f64(0.0));
        inner.params_node.clear();
        inner.params_node.resize(params.segments().len(), None);
    }

    /// Lets go of the bound parameters, so that they can be changed without a copy. The next thing to do is [`reset`](Tape::reset).
    pub fn unbind(&mut self) {
        self.inner.get_mut().params = None;
    }

    /// Exchanges the gradient with respect to the bound parameters (or what an update put in its place) for this buffer, so that it can be kept
    /// without a copy. The buffer serves the next parameters that are bound: [`bind`](Tape::bind) comes before the next backward sweep.
    pub fn swap_params_gradient(&mut self, with: &mut AlignedVec<T>) {
        let inner = self.inner.get_mut();
        std::mem::swap(&mut inner.params_grad, with);
        // With it goes what stood there.
        inner.lending = if inner.lent.is_empty() { inner.lending } else { Lending::Over };
    }

    /// A segment of the bound parameters. The same segment gives the same node, so that its gradient is the sum over uses.
    ///
    /// # Panics
    /// If the parameters are not bound to this tape.
    #[track_caller]
    pub fn param(&self, params: &Params<T>, id: ParamId) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        inner.assert_bound(params);
        let s = params.segment(id);
        if let Some(node) = inner.params_node[id.index()] {
            let Node { rows, cols, place, .. } = inner.nodes[node as usize];
            let own = place == Place::Params(s.offset) && (rows as usize, cols as usize) == (s.rows, s.cols);
            assert!(own, "param: {:?} has been used in a range", s.name);
            drop(inner);
            return Var::node(self, node);
        }
        let (place, grad) = (Place::Params(s.offset), Grad::Params(s.offset));
        let node = inner.push((s.rows, s.cols), place, grad);
        inner.params_node[id.index()] = Some(node);
        drop(inner);
        Var::node(self, node)
    }

    /// Several neighbouring segments of the bound parameters, from `first` to `last`, as one column.
    ///
    /// # Panics
    /// If the parameters are not bound to this tape, or a segment was used by itself (or with others).
    #[track_caller]
    pub fn param_range(&self, params: &Params<T>, first: ParamId, last: ParamId) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        inner.assert_bound(params);
        let offset = params.segment(first).offset;
        let n = params.segment(last).range().end - offset;
        let node = inner.push((n, 1), Place::Params(offset), Grad::Params(offset));
        for used in &mut inner.params_node[first.index()..=last.index()] {
            assert!(used.is_none(), "param_range: a segment has been used by itself");
            *used = Some(node);
        }
        drop(inner);
        Var::node(self, node)
    }
}

impl<T: Scalar> Inner<T> {
    #[track_caller]
    fn assert_bound(&self, params: &Params<T>) {
        let bound = self.params.as_ref().is_some_and(|p| Arc::ptr_eq(p, params.shared()));
        assert!(bound, "param: these parameters are not bound to the tape (call Tape::bind after reset)");
    }
}
