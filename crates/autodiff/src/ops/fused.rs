//! Formulas as tape nodes: one fused, broadcasting operation each.

mod lanes;
mod record;

use crate::formula::{Formula, FormulaPair};
use crate::kernel::map::{self, Summed};
use crate::kernel::{Body, Dest, Input, Loops, with_arrays_for};
use crate::random::Key;
use crate::real::{Real, Scalar};
use crate::tape::{Adjoints, FastOp, Inputs, Op, Var, backward_by_lane, forward_by_lane};
use lanes::{InLanes, set_lane_inputs, set_places};
pub use record::record_formula;
use std::fmt::{self, Debug, Formatter};

/// An argument of a fused formula: a matrix or number, or noise that is drawn while it is used.
///
/// Entry `i` (counted column by column) of a noise argument is element `i` of the key's stream.
/// Large noise is not stored: the backward pass draws the same numbers again.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'t, T: Scalar> {
    /// A matrix or number.
    Var(Var<'t, T>),
    /// Independent standard normal numbers.
    Normal(Key),
    /// Independent uniform numbers from the open interval (0, 1).
    Uniform(Key),
}

impl<'t, T: Scalar> From<Var<'t, T>> for Arg<'t, T> {
    fn from(x: Var<'t, T>) -> Self {
        Arg::Var(x)
    }
}

/// What the operation stores of an argument.
#[derive(Clone, Copy, Debug)]
enum Source<T> {
    /// The node argument with this number.
    Node(usize),
    Constant(T),
    Normal(Key),
    Uniform(Key),
}

#[derive(Clone, Copy, Debug)]
struct One<F>(F);
impl<F: Formula<N>, const N: usize> Body<N, 1> for One<F> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: [R; N]) -> [R; 1] {
        [self.0.eval(x)]
    }
    const FAST_PATH: bool = F::FAST_PATH;
    #[inline(always)]
    fn fast_path<R: Real>(&self, x: [R; N]) -> (R, [R; N], bool) {
        self.0.fast_path(x)
    }
    const STAGED: bool = F::STAGED;
    #[inline(always)]
    fn first_stage<R: Real>(&self, x: [R; N]) -> R {
        self.0.first_stage(x)
    }
    #[inline(always)]
    fn second_stage<R: Real>(&self, first: R, x: [R; N]) -> (R, [R; N], bool) {
        self.0.second_stage(first, x)
    }
    fn name(&self) -> &'static str {
        self.0.name()
    }
}

#[derive(Clone, Copy, Debug)]
struct Two<F>(F);
impl<F: FormulaPair<N>, const N: usize> Body<N, 2> for Two<F> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: [R; N]) -> [R; 2] {
        let (kept, summed) = self.0.eval(x);
        [kept, summed]
    }
    fn name(&self) -> &'static str {
        self.0.name()
    }
}

/// A formula as a node. The type is the same for all formulas, so that its rules are compiled once.
struct Fused<T: Scalar> {
    body: Box<dyn Loops<T>>,
    sources: Vec<Source<T>>,
    how: How,
}

impl<T: Scalar> Default for Fused<T> {
    fn default() -> Self {
        let how = How { shape: (0, 0), kept: false, summed: false, single: false };
        Self { body: Box::new(()), sources: Vec::new(), how }
    }
}

impl<T: Scalar> Debug for Fused<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { body, sources, how } = self;
        f.debug_struct(body.name()).field("sources", sources).field("how", how).finish()
    }
}

/// What is made of a formula.
#[derive(Clone, Copy, Debug)]
struct How {
    shape: (usize, usize),
    kept: bool,
    summed: bool,
    /// Whether one entry is one number: the formula has one result.
    single: bool,
}

impl How {
    /// The shape of what is made, if it is one matrix.
    fn result(&self) -> (usize, usize) {
        if self.kept { self.shape } else { (1, 1) }
    }
}

/// How a matrix is stretched to the shape of the result.
enum Stretch {
    None,
    Scalar,
    Row,
    Col,
}

fn stretch(from: (usize, usize), to: (usize, usize)) -> Stretch {
    match from {
        _ if from == to => Stretch::None,
        (1, 1) => Stretch::Scalar,
        (1, _) => Stretch::Row,
        _ => Stretch::Col,
    }
}

