//! Products with the Hessian, exact and by differences, and Newton's method that uses them.

use crate::common::EightSchools;
use probity_autodiff::Scalar;
use probity_distributions::Normal;
use probity_vi::method::{Method, Problem};
use probity_vi::optim::{Ended, Lbfgs, TrustRegion};
use probity_vi::{AnyTarget, LogDensity, LogJoint, Model, Result, Scope, SecondOrder, Target};

#[derive(Clone)]
struct Schools;

impl<T: Scalar> Model<T> for Schools {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        EightSchools { centred: false }.run(s)
    }
}

#[derive(Clone)]
struct Pair;

impl<T: Scalar> Model<T> for Pair {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let x = s.sample("x", Normal::new(0.0, 2.0))?;
        let y = s.sample("y", Normal::new(0.0, 1.0))?;
        s.observe("z", Normal::new(x + y * y, 0.5), 1.5)
    }
}

fn vector(seed: u64, d: usize) -> Vec<f64> {
    (0..d).map(|i| ((seed as f64 + 1.7) * (i as f64 + 0.3)).sin()).collect()
}

fn times(target: &mut impl Target, u: &[f64], v: &[f64]) -> Vec<f64> {
    let mut to = vec![0.0; u.len()];
    target.hessian_vector(u, v, &mut to).unwrap();
    to
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn products_are_those_by_hand() {
    // ln p = -x² / 8 - y² / 2 - 2 (1.5 - x - y²)².
    let (x, y) = (0.3, -0.8);
    let rest = 1.5 - x - y * y;
    let hessian = [[-0.25 - 4.0, -8.0 * y], [-8.0 * y, -1.0 + 8.0 * rest - 16.0 * y * y]];
    let mut target = SecondOrder::new(Pair).unwrap();
    // Several times: the run is recorded, and replayed with other directions.
    for seed in 0..4 {
        let v = vector(seed, 2);
        let got = times(&mut target, &[x, y], &v);
        for (got, row) in got.iter().zip(&hessian) {
            assert!((got - dot(row, &v)).abs() < 1e-13, "{got} {}", dot(row, &v));
        }
    }
}

#[test]
fn differences_are_near_the_exact_products_which_are_symmetric() {
    let (mut exact, mut joint) =
        (SecondOrder::new(Schools).unwrap(), LogJoint::<_, f64>::new(Schools).unwrap());
    for seed in 0..20 {
        let (u, v, w) = (vector(seed, 10), vector(seed + 50, 10), vector(seed + 90, 10));
        let (of_v, of_w) = (times(&mut exact, &u, &v), times(&mut exact, &u, &w));
        let size = dot(&of_v, &of_v).sqrt();
        assert!((dot(&of_v, &w) - dot(&of_w, &v)).abs() < 1e-13 * size * 10.0);
        for (a, b) in times(&mut joint, &u, &v).iter().zip(&of_v) {
            assert!((a - b).abs() < 1e-9 * size, "{a} {b}");
        }
    }
}

#[test]
fn newton_finds_the_mode_that_l_bfgs_finds() {
    let mut exact = SecondOrder::new(Schools).unwrap();
    let path = TrustRegion::new().run(&mut exact, &[0.0; 10]).unwrap();
    let other = Lbfgs::new().run(&mut exact, &[0.0; 10]).unwrap();
    assert_eq!(path.ended, Ended::Mode);
    let apart: f64 = path.mode().iter().zip(other.mode()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-5, "{apart}");
    assert!((path.values.last().unwrap() - other.values.last().unwrap()).abs() < 1e-10);
    // By differences it is the same mode.
    let by_differences =
        TrustRegion::new().run(&mut LogJoint::<_, f64>::new(Schools).unwrap(), &[0.0; 10]).unwrap();
    let apart = by_differences.mode().iter().zip(path.mode()).map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f64::max) < 1e-5);
}

#[test]
fn a_gaussian_of_thirty_numbers_takes_few_steps_from_afar() {
    // Standard deviations from 0.01 to 1, and 1000 away.
    let precision = |i: usize| 1e4f64.powf(1.0 - i as f64 / 29.0);
    let mut target = LogDensity::new(30, move |u: &[f64], g: &mut [f64]| {
        (0..30).for_each(|i| g[i] = -precision(i) * (u[i] - i as f64));
        -0.5 * (0..30).map(|i| precision(i) * (u[i] - i as f64).powi(2)).sum::<f64>()
    });
    let path = TrustRegion::new().run(&mut target, &[1000.0; 30]).unwrap();
    assert_eq!(path.ended, Ended::Mode);
    assert!(path.len() < 40, "{}", path.len());
    for (i, u) in path.mode().iter().enumerate() {
        assert!((u - i as f64).abs() * precision(i).sqrt() < 1e-4, "{i} {u}");
    }
}

#[test]
fn where_the_density_is_not_concave_the_step_goes_to_the_edge() {
    // Two modes at ±1, and a start beside the minimum between them; not finite beyond 3.
    let mut target = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        let rest = u[0] * u[0] - 1.0;
        g[0] = -4.0 * u[0] * rest;
        if u[0].abs() > 3.0 { f64::NEG_INFINITY } else { -rest * rest }
    });
    for radius in [0.1, 1.0, 100.0] {
        let path = TrustRegion::new().radius(radius).run(&mut target, &[1e-3]).unwrap();
        assert!((path.mode()[0].abs() - 1.0).abs() < 1e-5, "{radius}: {path:?}");
        assert!(path.values.windows(2).all(|v| v[1] >= v[0]));
    }
    assert!(TrustRegion::new().radius(0.0).run(&mut target, &[0.5]).is_err());
    assert!(TrustRegion::new().run(&mut target, &[5.0]).is_err());
}

#[test]
fn steps_by_hand_are_a_run_and_may_end_early() {
    let mut target = SecondOrder::new(Schools).unwrap();
    let settings = TrustRegion::new().iterations(6).radius(0.5);
    let whole = settings.run(&mut target, &[0.1; 10]).unwrap();
    let mut state = settings.init(Problem::new(&target, &[0.1; 10])).unwrap();
    for _ in 0..2 {
        assert!(settings.step(&mut state).unwrap().is_continue());
    }
    let early = settings.output(state.clone()).unwrap();
    assert_eq!((early.ended, early.len()), (Ended::Early, state.path().len()));
    assert!(whole.points.starts_with(&early.points));
    while settings.step(&mut state).unwrap().is_continue() {}
    assert_eq!(settings.output(state).unwrap(), whole);
}

#[test]
fn observations_of_a_target_are_those_of_its_log_joint() {
    let u = vector(3, 10);
    let (mut joint, mut of_joint) = (LogJoint::<_, f64>::new(Schools).unwrap(), Vec::new());
    joint.pointwise(&u, &mut of_joint).unwrap();
    assert_eq!(of_joint.len(), 8);
    let mut found = vec![1.0];
    let mut target = AnyTarget::new(SecondOrder::new(Schools).unwrap());
    assert!(target.pointwise(&u, &mut found).unwrap());
    assert_eq!(found[1..], of_joint);
    // A density that has none to show.
    let mut density = AnyTarget::new(LogDensity::new(1, |_: &[f64], _: &mut [f64]| 0.0));
    assert!(!density.pointwise(&[0.0], &mut found).unwrap() && found.len() == 9);
}
