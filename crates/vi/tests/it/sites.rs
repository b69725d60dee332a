//! What may stand at a site, and what is said where it may not.

use crate::common::normals;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Terms, Value, Var};
use probity_distributions::{
    Bernoulli, Distribution, Exponential, Flat, Gamma, HalfCauchy, HalfNormal, Laplace, LogNormal,
    MultivariateNormal, Normal, ParameterError, Support, Uniform,
};
use probity_vi::optim::{Schedule, Sgd};
use probity_vi::{Error, Fit, LogJoint, Result, Scope, Steps, Target, Transform};

pub(crate) const Y: [f64; 8] = [0.3, -1.2, 0.8, 2.1, -0.4, 1.1, 0.2, -0.9];

pub(crate) fn short() -> Fit {
    Fit::new().steps(4).elbo_draws(8)
}

pub(crate) fn fails(fit: Fit, model: impl Fn(&mut Scope<'_>) -> Result + Sync) -> String {
    match fit.run(model) {
        Ok(q) => panic!("no error:\n{}", q.report()),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn an_error_that_a_model_does_not_pass_on_ends_the_run() {
    let e = fails(short(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        let _ = s.observe("coin", Bernoulli::from_logits(m), &[2.0]);
        s.observe("y", Normal::new(m, 1.0), &Y)
    });
    assert_eq!(e, "site \"coin\": entry 0 of the value is 2, outside the support of Bernoulli");
    let e = fails(short().minibatch(2), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        let _ = s.plate("rows", 8, |s, _| {
            let _ = s.observe("y", Normal::new(m, 1.0), &Y);
            Ok(())
        });
        Ok(())
    });
    says(&e, &["plate \"rows\"", "site \"y\""]);
    let e = fails(short(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.factor("m", m).ok();
        Ok(())
    });
    says(&e, &["\"m\"", "twice"]);
}

#[test]
fn what_overflows_is_named() {
    // Single draws overflow in the exponential, or only their sum or the norm of the gradient does.
    let x = [-1e3, -300.0, 200.0, 1e3];
    for steps in [3, 400] {
        let fit = Fit::new().steps(steps).optimizer(Sgd::new(1.0)).elbo_draws(0).checked(false);
        let result = fit.run(|s: &mut Scope<'_>| {
            let a = s.sample("a", Normal::new(0.0, 1.0))?;
            let eta = s.data(&x) * a;
            s.factor("counts", s.data(&[0.0, 0.0, 3.0, 9.0]) * eta - eta.exp())
        });
        if let Err(e) = result {
            says(&e.to_string(), &["step", "\"counts\""]);
        }
    }
    for large in [1e200, 1e308] {
        let e = fails(short(), move |s| {
            let a = s.sample("a", Normal::new(1.0, 0.1))?;
            s.sample("b", Normal::new(0.0, 1.0))?;
            s.factor("small", a)?;
            s.factor("large", a * large)
        });
        says(&e, &["step 0", "\"large\""]);
    }
    let e = fails(short(), |s| {
        s.sample("a", Normal::new(1.0, 0.1))?;
        s.factor("f", Var::from(f64::NAN))
    });
    says(&e, &["step 0", "site \"f\"", "NaN"]);
}

/// A correlation that may leave (-1, 1).
fn correlated(s: &mut Scope<'_>, y: &DMatrix<f64>) -> Result {
    let r = s.sample_from("r", Normal::new(0.0, 1.0), || probity_vi::Init {
        loc: probity_vi::Start::Constant(0.3),
        scale: probity_vi::ScaleStart::Constant(1.0),
    })?;
    let (one, off) = (DMatrix::identity(2, 2), DMatrix::from_row_slice(2, 2, &[0.0, 1.0, 1.0, 0.0]));
    let chol = (s.data(&one) + s.data(&off) * r).cholesky()?;
    let loc = s.data(&DMatrix::zeros(1, 2));
    s.observe("y", MultivariateNormal::from_cholesky(loc, chol), y)
}

#[test]
fn draws_at_which_a_matrix_is_not_positive_definite_are_drawn_anew() {
    let y = normals(3, 1, 2);
    let model = |s: &mut Scope<'_>| correlated(s, &y);
    for draws in [1, 8] {
        let q = Fit::new().draws(draws).steps(300).seed(5).run(model).unwrap();
        let report = q.report();
        assert!(report.redrawn > 0, "{report}");
        says(&report.to_string(), &["drawn anew", "after site \"r\"", "positive definite"]);
        assert!(report.elbo.unwrap().value.is_finite());
        let r = &q.draws(2000).unwrap()["r"];
        assert!(r.values.iter().all(|r| r.abs() < 1.0));
        let again = Fit::new().draws(draws).steps(300).seed(5).run(model).unwrap();
        assert_eq!(again.params(), q.params());
    }
    // Where it fails always, and at a point.
    let e = fails(short(), |s| {
        let r = s.sample("r", Normal::new(0.0, 1.0))?;
        let chol = (s.data(&DMatrix::from_element(2, 2, -1.0)) * r.exp()).cholesky()?;
        s.factor("f", chol.sum())
    });
    says(&e, &["after site \"r\"", "positive definite"]);
    let mut joint = LogJoint::new(model).unwrap();
    let e = joint.value(&[1.5]).unwrap_err();
    assert!(matches!(e, Error::Numerical { .. }), "{e}");
    says(&e.to_string(), &["after site \"r\""]);
    let mut gradient = [0.0];
    assert!(!Target::gradient(&mut joint, &[1.5], &mut gradient).unwrap().is_finite());
    assert!(Target::gradient(&mut joint, &[0.5], &mut gradient).unwrap().is_finite());
}

#[test]
fn a_prior_that_reaches_where_a_parameter_may_not_be_is_told() {
    type Prior = for<'s, 't> fn(&'s mut Scope<'t>) -> Result<Var<'t, f64>>;
    let scale = |prior: Prior| {
        (0..3)
            .map(|seed| {
                let fit = short().seed(seed).run(|s: &mut Scope<'_>| {
                    let m = s.sample("m", Normal::new(0.0, 10.0))?;
                    let sd = prior(s)?;
                    s.observe("y", Normal::new(m, sd), &Y)
                });
                fit.map(|_| ()).map_err(|e| e.to_string())
            })
            .collect::<Vec<_>>()
    };
    for bad in [
        (|s| s.sample("sd", Normal::new(1.0, 1.0))) as Prior,
        |s| s.sample("sd", Normal::new(2.0, 1.0)),
        |s| s.sample("sd", Laplace::new(1.0, 1.0)),
        |s| s.sample("sd", Uniform::new(-1.0, 5.0)),
        |s| Ok(s.sample("sd", Normal::new(0.0, 1.0))? * 0.1 + 0.2),
    ] {
        for e in scale(bad) {
            says(&e.unwrap_err(), &["site \"sd\"", "prior reaches", "site \"y\"", "Normal: scale"]);
        }
    }
    for good in [
        (|s| s.sample("sd", Normal::new(5.0, 1.0))) as Prior,
        |s| s.sample("sd", HalfCauchy::new(1.0)),
        |s| s.sample("sd", LogNormal::new(0.0, 2.0)),
        |s| s.sample("sd", Uniform::new(0.0, 5.0)),
        |s| s.sample("sd", Flat::positive()),
        |s| Ok(s.sample("sd", Normal::new(0.0, 1.0))?.exp()),
    ] {
        assert!(scale(good).into_iter().all(|r| r.is_ok()), "{:?}", scale(good));
    }
    let e = fails(short(), |s| {
        let p = s.sample("p", Normal::new(0.5, 0.5))?;
        s.observe("y", Bernoulli::new(p), &[1.0, 0.0])
    });
    says(&e, &["site \"p\"", "prior reaches", "site \"y\""]);
}