impl<T: Scalar> Op<T> for Fused<T> {
    fn name(&self) -> &'static str {
        self.body.name()
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        with_arrays_for!(self.sources.len(), forward(self, x, y));
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        self.backward_of(x, (g, None), dx);
    }

    fn fast(&self) -> Option<&dyn FastOp<T>> {
        Some(self)
    }
}

impl<T: Scalar> FastOp<T> for Fused<T> {
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        if !with_arrays_for!(self.sources.len(), forward_lanes(self, x, y)) {
            forward_by_lane(self, x, y);
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        if !self.backward_lanes_of(x, (g, None), dx) {
            backward_by_lane(self, x, y, g, dx);
        }
    }

    fn backward_with_value(&self, x: &Inputs<'_, T>, y: &mut [T], g: &[T], dx: &mut Adjoints<'_, T>) {
        self.backward_of(x, (g, Some(y)), dx);
    }

    fn backward_lanes_with_value(&self, x: &Inputs<'_, T>, y: &mut [T], g: &[T], dx: &mut Adjoints<'_, T>) {
        if !self.backward_lanes_of(x, (g, Some(y)), dx) {
            forward_by_lane(self, x, y);
            backward_by_lane(self, x, y, g, dx);
        }
    }
}

impl<T: Scalar> Fused<T> {
    fn backward_of(&self, x: &Inputs<'_, T>, adjoint: (&[T], Option<&mut [T]>), dx: &mut Adjoints<'_, T>) {
        with_arrays_for!(self.sources.len(), backward(self, x, adjoint, dx));
    }

    /// Whether it could be done in all lanes at once.
    fn backward_lanes_of(
        &self,
        x: &Inputs<'_, T>,
        adjoint: (&[T], Option<&mut [T]>),
        dx: &mut Adjoints<'_, T>,
    ) -> bool {
        with_arrays_for!(self.sources.len(), backward_lanes(self, x, adjoint, dx))
    }
}

fn set_inputs<'a, T: Scalar>(
    sources: &[Source<T>],
    shape: (usize, usize),
    x: &Inputs<'a, T>,
    inputs: &mut [Input<'a, T>],
) {
    for (input, source) in inputs.iter_mut().zip(sources) {
        *input = match *source {
            Source::Constant(c) => Input::Scalar(c),
            Source::Normal(key) => Input::Normal(key),
            Source::Uniform(key) => Input::Uniform(key),
            Source::Node(k) => {
                let value = x.get(k);
                match stretch(x.shape(k), shape) {
                    Stretch::None => Input::Full(value),
                    Stretch::Scalar => Input::Scalar(value[0]),
                    Stretch::Row => Input::Row(value),
                    Stretch::Col => Input::Col(value),
                }
            }
        };
    }
}

fn forward<T: Scalar, const N: usize>(
    Fused { body, sources, how }: &Fused<T>,
    x: &Inputs<'_, T>,
    y: &mut [T],
) {
    let inputs = &mut [Input::Scalar(T::default()); N][..sources.len()];
    set_inputs(sources, how.shape, x, inputs);
    let (keep, sum) = match (how.kept, how.summed) {
        (true, true) => {
            let (keep, sum) = y.split_at_mut(how.shape.0 * how.shape.1);
            (Some(keep), Some(&mut sum[0]))
        }
        (true, false) => (Some(y), None),
        (false, _) => (None, Some(&mut y[0])),
    };
    let total = map::forward(&**body, how.shape, inputs, keep, sum.is_some());
    if let Some(sum) = sum {
        *sum = total;
    }
}

