//! The posteriors with known moments of `verdict`: their gradients against differences, their
//! moments against quadrature, and the runner.
#![allow(dead_code, reason = "the program is included as a module, with its main function")]

#[path = "../../verdict/main.rs"]
mod program;

use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_vi::{Grade, Target};
use program::problems::gaussian::standard;
use program::problems::modes::mixture;
use program::problems::scales::{funnel_shape, hierarchy_shape};
use program::problems::shape::Shape;
use program::problems::single::{
    Limit, banana_shape, limited, log_gamma, plateau_shape, student_shape, trigamma,
};
use program::problems::{KINDS, Kind};
use program::run::{self, Case};

/// Central differences of the target at points about its mean. With steps of 10⁻⁴ standard
/// deviations their error is 10⁻⁸ of the third derivative, and rounding's is 10⁻¹² of the value.
#[test]
fn gradients_are_those_of_differences() {
    for kind in KINDS {
        for i in 0..8 {
            let mut problem = kind.problem(5, i);
            let d = problem.target.dim();
            let (mut gradient, mut unused) = (vec![0.0; d], vec![0.0; d]);
            for point in 0..3 {
                let away = |j: usize| (j as f64 * 1.7 + f64::from(point)).sin();
                // A ridge's density falls by far within a standard deviation of a coordinate:
                // points are taken along directions of the shape's own.
                let w = DVector::from_fn(d, |j, _| away(j));
                let u = problem.target.image(&w);
                let value = problem.target.gradient(u.as_slice(), &mut gradient).unwrap();
                for direction in 0..3 {
                    let along = DVector::from_fn(d, |j, _| away(3 * j + direction + 1)).normalize();
                    let step = problem.target.image(&(&w + &along)) - &u;
                    let slope = DVector::from_column_slice(&gradient).dot(&step);
                    let h = 1e-4;
                    let mut side =
                        |h: f64| problem.target.gradient((&u + &step * h).as_slice(), &mut unused).unwrap();
                    let difference = (side(h) - side(-h)) / (2.0 * h);
                    let scale = slope.abs().max(value.abs()).max(1.0);
                    let error = (slope - difference).abs() / scale;
                    assert!(error < 2e-5, "{} {i}: {slope} {difference}", kind.name);
                }
            }
        }
    }
}

/// Normalised integrals of 1, wᵢ and wᵢ wⱼ by the trapezoidal rule in t, where w = c + sinh t: its
/// error falls faster than any power of the step, and the tails are reached.
fn by_quadrature(shape: &Shape, steps: usize, reach: f64) -> (DVector<f64>, DMatrix<f64>) {
    let d = shape.dim();
    let h = 2.0 * reach / steps as f64;
    let mut gradient = vec![0.0; d];
    let (mut total, mut first) = (0.0, DVector::zeros(d));
    let mut second = DMatrix::zeros(d, d);
    let constant = (shape.log_density)(shape.mean.as_slice(), &mut gradient);
    for index in 0..(steps + 1).pow(d as u32) {
        let mut rest = index;
        let t = DVector::from_fn(d, |_, _| {
            let at = rest % (steps + 1);
            rest /= steps + 1;
            at as f64 * h - reach
        });
        let w = DVector::from_fn(d, |i, _| shape.mean[i] + t[i].sinh());
        let density = (shape.log_density)(w.as_slice(), &mut gradient) - constant;
        let weight = (density + t.iter().map(|t| t.cosh().ln()).sum::<f64>()).exp();
        if weight < 1e-30 {
            continue;
        }
        total += weight;
        first += &w * weight;
        second += &w * w.transpose() * weight;
    }
    let mean = first / total;
    let covariance = second / total - &mean * mean.transpose();
    (mean, covariance)
}

fn check(name: &str, shape: &Shape, steps: usize, reach: f64, bound: f64) {
    let (mean, covariance) = by_quadrature(shape, steps, reach);
    let error = (&mean - &shape.mean).amax().max((&covariance - &shape.covariance).amax());
    let scale = shape.covariance.amax().max(1.0);
    assert!(error < bound * scale, "{name}: {mean} {covariance} {shape:?}");
}

#[test]
fn moments_of_single_numbers_are_those_of_quadrature() {
    check("normal", &standard(1), 400, 4.0, 1e-9);
    for a in [0.3, 1.0, 7.0, 30.0] {
        check("skewed", &log_gamma(vec![a]), 1200, 6.0, 1e-9);
    }
    for s in [0.02, 0.1, 0.5] {
        check("plateau", &plateau_shape(vec![s]), 4000, 5.0, 1e-9);
    }
    for limit in
        [Limit::HalfNormal, Limit::Exponential, Limit::Beta(0.5), Limit::Beta(1.0), Limit::Beta(12.0)]
    {
        check("limit", &limited(vec![limit]), 1200, 5.0, 1e-9);
    }
    // Heavy tails: what is left out beyond sinh 20 = 2.4e8 is its power 2 - ν.
    for nu in [3.0, 4.5, 20.0] {
        check("student", &student_shape(1, nu), 4000, 20.0, 1e-7);
    }
    check("modes", &mixture(0.3, DVector::from_element(1, 9.0), 1.3), 2000, 5.0, 1e-9);
    // ψ'(1) = π² / 6 and ψ'(½) = π² / 2.
    let pi2 = std::f64::consts::PI.powi(2);
    assert!((trigamma(1.0) - pi2 / 6.0).abs() < 1e-13 && (trigamma(0.5) - pi2 / 2.0).abs() < 1e-13);
}

