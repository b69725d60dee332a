//! The tape: an append-only record of operations, and the sweep back through it.

mod backward;
mod lanes;
mod lending;
mod node;
mod op;
mod params;
mod trap;
mod var;

pub use backward::Gradients;
pub use op::{Adjoints, Inputs, Op};
pub(crate) use op::{back_lane_by_lane, lane_by_lane};
pub use trap::NonFinite;
pub use var::Var;

use crate::aligned::{AlignedVec, first_at_line};
use crate::real::Scalar;
use lending::{Lending, lent_room};
use nalgebra::DMatrix;
pub(crate) use node::Behind;
use node::{Grad, Node, Place, Values};
use op::{Passed, Reached};
use std::any::Any;
use std::cell::{Cell, RefCell, RefMut};
use std::sync::Arc;

/// A record of operations on matrices, from which gradients are computed.
///
/// [`Var`] handles are `Copy`; formulas on them read like the maths. A tape belongs to one thread. After
/// [`reset`](Tape::reset) its memory is used again: a step that does what the step before did allocates nothing.
///
/// ```
/// use probity_autodiff::Tape;
/// use nalgebra::dmatrix;
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
    nodes: Vec<Node>,
    args: Vec<u32>,
    /// Operations; those from `ops_used` on are left over from the step before, for reuse.
    ops: Vec<Box<dyn Op<T>>>,
    ops_used: usize,
    /// Values; entries from `used` on are free.
    arena: Vec<T>,
    used: usize,
    /// Adjoints and how many of them the nodes so far need.
    adjoints: Vec<T>,
    adjoints_used: usize,
    reached: Vec<Reached>,
    /// Squares of the gradient that updates have used up.
    squares: Vec<f64>,
    scratch: Vec<T>,
    passed: Passed<T>,
    params: Option<Arc<AlignedVec<T>>>,
    params_grad: AlignedVec<T>,
    /// The node of a parameter segment once it has been used, by segment.
    params_node: Vec<Option<u32>>,
    lending: Lending,
    /// Operations whose arrays are lent a place.
    lent: Vec<u32>,
    shared: Vec<Arc<DMatrix<T>>>,
    tag: u32,
    trap: trap::Trap,
    /// Draws at once, and the number of the first.
    lanes: usize,
    first_lane: usize,
    /// Whether a value was read that differs from lane to lane.
    peeked: Cell<bool>,
}

