//! The automatic fit comes within a small part of a nat of a long, careful fit, on models of unlike
//! scales.

use crate::common::{EightSchools, Regression, normals};
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Bernoulli, Distribution, Exponential, Gamma, Normal};
use probity_vi::optim::{Adam, Schedule};
use probity_vi::{Fit, Model, Result, Scope, Steps};

/// Fifty weights, whose posterior scales run from 0.01 to 100.
fn regression() -> Regression {
    let (n, k) = (200, 50);
    let z = normals(1, n, k);
    let scale = |j: usize| 10f64.powf(4.0 * j as f64 / (k - 1) as f64 - 2.0);
    // Posterior standard deviations are about noise / (√n × the column's scale).
    let x = DMatrix::from_fn(n, k, |i, j| z[(i, j)] / (scale(j) * (n as f64).sqrt()));
    let w = normals(2, k, 1);
    let w = DMatrix::from_fn(k, 1, |j, _| 3.0 * scale(j) * w[j]);
    let y = &x * w + normals(3, n, 1);
    Regression { x, y, prior: 300.0, noise: 1.0 }
}

#[derive(Debug)]
struct Logistic {
    x: DMatrix<f64>,
    y: DMatrix<f64>,
}

impl Logistic {
    fn new() -> Self {
        // Correlated columns, an intercept.
        let mut x = normals(4, 300, 6);
        x.column_mut(0).fill(1.0);
        for i in 0..300 {
            x[(i, 2)] = 0.9 * x[(i, 1)] + 0.3 * x[(i, 2)];
            x[(i, 3)] *= 5.0;
        }
        let w = DMatrix::from_column_slice(6, 1, &[-0.5, 1.0, 0.5, -0.3, 0.0, 2.0]);
        let u = normals(5, 300, 1);
        let y = (&x * w).zip_map(&u, |a, e| if a + 1.7 * e > 0.0 { 1.0 } else { 0.0 });
        Self { x, y }
    }
}

impl<T: Scalar> Model<T> for Logistic {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let w = s.sample("w", Normal::new(0.0, 5.0).rows(6))?;
        let x = s.data(&self.x);
        s.observe("y", Bernoulli::from_logits(x.matmul(w)), &self.y)
    }
}

/// Waiting times of 20 machines with Gamma rates.
#[derive(Debug)]
struct Waiting {
    times: DMatrix<f64>,
}

impl Waiting {
    fn new() -> Self {
        let z = normals(6, 20, 5);
        Self { times: DMatrix::from_fn(20, 5, |i, j| (z[(i, j)].powi(2) + 0.05) * 50.0 / (1.0 + i as f64)) }
    }
}

impl<T: Scalar> Model<T> for Waiting {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let shape = s.sample("shape", Exponential::new(1.0))?;
        let rate = s.sample("rate", Gamma::new(2.0, 0.5))?;
        let each = s.sample("each", Gamma::new(shape, rate).rows(20))?;
        s.observe("times", Exponential::new(each), &self.times)
    }
}

fn shortfall<M: Model<f64> + Sync>(name: &str, model: &M, best: Option<f64>) -> f64 {
    let run = |s: &mut Scope<'_, f64>| model.run(s);
    let automatic = Fit::new().elbo_draws(0).checked(false).run(run).unwrap();
    // The same draws for both: the noise of the difference is small.
    let got = automatic.elbo(20_000).unwrap();
    let best = best.unwrap_or_else(|| {
        let careful = Fit::new()
            .steps(Steps::new(6000).schedule(Schedule::Exponential { end: 1e-4 }).average(0.05))
            .optimizer(Adam::new(0.1))
            .elbo_draws(0)
            .checked(false)
            .run(run)
            .unwrap();
        careful.elbo(20_000).unwrap().value
    });
    let report = automatic.report();
    let gap = best - got.value;
    println!(
        "{name:28} {gap:8.4} nats below {best:.3} (se {:.4}), {:5} steps, {:.2} s",
        got.standard_error, report.steps, report.seconds
    );
    gap
}

#[test]
fn the_automatic_fit_is_near_the_best_mean_field() {
    let linear = regression();
    let best = linear.evidence_and_best_elbo().1;
    let gaps = [
        shortfall("eight schools, centred", &EightSchools { centred: true }, None),
        shortfall("eight schools, non-centred", &EightSchools { centred: false }, None),
        shortfall("linear regression, 50 weights", &linear, Some(best)),
        shortfall("logistic regression", &Logistic::new(), None),
        shortfall("waiting times", &Waiting::new(), None),
    ];
    assert!(gaps.iter().all(|g| *g < 0.05), "{gaps:?}");
}
