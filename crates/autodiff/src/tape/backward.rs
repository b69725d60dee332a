//! The backward pass: from the result to the leaves, in the reverse order of recording.

use super::fast::{self, Mode};
use super::node::{Grad, Node, Place, Source, Values};
use super::{Adjoints, Inner, Inputs, Tape, Var, params};
use crate::real::Scalar;
use nalgebra::DMatrix;
use std::cell::Ref;

/// The gradients that a backward pass has computed.
#[derive(Debug)]
pub struct Gradients<'t, T: Scalar> {
    tape: &'t Tape<T>,
    leaves_only: bool,
    inner: Ref<'t, Inner<T>>,
}

impl<T: Scalar> Tape<T> {
    /// Computes the gradient of a 1 × 1 result with respect to everything it depends on.
    ///
    /// Intermediate nodes keep their gradients too. Another backward pass overwrites them.
    ///
    /// # Panics
    /// If `result` is not 1 × 1 or belongs to another tape; if gradients of this tape are still
    /// being read; or if the parameters were bound [with a donated
    /// gradient](Tape::bind_donating_gradient) which has been used.
    #[track_caller]
    pub fn backward(&self, result: Var<'_, T>) -> Gradients<'_, T> {
        self.gradients(result, &Mode::PLAIN)
    }

    /// As [`backward`](Tape::backward), but only leaves (variables and parameters) keep their
    /// gradients, not what was computed from them. That saves passes over memory.
    ///
    /// # Panics
    /// As `backward`.
    #[track_caller]
    pub fn backward_leaves(&self, result: Var<'_, T>) -> Gradients<'_, T> {
        self.gradients(result, &Mode::LEAVES)
    }

    #[track_caller]
    fn gradients(&self, result: Var<'_, T>, mode: &Mode<'_, T>) -> Gradients<'_, T> {
        let id = self.scalar_node(result);
        self.inner_mut().run_backward(id, mode);
        Gradients { tape: self, leaves_only: mode.leaves_only, inner: self.inner.borrow() }
    }

    /// The number of a 1 × 1 node.
    #[track_caller]
    pub(super) fn scalar_node(&self, result: Var<'_, T>) -> Option<u32> {
        let (rows, cols) = result.shape();
        assert!(rows == 1 && cols == 1, "backward: the result must be 1 × 1, not {rows} × {cols}");
        result.on(self)
    }
}

impl<T: Scalar> Gradients<'_, T> {
    /// The gradient with respect to `x`, in the shape of `x`; zero if the result does not depend on
    /// it.
    ///
    /// # Panics
    /// If `x` belongs to another tape, or is the result of an operation after
    /// [`backward_leaves`](Tape::backward_leaves).
    #[track_caller]
    pub fn wrt(&self, x: Var<'_, T>) -> DMatrix<T> {
        let (rows, cols) = x.shape();
        match self.adjoint(x, "wrt") {
            Some(gradient) => DMatrix::from_column_slice(rows, cols, &gradient[..rows * cols]),
            None => DMatrix::from_element(rows, cols, T::from_f64(0.0)),
        }
    }

    /// The gradient with respect to `x`, if the result depends on it.
    #[track_caller]
    pub(super) fn adjoint(&self, x: Var<'_, T>, name: &str) -> Option<&[T]> {
        let (id, inner) = (x.on(self.tape)? as usize, &*self.inner);
        let kept = !self.leaves_only || inner.nodes[id].source == Source::Leaf;
        assert!(kept, "{name}: backward_leaves keeps no gradient of a result; use backward");
        // A node without an entry is younger than the backward pass.
        let written = *inner.written.get(id)?;
        if written > 0 { inner.adjoint(&inner.nodes[id]) } else { None }
    }

    /// The gradient with respect to all bound parameters, in their order; zero for segments that
    /// were not used.
    pub fn params(&self) -> &[T] {
        &self.inner.params.gradient
    }
}

impl<T: Scalar> Inner<T> {
    /// The adjoint of a node, if it has one.
    pub(super) fn adjoint(&self, node: &Node) -> Option<&[T]> {
        match node.grad {
            Grad::None => None,
            Grad::Arena(at) => Some(&self.adjoints.data[at..at + node.len]),
            Grad::Params(at) => Some(&self.params.gradient[at..at + node.len]),
        }
    }

    pub(super) fn adjoint_mut(&mut self, id: usize) -> &mut [T] {
        let node = &self.nodes[id];
        match node.grad {
            Grad::None => &mut [],
            Grad::Arena(at) => &mut self.adjoints.data[at..at + node.len],
            Grad::Params(at) => &mut self.params.gradient[at..at + node.len],
        }
    }

    /// Computes the adjoints of all nodes that this result depends on.
    #[track_caller]
    pub(super) fn run_backward(&mut self, result: Option<u32>, mode: &Mode<'_, T>) {
        run_backward(self, result, mode);
    }

    #[track_caller]
    fn backward_pass(&mut self, result: Option<u32>, mode: &Mode<'_, T>) {
        self.start_pass(mode);
        if self.anomaly.enabled {
            self.trace_origin(result);
        }
        self.adjoints.grow();
        self.written.clear();
        self.written.resize(self.nodes.len(), 0);
        if let Some(id) = result {
            let id = id as usize;
            // The derivative of the result with respect to itself.
            self.adjoint_mut(id).fill(T::from_f64(1.0));
            self.written[id] = self.nodes[id].len;
            // All that uses a node comes after it, so its adjoint is complete when the pass is
            // here.
            for id in (0..=id).rev() {
                match self.nodes[id].source {
                    Source::Op(op) => self.backward_op(id, op, mode),
                    Source::Leaf => self.leaf_complete(id, mode),
                    Source::Output => {}
                }
            }
        }
        self.zero_unused_params(mode);
        self.end_pass();
    }

    /// Runs the backward rule of one operation, if the result depends on it.
    fn backward_op(&mut self, id: usize, op: u32, mode: &Mode<'_, T>) {
        let Node { grad: Grad::Arena(at), place: Place::Arena(value), .. } = self.nodes[id] else { return };
        if !self.complete_outputs(id) {
            return;
        }
        let node = &self.nodes[id];
        let params = params::slice(&self.params.values);
        let args = &self.args[node.args.0 as usize..node.args.1 as usize];
        // Arguments come before the operation, and so do their values and adjoints. Behind the
        // outputs are the values that the operation has saved.
        let (arena, y) = self.values.data[..value + node.stored].split_at_mut(value);
        let inputs = Inputs {
            nodes: &self.nodes,
            values: Values { arena, params, shared: &self.shared },
            args,
            fast: self.fast.call(node, None),
        };
        let (before, own) = self.adjoints.data.split_at_mut(at);
        let mut dx = Adjoints {
            nodes: &self.nodes,
            args,
            written: &mut self.written,
            arena: before,
            params: &mut self.params.gradient,
            scratch: &mut self.scratch,
            fast: self.fast.pass(id, mode, params),
        };
        let op = &*self.ops.ops[op as usize];
        let computed = fast::backward(op, node, &inputs, (y, &mut own[..node.len]), &mut dx);
        self.nodes[id].fast.deferred &= !computed;
        if self.anomaly.enabled {
            self.check_contributions(id);
        }
    }
}

crate::precompiled! {
    fn run_backward<T>(inner: &'a mut Inner<T>, result: Option<u32>, mode: &'a Mode<'b, T>) -> () {
        inner.backward_pass(result, mode);
    }
}