/// Values start at multiples of this many entries, so that vector loads rarely cross a cache line.
const ALIGN: usize = 16;

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
                ops: Vec::new(),
                ops_used: 0,
                arena: Vec::new(),
                used: 0,
                adjoints: Vec::new(),
                adjoints_used: 0,
                reached: Vec::new(),
                squares: Vec::new(),
                scratch: Vec::new(),
                passed: Passed::default(),
                params: None,
                params_grad: AlignedVec::default(),
                params_node: Vec::new(),
                lending: Lending::Never,
                lent: Vec::new(),
                shared: Vec::new(),
                tag: 0,
                trap: trap::Trap::default(),
                lanes: 1,
                first_lane: 0,
                peeked: Cell::new(false),
            }),
        }
    }

    /// Forgets all operations, keeping the memory. Taking `&mut self`, it cannot be called while a [`Var`] is alive.
    pub fn reset(&mut self) {
        let inner = self.inner.get_mut();
        inner.nodes.clear();
        inner.args.clear();
        inner.ops_used = 0;
        inner.used = first_at_line(&inner.arena);
        inner.adjoints_used = first_at_line(&inner.adjoints);
        inner.params = None;
        inner.params_node.clear();
        inner.lending = Lending::Never;
        inner.lent.clear();
        inner.shared.clear();
        inner.tag = 0;
        inner.trap.clear();
        (inner.lanes, inner.first_lane) = (1, 0);
        inner.peeked.set(false);
    }

    /// The tape, to be changed.
    ///
    /// # Panics
    /// While [`Gradients`] are alive, which read it.
    #[track_caller]
    fn inner_mut(&self) -> RefMut<'_, Inner<T>> {
        match self.inner.try_borrow_mut() {
            Ok(inner) => inner,
            Err(_) => panic!(
                "Tape: nothing can be recorded or swept while Gradients of the tape are alive; drop them first"
            ),
        }
    }

    /// The number of values on the tape.
    pub fn size(&self) -> usize {
        self.inner.borrow().used
    }

    /// The number of nodes recorded.
    pub fn len(&self) -> usize {
        self.inner.borrow().nodes.len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A matrix that wants a gradient.
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

    /// A column without a gradient.
    #[track_caller]
    pub fn column(&self, x: &[T]) -> Var<'_, T> {
        self.leaf(x.len(), 1, false, |y| y.copy_from_slice(x))
    }

    /// A number that wants a gradient.
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

    /// Records an operation with an r × c result and computes its value. This is the door for a user's own operations.
    ///
    /// # Panics
    /// If an argument is a node of another tape, or the operation panics on the shapes.
    #[track_caller]
    pub fn record(&self, op: impl Op<T>, args: &[Var<'_, T>], rows: usize, cols: usize) -> Var<'_, T> {
        self.record_op(op, args, (rows, cols), Behind::default()).0
    }

    /// As `record`, with entries behind the value. The second node is the one that shows the sum, if there is one.
    #[track_caller]
    pub(crate) fn record_op(
        &self,
        op: impl Op<T>,
        args: &[Var<'_, T>],
        shape: (usize, usize),
        behind: Behind,
    ) -> (Var<'_, T>, Var<'_, T>) {
        let mut inner = self.inner_mut();
        let first = inner.args.len() as u32;
        for var in args {
            let id = match var.on(self) {
                Some(id) => id,
                None => inner.constant(var.constant_value().unwrap_or_default()),
            };
            inner.args.push(id);
        }
        let node = inner.run(op, first, shape, behind);
        let extra = if behind.sum { node + 1 } else { node };
        drop(inner);
        (Var::node(self, node), Var::node(self, extra))
    }

    /// As `record`, for an operation that ends with a rectifier, and asks for [`Adjoints::take_sums`].
    #[track_caller]
    pub(crate) fn record_rectified(
        &self,
        op: impl Op<T>,
        args: &[Var<'_, T>],
        shape: (usize, usize),
    ) -> Var<'_, T> {
        let (value, _) = self.record_op(op, args, shape, Behind::default());
        if let Some(id) = value.on(self) {
            self.inner_mut().nodes[id as usize].rectified = true;
        }
        value
    }

    #[track_caller]
    fn leaf(&self, rows: usize, cols: usize, wants: bool, fill: impl FnOnce(&mut [T])) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        let at = inner.allocate(rows * cols);
        fill(&mut inner.arena[at..at + rows * cols]);
        let grad = if wants { inner.allocate_adjoint(rows * cols) } else { Grad::None };
        let id = inner.push((rows, cols), Place::Arena(at), grad);
        drop(inner);
        Var::node(self, id)
    }

    /// Nodes that show parts of a value, one after the other, of these shapes. The number of the first.
    pub(crate) fn show_parts(&self, of: Var<'_, T>, shapes: impl Iterator<Item = (usize, usize)>) -> u32 {
        let mut inner = self.inner_mut();
        let (first, mut at) = (inner.nodes.len() as u32, 0);
        let Some(Node { place: Place::Arena(value), grad, .. }) =
            of.on(self).map(|id| inner.nodes[id as usize])
        else {
            return first;
        };
        for (rows, cols) in shapes {
            let grad = if let Grad::Arena(g) = grad { Grad::Arena(g + at) } else { Grad::None };
            inner.push((rows, cols), Place::Arena(value + at), grad);
            at += rows * cols;
        }
        first
    }

    /// A node that shows the value of `id` in the same memory, without a gradient.
    pub(crate) fn detached(&self, id: u32) -> Var<'_, T> {
        let mut inner = self.inner_mut();
        let Node { rows, cols, place, laned, .. } = inner.nodes[id as usize];
        let id = inner.push((rows as usize, cols as usize), place, Grad::None);
        inner.nodes[id as usize].laned = laned;
        drop(inner);
        Var::node(self, id)
    }

    pub(crate) fn shape_of(&self, id: u32) -> (usize, usize) {
        self.inner.borrow().nodes[id as usize].shape()
    }

    /// Calls `read` with the value of a node.
    pub(crate) fn read<O>(&self, id: u32, read: impl FnOnce(&[T]) -> O) -> O {
        let inner = self.inner.borrow();
        let node = &inner.nodes[id as usize];
        if node.laned && inner.lanes > 1 {
            inner.peeked.set(true);
        }
        read(inner.values().get(node, 0))
    }
}

