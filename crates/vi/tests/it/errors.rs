//! What goes wrong is said with the site, the operation, the shapes and the step.

use probity_autodiff::Var;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{
    Bernoulli, Categorical, Distribution, Gamma, HalfNormal, MultivariateNormal, Normal, Support, Uniform,
};
use probity_vi::optim::{Adam, Schedule, Sgd};
use probity_vi::{Error, Fit, LogJoint, Model, Result, Scope, Start, Steps, fit};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The message of a fit that fails.
fn message(model: impl Fn(&mut Scope<'_>) -> Result + Sync) -> String {
    fit(model).unwrap_err().to_string()
}

fn setting(fit: Fit) -> String {
    let model = |s: &mut Scope<'_>| s.sample("x", Normal::new(0.0, 1.0)).map(|_| ());
    fit.run(model).unwrap_err().to_string()
}

#[test]
fn a_number_that_is_not_finite_is_traced() {
    // The mean falls by about 0.5 a step and passes below 0, where the root is NaN.
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(3))?;
        let depth = s.sample_from("depth", Normal::new(-5.0, 0.1), || probity_vi::Init {
            loc: Start::Constant(2.0),
            ..Default::default()
        })?;
        let root = s.deterministic("root", depth.sqrt())?;
        s.observe("y", Normal::new(x + root, 1.0), &[0.0; 3])
    };
    let error = Fit::new().steps(100).optimizer(Adam::new(0.5)).run(model).unwrap_err();
    let Error::NonFinite { step, report } = &error else { panic!("{error}") };
    assert!(*step > 0 && *step < 20, "{step}");
    assert!(report.contains("after site \"depth\"") && report.contains("sqrt (1 × 1)"), "{report}");
    assert!(error.to_string().starts_with(&format!("step {step}: ")), "{error}");

    // In a gradient only: the slope of a root at 0.
    let error = message(|s| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(2))?;
        s.factor("f", (x * 0.0).sqrt())
    });
    assert!(
        error.contains("gradient through") && error.contains("\"x\"") && error.contains("2 × 1"),
        "{error}"
    );

    // At a site: data at the border of the support, where the density is 0, are told before the
    // first step.
    let error = message(|s| {
        let shape = s.sample("shape", HalfNormal::new(1.0))?;
        s.observe("y", Gamma::new(shape + 2.0, 1.0), &[1.0, 0.0])
    });
    assert_eq!(error, "site \"y\": entry 1 of the value is 0, outside the support of Gamma");

    // A bad parameter that appears only on the way.
    let error = Fit::new()
        .steps(50)
        .optimizer(Sgd::new(0.2))
        .run(|s: &mut Scope<'_>| {
            let x = s.sample_from("x", Normal::new(-9.0, 1.0), || probity_vi::Init {
                loc: Start::Constant(1.0),
                ..Default::default()
            })?;
            s.observe("y", Normal::new(0.0, x), 0.0)
        })
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::NonFinite { .. }) && text.contains("\"y\""), "{text}");
    assert!(text.contains("scale"), "{text}");

    // A constant that is not a number, before any operation.
    let error = message(|s| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.factor("f", x)?;
        s.factor("g", Var::from(f64::NAN))
    });
    assert!(error.contains("step 0"), "{error}");
}

#[test]
fn parameters_and_data_are_named() {
    let e = message(|s| s.sample("tau", HalfNormal::new(-2.0)).map(|_| ()));
    assert!(e.starts_with("site \"tau\": ") && e.contains("scale") && e.contains("-2"), "{e}");
    let observe = |data: f64| {
        message(move |s| {
            let x = s.sample("x", Normal::new(0.0, 1.0))?;
            s.observe("flag", Bernoulli::from_logits(x), &[1.0, data])
        })
    };
    let e = observe(2.0);
    assert_eq!(e, "site \"flag\": entry 1 of the value is 2, outside the support of Bernoulli");
    let e = observe(f64::NAN);
    assert_eq!(e, "site \"flag\": entry 1 of the value is NaN, outside the support of Bernoulli");
    let e = message(|s| {
        let low = s.sample("low", Uniform::new(0.0, 1.0).rows(2))?;
        s.observe("u", Uniform::new(low, 3.0), &[2.0, 3.5])
    });
    assert_eq!(e, "site \"u\": entry 1 of the value is 3.5, outside the support of Uniform");
    let e = message(|s| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(3))?;
        s.observe("y", Normal::new(x, 1.0), &[0.0; 4])
    });
    assert_eq!(e, "site \"y\": the value is 4 × 1, but the distribution is 3 × 1");
    let e = message(|s| s.param("a", &DMatrix::from_element(1, 1, -1.0), Support::Positive).map(|_| ()));
    assert_eq!(e, "site \"a\": entry 0 of the value is -1, outside the support of the parameter");
}

