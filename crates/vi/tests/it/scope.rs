//! Plates, scopes of names, and the site table.

use crate::common::{EightSchools, Regression, normals};
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, Normal, Support};
use probity_vi::optim::Sgd;
use probity_vi::{ByRef, Fit, LogJoint, Model, Result, Scope, SiteKind, StepInfo, Transform};
use std::ops::ControlFlow;
use std::sync::Arc;

#[test]
fn the_table_has_names_kinds_shapes_and_offsets() {
    let model = |s: &mut Scope<'_>| {
        let a = s.param("a", &DMatrix::from_element(1, 3, 2.0), Support::Positive)?;
        let x = s.within("net", |s| {
            let w = s.sample("w", Normal::new(0.0, a).shaped(2, 3))?;
            s.within("deep", |s| s.sample("w", probity_distributions::HalfNormal::new(1.0)))?;
            Ok(w)
        })?;
        s.deterministic("twice", x * 2.0)?;
        s.observe("y", Normal::new(x, 1.0), &DMatrix::zeros(2, 3))?;
        s.factor("extra", x.sum() * 0.0)
    };
    let joint = LogJoint::<_, f64>::new(model).unwrap();
    let rows: Vec<_> = joint
        .layout()
        .sites()
        .iter()
        .map(|s| (s.name.as_str(), s.kind, s.shape, s.transform.clone(), s.offset))
        .collect();
    use SiteKind::*;
    assert_eq!(
        rows,
        [
            ("a", Param, (1, 3), Transform::Exp, 0),
            ("net.w", Latent, (2, 3), Transform::Identity, 0),
            ("net.deep.w", Latent, (1, 1), Transform::Exp, 6),
            ("twice", Deterministic, (2, 3), Transform::None, 7),
            ("y", Observed, (2, 3), Transform::None, 7),
            ("extra", Observed, (1, 1), Transform::None, 7),
        ]
    );
    assert_eq!(joint.dim(), 7);
    assert_eq!(joint.layout().latent().count(), 2);
    let text = joint.layout().to_string();
    assert!(text.contains("net.deep.w") && text.contains("HalfNormal") && text.contains("2 × 3"), "{text}");
}

#[test]
fn a_minibatch_has_its_rows_and_counts_for_all() {
    // Every row counts 1, so that the log-likelihood is N however the rows are dealt; the rows of
    // an epoch are all rows.
    let n = 10;
    let x = DMatrix::from_fn(n, 1, |i, _| i as f64);
    let seen = std::sync::Mutex::new(Vec::new());
    let model = |s: &mut Scope<'_>| {
        s.sample("z", Normal::new(0.0, 1.0))?;
        s.plate("rows", n, |s, rows| {
            let part = rows.rows(&x);
            assert_eq!((part.nrows(), rows.total()), (rows.len(), n));
            if let Some(index) = rows.index() {
                let values: Vec<f64> = part.value().iter().copied().collect();
                assert!(index.iter().zip(&values).all(|(i, v)| *i as f64 == *v));
                seen.lock().unwrap().push(index.to_vec());
            }
            s.factor("count", part * 0.0 + 1.0)
        })
    };
    let mut all = Vec::new();
    let mut watch = |info: &StepInfo| {
        all.push(info.elbo.log_likelihood);
        ControlFlow::Continue(())
    };
    let fit =
        Fit::new().steps(8).draws(1).minibatch(3).elbo_draws(0).checked(false).optimizer(Sgd::new(1e-9));
    let q = fit.run_observed(model, &mut [&mut watch]).unwrap();
    assert!(all.iter().all(|x| (x - n as f64).abs() < 1e-12), "{all:?}");
    assert_eq!(q.report().minibatch, Some(3));
    assert!(q.report().to_string().contains("minibatches of 3 rows"));
    let seen = seen.lock().unwrap();
    let lengths: Vec<usize> = seen.iter().map(Vec::len).collect();
    assert_eq!(lengths, [3, 3, 3, 1, 3, 3, 3, 1]);
    for epoch in seen.chunks(4) {
        let mut rows = epoch.concat();
        rows.sort();
        assert_eq!(rows, (0..n).collect::<Vec<_>>());
    }
    assert_ne!(seen[..4], seen[4..]);
}

#[test]
fn without_shuffling_the_rows_come_in_the_order_of_the_data() {
    let n = 7;
    let x = Arc::new(DMatrix::from_fn(n, 2, |i, j| (10 * j + i) as f64));
    let seen = std::sync::Mutex::new(Vec::new());
    let model = |s: &mut Scope<'_>| {
        s.sample("z", Normal::new(0.0, 1.0))?;
        s.plate("rows", n, |s, rows| {
            let (shared, copied) = (rows.shared_rows(&x).value(), rows.rows(&x).value());
            assert_eq!(shared, copied);
            if rows.index().is_some() {
                seen.lock().unwrap().push(shared.as_slice().to_vec());
            }
            s.factor("count", rows.rows(x.as_ref()) * 0.0)
        })
    };
    let fit = Fit::new().steps(3).draws(1).minibatch(3).shuffle(false).elbo_draws(0).checked(false);
    let report = fit.run(model).unwrap().report().to_string();
    assert!(report.contains("minibatches of 3 rows in the order of the data"), "{report}");
    let wanted = [[0, 1, 2, 10, 11, 12], [3, 4, 5, 13, 14, 15], [6, 0, 1, 16, 10, 11]];
    assert_eq!(*seen.lock().unwrap(), wanted.map(|batch| batch.map(f64::from).to_vec()));
}