impl<T: Scalar> Inner<T> {
    fn values(&self) -> Values<'_, T> {
        let params = self.params.as_deref().map_or(&[][..], |p| p);
        Values { arena: &self.arena, params, shared: &self.shared }
    }

    /// Space for `n` values; the offset.
    fn allocate(&mut self, n: usize) -> usize {
        let at = self.used;
        self.used = (at + n).next_multiple_of(ALIGN);
        if self.arena.len() < self.used {
            self.arena.resize(self.used.max(self.arena.len() * 2), T::from_f64(0.0));
        }
        at
    }

    fn allocate_adjoint(&mut self, n: usize) -> Grad {
        let at = self.adjoints_used;
        self.adjoints_used = (at + n).next_multiple_of(ALIGN);
        Grad::Arena(at)
    }

    /// Adds a leaf.
    fn push(&mut self, (rows, cols): (usize, usize), place: Place, grad: Grad) -> u32 {
        self.nodes.push(Node::leaf((rows as u32, cols as u32), place, grad, self.tag));
        (self.nodes.len() - 1) as u32
    }

    fn constant(&mut self, x: T) -> u32 {
        let at = self.allocate(1);
        self.arena[at] = x;
        self.push((1, 1), Place::Arena(at), Grad::None)
    }

    /// Runs the operation on the arguments listed from `first` on, and adds its node.
    fn run(&mut self, op: impl Op<T>, first: u32, shape: (usize, usize), behind: Behind) -> u32 {
        let args = &self.args[first as usize..];
        let laned = args.iter().any(|&a| self.nodes[a as usize].laned);
        let wants = args.iter().any(|&a| self.nodes[a as usize].grad != Grad::None);
        debug_assert!(!laned || behind == Behind::default(), "{}: lanes have nothing behind them", op.name());
        let (rows, cols) = shape;
        let mut node = Node::leaf((rows as u32, cols as u32), Place::Arena(0), Grad::None, self.tag);
        (node.behind, node.laned, node.args) = (behind, laned, (first, self.args.len() as u32));
        let (shown, stored) = (node.shown(self.lanes), node.stored(self.lanes));
        let at = self.allocate(stored);
        let (old, new) = self.arena.split_at_mut(at);
        let params = self.params.as_deref().map_or(&[][..], |p| p);
        let values = Values { arena: old, params, shared: &self.shared };
        let (args, lanes) = (&self.args[first as usize..], if laned { self.lanes } else { 1 });
        let lent = if behind.lent { lent_room(&self.nodes, args, &mut self.params_grad) } else { None };
        let inputs = Inputs { nodes: &self.nodes, values, args, lane: 0, lanes, lent };
        let y = &mut new[..stored];
        if laned {
            op.forward_lanes(&inputs, y)
        } else {
            op.forward(&inputs, y)
        };
        let written = if behind.lent { shown } else { stored };
        if self.trap.armed && !y[..written].iter().all(|v| v.to_f64().is_finite()) {
            self.trap.caught(op.name(), shape, self.tag, false);
        }
        let id = self.nodes.len() as u32;
        for &arg in args {
            let arg = &mut self.nodes[arg as usize];
            (arg.first_user, arg.last_user) = (id.min(arg.first_user), id);
        }
        node.place = Place::Arena(at);
        if wants {
            node.grad = self.allocate_adjoint(shown);
        }
        node.op = Some(self.store(op));
        self.nodes.push(node);
        if behind.lent {
            self.lent.push(id);
        }
        if behind.sum {
            let n = rows * cols;
            let grad = if let Grad::Arena(g) = node.grad { Grad::Arena(g + n) } else { Grad::None };
            self.push((1, 1), Place::Arena(at + n), grad);
        }
        id
    }

    /// Puts the operation in the place of one of the same type from the step before, or in a new box.
    fn store<O: Op<T>>(&mut self, op: O) -> u32 {
        let index = self.ops_used;
        self.ops_used += 1;
        match self.ops.get_mut(index) {
            Some(slot) => {
                let any: &mut dyn Any = slot.as_mut();
                match any.downcast_mut::<O>() {
                    Some(same) => *same = op,
                    None => *slot = Box::new(op),
                }
            }
            None => self.ops.push(Box::new(op)),
        }
        index as u32
    }
}