#[test]
fn labels_are_one_class_per_row() {
    let observed = |rows: usize, classes: usize, labels: DMatrix<f64>| {
        let model = move |s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            let logits = s.data(&DMatrix::from_element(rows, classes, 0.0)) + m;
            s.observe("y", Categorical::new(logits), &labels)
        };
        Fit::new().steps(2).run(model).map(drop).map_err(|e| e.to_string())
    };
    let shape = |r: usize, c: usize, n: usize| {
        Err(format!("site \"y\": the value is {r} × {c}, but the distribution is {n} × 1"))
    };
    let one_hot = |r: usize, c: usize| DMatrix::from_fn(r, c, |i, j| f64::from(u8::from(i == j)));
    assert_eq!(observed(4, 3, one_hot(4, 1)), Ok(()));
    for (r, c) in [(4, 3), (1, 4), (4, 4), (4, 2), (3, 1), (5, 1), (1, 1), (0, 1), (4, 0)] {
        assert_eq!(observed(4, 3, one_hot(r, c)), shape(r, c, 4), "{r} × {c}");
    }
    // One row of logits serves all rows of labels, which are one label each all the same.
    assert_eq!(observed(1, 3, one_hot(4, 1)), Ok(()));
    assert_eq!(observed(1, 3, one_hot(4, 3)), shape(4, 3, 1));
    assert_eq!(observed(1, 3, one_hot(1, 3)), shape(1, 3, 1));
    for (bad, shown) in
        [(-1.0, "-1"), (3.0, "3"), (0.5, "0.5"), (f64::NAN, "NaN"), (f64::INFINITY, "inf"), (1e300, "1")]
    {
        let error = observed(2, 3, DMatrix::from_column_slice(2, 1, &[2.0, bad])).unwrap_err();
        let start = format!("site \"y\": entry 1 of the value is {shown}");
        assert!(
            error.starts_with(&start) && error.ends_with("outside the support of Categorical"),
            "{error}"
        );
    }
    // The events of a Normal in several dimensions are rows too.
    let model = |columns: usize| {
        fit(move |s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            let q = MultivariateNormal::from_covariance(m, s.data(&DMatrix::from_element(1, 1, 2.0)))?;
            s.observe("y", q, &DMatrix::zeros(3, columns))
        })
    };
    assert!(model(1).is_ok());
    assert_eq!(model(2).map(drop).map_err(|e| e.to_string()), shape(3, 2, 1));
    for (bad, start) in
        [(2.0, "entry 0 of the value is 2"), (0.5, "entry 0"), (-1.0, "entry 0"), (f64::NAN, "entry 0")]
    {
        let error = message(move |s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            s.observe("y", Bernoulli::<Var<'_>>::from_logits(m), bad)
        });
        assert!(error.contains(start) && error.contains("Bernoulli"), "{error}");
    }
}

