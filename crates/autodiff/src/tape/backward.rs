//! The backward sweep.

use super::node::{Grad, Values};
use super::op::Reached;
use super::{Adjoints, Inner, Inputs, Tape, Var};
use crate::kernel::SharedMut;
use crate::kernel::update::{Update, Updates, norm_of};
use crate::real::Scalar;
use nalgebra::DMatrix;
use std::cell::{Cell, Ref};
use std::ops::Range;

/// The gradients that a backward sweep left on the tape.
#[derive(Debug)]
pub struct Gradients<'t, T: Scalar> {
    tape: &'t Tape<T>,
    leaves_only: bool,
    inner: Ref<'t, Inner<T>>,
}

impl<T: Scalar> Tape<T> {
    /// Computes the gradient of a 1 × 1 result with respect to everything it depends on.
    ///
    /// Intermediate nodes keep their gradients too. Sweeping again overwrites them.
    ///
    /// # Panics
    /// If `result` is not 1 × 1, belongs to another tape, gradients of this tape are still being read, or the parameters were bound
    /// [for an update](Tape::bind_to_update) that has been.
    #[track_caller]
    pub fn backward(&self, result: Var<'_, T>) -> Gradients<'_, T> {
        self.swept(result, false)
    }

    /// As [`backward`](Tape::backward), but only variables and parameters keep their gradients, not what was computed from them. Saves passes.
    ///
    /// # Panics
    /// As `backward`.
    #[track_caller]
    pub fn backward_leaves(&self, result: Var<'_, T>) -> Gradients<'_, T> {
        self.swept(result, true)
    }

    #[track_caller]
    fn swept(&self, result: Var<'_, T>, leaves_only: bool) -> Gradients<'_, T> {
        let id = self.scalar_node(result);
        self.inner_mut().sweep(id, None, leaves_only);
        Gradients { tape: self, leaves_only, inner: self.inner.borrow() }
    }

    /// As [`backward_leaves`](Tape::backward_leaves), and every bound parameter is changed by the rule as soon as its gradient is complete, while both are in
    /// the cache. The new values take the place of the gradient (see [`swap_params_gradient`](Tape::swap_params_gradient)); the bound parameters
    /// stay as they are. Returns the norm of the gradient.
    ///
    /// # Panics
    /// If `result` is not 1 × 1 or belongs to another tape; if no parameters are bound, or they were bound [for an update](Tape::bind_to_update)
    /// that has been; or as [`update`](crate::update).
    #[track_caller]
    pub fn backward_updating(
        &self,
        result: Var<'_, T>,
        rule: &dyn Update<T>,
        memory: &mut [&mut [T]],
    ) -> f64 {
        let id = self.scalar_node(result);
        let mut inner = self.inner_mut();
        let (mut squares, used) = (std::mem::take(&mut inner.squares), Cell::new(0));
        let sizes = (inner.params_grad.len(), 2 * inner.params_node.len() + 1);
        let updates = Updates::new(rule, sizes, memory, &mut squares, &used);
        inner.sweep(id, Some(&updates), true);
        let norm = norm_of(&squares);
        inner.squares = squares;
        norm
    }

    /// The number of a 1 × 1 node.
    #[track_caller]
    fn scalar_node(&self, result: Var<'_, T>) -> Option<u32> {
        let (rows, cols) = result.shape();
        assert!(rows == 1 && cols == 1, "backward: the result must be 1 × 1, not {rows} × {cols}");
        result.on(self)
    }
}

impl<T: Scalar> Gradients<'_, T> {
    /// The gradient with respect to `x`, in the shape of `x`; zero where the result does not depend on it.
    ///
    /// # Panics
    /// If `x` belongs to another tape, or is the result of an operation after [`backward_leaves`](Tape::backward_leaves).
    #[track_caller]
    pub fn wrt(&self, x: Var<'_, T>) -> DMatrix<T> {
        let (rows, cols) = x.shape();
        let zero = || DMatrix::from_element(rows, cols, T::from_f64(0.0));
        let Some(id) = x.on(self.tape) else { return zero() };
        let inner = &*self.inner;
        let kept = !self.leaves_only || inner.nodes[id as usize].op.is_none();
        assert!(kept, "wrt: backward_leaves keeps no gradient of a result; use backward");
        if inner.reached.get(id as usize).is_none_or(|reached| *reached == Reached::NO) {
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

    /// The gradients with respect to `x` in all lanes, one lane after the other (one, if `x` is the same in all of them). Zero where the result
    /// does not depend on it.
    ///
    /// # Panics
    /// As [`wrt`](Gradients::wrt), or if `to` does not have an entry for every number.
    #[track_caller]
    pub fn of_lanes(&self, x: Var<'_, T>, to: &mut [T]) {
        let inner = &*self.inner;
        let node = x.on(self.tape).map(|id| (id as usize, &inner.nodes[id as usize]));
        let zero = T::from_f64(0.0);
        let Some((id, node)) = node else { return to.fill(zero) };
        assert!(
            !self.leaves_only || node.op.is_none(),
            "of_lanes: backward_leaves keeps no gradient of a result"
        );
        let size = node.shown(inner.lanes);
        assert!(to.len() == size, "of_lanes: {} entries for a gradient of {size}", to.len());
        match node.grad {
            Grad::Arena(at) if inner.reached[id] != Reached::NO => {
                to.copy_from_slice(&inner.adjoints[at..at + size])
            }
            Grad::Params(at) if inner.reached[id] != Reached::NO => {
                to.copy_from_slice(&inner.params_grad[at..at + size])
            }
            _ => to.fill(zero),
        }
    }

    /// The gradient with respect to all bound parameters, in their order; zero for segments that were not used.
    pub fn params(&self) -> &[T] {
        &self.inner.params_grad
    }
}

impl<T: Scalar> Inner<T> {
    #[track_caller]
    fn sweep(&mut self, result: Option<u32>, updates: Option<&Updates<'_, T>>, leaves_only: bool) {
        let zero = T::from_f64(0.0);
        if self.trap.armed {
            self.blame(result);
        }
        self.lend_adjoints(updates.is_some());
        self.passed.nowhere();
        self.reached.clear();
        self.reached.resize(self.nodes.len(), Reached::NO);
        if self.adjoints.len() < self.adjoints_used {
            self.adjoints.resize(self.adjoints_used.max(self.adjoints.len() * 2), zero);
        }
        if let Some(id) = result {
            let node = self.nodes[id as usize];
            let lanes = if node.laned { self.lanes } else { 1 };
            match node.grad {
                Grad::None => {}
                Grad::Arena(at) => self.adjoints[at..at + lanes].fill(T::from_f64(1.0)),
                Grad::Params(at) => self.params_grad[at] = T::from_f64(1.0),
            }
            self.reached[id as usize] = Reached::lanes(lanes);
            // The result may be the second half of a pair, whose operation stands at the first half.
            for id in (0..=id as usize).rev() {
                self.backward_one(id, updates, leaves_only);
            }
        }
        self.finish_unused(updates);
    }

    fn backward_one(&mut self, id: usize, updates: Option<&Updates<'_, T>>, leaves_only: bool) {
        let node = &self.nodes[id];
        let (op, at, lent) = match (node.op, node.grad) {
            (Some(op), Grad::Arena(at)) => (op, at, None),
            (Some(op), Grad::Params(lent)) => match self.nodes.get(id + 1).map(|sum| sum.grad) {
                // The adjoint of its sum has kept its place.
                Some(Grad::Arena(sum)) => (op, sum - node.size(), Some(lent)),
                _ => return,
            },
            // All that use a parameter come after it on the tape, so in the sweep before it.
            (None, Grad::Params(at)) if self.reached[id].is_open() => {
                return self.take_turn(at..at + node.size(), updates);
            }
            _ => return,
        };
        let reached = |id: usize| self.reached[id] != Reached::NO;
        let views = id + 2..id + 2 + node.behind.views;
        let (own, sum) = (views.clone().any(reached) || reached(id), node.behind.sum && reached(id + 1));
        if !own && !sum {
            return;
        }
        let zero = T::from_f64(0.0);
        if node.behind.sum {
            // What nothing used has no gradient.
            if !own {
                let (memory, at): (&mut [T], usize) = match lent {
                    Some(lent) => (&mut self.params_grad, lent),
                    None => (&mut self.adjoints, at),
                };
                memory[at..at + node.size()].fill(zero);
            } else {
                for view in views.filter(|view| self.reached[*view] == Reached::NO) {
                    if let Grad::Arena(at) = self.nodes[view].grad {
                        self.adjoints[at..at + self.nodes[view].size()].fill(zero);
                    }
                }
            }
            if !sum {
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
            lane: 0,
            lanes: if node.laned { self.lanes } else { 1 },
            lent: None,
        };
        let (below, own) = self.adjoints.split_at_mut(at);
        let mut dx = Adjoints {
            nodes: &self.nodes,
            args,
            reached: &mut self.reached,
            leaves_only,
            passed: &mut self.passed,
            arena: below,
            params: &mut self.params_grad,
            scratch: &mut self.scratch,
            lane: 0,
            lanes: inputs.lanes,
            node: id as u32,
            updates,
            values: params,
        };
        let y = &self.arena[value..value + node.stored(self.lanes)];
        let (op, g) = (&self.ops[op as usize], &mut own[..node.shown(self.lanes)]);
        match (node.laned, leaves_only) {
            (true, _) => op.backward_lanes(&inputs, y, g, &mut dx),
            (false, true) => op.backward_in_place(&inputs, y, g, &mut dx),
            (false, false) => op.backward(&inputs, y, g, &mut dx),
        }
        if self.trap.armed {
            for &a in args {
                let n = &self.nodes[a as usize];
                let grad = match n.grad {
                    Grad::None => continue,
                    Grad::Arena(at) => &self.adjoints[at..at + n.shown(self.lanes)],
                    Grad::Params(at) => &self.params_grad[at..at + n.size()],
                };
                if !grad.iter().all(|v| v.to_f64().is_finite()) {
                    self.trap.caught(op.name(), node.shape(), node.tag, true);
                }
            }
        }
    }

    /// Parameters whose gradient is complete change, if they are to.
    fn take_turn(&mut self, range: Range<usize>, updates: Option<&Updates<'_, T>>) {
        if let (Some(updates), false) = (updates, range.is_empty()) {
            let params = self.params.as_deref().map_or(&[][..], |p| p);
            updates.turn(params, SharedMut::new(&mut self.params_grad), range).all();
        }
    }

    /// Sets the gradient of parameters that the result does not depend on to zero; then it is their turn.
    fn finish_unused(&mut self, updates: Option<&Updates<'_, T>>) {
        let mut next = 0;
        // Segments stand in the order of their offsets; behind them all is the end.
        for i in 0..=self.params_node.len() {
            let used = match self.params_node.get(i) {
                None => self.params_grad.len()..self.params_grad.len(),
                Some(None) => continue,
                Some(Some(node)) => {
                    let n = &self.nodes[*node as usize];
                    let (Grad::Params(at), true) = (n.grad, self.reached[*node as usize] != Reached::NO)
                    else {
                        continue;
                    };
                    at..at + n.size()
                }
            };
            if used.end <= next {
                // A part of the range before it.
                continue;
            }
            self.params_grad[next..used.start].fill(T::from_f64(0.0));
            self.take_turn(next..used.start, updates);
            next = used.end;
        }
    }
}
