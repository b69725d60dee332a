//! Recursions, the forward algorithm and differential equations: values against loops and closed
//! forms, gradients against differences, lanes and other elements against single ones.

use nalgebra::DMatrix;
use probity_autodiff::{
    Dual, Key, Ode, OdeSolver, Real, Recursion, Scalar, Tape, Var, check_gradient, dmatrix,
};

fn matrix(rows: usize, cols: usize, seed: u64) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    probity_autodiff::random::fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

/// Weights, so that a sum of many entries tells them apart.
fn weighted<'t>(y: Var<'t>) -> Var<'t> {
    let (r, c) = y.shape();
    let Some(tape) = y.tape() else { return y };
    (y * tape.constant(&matrix(r, c, 99))).sum()
}

#[track_caller]
fn check(f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>, at: &[DMatrix<f64>]) {
    let found = check_gradient(|x| weighted(f(x)), at);
    assert!(found.error < 2e-8, "{found:?}");
}

/// Two numbers of state, which act on each other; a parameter, and an input.
#[derive(Clone, Copy, Debug)]
struct Coupled;
impl Recursion<4, 2> for Coupled {
    #[inline(always)]
    fn step<R: Real>(&self, [a, b, p, x]: [R; 4]) -> [R; 2] {
        [(a * p + x).tanh() + b * 0.3, a * b * 0.5 - p * x]
    }
}

fn coupled<'t>(x: &[Var<'t>], steps: usize) -> Var<'t> {
    match x.iter().find_map(|x| x.tape()) {
        Some(tape) => tape.scan(Coupled, steps, [x[0], x[1]], [x[2], x[3]]),
        None => x[0],
    }
}

#[test]
fn recursions_are_their_loops() {
    let tape = Tape::<f64>::new();
    let inputs = matrix(9, 1, 1);
    let states = coupled(&[0.2.into(), Var::from(-0.4), tape.scalar(0.7), tape.constant(&inputs)], 9).value();
    let mut state = [0.2, -0.4];
    for t in 0..9 {
        state = Coupled.step([state[0], state[1], 0.7, inputs[t]]);
        assert!((states[(t, 0)] - state[0]).abs() < 1e-15 && (states[(t, 1)] - state[1]).abs() < 1e-15);
    }
    assert_eq!(coupled(&[tape.scalar(0.2), 0.1.into(), 0.7.into(), 1.0.into()], 0).shape(), (0, 2));
}

#[test]
fn gradients_of_recursions() {
    for steps in [1, 2, 9, 150] {
        let one = || matrix(1, 1, 7);
        // A parameter and an input for each step, the other way round, and both of one kind.
        for (p, x) in [(1, steps), (steps, 1), (1, 1), (steps, steps)] {
            check(|x| coupled(x, steps), &[one(), one(), matrix(p, 1, 8) * 0.5, matrix(x, 1, 9)]);
        }
    }
    // The start and the parameter are one number.
    check(|x| coupled(&[x[0], x[0], x[0], x[1]], 5), &[dmatrix![0.3], matrix(5, 1, 2)]);
}

#[test]
#[should_panic(
    expected = "scan Coupled: argument 3 must be 1 × 1, or a column with a row for every step (9), not 8 × 1"
)]
fn recursions_name_what_does_not_fit() {
    let tape = Tape::<f64>::new();
    tape.scan(Coupled, 9, [0.0.into(), 0.0.into()], [1.0.into(), tape.constant(&matrix(8, 1, 1))]);
}

/// Log probabilities of states and transitions, and log emission densities.
fn chain(k: usize, steps: usize) -> [DMatrix<f64>; 3] {
    [matrix(1, k, 1), matrix(k, k, 2), matrix(steps, k, 3) * 4.0]
}

/// By all sequences of states.
fn log_likelihood([initial, transition, emission]: &[DMatrix<f64>; 3]) -> f64 {
    let (steps, k) = emission.shape();
    let mut total = 0.0;
    for sequence in 0..k.pow(steps as u32) {
        let state = |t: usize| sequence / k.pow(t as u32) % k;
        let way = (1..steps).map(|t| transition[(state(t - 1), state(t))]).sum::<f64>();
        let data = (0..steps).map(|t| emission[(t, state(t))]).sum::<f64>();
        total += (initial[state(0)] + way + data).exp();
    }
    total.ln()
}

