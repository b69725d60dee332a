//! Saved values and adjoints in donated buffers, against those in memory of their own.

use nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{
    AdamStep, AlignedVec, ExpScale, Key, Params, Scalar, SoftplusScale, Tape, Update, Var, update,
};
use std::ops::Range;

struct Adam {
    says: bool,
}

const STEP: AdamStep = AdamStep { betas: (0.9, 0.99), rate: 0.01, epsilon: 1e-6, keep: 0.999 };

impl<T: Scalar> Update<T> for Adam {
    fn update(&self, _: usize, params: &[T], gradient: &[T], to: &mut [T], state: &mut [&mut [T]]) {
        let [m, v] = state else { panic!("two arrays") };
        STEP.apply(params, gradient, to, [m, v]);
    }
    fn adam(&self, _: Range<usize>) -> Option<AdamStep> {
        self.says.then_some(STEP)
    }
}

/// So many that noise is saved for the backward pass.
const SHAPE: (usize, usize) = (367, 363);

fn params<T: Scalar>() -> Params<T> {
    let mut params = Params::new();
    for name in ["loc", "rho", "other"] {
        let mut x = DMatrix::from_element(SHAPE.0, SHAPE.1, T::from_f64(0.0));
        fill_normal(Key::new(3).fold_in_str(name), 0, x.as_mut_slice());
        params.add(name, &x);
    }
    params
}

type Objective<T> = for<'t> fn(&'t Tape<T>, [Var<'t, T>; 3]) -> Var<'t, T>;

fn draw<'t, T: Scalar>(tape: &'t Tape<T>, loc: Var<'t, T>, rho: Var<'t, T>) -> [Var<'t, T>; 2] {
    tape.gaussian_draw::<SoftplusScale>(loc, rho, (0.1, 0.8), Key::new(7)).into()
}

/// Ways to use a draw and its parameters.
fn objectives<T: Scalar>() -> Vec<(&'static str, Objective<T>)> {
    vec![
        ("by itself", |tape, [loc, rho, _]| {
            let [x, kl] = draw(tape, loc, rho);
            (x * x).sum() + kl * 0.3
        }),
        ("a draw used twice", |tape, [loc, rho, other]| {
            let [x, kl] = draw(tape, loc, rho);
            (x * other).sum() + x.sin().sum() + kl * 0.3
        }),
        ("the divergence alone", |tape, [loc, rho, other]| draw(tape, loc, rho)[1] + other.sum()),
        ("the draw alone", |tape, [loc, rho, other]| (draw(tape, loc, rho)[0] * other).sum()),
        ("nothing", |tape, [loc, rho, other]| {
            draw(tape, loc, rho);
            other.sum()
        }),
        ("locations used later", |tape, [loc, rho, _]| {
            let [x, kl] = draw(tape, loc, rho);
            (x * loc).sum() + kl
        }),
        ("scales used later", |tape, [loc, rho, _]| {
            let [x, kl] = draw(tape, loc, rho);
            (x * rho).sum() + kl
        }),
        ("both used later, in vain", |tape, [loc, rho, _]| {
            let [x, kl] = draw(tape, loc, rho);
            _ = loc * rho;
            (x * x).sum() + kl
        }),
        ("scales used before", |tape, [loc, rho, _]| {
            let before = rho.sum();
            let [x, kl] = draw(tape, loc, rho);
            (x * x).sum() + kl + before
        }),
        ("locations used before", |tape, [loc, rho, _]| {
            let before = loc.sin().sum();
            let [x, kl] = draw(tape, loc, rho);
            (x * x).sum() + kl + before
        }),
        ("two draws of one scale", |tape, [loc, rho, other]| {
            let ([x, kl], [y, more]) = (draw(tape, loc, rho), draw(tape, other, rho));
            (x * y).sum() + kl + more
        }),
        ("two draws of the same parameters", |tape, [loc, rho, _]| {
            let [x, kl] = draw(tape, loc, rho);
            let (y, more) = tape.gaussian_draw::<ExpScale>(loc, rho, (0.0, 1.0), Key::new(8));
            (x * y).sum() + kl + more
        }),
        ("one parameter for both", |tape, [loc, _, other]| {
            let [x, kl] = draw(tape, loc, loc);
            (x * other).sum() + kl
        }),
        ("of results", |tape, [loc, rho, other]| {
            let [x, kl] = draw(tape, loc + other, rho);
            (x * x).sum() + kl
        }),
    ]
}

/// New parameters, moments, and the norm of the gradient.
type Step<T> = (AlignedVec<T>, [Vec<T>; 2], f64);

fn start<T: Scalar>(n: usize) -> ([Vec<T>; 2], AlignedVec<T>) {
    let zeros = || vec![T::from_f64(0.0); n];
    ([zeros(), zeros()], zeros().into())
}

