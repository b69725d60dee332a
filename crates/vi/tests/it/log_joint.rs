//! The log joint density: gradient against differences for every support, and Hessian-vector
//! products on dual numbers.

use probity_autodiff::{Dual, Scalar};
use probity_distributions::{Distribution, Exponential, Normal, Uniform};
use probity_vi::{LogJoint, Model, Result, Scope};

/// A site of every support, and data.
#[derive(Debug)]
struct All;

impl<T: Scalar> Model<T> for All {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let real = s.sample("real", Normal::new(1.0, 2.0).rows(2))?;
        let positive = s.sample("positive", Exponential::new(0.5))?;
        let inside = s.sample("inside", Uniform::new(-1.0, 3.0))?;
        s.observe("y", Normal::new(real + inside, positive), &[0.3, -1.2])
    }
}

const U: [f64; 4] = [0.3, -0.7, 0.4, -1.1];

#[test]
fn the_value_is_the_sum_of_the_parts() {
    // By hand: Normal, Exponential with the Jacobian e^u, a uniform variable is a logistic u,
    // Normal data.
    let ln_normal =
        |x: f64, m: f64, s: f64| -0.5 * ((x - m) / s).powi(2) - (s * std::f64::consts::TAU.sqrt()).ln();
    let positive = U[2].exp();
    let share = 1.0 / (1.0 + (-U[3]).exp());
    let inside = -1.0 + 4.0 * share;
    let want = ln_normal(U[0], 1.0, 2.0)
        + ln_normal(U[1], 1.0, 2.0)
        + (0.5f64.ln() - 0.5 * positive + U[2])
        + (share * (1.0 - share)).ln()
        + ln_normal(0.3, U[0] + inside, positive)
        + ln_normal(-1.2, U[1] + inside, positive);
    let got = LogJoint::<_, f64>::new(All).unwrap().value(&U).unwrap();
    assert!((got - want).abs() < 1e-13 * want.abs(), "{got} {want}");
}

#[test]
fn gradient_against_differences() {
    let mut joint = LogJoint::<_, f64>::new(All).unwrap();
    assert_eq!(joint.dim(), 4);
    let mut gradient = [0.0; 4];
    joint.gradient(&U, &mut gradient).unwrap();
    for i in 0..4 {
        let mut at = |h: f64| {
            let mut u = U;
            u[i] += h;
            joint.value(&u).unwrap()
        };
        let h = 1e-3;
        // Fourth order.
        let slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        assert!((gradient[i] - slope).abs() < 1e-9 * slope.abs().max(1.0), "{} {slope}", gradient[i]);
    }
}

#[test]
fn hessian_vector_products() {
    let v = [0.5, -1.0, 2.0, 0.25];
    let mut dual = LogJoint::<_, Dual<f64, 1>>::new(All).unwrap();
    let u: Vec<_> = U.iter().zip(v).map(|(u, v)| Dual { re: *u, du: [v] }).collect();
    let mut gradient = u.clone();
    let value = dual.gradient(&u, &mut gradient).unwrap();
    let mut plain = LogJoint::<_, f64>::new(All).unwrap();
    let mut at = |h: f64| {
        let u: Vec<f64> = U.iter().zip(v).map(|(u, v)| u + h * v).collect();
        let mut g = vec![0.0; 4];
        let value = plain.gradient(&u, &mut g).unwrap();
        (value, g)
    };
    assert!((value.re - at(0.0).0).abs() < 1e-13);
    let h = 1e-5;
    let (low, high) = (at(-h), at(h));
    for (i, gradient) in gradient.iter().enumerate() {
        let want = (high.1[i] - low.1[i]) / (2.0 * h);
        let got = gradient.du[0];
        assert!((got - want).abs() < 1e-7 * want.abs().max(1.0), "{got} {want}");
    }
}

/// Several points at once are those one by one, also where the model looks at its numbers, and
/// where some of them are outside.
#[test]
fn points_together_are_points_alone() {
    let looks = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(3))?;
        let first = x.read(|x| x[0]);
        s.factor("f", if first > 0.0 { x * -first } else { x.sq() * -1.0 })
    };
    let outside = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(3))?;
        s.factor("f", (x + 0.5).ln())
    };
    fn check(model: impl Model<f64>) {
        let mut joint = LogJoint::<_, f64>::new(model).unwrap();
        let (d, n) = (joint.dim(), 37);
        let points: Vec<f64> = (0..d * n).map(|i| (1.0 + i as f64 * 0.7).sin()).collect();
        let (mut values, mut gradients) = (vec![0.0; n], vec![0.0; d * n]);
        joint.gradients(&points, &mut values, &mut gradients).unwrap();
        let mut gradient = vec![0.0; d];
        for (i, together) in values.into_iter().enumerate() {
            let at = d * i..d * (i + 1);
            let value = joint.gradient(&points[at.clone()], &mut gradient).unwrap();
            let near = |a: f64, b: f64| {
                a == b || (a - b).abs() < 1e-12 * b.abs().max(1.0) || a.is_nan() && b.is_nan()
            };
            assert!(near(together, value), "{i}: {together} {value}");
            assert!(gradients[at].iter().zip(&gradient).all(|(a, b)| near(*a, *b)), "{i}");
        }
    }
    check(All);
    check(looks);
    check(outside);
    let mut joint = LogJoint::<_, f64>::new(All).unwrap();
    assert!(joint.gradients(&[0.0; 8], &mut [0.0; 2], &mut [0.0; 7]).is_err());
}