fn backward<T: Scalar, const N: usize>(
    Fused { body, sources, how }: &Fused<T>,
    x: &Inputs<'_, T>,
    (g, value): (&[T], Option<&mut [T]>),
    dx: &mut Adjoints<'_, T>,
) {
    let n = sources.len();
    let inputs = &mut [Input::Scalar(T::default()); N][..n];
    let dest = &mut [Dest::Nothing; N][..n];
    // The arguments of one entry, and the parts for them.
    let (scalars, sums) = (&mut [None; N][..n], &mut [T::default(); N][..n]);
    set_inputs(sources, how.shape, x, inputs);
    let kept = how.kept.then(|| &g[..how.shape.0 * how.shape.1]);
    let summed = if how.summed { Summed::All(g[g.len() - 1]) } else { Summed::No };
    for (i, source) in sources.iter().enumerate() {
        let Source::Node(k) = *source else { continue };
        match stretch(x.shape(k), how.shape) {
            Stretch::None => {
                if let Some((to, overwrite)) = dx.shared(k) {
                    dest[i] = Dest::Full { to, overwrite };
                }
            }
            Stretch::Scalar => {
                if dx.needs_grad(k) {
                    (dest[i], scalars[i]) = (Dest::Scalar, Some(k));
                }
            }
            Stretch::Row => dest[i] = dx.shared_zeroed(k).map_or(Dest::Nothing, Dest::Row),
            Stretch::Col => dest[i] = dx.shared_zeroed(k).map_or(Dest::Nothing, Dest::Col),
        }
    }
    if value.is_some() || dest.iter().any(|d| !matches!(d, Dest::Nothing)) {
        map::backward(&**body, how.shape, inputs, (kept, summed), dest, sums, value);
        add_sums(dx, scalars, sums);
    }
}

/// Whether it could be done in all lanes at once.
fn forward_lanes<T: Scalar, const N: usize>(
    Fused { body, sources, how }: &Fused<T>,
    x: &Inputs<'_, T>,
    y: &mut [T],
) -> bool {
    let n = sources.len();
    let (inputs, places) = (&mut [Input::Scalar(T::default()); N][..n], &mut [InLanes::Scalar; N][..n]);
    if !set_places(sources, how.shape, x, places) {
        return false;
    }
    set_lane_inputs(sources, x, places, inputs);
    // The sum of one entry is that entry.
    if how.summed && !how.single() {
        map::forward_columns(&**body, how.matrix(x), inputs, y);
    } else {
        map::forward(&**body, how.matrix(x), inputs, Some(y), false);
    }
    true
}

/// Whether it could be done in all lanes at once.
fn backward_lanes<T: Scalar, const N: usize>(
    Fused { body, sources, how }: &Fused<T>,
    x: &Inputs<'_, T>,
    (g, value): (&[T], Option<&mut [T]>),
    dx: &mut Adjoints<'_, T>,
) -> bool {
    let n = sources.len();
    let (inputs, places) = (&mut [Input::Scalar(T::default()); N][..n], &mut [InLanes::Scalar; N][..n]);
    let dest = &mut [Dest::Nothing; N][..n];
    // The arguments of one entry, and the parts for them.
    let (scalars, sums) = (&mut [None; N][..n], &mut [T::default(); N][..n]);
    if !set_places(sources, how.shape, x, places) {
        return false;
    }
    for (i, source) in sources.iter().enumerate() {
        let Source::Node(k) = *source else { continue };
        match places[i] {
            InLanes::Full => {
                if let Some((to, overwrite)) = dx.shared_lanes(k) {
                    dest[i] = Dest::Full { to, overwrite };
                }
            }
            InLanes::Row => dest[i] = dx.shared_lanes_zeroed(k).map_or(Dest::Nothing, Dest::Row),
            InLanes::Col => dest[i] = dx.shared_zeroed(k).map_or(Dest::Nothing, Dest::Col),
            InLanes::Scalar if dx.needs_grad(k) => (dest[i], scalars[i]) = (Dest::Scalar, Some(k)),
            InLanes::Scalar => {}
        }
    }
    if value.is_some() || dest.iter().any(|d| !matches!(d, Dest::Nothing)) {
        set_lane_inputs(sources, x, places, inputs);
        let (kept, summed) = match how.summed && !how.single() {
            true => (None, Summed::Columns(g)),
            false => (Some(g), Summed::No),
        };
        map::backward(&**body, how.matrix(x), inputs, (kept, summed), dest, sums, value);
        add_sums(dx, scalars, sums);
    }
    true
}

/// The parts for arguments of one entry.
fn add_sums<T: Scalar>(dx: &mut Adjoints<'_, T>, args: &[Option<usize>], sums: &[T]) {
    for (k, sum) in args.iter().zip(sums) {
        if let Some(k) = k {
            dx.accumulate_zeroed(*k, |to| to[0] = T::from_num(to[0].num() + sum.num()));
        }
    }
}