#[test]
fn plates_of_several_sizes_deal_each_its_own_rows() {
    let (a, b) = (normals(1, 12, 1), normals(2, 30, 1));
    let model = |s: &mut Scope<'_>| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.plate("a", 12, |s, rows| s.observe("a", Normal::new(m, 1.0), rows.rows(&a)))?;
        s.plate("b", 30, |s, rows| s.observe("b", Normal::new(m, 1.0), rows.rows(&b)))
    };
    let q = Fit::new().minibatch(6).run(model).unwrap();
    let sum = a.sum() + b.sum();
    let x = &q.draws(4000).unwrap()["m"];
    assert!((x.mean()[0] - sum / 43.0).abs() < 0.05, "{} {}", x.mean(), sum / 43.0);
    let nested = |s: &mut Scope<'_>| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.plate("a", 12, |s, _| {
            s.plate("b", 30, |s, rows| s.observe("b", Normal::new(m, 1.0), rows.rows(&b)))
        })
    };
    let e = Fit::new().steps(1).minibatch(6).run(nested).unwrap_err().to_string();
    assert_eq!(e, "setting plate: \"b\": minibatch plates cannot be nested");
    assert!(Fit::new().steps(1).run(nested).is_ok());
}

#[test]
fn minibatches_reach_the_posterior_of_all_rows() {
    let model = Regression { x: normals(5, 500, 2), y: normals(6, 500, 1), prior: 1.0, noise: 1.0 };
    let (precision, mean) = model.exact();
    let q = Fit::new().minibatch(64).run(ByRef(&model)).unwrap();
    let w = &q.draws(4000).unwrap()["w"];
    for i in 0..2 {
        let sd = precision[(i, i)].sqrt().recip();
        assert!((w.mean()[i] - mean[i]).abs() < 0.3 * sd, "{} {}", w.mean()[i], mean[i]);
        assert!((w.sd()[i] / sd - 1.0).abs() < 0.15, "{} {sd}", w.sd()[i]);
    }
}

/// Type inference of the ways to begin a fit.
#[test]
fn beginnings_of_a_fit() {
    fn model<T: Scalar>(s: &mut Scope<'_, T>) -> Result {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.observe("y", Normal::new(x, 1.0), 0.5)
    }
    let few = 3;
    Fit::new().steps(few).run(|s: &mut Scope| model(s)).unwrap();
    Fit::new().steps(few).run(model).unwrap();
    Fit::<f32>::default().steps(few).run(model).unwrap();
    Fit::default().steps(few).run(|s: &mut Scope<f32>| model(s)).unwrap();
    Fit::new().steps(few).run(EightSchools { centred: true }).unwrap();
    Fit::<f32>::default().steps(few).run(EightSchools { centred: true }).unwrap();
}

#[test]
fn a_borrowed_model_is_fitted_like_its_owned_twin() {
    let model = EightSchools { centred: false };
    let fit = || Fit::new().steps(50).elbo_draws(10);
    let borrowed = fit().run(ByRef(&model)).unwrap();
    let twice = fit().run(ByRef(&model)).unwrap();
    let dynamic: &(dyn Model + Sync) = &model;
    let dynamic = fit().run(ByRef(dynamic)).unwrap();
    let single = Fit::<f32>::default().steps(3).run(ByRef(&model)).unwrap();
    assert!(!single.model().0.centred);
    let closure = |s: &mut Scope<'_>| model.run(s);
    let by_closure = fit().run(&closure).unwrap();
    let owned = fit().run(EightSchools { centred: false }).unwrap();
    for (q, elbo) in [
        (borrowed.params(), borrowed.report().elbo),
        (twice.params(), twice.report().elbo),
        (dynamic.params(), dynamic.report().elbo),
        (by_closure.params(), by_closure.report().elbo),
    ] {
        assert_eq!((q, elbo), (owned.params(), owned.report().elbo));
    }
    assert_eq!(borrowed.predict(&ByRef(&model), 5).unwrap(), owned.draws(5).unwrap());
}

#[test]
#[allow(clippy::needless_borrows_for_generic_args, reason = "a reference is what is tested")]
fn parameters_may_be_whole_numbers_and_references() {
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0, 1))?;
        s.observe("y", Normal::new(&x, 2), 2 * x)
    };
    let same = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.observe("y", Normal::new(x, 2.0), 2.0 * x)
    };
    let at = [0.3];
    assert_eq!(
        LogJoint::<_, f64>::new(model).unwrap().value(&at).unwrap(),
        LogJoint::<_, f64>::new(same).unwrap().value(&at).unwrap()
    );
}