#[test]
fn the_forward_algorithm_sums_all_sequences() {
    for (k, steps) in [(1, 3), (2, 1), (2, 7), (3, 5), (4, 4)] {
        let of = chain(k, steps);
        let tape = Tape::<f64>::new();
        let [initial, transition, emission] = [0, 1, 2].map(|i| tape.constant(&of[i]));
        let messages = emission.forward_algorithm(initial, transition);
        let got = messages.rows(steps - 1..steps).logsumexp().item();
        assert!((got - log_likelihood(&of)).abs() < 1e-12 * got.abs().max(1.0), "{k} {steps}");
    }
}

#[test]
fn gradients_of_the_forward_algorithm() {
    for (k, steps) in [(1, 4), (2, 1), (2, 40), (3, 11), (5, 6), (17, 3)] {
        // The last row alone, as in a likelihood, and all messages.
        check(|x| x[2].forward_algorithm(x[0], x[1]).rows(steps - 1..steps).logsumexp(), &chain(k, steps));
        check(|x| x[2].forward_algorithm(x[0], x[1]), &chain(k, steps));
    }
}

/// The recursions on either scale give the same: a third state, which nothing leads to or from,
/// is nearly impossible, so that the messages of all are on the logarithmic scale.
#[test]
fn the_forward_algorithm_on_either_scale() {
    let [initial, transition, emission] = chain(2, 100);
    let result = |of: [DMatrix<f64>; 3]| {
        let tape = Tape::<f64>::new();
        let x = of.map(|x| tape.variable(&x));
        let messages = x[2].forward_algorithm(x[0], x[1]);
        let likelihood = messages.rows(99..100).logsumexp();
        let gradients = tape.backward(likelihood);
        let gradient = x.map(|x| gradients.wrt(x).view_range(.., 0..2).clone_owned());
        (messages.value().view_range(.., 0..2).clone_owned(), gradient)
    };
    let alone = result([initial.clone(), transition.clone(), emission.clone()]);
    let third = |x: DMatrix<f64>, row: bool| {
        let x = x.insert_column(2, -3000.0);
        if row { x.insert_row(2, -3000.0) } else { x }
    };
    let beside = result([third(initial, false), third(transition, true), third(emission, false)]);
    assert!((&alone.0 - &beside.0).amax() < 1e-11);
    for (a, b) in alone.1.iter().zip(&beside.1) {
        assert!((a - b.view_range(..a.nrows(), ..)).amax() < 1e-11, "{a} {b}");
    }
}

/// Whatever is possible counts, however small; what is not has no slope.
#[test]
fn the_forward_algorithm_at_extremes() {
    let tape = Tape::<f64>::new();
    let none = f64::NEG_INFINITY;
    // From state 1 there is no way to state 2, which fits the first datum better by 2000 nats, and
    // state 1 the second.
    let initial = tape.variable(&dmatrix![0.0, 0.0]);
    let transition = tape.variable(&dmatrix![0.0, none; -900.0, 0.0]);
    let emission = tape.variable(&dmatrix![-2000.0, 0.0; 0.0, -5000.0]);
    let likelihood = emission.forward_algorithm(initial, transition).rows(1..2).logsumexp();
    assert_eq!(likelihood.item(), -900.0);
    let gradients = tape.backward(likelihood);
    assert_eq!(gradients.wrt(transition), dmatrix![0.0, 0.0; 1.0, 0.0]);
    assert_eq!(gradients.wrt(initial), dmatrix![0.0, 1.0]);
    assert_eq!(gradients.wrt(emission), dmatrix![0.0, 1.0; 1.0, 0.0]);
    drop(gradients);
    // No state explains the second datum.
    let emission = tape.variable(&dmatrix![0.0, none; none, none; 0.0, 0.0]);
    let likelihood = emission.forward_algorithm(initial, transition).rows(2..3);
    assert_eq!(likelihood.value(), dmatrix![none, none]);
}

