//! Many parameters are updated during the backward pass instead of after it, with the same bits.

use crate::common::normals;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, Normal, Support};
use probity_vi::{Error, Fit, Init, Model, Result, Scope, Start, StepInfo, Steps};
use std::ops::ControlFlow;

/// Two layers of weights with fixed priors (one of so many that its noise stands where new
/// parameters will), weights whose prior has a scale of its own (drawn by formulas), a parameter,
/// and one that is used by nothing.
#[derive(Debug)]
struct Large {
    x: DMatrix<f64>,
    y: DMatrix<f64>,
    one: DMatrix<f64>,
    /// Whether the logarithm of a negative number is taken, after some steps.
    broken: bool,
}

impl Large {
    fn new(broken: bool) -> Self {
        Self { x: normals(1, 20, 440), y: normals(2, 20, 1), one: DMatrix::from_element(1, 1, 1.0), broken }
    }
}

impl Model<f64> for Large {
    fn run(&self, s: &mut Scope<'_>) -> Result {
        s.param_from("unused", (3, 1), Start::Constant(0.5), Support::Real)?;
        let scale = s.param("scale", &self.one, Support::Positive)?;
        let x = s.data(&self.x);
        let normal = |rows, cols, scale| Normal::new(0.0, scale).shaped(rows, cols);
        let first = ("first", normal(440, 301, 1.0.into()), Init::default);
        let h = s.linear(x, first, Some(("bias", normal(1, 301, 1.0.into()), Init::default)))?.tanh();
        let second = s.sample("second", normal(301, 1, scale))?;
        let last = s.sample("last", normal(301, 1, 0.1.into()))?;
        let mut mean = h.matmul(second + last);
        if self.broken {
            // Rises by 0.05 a step: 0.15 in step 3.
            let clock = s.param_from("clock", (1, 1), Start::Constant(0.0), Support::Real)?;
            s.factor("tick", clock)?;
            mean = mean + (0.12 - clock).ln() * 0.0;
        }
        s.observe("y", Normal::new(mean, 0.5), &self.y)
    }
}

fn steps(threads: usize, fit: Fit) -> (Vec<u64>, Vec<StepInfo>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut seen = Vec::new();
        let mut watch = |info: &StepInfo| {
            seen.push(*info);
            ControlFlow::Continue(())
        };
        let fit = fit.steps(4).draws(1).elbo_draws(0);
        let q = fit.run_observed(Large::new(false), &mut [&mut watch]).unwrap();
        (q.params().as_slice().iter().map(|x| x.to_bits()).collect(), seen)
    })
}

#[test]
fn during_the_pass_as_after_it() {
    // A limit of the norm that is never reached needs the whole gradient first.
    let (after, infos) = steps(1, Fit::new().clip_norm(1e300));
    for (threads, average) in [(1, 0.0), (2, 0.0), (3, 0.0)] {
        let (during, seen) = steps(threads, Fit::new().steps(Steps::new(30).average(average)));
        assert!(during == after, "{threads} threads");
        for (a, b) in seen.iter().zip(&infos) {
            assert_eq!(a.elbo, b.elbo);
            assert!((a.gradient_norm / b.gradient_norm - 1.0).abs() < 1e-13);
        }
    }
    // Different rates for scales.
    let (after, _) = steps(1, Fit::new().scale_rate(3.0).clip_norm(1e300));
    let (during, _) = steps(2, Fit::new().scale_rate(3.0));
    assert!(during == after);
}

#[test]
fn a_failed_step_is_replayed_with_the_parameters_that_it_had() {
    let failed = Fit::new().steps(9).draws(1).run(Large::new(true)).unwrap_err();
    let Error::NonFinite { step: 3, report } = &failed else { panic!("{failed}") };
    assert!(report.contains("after site \"tick\": non-finite result of ln (1 × 1)"), "{report}");
}