/// With an update during the backward pass, on a tape that may have been used before.
fn donating<T: Scalar>(
    tape: &mut Tape<T>,
    params: &Params<T>,
    objective: Objective<T>,
    says: bool,
) -> Step<T> {
    let ([mut m, mut v], mut new) = start(params.len());
    tape.reset();
    tape.bind_donating_gradient(params);
    let objective =
        objective(tape, ["loc", "rho", "other"].map(|x| tape.param(params, params.find(x).unwrap())));
    let norm = tape.backward_and_update(objective, &Adam { says }, &mut [&mut m, &mut v]);
    tape.swap_params_gradient(&mut new);
    (new, [m, v], norm)
}

/// With an update after it, from the gradient.
fn apart<T: Scalar>(tape: &mut Tape<T>, params: &Params<T>, objective: Objective<T>) -> Step<T> {
    let ([mut m, mut v], mut new) = start(params.len());
    tape.reset();
    tape.bind(params);
    let objective =
        objective(tape, ["loc", "rho", "other"].map(|x| tape.param(params, params.find(x).unwrap())));
    let gradient = tape.backward(objective).params().to_vec();
    let mut state = [m.as_mut_slice(), v.as_mut_slice()];
    let norm =
        update(&Adam { says: false }, params.as_slice(), &gradient, &mut new, &mut state, &mut Vec::new());
    (new, [m, v], norm)
}

fn check<T: Scalar>(tolerance: f64) {
    let params = params::<T>();
    let before = params.clone();
    for (name, objective) in objectives::<T>() {
        let expected = apart(&mut Tape::new(), &params, objective);
        // Its memory never held the noise, unless that had to move there.
        let mut tape = Tape::new();
        for (says, threads) in [(true, 1), (true, 2), (false, 3)] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let got = pool.install(|| donating(&mut tape, &params, objective, says));
            assert!(got.0 == expected.0, "{name}: parameters, {says} {threads}");
            assert!(got.1 == expected.1, "{name}: moments, {says} {threads}");
            assert!((got.2 / expected.2 - 1.0).abs() < tolerance, "{name}: norm {} {}", got.2, expected.2);
        }
    }
    assert!(params == before);
}

#[test]
fn the_same_wherever_they_stand() {
    check::<f64>(1e-13);
    check::<f32>(1e-6);
}

/// After a draw whose parameters were bound for an update.
fn drawn(then: impl for<'t> FnOnce(&'t Tape, Var<'t, f64>)) {
    let (params, tape) = (params::<f64>(), Tape::new());
    tape.bind_donating_gradient(&params);
    let [loc, rho] = ["loc", "rho"].map(|x| tape.param(&params, params.find(x).unwrap()));
    let [x, kl] = draw(&tape, loc, rho);
    then(&tape, x.sum() + kl);
}

fn updated(tape: &Tape, objective: Var<'_, f64>) -> ([Vec<f64>; 2], f64) {
    let [mut m, mut v] = start::<f64>(3 * SHAPE.0 * SHAPE.1).0;
    let norm = tape.backward_and_update(objective, &Adam { says: true }, &mut [&mut m, &mut v]);
    ([m, v], norm)
}

#[test]
fn passes_before_the_update_are_as_ever() {
    let mut expected = None;
    drawn(|tape, objective| expected = Some(updated(tape, objective)));
    let (moments, norm) = expected.unwrap();
    drawn(|tape, objective| {
        let gradient = tape.backward(objective).params().to_vec();
        let sum: f64 = gradient.iter().map(|g| g * g).sum();
        assert!((sum.sqrt() / norm - 1.0).abs() < 1e-13);
        assert!(tape.backward_leaves(objective).params() == gradient);
        let (again, same) = updated(tape, objective);
        assert!(again == moments && (same / norm - 1.0).abs() < 1e-13);
    });
}

#[test]
#[should_panic(expected = "donated to one update (Tape::bind_donating_gradient), which has been")]
fn a_second_update_panics() {
    drawn(|tape, objective| {
        updated(tape, objective);
        updated(tape, objective);
    });
}

#[test]
#[should_panic(expected = "donated to one update (Tape::bind_donating_gradient), which has been")]
fn a_pass_after_the_update_panics() {
    drawn(|tape, objective| {
        updated(tape, objective);
        tape.backward(objective);
    });
}

#[test]
#[should_panic(expected = "reset the tape first")]
fn other_parameters_after_a_draw_panic() {
    drawn(|tape, _| tape.bind(&params()));
}

#[test]
#[should_panic(expected = "reset the tape first")]
fn parameters_bound_again_after_the_update_panic() {
    drawn(|tape, objective| {
        updated(tape, objective);
        tape.bind_donating_gradient(&params());
    });
}

#[test]
fn memory_that_is_not_used_is_not_blamed() {
    let (params, mut tape) = (params::<f64>(), Tape::new());
    tape.constant(&DMatrix::from_element(3 * SHAPE.0, SHAPE.1, f64::NAN));
    tape.reset();
    tape.detect_anomaly(true);
    tape.bind_donating_gradient(&params);
    let [loc, rho] = ["loc", "rho"].map(|x| tape.param(&params, params.find(x).unwrap()));
    draw(&tape, loc, rho);
    assert!(tape.first_non_finite().is_none());
}
