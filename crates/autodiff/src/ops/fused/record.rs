//! How formulas are recorded: the shapes and the nodes of their arguments.

use super::{Arg, Fused, How, One, Source, Two};
use crate::formula::{Formula, FormulaPair};
use crate::kernel::{Compiled, Loops, with_arrays_for};
use crate::precompiled;
use crate::random::{fill_normal, fill_uniform};
use crate::real::Scalar;
use crate::tape::{Saved, Tape, Var};

/// The common shape of the arguments.
#[track_caller]
fn broadcast<T: Scalar>(body: &dyn Loops<T>, args: &[Arg<'_, T>], least: (usize, usize)) -> (usize, usize) {
    let mut shape = least;
    for arg in args {
        if let Arg::Var(x) = arg {
            let own = x.shape();
            let fit = |a: usize, b: usize| if a == b || b == 1 { Some(a) } else { (a == 1).then_some(b) };
            match (fit(shape.0, own.0), fit(shape.1, own.1)) {
                (Some(r), Some(c)) => shape = (r, c),
                _ => mismatch(body.name(), args),
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
const MOST_SAVED_NOISE: usize = 1 << 22;

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

/// The shape of the result, and how many of the arguments are nodes. These stand first in `nodes`.
#[track_caller]
fn arguments<'t, T: Scalar>(
    tape: &'t Tape<T>,
    body: &dyn Loops<T>,
    args: &[Arg<'t, T>],
    least: (usize, usize),
    nodes: &mut [Var<'t, T>],
    sources: &mut [Source<T>],
) -> ((usize, usize), usize) {
    let shape = broadcast(body, args, least);
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

/// The operation of a formula, in memory of the step before.
#[track_caller]
fn operation<T: Scalar>(tape: &Tape<T>, body: &dyn Loops<T>, sources: &[Source<T>], how: How) -> Fused<T> {
    let mut op: Fused<T> = tape.operation_before();
    body.store(&mut op.body);
    op.sources.clear();
    op.sources.extend_from_slice(sources);
    op.how = how;
    op
}

#[track_caller]
fn one_result<T: Scalar, const N: usize>(
    tape: &Tape<T>,
    body: &dyn Loops<T>,
    args: &[Arg<'_, T>],
    least: (usize, usize),
    sum: bool,
) -> u32 {
    let (mut nodes, mut sources) = ([Var::constant(T::default()); N], [Source::Constant(T::default()); N]);
    let (shape, count) = arguments(tape, body, args, least, &mut nodes, &mut sources);
    let how = How { shape, kept: !sum, summed: sum, single: true };
    let op = operation(tape, body, &sources[..args.len()], how);
    match sum {
        true => tape.record_deferrable(op, &nodes[..count], how.result()),
        false => tape.record_node(op, &nodes[..count], how.result()),
    }
}

/// The nodes of the kept entries and of the sum.
#[track_caller]
fn two_results<T: Scalar, const N: usize>(
    tape: &Tape<T>,
    body: &dyn Loops<T>,
    args: &[Arg<'_, T>],
    least: (usize, usize),
) -> (u32, u32) {
    let (mut nodes, mut sources) = ([Var::constant(T::default()); N], [Source::Constant(T::default()); N]);
    let (shape, count) = arguments(tape, body, args, least, &mut nodes, &mut sources);
    let (nodes, sources) = (&nodes[..count], &sources[..args.len()]);
    if nodes.iter().any(|x| x.is_per_lane()) {
        // Operations with several outputs have no lanes.
        let one = |kept| {
            let how = How { shape, kept, summed: !kept, single: false };
            tape.record_node(operation(tape, body, sources, how), nodes, how.result())
        };
        (one(true), one(false))
    } else {
        let how = How { shape, kept: true, summed: true, single: false };
        let saved = Saved { outputs: shape.0 * shape.1 + 1, arrays: 0, len: 0 };
        let outputs = [shape, (1, 1)].into_iter();
        let first = tape.record_outputs(operation(tape, body, sources, how), nodes, shape, outputs, saved);
        (first, first + 1)
    }
}

precompiled! {
    fn record<T>(
        tape: &'b Tape<T>,
        body: &'a dyn Loops<T>,
        args: &'a [Arg<'b, T>],
        least: (usize, usize),
        sum: bool,
    ) -> u32 {
        with_arrays_for!(args.len(), one_result(tape, body, args, least, sum))
    }
}

precompiled! {
    fn record_pair<T>(
        tape: &'b Tape<T>,
        body: &'a dyn Loops<T>,
        args: &'a [Arg<'b, T>],
        least: (usize, usize),
    ) -> (u32, u32) {
        with_arrays_for!(args.len(), two_results(tape, body, args, least))
    }
}

/// The number of the node of a formula, or of its sum. There are `N` arguments.
#[doc(hidden)]
#[track_caller]
pub fn record_formula<F: Formula<N>, T: Scalar, const N: usize>(
    f: F,
    tape: &Tape<T>,
    args: &[Arg<'_, T>],
    least: (usize, usize),
    sum: bool,
) -> u32 {
    record(tape, &Compiled(One(f)), args, least, sum)
}

// Not compiled for every formula: what a program does with the arguments of any.

fn any_tape<'t, T: Scalar>(args: &[Var<'t, T>]) -> Option<&'t Tape<T>> {
    args.iter().find_map(|a| a.tape())
}

fn of_matrices<'t, T: Scalar, const N: usize>(vars: &[Var<'t, T>; N]) -> [Arg<'t, T>; N] {
    vars.map(Arg::Var)
}

fn of_constants<T: Scalar, const N: usize>(vars: &[Var<'_, T>; N]) -> [T::Num; N] {
    vars.map(|x| x.constant_value().unwrap_or_default().num())
}

/// A formula of matrices; of constants only, its value is a constant and needs no tape.
#[track_caller]
#[inline]
fn of_vars<'t, F: Formula<N>, T: Scalar, const N: usize>(
    f: F,
    args: [Var<'t, T>; N],
    sum: bool,
) -> Var<'t, T> {
    match any_tape(&args) {
        Some(tape) => Var::node(tape, f.record(tape, &of_matrices(&args), (1, 1), sum)),
        None => Var::constant(T::from_num(f.eval(of_constants(&args)))),
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
        Var::node(self, f.record(self, &args, least, false))
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
        let (kept, summed) = record_pair(self, &Compiled(Two(f)), &args, least);
        (Var::node(self, kept), Var::node(self, summed))
    }
}