#[test]
fn names_and_changes_are_told() {
    let normal = || Normal::new(0.0, 1.0);
    let e = message(|s| {
        s.sample("x", normal())?;
        s.within("a", |s| s.sample("x", normal()))?;
        s.within("a", |s| s.within("b", |s| s.sample("x", normal())))?;
        s.within("a", |s| s.sample("x", normal())).map(|_| ())
    });
    assert_eq!(e, "site \"a.x\": the name is used twice in one run of the model");
    let e = message(|s| {
        s.sample("a", normal())?;
        s.param("a.loc", &DMatrix::zeros(1, 1), Support::Real).map(|_| ())
    });
    assert_eq!(e, "site \"a.loc\": the name is used twice in one run of the model");
    let e = message(|s| s.sample("k", Bernoulli::new(0.5)).map(|_| ()));
    assert_eq!(
        e,
        "site \"k\": Bernoulli is discrete and cannot be inferred by a Gaussian guide; sum it out or observe it"
    );
    let e = message(|s| s.plate("rows", 0, |_, _| Ok(())));
    assert_eq!(e, "setting plate: \"rows\": a plate needs at least one row");
    let e = message(|s| s.factor("f", 1.0.into()));
    assert_eq!(e, "setting model: the model has no latent variables and no parameters");
    let e = message(|_| Err(Error::model("no such table")));
    assert_eq!(e, "model: no such table");
    let end = "; a model must visit the same sites, in the same order and shapes, in every run";
    // What a second run does differently.
    let changed = |change: fn(&mut Scope<'_>, bool) -> Result| {
        let runs = AtomicUsize::new(0);
        message(move |s| change(s, runs.fetch_add(1, Relaxed) == 0))
    };
    let e =
        changed(|s, first| s.sample("x", Normal::new(0.0, 1.0).rows(if first { 2 } else { 3 })).map(|_| ()));
    assert_eq!(e, format!("site \"x\": it is 3 × 1, in the first run 2 × 1{end}"));
    let e = changed(|s, first| s.sample(if first { "x" } else { "y" }, Normal::new(0.0, 1.0)).map(|_| ()));
    assert_eq!(e, format!("site \"y\": the first run had \"x\" (Latent) here{end}"));
    let e = changed(|s, first| {
        s.sample("x", Normal::new(0.0, 1.0))?;
        if first { s.factor("f", 1.0.into()) } else { Ok(()) }
    });
    assert_eq!(e, format!("site \"f\": it was not visited in this run{end}"));
    let e = changed(|s, first| {
        s.sample("x", Normal::new(0.0, 1.0))?;
        if first { Ok(()) } else { s.factor("f", 1.0.into()) }
    });
    assert_eq!(e, format!("site \"f\": it was not there in the first run{end}"));
}

#[test]
fn a_wide_prior_is_no_error() {
    // A draw from this prior would overflow the exponential.
    let q = fit(|s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1e5))?;
        s.observe("y", Normal::new(0.0, x.exp()), &[2.0, -1.0, 1.5])
    });
    assert!(q.is_ok(), "{:?}", q.err());
}

#[test]
fn settings_are_checked() {
    assert_eq!(setting(Fit::new().steps(0)), "setting steps: at least one step is needed");
    assert_eq!(setting(Fit::new().draws(0)), "setting draws: at least one draw per step is needed");
    assert_eq!(setting(Fit::new().minibatch(0)), "setting minibatch: at least one row per step is needed");
    for bad in [1.5, f64::NAN] {
        assert!(setting(Fit::new().steps(Steps::new(1).warm_up(bad))).starts_with("setting warm_up: "));
        assert!(setting(Fit::new().steps(Steps::new(1).average(bad))).starts_with("setting average: "));
    }
    assert!(setting(Fit::new().steps(1).tempered(-1.0)).starts_with("setting tempered: "));
    assert!(setting(Fit::new().steps(Steps::new(1).warm_up(0.5)).tempered(0.5)).contains("ends at weight 1"));
    for bad in [Schedule::Exponential { end: 0.0 }, Schedule::Cosine { end: f64::NAN }] {
        assert!(setting(Fit::new().steps(Steps::new(1).schedule(bad))).starts_with("setting schedule: "));
    }
    assert!(setting(Fit::new().clip_norm(0.0)).starts_with("setting clip_norm: "));
    assert!(setting(Fit::new().scale_rate(f64::NAN)).starts_with("setting scale_rate: "));
    assert!(setting(Fit::new().loss_scale(0.0)).starts_with("setting loss_scale: "));
}

#[test]
fn a_log_joint_says_its_dimension() {
    let model = |s: &mut Scope<'_>| s.sample("x", Normal::new(0.0, 1.0).rows(2)).map(|_| ());
    let mut joint = LogJoint::new(model).unwrap();
    let e = joint.value(&[0.0]).unwrap_err().to_string();
    assert_eq!(e, "setting u: 1 entries for a model of dimension 2");
    let e = joint.gradient(&[0.0, 0.0], &mut [0.0; 3]).unwrap_err().to_string();
    assert_eq!(e, "setting u: 3 entries for a model of dimension 2");
}

/// Models need not be `Sync` for a log joint.
#[test]
fn a_log_joint_runs_a_model_with_a_cell() {
    let calls = Cell::new(0);
    let model = |s: &mut Scope<'_>| {
        calls.set(calls.get() + 1);
        s.sample("x", Normal::new(0.0, 1.0)).map(|_| ())
    };
    fn is_model<M: Model>(m: M) -> LogJoint<M> {
        LogJoint::new(m).unwrap()
    }
    is_model(model).value(&[0.0]).unwrap();
    assert_eq!(calls.get(), 2);
}
