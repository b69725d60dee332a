//! Formulas as tape nodes: one fused, broadcasting operation each.

mod lanes;

use crate::formula::{Formula, FormulaPair};
use crate::kernel::map::{self, Summed};
use crate::kernel::{Body, Compiled, Dest, Input, Loops};
use crate::precompiled;
use crate::random::{Key, fill_normal, fill_uniform};
use crate::real::{Real, Scalar};
use crate::tape::{Adjoints, FastOp, Inputs, Op, Saved, Tape, Var, backward_by_lane, forward_by_lane};
use lanes::{InLanes, set_lane_inputs, set_places};
use std::fmt::Debug;

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

/// A formula as a node. What does not depend on the formula is done by [functions](self) that are
/// compiled once.
#[derive(Clone, Copy, Debug)]
struct Fused<B, T, const N: usize, const M: usize> {
    body: Compiled<B, N, M>,
    sources: [Source<T>; N],
    how: How,
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

/// What the functions below need for every argument.
struct Room<'a, T> {
    inputs: &'a mut [Input<'a, T>],
    dest: &'a mut [Dest<T>],
    /// The arguments of one entry, and the parts for them.
    scalars: &'a mut [Option<usize>],
    sums: &'a mut [T],
}

impl<B, T, const N: usize, const M: usize> Op<T> for Fused<B, T, N, M>
where
    B: Body<N, M> + Debug + 'static,
    T: Scalar,
{
    fn name(&self) -> &'static str {
        self.body.0.name()
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let mut inputs = [Input::Scalar(T::default()); N];
        forward(&self.body, &self.sources, self.how, &mut inputs, x, y);
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (mut inputs, mut dest) = ([Input::Scalar(T::default()); N], [Dest::Nothing; N]);
        let (mut scalars, mut sums) = ([None; N], [T::default(); N]);
        let (inputs, dest, scalars, sums) = (&mut inputs, &mut dest, &mut scalars, &mut sums);
        let room = Room { inputs, dest, scalars, sums };
        backward(&self.body, &self.sources, self.how, room, x, g, dx);
    }

    fn fast(&self) -> Option<&dyn FastOp<T>> {
        Some(self)
    }
}