/// A circle: u' = ω v, v' = -ω u + force · time.
#[derive(Clone, Copy, Debug)]
struct Oscillator;
impl Ode<4, 2> for Oscillator {
    #[inline(always)]
    fn slope<R: Real>(&self, time: f64, [u, v, omega, force]: [R; 4]) -> [R; 2] {
        [omega * v, -(omega * u) + force * time]
    }
}

/// du/dt = u², which ends at t = 1/u(0).
#[derive(Clone, Copy, Debug)]
struct Explosion;
impl Ode<1, 1> for Explosion {
    #[inline(always)]
    fn slope<R: Real>(&self, _: f64, [u]: [R; 1]) -> [R; 1] {
        [u * u]
    }
}

#[test]
fn a_circle_by_small_steps() {
    let times = [0.0, 0.4, 0.4, 3.0, 50.0];
    let errors = [1e-6, 1e-8, 1e-11].map(|tolerance| {
        let solver = OdeSolver::new(0.0, &times).unwrap().relative(tolerance).absolute(1e-3 * tolerance);
        let tape = Tape::<f64>::new();
        let (start, omega) = (tape.scalar(1.5), tape.scalar(2.0));
        let zero = Var::from(0.0);
        let states = solver.solve(&tape, Oscillator, [start, zero], [omega, zero]);
        let mut worst = 0.0_f64;
        for (i, t) in times.iter().enumerate() {
            worst = worst.max((states.value()[(i, 0)] - 1.5 * (2.0 * t).cos()).abs());
            worst = worst.max((states.value()[(i, 1)] + 1.5 * (2.0 * t).sin()).abs());
        }
        let last = states.at(4, 0);
        let gradients = tape.backward(last);
        worst = worst.max((gradients.wrt(start)[0] - 100f64.cos()).abs());
        worst.max((gradients.wrt(omega)[0] + 75.0 * 100f64.sin()).abs() / 75.0)
    });
    // Errors of all steps add up; they fall with the tolerance, by a fifth less than it.
    assert!(errors[0] < 1e-3 && errors[1] < 1e-5 && errors[2] < 2e-8, "{errors:?}");
    assert!(errors[2] < errors[1] * 1e-2, "{errors:?}");
}

#[test]
fn gradients_of_solutions() {
    let solver = OdeSolver::new(-0.5, &[-0.2, 0.0, 1.0, 4.0]).unwrap().relative(1e-12).absolute(1e-13);
    let at = [dmatrix![0.3], dmatrix![-0.8], dmatrix![1.3], dmatrix![0.4]];
    check(
        |x| match x[0].tape() {
            Some(tape) => solver.solve(tape, Oscillator, [x[0], x[1]], [x[2], x[3]]),
            None => x[0],
        },
        &at,
    );
}

#[test]
fn solutions_that_cannot_be_had_are_nan() {
    let tape = Tape::<f64>::new();
    let start = tape.scalar(1.0);
    let solver = OdeSolver::new(0.0, &[0.5, 2.0, 3.0]).unwrap();
    let states = solver.solve(&tape, Explosion, [start], []).value();
    assert!((states[0] - 2.0).abs() < 1e-6 && states[1].is_nan() && states[2].is_nan(), "{states}");
    let few = solver.most_steps(3).solve(&tape, Explosion, [start], []).value();
    assert!(few[2].is_nan());
    let start = tape.scalar(f64::NAN);
    let solver = OdeSolver::new(0.0, &[0.5]).unwrap();
    assert!(solver.solve(&tape, Explosion, [start], []).value()[0].is_nan());
    // At rest, one step is enough.
    let rest = solver.solve(&tape, Explosion, [tape.scalar(0.0)], []).value();
    assert_eq!(rest[0], 0.0);
    let error = OdeSolver::new(0.0, &[1.0, 0.5]).unwrap_err().to_string();
    assert_eq!(error, "the times of a solution must rise from its start, but entry 1 is 0.5 after 1");
    assert!(OdeSolver::new(0.0, &[f64::NAN]).is_err() && OdeSolver::new(0.0, &[f64::INFINITY]).is_err());
}

