//! The tape: a record of operations, and the backward pass through it.
//!
//! Read in this order: this file (recording, and the forward pass), [`op`] (what an operation is),
//! [`node`] (what the tape keeps of it), [`backward`] and [`adjoints`] (the backward pass),
//! [`params`] (parameters that live outside the tape), [`outputs`] (operations with several
//! outputs). [`fast`] has the optimisations and can be skipped.

mod adjoints;
mod anomaly;
mod backward;
mod built_in;
mod fast;
mod memory;
mod node;
mod op;
mod outputs;
mod params;
mod var;

pub use adjoints::Adjoints;
pub use anomaly::NonFinite;
pub use backward::Gradients;
pub(crate) use built_in::{BuiltIn, built_in};
pub use fast::{FastOp, NodeId, Recording};
pub(crate) use fast::{backward_by_lane, forward_by_lane};
pub use op::{Inputs, Op};
pub(crate) use outputs::Saved;
pub use var::Var;

use crate::real::Scalar;
use anomaly::Anomaly;
use fast::Fast;
use memory::{ALIGN, Arena, Boxes};
use nalgebra::DMatrix;
use node::{Grad, Node, Place, Source, Values};
use params::Bound;
use std::cell::{RefCell, RefMut};
use std::sync::Arc;

/// A record of operations on matrices, from which gradients are computed.
///
/// [`Var`] handles are `Copy`; formulas on them read like the maths. A tape belongs to one thread.
/// After [`reset`](Tape::reset) its memory is used again: a step that does what the step before did
/// allocates nothing.
///
/// ```
/// use probity_autodiff::{Tape, dmatrix};
///
/// let tape = Tape::<f64>::new();
/// let w = tape.variable(&dmatrix![1.0, 2.0; 3.0, 4.0]);
/// let x = tape.constant(&dmatrix![1.0; -1.0]);
/// let loss = w.matmul(x).tanh().sum();
/// let gradients = tape.backward(loss);
/// assert_eq!(gradients.wrt(w).shape(), (2, 2));
/// ```
#[derive(Debug)]
pub struct Tape<T: Scalar = f64> {
    inner: RefCell<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T: Scalar> {
    /// What was recorded, in order. Every node comes after those that it depends on.
    nodes: Vec<Node>,
    /// The arguments of all operations, one list after the other.
    args: Vec<u32>,
    ops: Boxes<T>,
    values: Arena<T>,
    adjoints: Arena<T>,
    /// How much of each adjoint has been written (see [`Adjoints`]).
    written: Vec<usize>,
    /// The scratch buffer of operations.
    scratch: Vec<T>,
    params: Bound<T>,
    shared: Vec<Arc<DMatrix<T>>>,
    anomaly: Anomaly,
    fast: Fast<T>,
}

/// What an operation makes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Result {
    /// One matrix.
    Value,
    /// One matrix, which may be computed [in the backward pass](fast).
    Deferrable,
    /// Several [outputs](outputs), or one and saved values.
    Several(Saved),
}

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape.
    pub fn new() -> Self {
        Self {
            inner: RefCell::new(Inner {
                nodes: Vec::new(),
                args: Vec::new(),
                ops: Boxes::default(),
                values: Arena::default(),
                adjoints: Arena::default(),
                written: Vec::new(),
                scratch: Vec::new(),
                params: Bound::default(),
                shared: Vec::new(),
                anomaly: Anomaly::default(),
                fast: Fast::default(),
            }),
        }
    }

    /// Forgets all operations, keeping the memory. Taking `&mut self`, it cannot be called while a
    /// [`Var`] is alive.
    pub fn reset(&mut self) {
        let inner = self.inner.get_mut();
        inner.nodes.clear();
        inner.args.clear();
        inner.ops.reset();
        inner.values.reset();
        inner.adjoints.reset();
        inner.params.reset();
        inner.shared.clear();
        inner.anomaly.reset();
        inner.fast.reset();
    }

    /// The tape, for a change.
    ///
    /// # Panics
    /// While [`Gradients`] are alive, which read it.
    #[track_caller]
    #[inline]
    fn inner_mut(&self) -> RefMut<'_, Inner<T>> {
        match self.inner.try_borrow_mut() {
            Ok(inner) => inner,
            Err(_) => panic!(
                "Tape: nothing can be recorded, and no backward pass run, \
                 while Gradients of the tape are alive; drop them first"
            ),
        }
    }

    /// The number of values on the tape.
    pub fn size(&self) -> usize {
        self.inner.borrow().values.used
    }

    /// The number of nodes recorded.
    pub fn len(&self) -> usize {
        self.inner.borrow().nodes.len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A matrix that needs a gradient.
    ///
    /// # Panics
    /// As everything that records: while [`Gradients`] of this tape are alive.
    #[track_caller]
    pub fn variable(&self, x: &DMatrix<T>) -> Var<'_, T> {
        self.leaf(x.nrows(), x.ncols(), true, |y| y.copy_from_slice(x.as_slice()))
    }

    /// A matrix without a gradient (copied; see [`share`](Tape::share)).
    #[track_caller]
    pub fn constant(&self, x: &DMatrix<T>) -> Var<'_, T> {
        self.leaf(x.nrows(), x.ncols(), false, |y| y.copy_from_slice(x.as_slice()))
    }

    /// An r × c matrix without a gradient, whose entries `fill` writes column by column.
    #[track_caller]
    pub fn constant_with(&self, rows: usize, cols: usize, fill: impl FnOnce(&mut [T])) -> Var<'_, T> {
        self.leaf(rows, cols, false, fill)
    }

    /// An r × c matrix that needs a gradient, whose entries `fill` writes column by column.
    #[track_caller]
    pub fn variable_with(&self, rows: usize, cols: usize, fill: impl FnOnce(&mut [T])) -> Var<'_, T> {
        self.leaf(rows, cols, true, fill)
    }

    /// A column without a gradient.
    #[track_caller]
    pub fn column(&self, x: &[T]) -> Var<'_, T> {
        self.leaf(x.len(), 1, false, |y| y.copy_from_slice(x))
    }

    /// A number that needs a gradient.
    #[track_caller]
    pub fn scalar(&self, x: T) -> Var<'_, T> {
        self.leaf(1, 1, true, |y| y[0] = x)
    }

    /// A matrix without a gradient, not copied.
    #[track_caller]
    pub fn share(&self, x: &Arc<DMatrix<T>>) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        inner.shared.push(x.clone());
        let place = Place::Shared(inner.shared.len() - 1);
        let id = inner.push(x.shape(), place, Grad::None);
        drop(inner);
        Var::node(self, id)
    }

    /// Records an operation with an r × c result and computes its value: the forward pass. A user's
    /// own operations enter here, as those of this crate do.
    ///
    /// # Panics
    /// If an argument is a node of another tape, or the operation panics on the shapes.
    #[track_caller]
    pub fn record(&self, op: impl Op<T>, args: &[Var<'_, T>], rows: usize, cols: usize) -> Var<'_, T> {
        Var::node(self, self.record_node(op, args, (rows, cols)))
    }

    /// As `record`: the number of the node.
    #[track_caller]
    pub(crate) fn record_node(&self, op: impl Op<T>, args: &[Var<'_, T>], shape: (usize, usize)) -> u32 {
        let mut inner = self.inner_mut();
        let first = inner.push_args(self, args);
        inner.run(op, first, shape, Result::Value)
    }

    /// The operation that stood in the step before where the next will stand, if it has this type:
    /// its memory is for reuse.
    #[track_caller]
    pub(crate) fn operation_before<O: Op<T> + Default>(&self) -> O {
        self.inner_mut().ops.before()
    }

    /// As `record`, for an operation of this crate.
    #[track_caller]
    pub(crate) fn record_own(
        &self,
        op: impl BuiltIn,
        args: &[Var<'_, T>],
        rows: usize,
        cols: usize,
    ) -> Var<'_, T> {
        Var::node(self, op.record(self, args, (rows, cols)))
    }

    #[track_caller]
    fn leaf(&self, rows: usize, cols: usize, needs_grad: bool, fill: impl FnOnce(&mut [T])) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        let at = inner.values.allocate(rows * cols);
        fill(&mut inner.values.data[at..at + rows * cols]);
        let grad = if needs_grad { Grad::Arena(inner.adjoints.reserve(rows * cols)) } else { Grad::None };
        let id = inner.push((rows, cols), Place::Arena(at), grad);
        drop(inner);
        Var::node(self, id)
    }

    /// A node that shows the value of `id` in the same memory, without a gradient.
    pub(crate) fn detached(&self, id: u32) -> Var<'_, T> {
        let node = self.computed().nodes[id as usize];
        let mut inner = self.inner_mut();
        let id = inner.push(node.shape(), node.place, Grad::None);
        let new = &mut inner.nodes[id as usize];
        (new.len, new.fast) = (node.len, node.fast.of_same_value());
        drop(inner);
        Var::node(self, id)
    }

    pub(super) fn requires_grad(&self, id: u32) -> bool {
        self.inner.borrow().nodes[id as usize].grad != Grad::None
    }

    #[inline]
    pub(crate) fn shape_of(&self, id: u32) -> (usize, usize) {
        self.inner.borrow().nodes[id as usize].shape()
    }

    /// Calls `read` with the value of a node.
    pub(crate) fn read<O>(&self, id: u32, read: impl FnOnce(&[T]) -> O) -> O {
        let inner = self.computed();
        inner.fast.values_read.set(true);
        let node = &inner.nodes[id as usize];
        read(&inner.stored_values().get(node)[inner.window(node)])
    }
}