impl<B, T, const N: usize, const M: usize> FastOp<T> for Fused<B, T, N, M>
where
    B: Body<N, M> + Debug + 'static,
    T: Scalar,
{
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (mut inputs, mut places) = ([Input::Scalar(T::default()); N], [InLanes::Scalar; N]);
        if !forward_lanes(&self.body, &self.sources, self.how, (&mut inputs, &mut places), x, y) {
            forward_by_lane(self, x, y);
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (mut inputs, mut dest) = ([Input::Scalar(T::default()); N], [Dest::Nothing; N]);
        let (mut scalars, mut sums) = ([None; N], [T::default(); N]);
        let (inputs, dest, scalars, sums) = (&mut inputs, &mut dest, &mut scalars, &mut sums);
        let room = Room { inputs, dest, scalars, sums };
        let mut places = [InLanes::Scalar; N];
        if !backward_lanes(&self.body, &self.sources, self.how, (room, &mut places), x, g, dx) {
            backward_by_lane(self, x, y, g, dx);
        }
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

precompiled! {
    fn forward<T>(
        body: &'a dyn Loops<T>,
        sources: &'a [Source<T>],
        how: How,
        inputs: &'a mut [Input<'a, T>],
        x: &'a Inputs<'a, T>,
        y: &'a mut [T],
    ) -> () {
        set_inputs(sources, how.shape, x, inputs);
        let (keep, sum) = match (how.kept, how.summed) {
            (true, true) => {
                let (keep, sum) = y.split_at_mut(how.shape.0 * how.shape.1);
                (Some(keep), Some(&mut sum[0]))
            }
            (true, false) => (Some(y), None),
            (false, _) => (None, Some(&mut y[0])),
        };
        let total = map::forward(body, how.shape, inputs, keep, sum.is_some());
        if let Some(sum) = sum {
            *sum = total;
        }
    }
}

precompiled! {
    fn backward<T>(
        body: &'a dyn Loops<T>,
        sources: &'a [Source<T>],
        how: How,
        room: Room<'a, T>,
        x: &'a Inputs<'a, T>,
        g: &'a [T],
        dx: &'a mut Adjoints<'b, T>,
    ) -> () {
        let Room { inputs, dest, scalars, sums } = room;
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
        if dest.iter().any(|d| !matches!(d, Dest::Nothing)) {
            map::backward(body, how.shape, inputs, kept, summed, dest, sums);
            add_sums(dx, scalars, sums);
        }
    }
}

precompiled! {
    /// Whether it could be done in all lanes at once.
    fn forward_lanes<T>(
        body: &'a dyn Loops<T>,
        sources: &'a [Source<T>],
        how: How,
        room: (&'a mut [Input<'a, T>], &'a mut [InLanes]),
        x: &'a Inputs<'a, T>,
        y: &'a mut [T],
    ) -> bool {
        let (inputs, places) = room;
        if !set_places(sources, how.shape, x, places) {
            return false;
        }
        set_lane_inputs(sources, x, places, inputs);
        // The sum of one entry is that entry.
        if how.summed && !how.single() {
            map::forward_columns(body, how.matrix(x), inputs, y);
        } else {
            map::forward(body, how.matrix(x), inputs, Some(y), false);
        }
        true
    }
}

precompiled! {
    /// Whether it could be done in all lanes at once.
    fn backward_lanes<T>(
        body: &'a dyn Loops<T>,
        sources: &'a [Source<T>],
        how: How,
        room: (Room<'a, T>, &'a mut [InLanes]),
        x: &'a Inputs<'a, T>,
        g: &'a [T],
        dx: &'a mut Adjoints<'b, T>,
    ) -> bool {
        let (Room { inputs, dest, scalars, sums }, places) = room;
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
        if dest.iter().any(|d| !matches!(d, Dest::Nothing)) {
            set_lane_inputs(sources, x, places, inputs);
            let (kept, summed) = match how.summed && !how.single() {
                true => (None, Summed::Columns(g)),
                false => (Some(g), Summed::No),
            };
            map::backward(body, how.matrix(x), inputs, kept, summed, dest, sums);
            add_sums(dx, scalars, sums);
        }
        true
    }
}

/// The parts for arguments of one entry.
fn add_sums<T: Scalar>(dx: &mut Adjoints<'_, T>, args: &[Option<usize>], sums: &[T]) {
    for (k, sum) in args.iter().zip(sums) {
        if let Some(k) = k {
            dx.accumulate_zeroed(*k, |to| to[0] = T::from_num(to[0].num() + sum.num()));
        }
    }
}

/// The common shape of the arguments.
#[track_caller]
fn broadcast<T: Scalar>(
    name: &dyn Fn() -> &'static str,
    args: &[Arg<'_, T>],
    least: (usize, usize),
) -> (usize, usize) {
    let mut shape = least;
    for arg in args {
        if let Arg::Var(x) = arg {
            let own = x.shape();
            let fit = |a: usize, b: usize| if a == b || b == 1 { Some(a) } else { (a == 1).then_some(b) };
            match (fit(shape.0, own.0), fit(shape.1, own.1)) {
                (Some(r), Some(c)) => shape = (r, c),
                _ => mismatch(name(), args),
            }
        }
    }
    shape
}

#[track_caller]
fn mismatch<T: Scalar>(name: &str, args: &[Arg<'_, T>]) -> ! {
    let shapes: Vec<String> = args
        .iter()
        .map(|a| match a {
            Arg::Var(x) => format!("{} × {}", x.shape().0, x.shape().1),
            _ => "noise".into(),
        })
        .collect();
    panic!("{name}: shapes do not broadcast: {}", shapes.join(", "))
}

/// Noise of up to this many entries is drawn once and saved: reading it again costs less than
/// drawing it again. Beyond, memory counts.
pub(super) const MOST_SAVED_NOISE: usize = 1 << 22;

/// The same argument, as a matrix on the tape if it is noise to be saved.
fn stored<'t, T: Scalar>(tape: &'t Tape<T>, arg: Arg<'t, T>, (rows, cols): (usize, usize)) -> Arg<'t, T> {
    let keep = rows * cols <= MOST_SAVED_NOISE || tape.lanes() > 1;
    match arg {
        Arg::Normal(key) if keep => {
            Arg::Var(tape.constant_by_lane(rows, cols, key, |key, y| fill_normal(key, 0, y)))
        }
        Arg::Uniform(key) if keep => {
            Arg::Var(tape.constant_by_lane(rows, cols, key, |key, y| fill_uniform(key, 0, y)))
        }
        Arg::Var(_) => arg,
        Arg::Normal(key) => Arg::Normal(tape.lane_key(key, 0)),
        Arg::Uniform(key) => Arg::Uniform(tape.lane_key(key, 0)),
    }
}

precompiled! {
    /// The shape of the result, and how many of the arguments are nodes. These stand first in
    /// `nodes`.
    fn arguments<T>(
        tape: &'b Tape<T>,
        name: &'a dyn Fn() -> &'static str,
        args: &'a [Arg<'b, T>],
        least: (usize, usize),
        nodes: &'a mut [Var<'b, T>],
        sources: &'a mut [Source<T>],
    ) -> ((usize, usize), usize) {
        let shape = broadcast(name, args, least);
        let mut count = 0;
        for (source, arg) in sources.iter_mut().zip(args) {
            *source = match stored(tape, *arg, shape) {
                Arg::Normal(key) => Source::Normal(key),
                Arg::Uniform(key) => Source::Uniform(key),
                Arg::Var(x) => match x.constant_value() {
                    Some(c) => Source::Constant(c),
                    None => {
                        nodes[count] = x;
                        count += 1;
                        Source::Node(count - 1)
                    }
                },
            };
        }
        (shape, count)
    }
}

#[track_caller]
fn record<'t, B, T, const N: usize, const M: usize>(
    tape: &'t Tape<T>,
    body: B,
    args: [Arg<'t, T>; N],
    least: (usize, usize),
    (kept, summed): (bool, bool),
) -> (Var<'t, T>, Var<'t, T>)
where
    B: Body<N, M> + Debug + 'static,
    T: Scalar,
{
    let (mut nodes, mut sources) = ([Var::constant(T::default()); N], [Source::Constant(T::default()); N]);
    let (shape, count) = arguments(tape, &|| body.name(), &args, least, &mut nodes, &mut sources);
    let nodes = &nodes[..count];
    let one = |kept| {
        let (rows, cols) = if kept { shape } else { (1, 1) };
        let how = How { shape, kept, summed: !kept, single: M == 1 };
        tape.record(Fused { body: Compiled(body), sources, how }, nodes, rows, cols)
    };
    match (kept, summed) {
        // Operations with several outputs have no lanes.
        (true, true) if nodes.iter().any(|x| x.is_per_lane()) => (one(true), one(false)),
        (true, true) => {
            let how = How { shape, kept, summed, single: M == 1 };
            let op = Fused { body: Compiled(body), sources, how };
            let saved = Saved { outputs: shape.0 * shape.1 + 1, arrays: 0, len: 0 };
            let first = tape.record_outputs(op, nodes, shape, [shape, (1, 1)].into_iter(), saved);
            (Var::node(tape, first), Var::node(tape, first + 1))
        }
        _ => {
            let result = one(kept);
            (result, result)
        }
    }
}

/// The number of the node of a formula, or of its sum.
#[doc(hidden)]
#[track_caller]
pub fn record_formula<F: Formula<N>, T: Scalar, const N: usize>(
    f: F,
    tape: &Tape<T>,
    args: [Arg<'_, T>; N],
    least: (usize, usize),
    sum: bool,
) -> u32 {
    record(tape, One(f), args, least, (!sum, sum)).0.on(tape).unwrap_or_default()
}

/// A formula of matrices; of constants only, its value is a constant and needs no tape.
#[track_caller]
fn of_vars<'t, F: Formula<N>, T: Scalar, const N: usize>(
    f: F,
    args: [Var<'t, T>; N],
    sum: bool,
) -> Var<'t, T> {
    match args.iter().find_map(|a| a.tape()) {
        Some(tape) => Var::node(tape, f.record(tape, args.map(Arg::Var), (1, 1), sum)),
        None => {
            let numbers = args.map(|a| a.constant_value().unwrap_or_default().num());
            Var::constant(T::from_num(f.eval(numbers)))
        }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// A formula of broadcast arguments, entry by entry, as one node.
    ///
    /// # Panics
    /// If the shapes do not broadcast, naming the formula and the shapes.
    #[track_caller]
    pub fn map<F: Formula<N>, const N: usize>(f: F, args: [Var<'t, T>; N]) -> Var<'t, T> {
        of_vars(f, args, false)
    }

    /// The sum of a formula over all entries, as one node; the entries are never stored.
    ///
    /// # Panics
    /// If the shapes do not broadcast, naming the formula and the shapes.
    #[track_caller]
    pub fn map_sum<F: Formula<N>, const N: usize>(f: F, args: [Var<'t, T>; N]) -> Var<'t, T> {
        of_vars(f, args, true)
    }
}

impl<T: Scalar> Tape<T> {
    /// As [`Var::map`], with noise among the arguments. The result has at least the shape `least`.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or an argument is on another tape.
    #[track_caller]
    pub fn map_noise<'t, F: Formula<N>, const N: usize>(
        &'t self,
        f: F,
        args: [Arg<'t, T>; N],
        least: (usize, usize),
    ) -> Var<'t, T> {
        Var::node(self, f.record(self, args, least, false))
    }

    /// Both results of a formula pair in one pass: the kept entries, and the sum of the second
    /// result.
    ///
    /// # Panics
    /// As [`map_noise`](Tape::map_noise).
    #[track_caller]
    pub fn map_pair<'t, F: FormulaPair<N>, const N: usize>(
        &'t self,
        f: F,
        args: [Arg<'t, T>; N],
        least: (usize, usize),
    ) -> (Var<'t, T>, Var<'t, T>) {
        record(self, Two(f), args, least, (true, true))
    }
}
