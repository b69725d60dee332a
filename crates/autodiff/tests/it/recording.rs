//! What is recorded at one input gives at another the bits that the program gives there.

use super::lanes::{PROGRAMS, Program, numbers};
use nalgebra::DMatrix;
use probity_autodiff::random::normal_at;
use probity_autodiff::{Key, NodeId, OdeSolver, Params, Recording, Scalar, Tape, Var};
use probity_autodiff::{Ode, Real, Recursion};

/// The variables of the programs of [`PROGRAMS`], as parts of one column.
const SHAPES: [(usize, usize); 5] = [(4, 3), (3, 4), (1, 3), (4, 1), (1, 1)];
const DIM: usize = 32;

fn parts<'t, T: Scalar>(u: Var<'t, T>) -> [Var<'t, T>; 5] {
    let mut at = 0;
    SHAPES.map(|(rows, cols)| {
        at += rows * cols;
        u.rows(at - rows * cols..at).reshape(rows, cols)
    })
}

fn point(key: u64, lanes: usize) -> Vec<f64> {
    numbers(DIM * lanes, 1, key).as_slice().to_vec()
}

/// Runs a program at a point: the tape, the input and the result.
fn run(program: Program, at: &[f64], lanes: usize) -> (Tape<f64>, NodeId, NodeId) {
    let mut tape = Tape::new();
    tape.set_lanes(0, lanes);
    let u = tape.variable_by_lane(DIM, 1, at);
    let (u, y) = (u.id(), program(&tape, parts(u)).id());
    (tape, u.unwrap(), y.unwrap())
}

/// The values and gradients of a program that is run at this point.
fn fresh(program: Program, at: &[f64], lanes: usize) -> (Vec<f64>, Vec<f64>) {
    let mut tape = Tape::new();
    tape.set_lanes(0, lanes);
    let u = tape.variable_by_lane(DIM, 1, at);
    let y = program(&tape, parts(u));
    let mut gradient = vec![0.0; at.len()];
    tape.backward_leaves(y).of_lanes(u, &mut gradient);
    let value = y.read_lanes(|y| if y.len() == 1 { vec![y[0]; lanes] } else { y.to_vec() });
    (value, gradient)
}

#[derive(Clone, Copy, Debug)]
struct Decay;
impl Recursion<2, 1> for Decay {
    #[inline(always)]
    fn step<R: Real>(&self, [level, x]: [R; 2]) -> [R; 1] {
        [level * 0.9 + x.tanh()]
    }
}
impl Ode<2, 1> for Decay {
    #[inline(always)]
    fn slope<R: Real>(&self, _: f64, [level, x]: [R; 2]) -> [R; 1] {
        [-(level * (x * 0.1).exp())]
    }
}

/// Programs beside those of [`PROGRAMS`].
const MORE: &[(&str, Program)] = &[
    ("what does not depend on the input", |t, [a, ..]| {
        let fixed = t.constant(&numbers(4, 3, 9)).exp() * 2.0;
        (a * fixed).tanh().sum() + fixed.sum() + fixed.ln().sum().exp()
    }),
    ("sums of sums, one of which is used at once", |_, [a, b, .., s]| {
        let first = a.sq().sum();
        (a * first).tanh().sum() + b.exp().sum() * 0.5 - (first + s.exp().sum())
    }),
    ("a detached sum", |_, [a, b, ..]| {
        let norm = a.sq().sum().detach();
        (b / (norm + 1.0)).sin().sum() + norm.sqrt()
    }),
    ("a recursion and a differential equation", |t, [a, ..]| {
        let levels = t.scan(Decay, 4, [a.at(0, 0)], [a.cols(1..2)]);
        let solver = OdeSolver::new(0.0, &[0.4, 0.8, 2.0]).unwrap();
        levels.sq().sum() + solver.solve(t, Decay, [a.at(1, 1)], [a.at(2, 2)]).sq().sum()
    }),
];

