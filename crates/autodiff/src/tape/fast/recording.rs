//! Recordings: what a program has recorded is run again at another input, without the program.
//!
//! A sampler evaluates a density at thousands of points. A model that does not look at values
//! records the same operations at every point, so the tape can be kept: the input is overwritten,
//! and the forward rules of all operations that depend on it run again in the order of recording.
//! (ReverseDiff calls this a compiled tape, PyTorch and CUDA a captured graph that is replayed.)
//!
//! *What it saves.* Running the model: names of sites, shapes, new nodes and boxes, and all that
//! does not depend on the input. The gradient of eight schools takes 3.1 instead of 4.8 µs.
//!
//! *Without it* every evaluation runs the model. The numbers are the same.

use super::super::node::{Grad, Node, Place, Source};
use super::super::{Inner, Tape, Var};
use super::Mode;
use crate::real::Scalar;
use std::collections::HashSet;

/// A node of a tape, apart from the loan of the tape that a [`Var`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(u32);

/// A recorded function of one variable, which can be evaluated at other values of it.
///
/// ```
/// use probity_autodiff::{Recording, Tape};
///
/// let tape = Tape::<f64>::new();
/// let x = tape.variable_with(2, 1, |x| x.copy_from_slice(&[1.0, 2.0]));
/// let y = x.sq().sum();
/// let (x, y) = (x.id(), y.id());
/// let mut recording = Recording::new(tape, x.unwrap(), y.unwrap()).unwrap();
///
/// let (mut value, mut gradient) = ([0.0], [0.0; 2]);
/// recording.evaluate(&[3.0, -1.0], &mut value, Some(&mut gradient));
/// assert_eq!((value, gradient), ([10.0], [6.0, -2.0]));
/// ```
#[derive(Debug)]
pub struct Recording<T: Scalar = f64> {
    tape: Tape<T>,
    input: NodeId,
    output: NodeId,
    /// The operations that depend on the input and are computed in the forward pass.
    forward: Vec<u32>,
    /// Those that wait for the backward pass (see [`deferred`](super::deferred)).
    deferred: Vec<u32>,
}

impl<T: Scalar> Recording<T> {
    /// Of what is on this tape: the function from `input`, a variable, to `output`, 1 × 1. Either
    /// may have [lanes](Tape::set_lanes). None if what is on the tape need not be the same at
    /// another input (see [`Tape::is_replayable`]), or if the nodes are not such nodes.
    pub fn new(mut tape: Tape<T>, input: NodeId, output: NodeId) -> Option<Self> {
        let replayable = tape.is_replayable();
        let inner = tape.inner.get_mut();
        let is = |id: NodeId, is: fn(&Node) -> bool| inner.nodes.get(id.0 as usize).is_some_and(is);
        let variable = |node: &Node| node.source == Source::Leaf && matches!(node.grad, Grad::Arena(_));
        if !replayable || !is(input, variable) || !is(output, |node| node.shape() == (1, 1)) {
            return None;
        }
        let (forward, deferred) = inner.operations_on(input.0);
        Some(Self { tape, input, output, forward, deferred })
    }

    /// Computes the output at this input, and its gradient there. Each has the entries of all
    /// lanes, one lane after the other; the gradient is that of each lane's output with respect to
    /// that lane's input.
    ///
    /// # Panics
    /// If a slice does not have as many entries as the input or the output has.
    #[track_caller]
    pub fn evaluate(&mut self, input: &[T], output: &mut [T], gradient: Option<&mut [T]>) {
        let inner = self.tape.inner.get_mut();
        let x = &inner.nodes[self.input.0 as usize];
        assert!(input.len() == x.len, "Recording: {} entries for an input of {}", input.len(), x.len);
        if let Place::Arena(at) = x.place {
            inner.values.data[at..at + x.len].copy_from_slice(input);
        }
        inner.run_again(&self.forward, &self.deferred);
        self.results(output, gradient);
    }

    /// As [`evaluate`](Recording::evaluate), at the input that is there: at first, that of the
    /// program which was recorded.
    ///
    /// # Panics
    /// As `evaluate`.
    #[track_caller]
    pub fn results(&mut self, output: &mut [T], gradient: Option<&mut [T]>) {
        let inner = self.tape.inner.get_mut();
        let x = inner.nodes[self.input.0 as usize];
        if let Some(gradient) = gradient {
            let n = gradient.len();
            assert!(n == x.len, "Recording: {n} entries for a gradient of {}", x.len);
            inner.run_backward(Some(self.output.0), &Mode::LEAVES);
            match inner.adjoint(&x) {
                Some(adjoint) if inner.written[self.input.0 as usize] > 0 => {
                    gradient.copy_from_slice(adjoint)
                }
                _ => gradient.fill(T::from_f64(0.0)),
            }
        }
        inner.compute_deferred();
        match inner.stored_values().get(&inner.nodes[self.output.0 as usize]) {
            [same] => output.fill(*same),
            each => {
                let n = output.len();
                assert!(n == each.len(), "Recording: {n} entries for an output of {}", each.len());
                output.copy_from_slice(each);
            }
        }
    }
}

impl<T: Scalar> Tape<T> {
    /// Whether a program that runs again records the same operations, as far as the tape can tell:
    /// since the last [`reset`](Tape::reset) nobody read a value, on which the program could have
    /// depended, and no parameters are bound.
    pub fn is_replayable(&self) -> bool {
        let inner = self.inner.borrow();
        !inner.fast.values_read.get() && inner.params.values.is_none() && !inner.anomaly.enabled
    }
}

impl<T: Scalar> Var<'_, T> {
    /// Its node, or none for a bare constant.
    pub fn id(&self) -> Option<NodeId> {
        self.handle().map(|(_, id)| NodeId(id))
    }
}

impl<T: Scalar> Inner<T> {
    /// The operations that depend on this node: those that are computed in the forward pass, and
    /// those that wait for the backward pass.
    fn operations_on(&self, input: u32) -> (Vec<u32>, Vec<u32>) {
        let (mut depends, mut places) = (vec![false; self.nodes.len()], HashSet::new());
        let (mut forward, mut deferred) = (Vec::new(), Vec::new());
        for (id, node) in self.nodes.iter().enumerate() {
            let args = &self.args[node.args.0 as usize..node.args.1 as usize];
            depends[id] = match node.source {
                Source::Op(_) => args.iter().any(|arg| depends[*arg as usize]),
                // Those of an operation with several follow its node.
                Source::Output => depends[id - 1],
                // A detached node shows the memory of another.
                Source::Leaf => id == input as usize || places.contains(&node.place),
            };
            if !depends[id] {
                continue;
            }
            places.insert(node.place);
            if let Source::Op(_) = node.source {
                let list = if node.fast.deferred { &mut deferred } else { &mut forward };
                list.push(id as u32);
            }
        }
        (forward, deferred)
    }
}

crate::precompiled! {
    /// Runs forward rules again; the deferred ones wait.
    fn run_again<T>(inner: &'a mut Inner<T>, forward: &'a [u32], deferred: &'a [u32]) -> () {
        forward.iter().for_each(|id| inner.compute(*id as usize));
        deferred.iter().for_each(|id| inner.nodes[*id as usize].fast.deferred = true);
        inner.fast.deferred.clear();
        inner.fast.deferred.extend_from_slice(deferred);
    }
}

impl<T: Scalar> Inner<T> {
    fn run_again(&mut self, forward: &[u32], deferred: &[u32]) {
        run_again(self, forward, deferred);
    }
}
