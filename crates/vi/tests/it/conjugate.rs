//! Fits of conjugate models reach the answer that algebra gives. Seeds are fixed: a correct build
//! never fails.

use crate::common::{Regression, normals};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Real, Scalar};
use probity_distributions::{Distribution, KlMethod, LogNormal, Normal};
use probity_vi::optim::{Adam, Schedule, Sgd};
use probity_vi::{
    Fit, Grade, Init, MeanField, Model, Posterior, ScaleForm, ScaleStart, Scope, Start, Steps, Verdict,
};

/// Mean and standard deviation of the guide of a site, before the constraint.
fn guide_of<M: Model<T> + Sync, T: Scalar>(q: &Posterior<M, T>, site: &str) -> (Vec<f64>, Vec<f64>) {
    let part = |suffix: &str| -> Vec<f64> {
        let id = q.params().find(&format!("{site}.{suffix}")).unwrap();
        q.params().get(id).iter().map(|x| x.to_f64()).collect()
    };
    (part("loc"), part("rho").into_iter().map(|r| r.softplus()).collect())
}

#[test]
fn normal_mean_with_known_variance() {
    // Precision 1/2² + 5/0.5², mean by precision weights.
    let y = [1.2, 0.7, 1.9, 1.1, 0.4];
    let precision: f64 = 0.25 + 20.0;
    let mean = (3.0 * 0.25 + y.iter().sum::<f64>() * 4.0) / precision;
    let model = |s: &mut Scope<'_>| {
        let mu = s.sample("mu", Normal::new(3.0, 2.0))?;
        s.observe("y", Normal::new(mu, 0.5), &y)
    };
    let q = Fit::new().guide(MeanField::new()).run(model).unwrap();
    let (loc, scale) = guide_of(&q, "mu");
    let sd = precision.sqrt().recip();
    assert_eq!(q.verdict().map(Verdict::grade), Some(Grade::A), "{}", q.report());
    // The automatic fit ends within about 0.01 nats, which is ½ (0.14 sd)².
    assert!((loc[0] - mean).abs() < 0.1 * sd, "{loc:?} {mean}");
    assert!((scale[0] / sd - 1.0).abs() < 0.05, "{scale:?} {sd}");
}

#[test]
fn linear_regression_by_mean_field() {
    let (n, k) = (60, 4);
    let mut x = normals(1, n, k);
    for i in 0..n {
        x[(i, 1)] = 0.8 * x[(i, 0)] + 0.6 * x[(i, 1)];
    }
    let y = &x * DMatrix::from_column_slice(k, 1, &[1.0, -2.0, 0.5, 0.0]) + 0.7 * normals(2, n, 1);
    let model = Regression { x, y, prior: 2.0, noise: 0.7 };
    let (precision, mean) = model.exact();
    let (_, best) = model.evidence_and_best_elbo();
    let automatic = Fit::new().guide(MeanField::new()).run(|s: &mut Scope| model.run(s)).unwrap();
    let given = Fit::new()
        .steps(Steps::new(4000).schedule(Schedule::Exponential { end: 1e-3 }).average(0.1))
        .guide(MeanField::new())
        .optimizer(Adam::new(0.05))
        .run(|s: &mut Scope| model.run(s))
        .unwrap();
    for q in [&automatic.params(), &given.params()] {
        let part = |name: &str| q.get(q.find(name).unwrap()).clone_owned();
        let (loc, rho) = (part("w.loc"), part("w.rho"));
        for i in 0..k {
            let sd = precision[(i, i)].sqrt().recip();
            assert!((loc[i] - mean[i]).abs() < 0.06 * sd, "{} {}", loc[i], mean[i]);
            assert!((rho[i].softplus() / sd - 1.0).abs() < 0.04, "{} {sd}", rho[i].softplus());
        }
    }
    let elbo = automatic.elbo(20_000).unwrap();
    assert!((elbo.value - best).abs() < 0.02 + 4.0 * elbo.standard_error, "{elbo} {best}");
    assert_eq!(given.layout().site("w").unwrap().kl, Some(KlMethod::Closed));
    assert!(matches!(automatic.layout().site("w").unwrap().kl, Some(KlMethod::FixedDraws { .. })));
}

/// A fit that stays where it starts.
fn stay<M: Model<f64> + Sync>(model: M, form: ScaleForm) -> Posterior<M> {
    let guide = MeanField::with_scales(form);
    Fit::new().steps(1).guide(guide).optimizer(Sgd::new(0.0)).elbo_draws(40_000).run(model).unwrap()
}

fn at(loc: f64, scale: f64) -> impl Fn() -> Init {
    move || Init { loc: Start::Values(vec![loc]), scale: ScaleStart::Constant(scale) }
}

fn ln_normal(x: f64, mean: f64, sd: f64) -> f64 {
    -0.5 * ((x - mean) / sd).powi(2) - sd.ln() - 0.5 * std::f64::consts::TAU.ln()
}

#[test]
fn at_the_exact_posterior_the_elbo_is_the_log_evidence() {
    // y ~ N(mu, 0.5), mu ~ N(1, 2), so y ~ N(1, √4.25).
    let (y, precision): (f64, f64) = (2.3, 0.25 + 4.0);
    let (mean, sd) = ((0.25 + 4.0 * y) / precision, precision.sqrt().recip());
    let evidence = ln_normal(y, 1.0, 4.25f64.sqrt());
    for form in [ScaleForm::Softplus, ScaleForm::Log] {
        let q = stay(
            |s: &mut Scope| {
                let mu = s.sample_from("mu", Normal::new(1.0, 2.0), at(mean, sd))?;
                s.observe("y", Normal::new(mu, 0.5), y)
            },
            form,
        );
        let elbo = q.report().elbo.unwrap();
        assert!((elbo.value - evidence).abs() < 4.0 * elbo.standard_error, "{elbo} {evidence}");
        assert!(elbo.standard_error < 0.01);
        // The same through a positive variable, whose KL is that of Normals: Jacobian and entropy
        // count once.
        let q = stay(
            |s: &mut Scope| {
                let scale = s.sample_from("scale", LogNormal::new(1.0, 2.0), at(mean, sd))?;
                s.observe("y", LogNormal::new(scale.ln(), 0.5), y.exp())
            },
            form,
        );
        let elbo = q.report().elbo.unwrap();
        // The density of e^y is that of y divided by e^y.
        assert!((elbo.value - (evidence - y)).abs() < 4.0 * elbo.standard_error, "{elbo} {evidence}");
        assert_eq!(q.layout().site("scale").unwrap().kl, Some(KlMethod::Closed));
    }
}

#[test]
fn a_learned_prior_scale_reaches_its_optimum() {
    // y ~ N(0, √(a² + 1)) with the effects integrated out, so a² = mean(y²) - 1; the posterior
    // factorises.
    let y = normals(3, 40, 1) * 2.5;
    let want = (y.norm_squared() / 40.0 - 1.0).sqrt();
    let start = DMatrix::from_element(1, 1, 0.3);
    let q = Fit::new()
        .run(|s: &mut Scope| {
            let a = s.param("a", &start, probity_distributions::Support::Positive)?;
            let effects = s.sample("effects", Normal::new(0.0, a).rows(40))?;
            s.observe("y", Normal::new(effects, 1.0), &y)
        })
        .unwrap();
    let draws = q.draws(3).unwrap();
    assert!((draws["a"].mean()[0] / want - 1.0).abs() < 0.01, "{} {want}", draws["a"].mean());
    assert_eq!(draws["a"].sd()[0], 0.0);
}