impl<T: Scalar> Inner<T> {
    fn stored_values(&self) -> Values<'_, T> {
        Values { arena: &self.values.data, params: params::slice(&self.params.values), shared: &self.shared }
    }

    /// Adds a leaf.
    fn push(&mut self, shape: (usize, usize), place: Place, grad: Grad) -> u32 {
        self.nodes.push(Node::leaf(shape, place, grad, self.anomaly.tag));
        (self.nodes.len() - 1) as u32
    }

    /// Appends the nodes of these arguments to the list. A bare constant becomes a node. Returns
    /// where the list of these arguments begins.
    #[track_caller]
    fn push_args(&mut self, tape: &Tape<T>, args: &[Var<'_, T>]) -> u32 {
        let first = self.args.len() as u32;
        for var in args {
            let id = match var.on(tape) {
                Some(id) => id,
                None => {
                    let at = self.values.allocate(1);
                    self.values.data[at] = var.constant_value().unwrap_or_default();
                    self.push((1, 1), Place::Arena(at), Grad::None)
                }
            };
            self.args.push(id);
        }
        first
    }

    /// Runs the operation on the arguments listed from `first` on, and adds its node.
    fn run(&mut self, op: impl Op<T>, first: u32, shape: (usize, usize), result: Result) -> u32 {
        let id = run(self, &op, first, shape, result);
        self.ops.store(op);
        id
    }
}

