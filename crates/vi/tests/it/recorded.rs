//! A log joint density whose model is run once gives what a model that is run at every point
//! gives; one that may not be run once is run at every point.

use super::common::{EightSchools, normals, row};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::normal_at;
use probity_autodiff::{Key, Scalar};
use probity_distributions::{Distribution, Exponential, HalfNormal, MultivariateNormal, Normal, Uniform};
use probity_vi::{Error, LogJoint, Model, Result, Scope, Target};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts its runs; with `looks`, it looks at a value first, so that it is run at every point.
struct Counted<'a, M> {
    model: &'a M,
    runs: &'a AtomicUsize,
    looks: bool,
}

impl<T: Scalar, M: Model<T>> Model<T> for Counted<'_, M> {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        self.runs.fetch_add(1, Ordering::Relaxed);
        if self.looks {
            s.tape().scalar(T::from_f64(1.0)).item();
        }
        self.model.run(s)
    }
}

/// Sites of several kinds of support, a hierarchy, a plate, and what does not depend on them.
#[derive(Debug)]
struct Several;

impl<T: Scalar> Model<T> for Several {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let scale = s.sample("scale", Exponential::new(0.5))?;
        let inside = s.sample("inside", Uniform::new(-1.0, 3.0))?;
        let group = s.sample("group", Normal::new(inside, scale).rows(5))?;
        let noise = s.sample("noise", HalfNormal::new(s.data(&[1.0, 2.0])))?;
        let index: Vec<usize> = (0..30).map(|i| i % 5).collect();
        let x = s.data(&normals(3, 30, 1));
        let mean = s.gather(group, &index)? + x.sq() * 0.1 - x.sq().sum() * inside.detach();
        let y = normals(4, 30, 1);
        s.plate("rows", 30, |s, b| s.observe("y", Normal::new(mean, noise.sum()), b.rows(&y)))?;
        s.factor("more", (noise.sq().sum() * -0.5).exp())
    }
}

/// Points of a model of dimension d.
fn points(d: usize, n: usize, key: u64) -> Vec<f64> {
    normals(key, d * n, 1).as_slice().to_vec()
}

/// The model is run at most so often for all points of `calls`, and the numbers have the bits of
/// those where it is run for each.
fn replays<M: Model<f64>>(model: &M, name: &str, calls: &[usize], most: usize) {
    let runs = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let [kept, run] = [false, true].map(|looks| Counted { model, runs: &runs[usize::from(looks)], looks });
    let mut kept = LogJoint::<_, f64>::new(kept).unwrap();
    let mut run = LogJoint::<_, f64>::new(run).unwrap();
    let d = kept.dim();
    for (call, &n) in calls.iter().enumerate() {
        let at = points(d, n, call as u64);
        let (mut values, mut gradients) = ([vec![0.0; n], vec![0.0; n]], [at.clone(), at.clone()]);
        kept.gradients(&at, &mut values[0], &mut gradients[0]).unwrap();
        run.gradients(&at, &mut values[1], &mut gradients[1]).unwrap();
        assert_eq!(values[0], values[1], "{name}, call {call}");
        assert_eq!(gradients[0], gradients[1], "{name}, call {call}");
        assert_eq!(kept.value(&at[..d]).unwrap(), run.value(&at[..d]).unwrap(), "{name}, call {call}");
    }
    let [kept, run] = runs.map(AtomicUsize::into_inner);
    assert!(kept <= most && run > calls.len(), "{name}: {kept} and {run} runs");
}

#[test]
fn a_density_is_that_of_its_model() {
    let fixed = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(2))?;
        s.observe("y", Normal::new(x.sum(), 1.0), 0.5)
    };
    // A first run, two with one point, the value of a point before that is confirmed.
    replays(&EightSchools { centred: true }, "eight schools", &[1; 20], 6);
    replays(&EightSchools { centred: false }, "not centred", &[1; 20], 6);
    replays(&Several, "several", &[1; 20], 6);
    replays(&fixed, "a closure", &[1; 20], 6);
}

#[test]
fn points_together_have_recordings_of_their_own() {
    // 16 points share a tape, and 3 are left: twice each, and some values.
    replays(&Several, "several", &[19; 6], 30);
    replays(&EightSchools { centred: true }, "eight schools", &[3, 16, 1, 3, 16, 1, 3, 16, 1], 30);
}

#[test]
fn a_model_that_looks_at_values_is_run_at_every_point() {
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        let slope = if x.item() > 0.0 { 2.0 } else { -3.0 };
        s.factor("kink", x * slope)
    };
    let mut joint = LogJoint::<_, f64>::new(model).unwrap();
    for u in [0.5, 1.0, 1.5, -0.5, 2.0, -1.0, -1.5] {
        let mut gradient = [0.0];
        joint.gradient(&[u], &mut gradient).unwrap();
        assert_eq!(gradient, [(if u > 0.0 { 2.0 } else { -3.0 }) - u], "{u}");
    }
}

#[test]
fn a_model_with_a_state_of_its_own_is_run_at_every_point() {
    let runs = AtomicUsize::new(0);
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.factor("run", x * runs.fetch_add(1, Ordering::Relaxed) as f64)
    };
    let mut joint = LogJoint::<_, f64>::new(probity_vi::ByRef(&model)).unwrap();
    let first = runs.load(Ordering::Relaxed);
    for call in 0..6 {
        let mut gradient = [0.0];
        joint.gradient(&[0.5], &mut gradient).unwrap();
        assert_eq!(gradient, [(first + call) as f64 - 0.5]);
    }
}

#[test]
fn another_key_is_another_density() {
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(3))?;
        let key = s.random("mask");
        let mask = normal_at::<f64>(key, 0);
        s.factor("masked", x.sum() * mask)
    };
    let mut joint = LogJoint::<_, f64>::new(model).unwrap();
    let mut slope = |key: Option<u64>| {
        if let Some(key) = key {
            joint.set_key(Key::new(key));
        }
        let mut gradient = [0.0; 3];
        joint.gradient(&[0.0; 3], &mut gradient).unwrap();
        gradient[0]
    };
    let usual = [slope(None), slope(None), slope(None)];
    assert!(usual.iter().all(|x| *x == usual[0]));
    let [a, b, c] = [slope(Some(1)), slope(Some(2)), slope(Some(1))];
    assert!(a == c && a != b && a != usual[0]);
}

#[test]
fn an_error_at_a_later_point_is_that_of_the_model() {
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        let covariance =
            s.data(&DMatrix::from_element(2, 2, 1.0)) + (x + 0.25) * s.data(&DMatrix::identity(2, 2));
        let d = MultivariateNormal::from_covariance(s.data(&row(&[0.0, 0.0])), covariance)?;
        s.observe("y", d, &row(&[0.3, -0.4]))
    };
    let mut joint = LogJoint::<_, f64>::new(model).unwrap();
    let mut gradient = [0.0];
    for u in [0.5, 0.7, 0.9, -0.5, 1.1] {
        let got = joint.gradient(&[u], &mut gradient);
        match got {
            Ok(value) => assert!(u > 0.0 && value.is_finite(), "{u}"),
            Err(error) => assert!(u < 0.0 && matches!(error, Error::Numerical { .. }), "{u}: {error}"),
        }
    }
    // As a target: a value that is not finite.
    let value = Target::gradient(&mut joint, &[-0.5], &mut gradient).unwrap();
    assert!(value.is_nan());
}