/// All three on tapes of this element, from the numbers 0.1, 0.2, ...
fn all<T: Scalar>(make: impl Fn(f64) -> T) -> (T, Vec<T>) {
    let tape = Tape::<T>::new();
    let x: Vec<_> = (1..=8).map(|i| tape.scalar(make(0.1 * f64::from(i)))).collect();
    let inputs = Var::concat_rows(&x[2..]);
    let scan = tape.scan(Coupled, 6, [x[0], x[1]], [x[2], inputs]);
    let messages = inputs
        .reshape(3, 2)
        .forward_algorithm(inputs.rows(0..2).transpose(), inputs.rows(0..4).reshape(2, 2));
    let solver = OdeSolver::new(0.0, &[0.3, 1.0]).unwrap();
    let solution = solver.solve(&tape, Oscillator, [x[0], x[1]], [x[2], x[3]]);
    let result = scan.sq().sum() + messages.sum() + solution.sq().sum();
    let gradients = tape.backward(result);
    (result.item(), x.iter().map(|x| gradients.wrt(*x)[0]).collect())
}

#[test]
fn other_elements() {
    let (value, gradient) = all(|x| x);
    let (single, single_gradient) = all(|x| x as f32);
    assert!((f64::from(single) - value).abs() < 1e-5 * value.abs());
    for (a, b) in single_gradient.iter().zip(&gradient) {
        assert!((f64::from(*a) - b).abs() < 1e-4 * b.abs().max(1.0));
    }
    // Along the direction of all ones, the derivative is the sum of the gradient.
    let (dual, dual_gradient) = all(|x| Dual::<f64, 1>::variable(x, 0));
    assert!((dual.du[0] - gradient.iter().sum::<f64>()).abs() < 1e-10 * dual.du[0].abs());
    // And the derivative of the gradient, against differences.
    let moved = |h: f64| all(|x| x + h).1;
    let (up, down) = (moved(1e-5), moved(-1e-5));
    for (i, dual) in dual_gradient.iter().enumerate() {
        assert!((dual.re - gradient[i]).abs() < 1e-10 * dual.re.abs().max(1.0));
        assert!((dual.du[0] - (up[i] - down[i]) / 2e-5).abs() < 1e-5 * dual.du[0].abs().max(1.0));
    }
}

/// Several points at once are the points one by one, to the bit.
#[test]
fn lanes() {
    fn run(points: &[f64], lanes: usize) -> (Vec<f64>, Vec<f64>) {
        let mut tape = Tape::<f64>::new();
        tape.set_lanes(0, lanes);
        let x = tape.variable_by_lane(8, 1, points);
        let at = |i: usize| x.at(i, 0);
        let inputs = x.rows(2..8);
        let scan = tape.scan(Coupled, 6, [at(0), at(1)], [at(2), inputs]);
        let (initial, transition) = (inputs.rows(0..2).transpose(), inputs.rows(0..4).reshape(2, 2));
        let messages = inputs.reshape(3, 2).forward_algorithm(initial, transition);
        let solver = OdeSolver::new(0.0, &[0.3, 1.0]).unwrap();
        let solution = solver.solve(&tape, Oscillator, [at(0), at(1)], [at(2), at(3)]);
        let result = scan.sq().sum() + messages.sum() + solution.sq().sum();
        let mut gradient = vec![0.0; points.len()];
        let values = result.read_lanes(|x| x.to_vec());
        tape.backward(result).of_lanes(x, &mut gradient);
        (values, gradient)
    }
    let points = matrix(8, 3, 5);
    let (values, gradients) = run(points.as_slice(), 3);
    for lane in 0..3 {
        let (value, gradient) = run(points.column(lane).as_slice(), 1);
        assert_eq!(value[0].to_bits(), values[lane].to_bits());
        assert_eq!(gradient, gradients[8 * lane..8 * (lane + 1)]);
    }
}
