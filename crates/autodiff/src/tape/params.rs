//! Parameters on the tape: bound, not copied.

use super::fast::Mode;
use super::node::{Grad, Node, Place};
use super::{Inner, Tape, Var};
use crate::aligned::AlignedVec;
use crate::params::{ParamId, Params};
use crate::real::Scalar;
use std::sync::Arc;

/// The bound parameters and their gradient.
#[derive(Debug)]
pub(super) struct Bound<T> {
    pub values: Option<Arc<AlignedVec<T>>>,
    pub gradient: AlignedVec<T>,
    /// The node of a segment once it has been used, by segment.
    pub nodes: Vec<Option<u32>>,
}

impl<T> Default for Bound<T> {
    fn default() -> Self {
        Self { values: None, gradient: AlignedVec::default(), nodes: Vec::new() }
    }
}

impl<T> Bound<T> {
    pub(super) fn reset(&mut self) {
        self.values = None;
        self.nodes.clear();
    }
}

/// All values, or none if nothing is bound.
pub(super) fn slice<T>(values: &Option<Arc<AlignedVec<T>>>) -> &[T] {
    values.as_deref().map_or(&[], |values| values)
}

impl<T: Scalar> Tape<T> {
    /// Makes these parameters readable by [`param`](Tape::param), until the next reset. Nothing is
    /// copied, and the parameters cannot change before the reset without being copied.
    ///
    /// # Panics
    /// After draws of parameters bound [with a donated gradient](Tape::bind_donating_gradient), if
    /// the tape was not reset.
    #[track_caller]
    pub fn bind(&self, params: &Params<T>) {
        let mut inner = self.inner_mut();
        inner.bind_anew();
        let bound = &mut inner.params;
        bound.values = Some(params.shared().clone());
        bound.gradient.resize(params.len(), T::from_f64(0.0));
        bound.nodes.clear();
        bound.nodes.resize(params.segments().len(), None);
    }

    /// Lets go of the bound parameters, so that they can be changed without a copy. Call
    /// [`reset`](Tape::reset) next.
    pub fn unbind(&mut self) {
        self.inner.get_mut().params.values = None;
    }

    /// Exchanges the gradient with respect to the bound parameters (or what an update put in its
    /// place) for this buffer, so that it can be kept without a copy. The buffer serves the next
    /// parameters: call [`bind`](Tape::bind) before the next backward pass.
    pub fn swap_params_gradient(&mut self, with: &mut AlignedVec<T>) {
        let inner = self.inner.get_mut();
        std::mem::swap(&mut inner.params.gradient, with);
        inner.gradient_swapped();
    }

    /// A segment of the bound parameters. The same segment gives the same node, so that its
    /// gradient is the sum over its uses.
    ///
    /// # Panics
    /// If the parameters are not bound to this tape.
    #[track_caller]
    pub fn param(&self, params: &Params<T>, id: ParamId) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        inner.assert_bound(params);
        let s = params.segment(id);
        if let Some(node) = inner.params.nodes[id.index()] {
            let Node { rows, cols, place, .. } = inner.nodes[node as usize];
            let own = place == Place::Params(s.offset) && (rows as usize, cols as usize) == (s.rows, s.cols);
            assert!(own, "param: {:?} has been used in a range", s.name);
            drop(inner);
            return Var::node(self, node);
        }
        let (place, grad) = (Place::Params(s.offset), Grad::Params(s.offset));
        let node = inner.push((s.rows, s.cols), place, grad);
        inner.params.nodes[id.index()] = Some(node);
        drop(inner);
        Var::node(self, node)
    }

    /// Several neighbouring segments of the bound parameters, from `first` to `last`, as one
    /// column. The same range gives the same node.
    ///
    /// # Panics
    /// If the parameters are not bound to this tape, or a segment was used by itself (or with
    /// others).
    #[track_caller]
    #[inline]
    pub fn param_range(&self, params: &Params<T>, first: ParamId, last: ParamId) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        inner.assert_bound(params);
        let offset = params.segment(first).offset;
        let n = params.segment(last).range().end - offset;
        if let Some(node) = inner.params.nodes[first.index()]
            && inner.params.nodes[first.index()..=last.index()].iter().all(|n| *n == Some(node))
            && inner.nodes[node as usize].shape() == (n, 1)
        {
            drop(inner);
            return Var::node(self, node);
        }
        let node = inner.push((n, 1), Place::Params(offset), Grad::Params(offset));
        for used in &mut inner.params.nodes[first.index()..=last.index()] {
            assert!(used.is_none(), "param_range: a segment has been used by itself");
            *used = Some(node);
        }
        drop(inner);
        Var::node(self, node)
    }
}

impl<T: Scalar> Inner<T> {
    /// Sets the gradient of parameters that the result does not depend on to zero.
    pub(super) fn zero_unused_params(&mut self, mode: &Mode<'_, T>) {
        let mut next = 0;
        // Segments stand in the order of their offsets; after the last is the end.
        for i in 0..=self.params.nodes.len() {
            let used = match self.params.nodes.get(i) {
                None => self.params.gradient.len()..self.params.gradient.len(),
                Some(None) => continue,
                Some(Some(node)) => {
                    let n = &self.nodes[*node as usize];
                    match n.grad {
                        Grad::Params(at) if self.written[*node as usize] > 0 => at..at + n.len,
                        _ => continue,
                    }
                }
            };
            if used.end <= next {
                // Several segments may be used as one range.
                continue;
            }
            self.params.gradient[next..used.start].fill(T::from_f64(0.0));
            self.unused_complete(next..used.start, mode);
            next = used.end;
        }
    }

    #[track_caller]
    fn assert_bound(&self, params: &Params<T>) {
        let bound = self.params.values.as_ref().is_some_and(|p| Arc::ptr_eq(p, params.shared()));
        assert!(bound, "param: these parameters are not bound to the tape (call Tape::bind after reset)");
    }
}
