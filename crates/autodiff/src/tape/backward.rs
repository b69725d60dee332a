//! The backward sweep.

use super::node::{Grad, Values};
use super::{Adjoints, Inner, Inputs, Tape, Var};
use crate::real::Scalar;
use nalgebra::DMatrix;
use std::cell::Ref;

/// The gradients that a backward sweep left on the tape.
#[derive(Debug)]
pub struct Gradients<'t, T: Scalar> {
    tape: &'t Tape<T>,
    inner: Ref<'t, Inner<T>>,
}

impl<T: Scalar> Tape<T> {
    /// Computes the gradient of a 1 × 1 result with respect to everything it depends on.
    ///
    /// Intermediate nodes keep their gradients too. Sweeping again overwrites them.
    ///
    /// # Panics
    /// If `result` is not 1 × 1, belongs to another tape, or gradients of this tape are still being read.
    #[track_caller]
    pub fn backward(&self, result: Var<'_, T>) -> Gradients<'_, T> {
        let (rows, cols) = result.shape();
        assert!(rows == 1 && cols == 1, "backward: the result must be 1 × 1, not {rows} × {cols}");
        let id = result.on(self);
        self.inner.borrow_mut().sweep(id);
        Gradients { tape: self, inner: self.inner.borrow() }
    }
}

impl<T: Scalar> Gradients<'_, T> {
    /// The gradient with respect to `x`, in the shape of `x`; zero where the result does not depend on it.
    ///
    /// # Panics
    /// If `x` belongs to another tape.
    #[track_caller]
    pub fn wrt(&self, x: Var<'_, T>) -> DMatrix<T> {
        let (rows, cols) = x.shape();
        let zero = || DMatrix::from_element(rows, cols, T::from_f64(0.0));
        let Some(id) = x.on(self.tape) else { return zero() };
        let inner = &*self.inner;
        if !inner.touched.get(id as usize).copied().unwrap_or(false) {
            return zero();
        }
        match inner.nodes[id as usize].grad {
            Grad::None => zero(),
            Grad::Arena(at) => DMatrix::from_column_slice(rows, cols, &inner.adjoints[at..at + rows * cols]),
            Grad::Params(at) => {
                DMatrix::from_column_slice(rows, cols, &inner.params_grad[at..at + rows * cols])
            }
        }
    }

    /// The gradient with respect to all bound parameters, in their order; zero for segments that were not used.
    pub fn params(&self) -> &[T] {
        &self.inner.params_grad
    }
}

impl<T: Scalar> Inner<T> {
    fn sweep(&mut self, result: Option<u32>) {
        let zero = T::from_f64(0.0);
        self.touched.clear();
        self.touched.resize(self.nodes.len(), false);
        if self.adjoints.len() < self.adjoints_used {
            self.adjoints.resize(self.adjoints_used.max(self.adjoints.len() * 2), zero);
        }
        if let Some(id) = result {
            match self.nodes[id as usize].grad {
                Grad::None => {}
                Grad::Arena(at) => self.adjoints[at] = T::from_f64(1.0),
                Grad::Params(at) => self.params_grad[at] = T::from_f64(1.0),
            }
            self.touched[id as usize] = true;
            // The result may be the second half of a pair, whose operation stands at the first half.
            for id in (0..=id as usize).rev() {
                self.backward_one(id);
            }
        }
        self.clear_unused_params();
    }

    fn backward_one(&mut self, id: usize) {
        let node = self.nodes[id];
        let (Some(op), Grad::Arena(at)) = (node.op, node.grad) else { return };
        let extra_touched = node.behind.sum && self.touched[id + 1];
        if !self.touched[id] && !extra_touched {
            return;
        }
        let zero = T::from_f64(0.0);
        if node.behind.sum {
            // The half that nothing used has no gradient.
            if !self.touched[id] {
                self.adjoints[at..at + node.size()].fill(zero);
            }
            if !extra_touched {
                self.adjoints[at + node.size()] = zero;
            }
        }
        let super::Place::Arena(value) = node.place else { return };
        let params = self.params.as_deref().map_or(&[][..], |p| p);
        let args = &self.args[node.args.0 as usize..node.args.1 as usize];
        let inputs = Inputs {
            nodes: &self.nodes,
            values: Values { arena: &self.arena, params, shared: &self.shared },
            args,
        };
        let (below, own) = self.adjoints.split_at_mut(at);
        let mut dx = Adjoints {
            nodes: &self.nodes,
            args,
            touched: &mut self.touched,
            arena: below,
            params: &mut self.params_grad,
            scratch: &mut self.scratch,
        };
        let y = &self.arena[value..value + node.stored()];
        let op = &self.ops[op as usize];
        op.backward(&inputs, y, &own[..node.shown()], &mut dx);
        if self.trap.armed {
            for &a in args {
                let n = &self.nodes[a as usize];
                let grad = match n.grad {
                    Grad::None => continue,
                    Grad::Arena(at) => &self.adjoints[at..at + n.size()],
                    Grad::Params(at) => &self.params_grad[at..at + n.size()],
                };
                if !grad.iter().all(|v| v.to_f64().is_finite()) {
                    self.trap.caught(op.name(), node.shape(), node.tag, true);
                }
            }
        }
    }

    /// Sets the gradient of parameters that the result does not depend on to zero.
    fn clear_unused_params(&mut self) {
        let zero = T::from_f64(0.0);
        let mut next = 0;
        // Segments stand in the order of their offsets.
        for node in self.params_node.iter().flatten() {
            let n = &self.nodes[*node as usize];
            if let (Grad::Params(at), true) = (n.grad, self.touched[*node as usize]) {
                self.params_grad[next..at].fill(zero);
                next = at + n.size();
            }
        }
        self.params_grad[next..].fill(zero);
    }
}