#[test]
fn moments_of_several_numbers_are_those_of_quadrature() {
    check("student", &student_shape(2, 5.0), 300, 11.0, 1e-8);
    check("banana", &banana_shape(1, 0.3), 500, 5.0, 1e-8);
    check("banana", &banana_shape(1, 1.5), 600, 5.5, 1e-8);
    let delta = DVector::from_column_slice(&[3.0, -2.0]);
    check("modes", &mixture(0.7, delta, 0.8), 400, 4.0, 1e-8);
    check("skewed", &log_gamma(vec![0.5, 3.0]), 500, 5.0, 1e-8);
    for c in [1.0, 0.4, 0.0] {
        check("funnel", &funnel_shape(1, 1.2, c), 300, 6.0, 1e-7);
        check("funnel", &funnel_shape(2, 0.6, c), 80, 4.5, 1e-5);
    }
    check("hierarchy", &hierarchy_shape(1, 4.0, 2.0, 3.0), 300, 7.0, 1e-7);
    check("hierarchy", &hierarchy_shape(2, 6.0, 2.0, 3.0), 80, 4.0, 1e-5);
    // A Student tail with 2a = 3.4 degrees of freedom.
    check("hierarchy", &hierarchy_shape(1, 1.7, 0.5, 1.0), 700, 14.0, 1e-6);
}

/// The inverse of a Gaussian's matrix of second derivatives is its covariance, and its gradient is
/// 0 at its mean: the map from shapes to problems, in single coordinates of their own units.
#[test]
fn places_of_gaussians_have_their_moments() {
    for (name, bound) in [("gaussian", 1e-6), ("scales", 1e-6)] {
        let kind: &Kind = KINDS.iter().find(|k| k.name == name).unwrap();
        for i in 0..12 {
            let mut problem = kind.problem(3, i);
            let (d, sd) = (problem.target.dim(), problem.sd.clone());
            let mut at = |u: &[f64]| {
                let mut gradient = vec![0.0; d];
                problem.target.gradient(u, &mut gradient).unwrap();
                DVector::from_iterator(d, gradient.iter().zip(&sd).map(|(g, s)| g * s))
            };
            let center = problem.mean.clone();
            let zero = at(&center);
            // Gradients of a Gaussian are linear: differences are exact.
            let mut precision = DMatrix::zeros(d, d);
            for j in 0..d {
                let mut u = center.clone();
                u[j] += sd[j];
                precision.set_column(j, &(&zero - at(&u)));
            }
            let covariance = (&precision + precision.transpose()).scale(0.5).try_inverse().unwrap();
            let off = (&covariance * &zero).amax();
            assert!(off < bound, "{name} {i}: the mean is off by {off} sd");
            let error = covariance.diagonal().iter().map(|v| (v - 1.0).abs()).fold(0.0, f64::max);
            assert!(error < bound, "{name} {i}: a variance is off by {error}");
        }
    }
}

/// To the rounding of numbers 60 standard deviations from 0 on a ridge of 10⁶: 10⁻⁸.
#[test]
fn places_have_their_inverses() {
    for kind in KINDS {
        for i in 0..5 {
            let target = kind.problem(9, i).target;
            let w = DVector::from_fn(target.dim(), |j, _| (j as f64).cos());
            let error = (target.preimage(target.image(&w).as_slice()) - &w).amax();
            assert!(error < 1e-6, "{} {i}: {error}", kind.name);
        }
    }
}

#[test]
fn outcomes_are_the_same_for_any_number_of_threads() {
    let cases: Vec<Case> = ["gaussian", "limit", "near-modes"]
        .iter()
        .flat_map(|name| {
            let kind = KINDS.iter().find(|k| k.name == *name).unwrap();
            (0..2).map(move |number| Case { kind, seed: 1, number })
        })
        .collect();
    let key = |threads| {
        let all = run::all(&cases, 1, threads, false);
        let of = |o: &run::Outcome| (o.mean_error.to_bits(), o.sd_error.to_bits(), o.gradients, o.grade);
        all.iter().map(|each| of(&each[0])).collect::<Vec<_>>()
    };
    let one = key(1);
    assert_eq!(one, key(3));
    assert!(one.iter().all(|(.., grade)| *grade < Grade::C), "{one:?}");
}