#[test]
fn starts_are_dispersed_at_the_scale_of_the_prior() {
    /// Where the guide starts, by seed: an optimiser that hardly moves shows it.
    fn starts(model: impl Fn(&mut Scope<'_>) -> Result + Sync) -> Vec<f64> {
        let start = |seed| {
            let fit = Fit::new().steps(1).seed(seed).optimizer(Sgd::new(1e-12)).elbo_draws(0).checked(false);
            let q = fit.run(&model).unwrap();
            q.params().as_slice()[0]
        };
        (0..20).map(start).collect()
    }
    let range = |x: &[f64]| {
        let (low, high) = x.iter().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        (low, high, high - low)
    };
    macro_rules! of {
        ($prior:expr) => {
            starts(|s: &mut Scope<'_>| s.sample("x", $prior).map(|_| ()))
        };
    }
    // (starts of ln x, the central values of ln x): a factor of e² around the prior's own scale at
    // most, and not all in one place.
    for (name, u, middle) in [
        ("HalfNormal(1000)", of!(HalfNormal::new(1000.0)), 1000f64.ln()),
        ("HalfCauchy(1e-6)", of!(HalfCauchy::new(1e-6)), 1e-6f64.ln()),
        ("Exponential(1e5)", of!(Exponential::new(1e5)), 1e-5f64.ln()),
        ("Gamma(3, 1e-3)", of!(Gamma::new(3.0, 1e-3)), 3e3f64.ln()),
        ("LogNormal(7, 1)", of!(LogNormal::new(7.0, 1.0)), 7.0),
        ("vague Gamma", of!(Gamma::new(0.01, 0.01)), 0.0),
        ("flat", of!(Flat::positive()), 0.0),
    ] {
        let (low, high, width) = range(&u);
        assert!(low > middle - 3.0 && high < middle + 3.0 && width > 0.7, "{name}: {u:?}");
    }
    let u = of!(LogNormal::new(7.0, 0.01));
    let (low, high, width) = range(&u);
    assert!(low > 6.95 && high < 7.05 && width > 0.005, "{u:?}");
    for (loc, scale) in [(0.0, 1.0), (1e3, 5.0), (-2.0, 0.01)] {
        let u = of!(Normal::new(loc, scale));
        let (low, high, width) = range(&u);
        assert!(low > loc - 3.0 * scale && high < loc + 3.0 * scale && width > 0.5 * scale, "{u:?}");
    }
    // By hand, and not where the model does not work.
    let by_hand = starts(|s| {
        s.sample_from("x", HalfNormal::new(1e3), || probity_vi::Init {
            loc: probity_vi::Start::Constant(0.25),
            ..Default::default()
        })
        .map(|_| ())
    });
    assert!(by_hand.iter().all(|u| (u - 0.25).abs() < 1e-6));
    let far = starts(|s| {
        let x = s.sample("x", Normal::new(0.0, 1e3))?;
        s.observe("y", Normal::new(x * 1e4, 1.0), &[0.0, 1.0])
    });
    assert!(far.iter().all(|x| x.abs() < 2.0), "{far:?}");
}

#[test]
fn flat_priors_and_half_lines_are_fitted() {
    // The posterior under a flat prior is the likelihood: N(mean, 1 / n); bounds are kept.
    let q = Fit::new()
        .steps(Steps::new(3000).schedule(Schedule::HoldThenCosine { hold: 0.5, end: 1e-3 }))
        .run(|s: &mut Scope<'_>| {
            let m = s.sample("m", Flat::real().rows(2))?;
            let above = s.sample("above", Flat::above(2.0))?;
            let below = s.sample("below", Flat::below(-1.0).shaped(1, 3))?;
            let between = s.sample("between", Flat::between(0.0, 1.0))?;
            s.factor("bounds", -above + below.sum() + between)?;
            s.observe("y", Normal::new(m.rows(0..1), 1.0), &Y)?;
            s.observe("z", Normal::new(m.rows(1..2), 1.0), &Y)
        })
        .unwrap();
    let transforms: Vec<_> = q.layout().latent().map(|s| s.transform.clone()).collect();
    assert_eq!(transforms, [Transform::Identity, Transform::Above, Transform::Below, Transform::Interval]);
    let draws = q.draws(4000).unwrap();
    let mean = Y.iter().sum::<f64>() / 8.0;
    for i in 0..2 {
        assert!((draws["m"].mean()[i] - mean).abs() < 0.04, "{}", draws["m"].mean());
        assert!((draws["m"].sd()[i] / 8f64.sqrt().recip() - 1.0).abs() < 0.1, "{}", draws["m"].sd());
    }
    assert!(draws["above"].values.iter().all(|x| *x >= 2.0) && draws["above"].mean()[0] < 4.0);
    assert!(draws["below"].values.iter().all(|x| *x <= -1.0));
    assert!(draws["between"].values.iter().all(|x| (0.0..=1.0).contains(x)));
    // The log joint density by hand: ln(x - 2) is the Jacobian.
    let mut joint = LogJoint::new(|s: &mut Scope<'_>| {
        let x = s.sample("x", Flat::above(2.0))?;
        s.factor("f", -x)
    })
    .unwrap();
    assert_eq!(joint.value(&[0.5f64]).unwrap(), 0.5 - (2.0 + 0.5f64.exp()));
}