#[test]
fn replays_have_the_bits_of_runs() {
    for (name, program) in PROGRAMS.iter().chain(MORE) {
        for lanes in [1, 3] {
            let (tape, input, output) = run(*program, &point(1, lanes), lanes);
            let mut recording = Recording::new(tape, input, output).unwrap_or_else(|| panic!("{name}"));
            let (mut value, mut gradient) = (vec![0.0; lanes], vec![0.0; DIM * lanes]);
            recording.results(&mut value, Some(&mut gradient));
            assert_eq!(
                (&value, &gradient),
                (&fresh(*program, &point(1, lanes), lanes).0, &fresh(*program, &point(1, lanes), lanes).1),
                "{name}, {lanes} lanes, as recorded"
            );
            for key in [2, 3, 1] {
                let at = point(key, lanes);
                let (want, slope) = fresh(*program, &at, lanes);
                // Without a gradient, with one, and with one again.
                recording.evaluate(&at, &mut value, None);
                assert_eq!(value, want, "{name}, {lanes} lanes, point {key}, value alone");
                for _ in 0..2 {
                    value.fill(f64::NAN);
                    gradient.fill(f64::NAN);
                    recording.evaluate(&at, &mut value, Some(&mut gradient));
                    assert_eq!((&value, &gradient), (&want, &slope), "{name}, {lanes} lanes, point {key}");
                }
            }
        }
    }
}

type OfThree<'a> = dyn for<'t> Fn(&'t Tape<f64>, Var<'t, f64>) -> Var<'t, f64> + 'a;

#[test]
fn a_program_that_may_record_something_else_is_not_kept() {
    let kept = |program: &OfThree<'_>| {
        let tape = Tape::new();
        let x = tape.variable_with(3, 1, |x| x.copy_from_slice(&[1.0, 2.0, 3.0]));
        let (x, y) = (x.id(), program(&tape, x).id());
        Recording::new(tape, x.unwrap(), y.unwrap()).is_some()
    };
    assert!(kept(&|_, x| x.sq().sum()));
    // Looks at values, at those of constants too.
    assert!(!kept(&|_, x| if x.at(0, 0).item() > 0.0 { x.sum() } else { x.sq().sum() }));
    assert!(!kept(&|_, x| (x * x.value()[0]).sum()));
    assert!(!kept(&|_, x| (x * x.read_lanes(|x| x[1])).sum()));
    // Is no number.
    assert!(!kept(&|_, x| x.sq()));
    // Has parameters, which are others in the next step.
    let mut params = Params::<f64>::new();
    let weight = params.add("weight", &DMatrix::from_element(3, 1, 0.5));
    assert!(!kept(&|tape, x| {
        tape.bind(&params);
        (x * tape.param(&params, weight)).sum()
    }));
    // The input is no variable.
    let tape = Tape::new();
    let (x, y) = (tape.column(&[1.0]).id(), tape.scalar(2.0).id());
    assert!(Recording::new(tape, x.unwrap(), y.unwrap()).is_none());
}

/// The pivots of a factor are looked at, but only for an error.
#[test]
fn a_failing_factor_leaves_a_value_that_is_not_finite() {
    let tape = Tape::<f64>::new();
    let x = tape.variable(&DMatrix::identity(2, 2));
    let l = x.cholesky().unwrap();
    let (x, y) = (x.id(), l.diagonal().ln().sum().id());
    let mut recording = Recording::new(tape, x.unwrap(), y.unwrap()).unwrap();
    for (entries, finite) in [([4.0, 1.0, 1.0, 2.0], true), ([1.0, 2.0, 2.0, 1.0], false), ([0.0; 4], false)]
    {
        let (mut value, mut gradient) = ([0.0], [0.0; 4]);
        recording.evaluate(&entries, &mut value, Some(&mut gradient));
        assert_eq!(value[0].is_finite(), finite, "{entries:?}: {value:?}");
    }
}

#[test]
#[should_panic(expected = "Recording: 2 entries for an input of 3")]
fn an_input_has_the_length_that_was_recorded() {
    let tape = Tape::<f64>::new();
    let x = tape.variable_with(3, 1, |x| x.fill(normal_at(Key::new(1), 0)));
    let (x, y) = (x.id(), x.sum().id());
    let mut recording = Recording::new(tape, x.unwrap(), y.unwrap()).unwrap();
    recording.evaluate(&[1.0, 2.0], &mut [0.0], None);
}
