//! Fits by the path derivative.

use crate::common::normals;
use probity_distributions::Normal;
use probity_vi::optim::Schedule;
use probity_vi::*;
use std::sync::Arc;

/// Two numbers with a correlated Gaussian posterior.
fn pair(s: &mut Scope<'_>) -> Result {
    let a = s.sample("a", Normal::new(0.0, 1.0))?;
    let b = s.sample("b", Normal::new(1.0, 2.0))?;
    s.observe("sum", Normal::new(a + b, 0.5), 2.0)
}

/// The data are Normal(1, √(1 + 4 + 1/4)).
fn evidence() -> f64 {
    -0.5 * (1.0 / 5.25 + 5.25_f64.ln() + std::f64::consts::TAU.ln())
}

#[test]
fn a_guide_that_has_the_posterior_becomes_it() {
    let guides: [(Arc<dyn Guide<f64>>, f64); 3] = [
        (Arc::new(FullRank::new()), 1e-4),
        (Arc::new(LowRank::new(1)), 1e-4),
        // Its components come together slowly.
        (Arc::new(Mixture::new(FullRank::new(), 2)), 5e-3),
    ];
    for (guide, gap) in guides {
        let name = guide.name();
        let steps = Steps::new(2000).schedule(Schedule::Cosine { end: 1e-3 });
        let fit = Fit::new().guide(guide).objective(Objective::PathDerivative).steps(steps).checked(false);
        let q = fit.run(pair).unwrap();
        let elbo = q.report().elbo.unwrap();
        // Without noise of the gradient at the optimum the steps end at it: terms of the ELBO have
        // nearly no spread.
        assert!((elbo.value - evidence()).abs() < gap, "{name}: {elbo:?} {}", evidence());
        assert!(elbo.standard_error < gap, "{name}: {elbo:?}");
        assert_eq!(q.report().objective, Objective::PathDerivative);
        assert!(q.report().to_string().contains("path-derivative"));
    }
}

#[test]
fn minibatches_and_independent_sites() {
    let y = normals(4, 50, 1);
    let mean = y.sum() / (50.0 + 0.25);
    let fit = Fit::new()
        .objective(Objective::PathDerivative)
        .steps(Steps::new(3000).schedule(Schedule::Cosine { end: 1e-3 }))
        .minibatch(10);
    let model = |s: &mut Scope<'_>| {
        let mean = s.sample("mean", Normal::new(0.0, 2.0))?;
        s.plate("rows", 50, |s, b| s.observe("y", Normal::new(mean, 1.0), b.rows(&y)))
    };
    let q = fit.run(model).unwrap();
    let number = |name: &str| q.params().get(q.params().find(name).unwrap())[0];
    assert!((number("mean.loc") - mean).abs() < 0.03, "{} {mean}", number("mean.loc"));
    let sd = number("mean.rho").exp().ln_1p();
    assert!((sd * 50.25_f64.sqrt()).ln().abs() < 0.1, "{sd}");
}

#[test]
fn what_has_no_path_derivative() {
    let fit = || Fit::new().objective(Objective::PathDerivative).steps(3);
    assert!(matches!(fit().guide(Delta::new()).run(pair), Err(Error::Setting { setting: "objective", .. })));
    let local = fit().estimator(Estimator::LocalReparameterization).run(pair);
    assert!(matches!(local, Err(Error::Setting { setting: "objective", .. })));
}

/// The numbers of networks drift where the guide does not change.
#[test]
fn a_flow_knows_when_it_is_done() {
    let guides: [Arc<dyn Guide<f64>>; 3] = [
        Arc::new(Flow::new().planar(2)),
        Arc::new(Flow::new().inverse_autoregressive(1, 4)),
        Arc::new(Flow::new().coupling(2, 4)),
    ];
    for guide in guides {
        let name = guide.name();
        let q = Fit::new().guide(guide).checked(false).run(pair).unwrap();
        let report = q.report();
        assert!(report.stopped == Stopped::Plateau && report.steps < 30_000, "{name}: {report}");
        let elbo = report.elbo.unwrap();
        assert!(elbo.value > evidence() - 0.05 - 4.0 * elbo.standard_error, "{name}: {report}");
    }
}