/// A family of one's own that cannot be sampled.
#[derive(Clone, Copy, Debug)]
struct Mine;
impl<V: Value> Distribution<V> for Mine {
    const NAME: &'static str = "Mine";
    fn support(&self) -> Support<V> {
        Support::Positive
    }
    fn shape(&self) -> (usize, usize) {
        (1, 1)
    }
    fn check(&self) -> std::result::Result<(), ParameterError> {
        Ok(())
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        HalfNormal::new(1.0).log_prob_terms(x, terms)
    }
}

#[test]
fn a_prior_need_not_be_sampled() {
    let q = short().run(|s: &mut Scope<'_>| s.sample("x", Mine.rows(3)).map(|_| ())).unwrap();
    assert_eq!(q.layout().dim(), 3);
}

#[test]
fn summaries_show_scalars_and_first_entries() {
    let q = short()
        .run(|s: &mut Scope<'_>| {
            let tiny = s.sample("tiny", LogNormal::new(-14.0, 0.01))?;
            s.sample("many", Normal::new(0.0, 1.0).shaped(60, 20))?;
            s.deterministic("large", tiny * 1e20)?;
            s.sample("last", Normal::new(0.0, 1.0))?;
            s.observe("y", Normal::new(0.0, 1.0), &Y)
        })
        .unwrap();
    let text = q.to_string();
    says(&text, &["tiny ", "many[7, 0]", "... and 1192 more of many", "large ", "last ", "e-7", "e13"]);
    assert!(!text.contains("many[8, 0]"), "{text}");
    // A summary of all has every row, and prints as much.
    let summary = q.summary().unwrap();
    assert_eq!(summary.rows.len(), 1203);
    says(&summary.to_string(), &["many[7, 0]", "... and 1192 more of many", "last "]);
}
