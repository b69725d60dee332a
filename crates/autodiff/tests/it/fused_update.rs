//! Updates during the backward pass, against updates after it.

use nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{AdamStep, AlignedVec, Key, Params, Scalar, SoftplusScale, Tape, Update, update};
use std::ops::Range;

const STEP: AdamStep = AdamStep { betas: (0.9, 0.99), rate: 0.01, epsilon: 1e-6, keep: 0.999 };

/// Adam, which says so or not, for all parameters but those from some place on.
struct Rule {
    says: bool,
    until: usize,
}

impl<T: Scalar> Update<T> for Rule {
    fn update(&self, _: usize, params: &[T], gradient: &[T], to: &mut [T], state: &mut [&mut [T]]) {
        let [m, v] = state else { panic!("two arrays") };
        STEP.apply(params, gradient, to, [m, v]);
    }
    fn adam(&self, entries: Range<usize>) -> Option<AdamStep> {
        (self.says && entries.end <= self.until).then_some(STEP)
    }
}

/// Sites: so many that noise is saved for the backward pass, or so few that derivatives are;
/// neither a multiple of anything.
const SITES: [(usize, usize); 3] = [(401, 333), (71, 83), (1, 5)];

fn params<T: Scalar>() -> Params<T> {
    let mut params = Params::new();
    for (i, (rows, cols)) in SITES.into_iter().enumerate() {
        for kind in 0..2 {
            let mut x = DMatrix::from_element(rows, cols, T::from_f64(0.0));
            fill_normal(Key::new(10).fold_in(2 * i as u64 + kind), 0, x.as_mut_slice());
            params.add(format!("{i}.{kind}"), &x);
        }
    }
    params
}

/// New parameters, moments, and the norm of the gradient, after two steps; by a rule during the
/// backward pass, or after it.
fn two_steps<T: Scalar>(rule: Option<Rule>, threads: usize) -> (Vec<T>, [Vec<T>; 2], [f64; 2]) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut params = params::<T>();
        let mut tape = Tape::<T>::new();
        let n = params.len();
        let mut moments = [vec![T::from_f64(0.0); n], vec![T::from_f64(0.0); n]];
        let (mut buffer, mut scratch) = (AlignedVec::new(n, T::from_f64(0.0)), Vec::new());
        let norms = [1, 2].map(|step| {
            tape.reset();
            tape.bind(&params);
            let mut objective = tape.scalar(T::from_f64(0.0));
            for i in 0..SITES.len() {
                let of = |kind| tape.param(&params, params.find(&format!("{i}.{kind}")).unwrap());
                let (draw, kl) =
                    tape.gaussian_draw::<SoftplusScale>(of(0), of(1), (0.1, 0.8), Key::new(step));
                objective = objective + (draw * draw).sum() + kl * 0.3;
                if i == 1 {
                    // Here the gradient of the locations is a sum.
                    objective = objective + of(0).sum();
                }
            }
            let [m, v] = &mut moments;
            let mut state = [m.as_mut_slice(), v.as_mut_slice()];
            let norm = match &rule {
                Some(rule) => {
                    let norm = tape.backward_and_update(objective, rule, &mut state);
                    tape.swap_params_gradient(&mut buffer);
                    norm
                }
                None => {
                    let gradient = tape.backward_leaves(objective).params().to_vec();
                    let rule = Rule { says: false, until: 0 };
                    update(&rule, params.as_slice(), &gradient, &mut buffer, &mut state, &mut scratch)
                }
            };
            tape.unbind();
            params.as_mut_slice().copy_from_slice(&buffer);
            norm
        });
        (params.as_slice().to_vec(), moments, norms)
    })
}

fn check<T: Scalar>(tolerance: f64) {
    let after = two_steps::<T>(None, 1);
    let all = usize::MAX;
    for (says, until, threads) in [(false, all, 1), (true, all, 1), (true, all, 2), (true, 200_000, 2)] {
        let during = two_steps::<T>(Some(Rule { says, until }), threads);
        assert!(after.0 == during.0, "parameters, {says} {until} {threads}");
        assert!(after.1 == during.1, "moments, {says} {until} {threads}");
        for (a, b) in after.2.iter().zip(during.2) {
            assert!((a / b - 1.0).abs() < tolerance, "norms {a} {b}, {says} {until} {threads}");
        }
    }
    assert!(after.0 != params::<T>().as_slice());
}

#[test]
fn during_the_pass_is_as_after_it() {
    check::<f64>(1e-13);
    check::<f32>(1e-6);
}

#[test]
#[should_panic(expected = "slices of different lengths")]
fn a_step_wants_slices_of_one_length() {
    STEP.apply(&[1.0], &[1.0], &mut [0.0], [&mut [0.0], &mut [0.0, 0.0]]);
}