crate::precompiled! {
    /// Adds the node of an operation, which is the next to be stored.
    fn run<T>(
        inner: &'a mut Inner<T>,
        op: &'a dyn Op<T>,
        first: u32,
        shape: (usize, usize),
        result: Result,
    ) -> u32 {
        let id = inner.nodes.len() as u32;
        let args = &inner.args[first as usize..];
        let mut node = Node::leaf(shape, Place::Arena(0), Grad::None, inner.anomaly.tag);
        node.args = (first, inner.args.len() as u32);
        let mut needs_grad = false;
        for &arg in args {
            let arg = &mut inner.nodes[arg as usize];
            needs_grad |= arg.grad != Grad::None;
            node.fast.join(id, &mut arg.fast);
        }
        inner.defer_if_possible(op, &mut node, result == Result::Deferrable && needs_grad);
        let args = &inner.args[first as usize..];
        node.len = inner.fast.len(&node);
        node.stored = node.len;
        if let Result::Several(saved) = result {
            (node.len, node.stored) = (saved.outputs, saved.end());
        }
        let at = inner.values.allocate(node.stored);
        node.place = Place::Arena(at);
        let (old, new) = inner.values.data.split_at_mut(at);
        let inputs = Inputs {
            nodes: &inner.nodes,
            values: Values { arena: old, params: params::slice(&inner.params.values), shared: &inner.shared },
            args,
            fast: inner.fast.call(&node, Some(&mut inner.params.gradient)),
        };
        let y = &mut new[..node.stored];
        fast::forward(op, &node, &inputs, y);
        if inner.anomaly.enabled {
            inner.anomaly.check_value(op.name(), &node, &y[..node.len]);
        }
        if needs_grad {
            node.grad = Grad::Arena(inner.adjoints.reserve(node.len));
        }
        node.source = Source::Op(inner.ops.used as u32);
        inner.nodes.push(node);
        id
    }
}
