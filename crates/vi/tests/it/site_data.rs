//! The data of a site: minibatches, shapes, types, and what is said where they do not fit.

use crate::common::normals;
use crate::sites::{Y, fails, says, short};
use probity_autodiff::Var;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_distributions::{Categorical, Distribution, Gamma, MultivariateNormal, Normal, Support};
use probity_vi::optim::Schedule;
use probity_vi::{Fit, LogJoint, Result, Scope, Steps};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

#[test]
fn nothing_in_a_minibatch_counts_too_often() {
    let named = ["plate \"rows\"", "site \"y\""];
    let fit = || short().minibatch(2);
    // All rows, and not those of the batch.
    let e = fails(fit(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.plate("rows", 8, |s, _| s.observe("y", Normal::new(m, 1.0), &Y))
    });
    says(&e, &named);
    says(&e, &["the data have 8 rows", "2 of the 8 rows", "batch.rows"]);
    // Two, three, and one rows made by hand; more rows than there are; without minibatches as well.
    for rows in [1, 2, 3, 7] {
        let model = move |s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            s.plate("rows", 8, |s, _| s.observe("y", Normal::new(m, 1.0), &Y[..rows]))
        };
        says(&fails(fit(), model), &named);
        says(&fails(short(), model), &named);
    }
    let e = fails(fit(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.plate("rows", 7, |s, _| s.observe("y", Normal::new(m, 1.0), &Y))
    });
    says(&e, &["plate \"rows\"", "site \"y\"", "the data have 8 rows"]);
    // A number for all rows.
    let e = fails(short().minibatch(1), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.plate("rows", 8, |s, _| s.observe("y", Normal::new(m, 1.0), 0.5))
    });
    says(&e, &named);
    // Parameters of all rows for data of some, in a scope of names.
    let e = fails(fit(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0).rows(8))?;
        s.within("net", |s| {
            s.plate("rows", 8, |s, b| s.within("head", |s| s.observe("y", Normal::new(m, 1.0), b.rows(&Y))))
        })
    });
    says(&e, &["plate \"net.rows\"", "site \"net.head.y\"", "the parameters have 8 rows", "batch.select"]);
    // What does not belong to single rows.
    let factor = |term: for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>, rows: usize| {
        fails(short().minibatch(rows), move |s| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            s.plate("rows", 8, |s, b| s.factor("y", term(m, b.rows(&Y))))
        })
    };
    says(&factor(|m, _| -m.sq(), 2), &named);
    says(&factor(|m, _| -m.sq(), 1), &named);
    says(&factor(|m, y| -(y - m).sq().sum(), 2), &named);
    says(&factor(|m, y| -(y.rows(0..1) - m).sq(), 2), &named);
    let e = fails(fit(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        let y = s.data(&Y);
        s.plate("rows", 8, |s, _| s.factor("y", -(y - m).sq()))
    });
    says(&e, &named);
    // A latent variable for every row of the batch.
    let e = fails(fit(), |s| {
        s.plate("rows", 8, |s, b| {
            let m = s.sample("m", Normal::new(0.0, 1.0).rows(b.len()))?;
            s.observe("y", Normal::new(m, 1.0), b.rows(&Y))
        })
    });
    says(&e, &["plate \"rows\"", "site \"m\"", "2 × 1", "8 × 1", "batch.select"]);
    // Rows of a batch that are observed outside of the plate.
    let e = fails(fit(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        let y = s.plate("rows", 8, |_, b| Ok(b.rows(&Y)))?;
        s.observe("y", Normal::new(m, 1.0), y)
    });
    says(&e, &["site \"y\"", "it is 2 × 1, in the first run 8 × 1"]);
    // Tables of other lengths.
    for rows in [7, 9] {
        let e = fails(fit(), move |s| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            s.plate("rows", rows, |s, b| s.observe("y", Normal::new(m, 1.0), b.rows(&Y)))
        });
        assert_eq!(e, format!("setting plate: \"rows\": a table of 8 rows in a plate of {rows}"));
    }
    let e = fails(short(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0).rows(3))?;
        s.plate("rows", 8, |s, b| s.observe("y", Normal::new(b.select(m), 1.0), b.rows(&Y)))
    });
    says(&e, &["\"rows\": a table of 3 rows in a plate of 8"]);
}

#[test]
fn rows_that_are_taken_by_the_batch_count_once() {
    // A latent number for every row, one for every group, and a factor: every one by itself
    // conjugate.
    let group = [0, 0, 1, 1, 2, 2, 2, 0];
    let model = |s: &mut Scope<'_>| {
        let each = s.sample("each", Normal::new(0.0, 1.0).rows(8))?;
        let alpha = s.sample("alpha", Normal::new(0.0, 1.0).rows(3))?;
        let b = s.sample("b", Normal::new(0.0, 1.0))?;
        s.plate("rows", 8, |s, rows| {
            let y = rows.rows(&Y);
            s.observe("y", Normal::new(rows.select(each), 1.0), y)?;
            let mean = s.gather(alpha, rows.groups(&group))?;
            s.observe("z", Normal::new(mean, 1.0), y)?;
            s.factor("f", (y - b).sq() * -0.5)
        })
    };
    let fit = Fit::new()
        .steps(Steps::new(6000).schedule(Schedule::HoldThenCosine { hold: 0.3, end: 1e-4 }))
        .minibatch(2);
    let q = fit.run(model).unwrap();
    let draws = q.draws(4000).unwrap();
    let check = |site: &str, entry: usize, sum: f64, n: f64| {
        let (mean, sd) = (draws[site].mean()[entry], draws[site].sd()[entry]);
        let (want, want_sd) = (sum / (n + 1.0), (n + 1.0).sqrt().recip());
        // The tail of the fit's noise is below a tenth of an sd; a miscount by N / B moves the sd
        // by a half.
        assert!((mean - want).abs() < 0.2 * want_sd, "{site} {entry}: {mean} {want}");
        assert!((sd / want_sd - 1.0).abs() < 0.15, "{site} {entry}: {sd} {want_sd}");
    };
    for (i, y) in Y.into_iter().enumerate() {
        check("each", i, y, 1.0);
    }
    for g in 0..3 {
        let of = || Y.iter().zip(group).filter(|(_, of)| *of == g).map(|(y, _)| *y);
        check("alpha", g, of().sum(), of().count() as f64);
    }
    check("b", 0, Y.iter().sum(), 8.0);
}

#[test]
fn minibatches_that_are_none_are_told() {
    let e = fails(short().minibatch(2), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.observe("y", Normal::new(m, 1.0), &Y)
    });
    says(&e, &["setting minibatch", "no plate"]);
    let model = |s: &mut Scope<'_>| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.plate("rows", 8, |s, b| s.observe("y", Normal::new(m, 1.0), b.rows(&Y)))
    };
    for (rows, reported) in [(20, None), (8, None), (7, Some(7))] {
        let q = short().minibatch(rows).run(model).unwrap();
        assert_eq!(q.report().minibatch, reported);
        assert_eq!(q.report().to_string().contains("minibatches of"), reported.is_some());
    }
}

#[test]
fn shapes_that_do_not_fit_name_the_site() {
    let of = |shape: (usize, usize)| {
        fails(short(), move |s| {
            let loc = s.data(&[0.0; 3]);
            let z = s.sample("z", Normal::new(loc, 1.0).shaped(shape.0, shape.1))?;
            s.observe("y", Normal::new(z.sum(), 1.0), 0.0)
        })
    };
    for shape in [(1, 1), (1, 3), (2, 3), (2, 1)] {
        says(&of(shape), &["site \"z\"", "Normal are 3 × 1", &format!("to {} × {}", shape.0, shape.1)]);
    }
    let e = fails(short(), |s| {
        let z = s.sample("b", Normal::new(s.data(&[1.0, 2.0]), 1.0).rows(3))?;
        s.observe("y", Normal::new(z.sum(), 1.0), 0.0)
    });
    says(&e, &["site \"b\"", "2 × 1", "3 × 1"]);
    let e = fails(short(), |s| {
        let theta = s.sample("theta", Normal::new(0.0, 1.0).rows(8))?;
        s.observe("y", Normal::new(theta, s.data(&[1.0; 7])), &Y)
    });
    says(&e, &["site \"y\"", "8 × 1", "7 × 1"]);
    let e = fails(short(), |s| {
        let theta = s.sample("theta", Normal::new(0.0, 1.0).rows(8))?;
        s.sample("t", Gamma::new(s.data(&[1.0; 7]), theta.exp())).map(|_| ())
    });
    says(&e, &["site \"t\"", "8 × 1", "7 × 1"]);
    // A bound that does not fit, and latent variables and parameters without entries.
    let e = fails(short(), |s| {
        let low = s.data(&[0.0; 2]);
        s.param("p", &DMatrix::from_element(3, 1, 1.0), Support::GreaterThan(low)).map(|_| ())
    });
    says(&e, &["site \"p\"", "2 × 1", "3 × 1"]);
    for (rows, cols) in [(0, 1), (3, 0), (0, 0)] {
        let e = fails(short(), move |s| s.sample("z", Normal::new(0.0, 1.0).shaped(rows, cols)).map(|_| ()));
        says(&e, &["site \"z\"", &format!("{rows} × {cols}"), "no entries"]);
        let e = fails(short(), move |s| s.param("p", &DMatrix::zeros(rows, cols), Support::Real).map(|_| ()));
        says(&e, &["site \"p\"", "no entries"]);
    }
    // Linear maps.
    let start = probity_vi::Init::default;
    let linear = |k: usize, bias: (usize, usize)| {
        fails(short(), move |s| {
            let x = s.data(&normals(1, 4, 3));
            let normal = |r, c| Normal::new(0.0, 1.0).shaped(r, c);
            let y = s.linear(x, ("w", normal(k, 2), start), Some(("bias", normal(bias.0, bias.1), start)))?;
            s.observe("y", Normal::new(y.sum(), 1.0), 0.0)
        })
    };
    says(&linear(4, (1, 2)), &["site \"w\"", "4 × 2", "3 columns"]);
    says(&linear(3, (2, 1)), &["site \"bias\"", "2 × 1", "1 × 2"]);
}

#[test]
fn labels_are_a_column() {
    let run = |rows: usize, cols: usize| {
        short().run(move |s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            let logits = s.data(&DMatrix::from_element(4, 3, 0.0)) + m;
            let one_hot = DMatrix::from_fn(rows, cols, |i, j| f64::from(u8::from(i == j)));
            s.observe("y", Categorical::new(logits), &one_hot)
        })
    };
    assert!(run(4, 1).is_ok());
    for (rows, cols) in [(4, 3), (1, 4), (3, 1), (4, 2)] {
        let e = run(rows, cols).map(|_| ()).unwrap_err().to_string();
        says(&e, &["site \"y\"", &format!("{rows} × {cols}"), "4 × 1"]);
    }
    let e = fails(short(), |s| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        let cov = s.data(&DMatrix::identity(2, 2));
        let loc = s.data(&DMatrix::zeros(1, 2)) + m;
        s.observe("y", MultivariateNormal::from_cholesky(loc, cov), &DMatrix::zeros(5, 3))
    });
    says(&e, &["site \"y\"", "5 × 3", "1 × 2"]);
}

#[test]
fn no_data_are_the_prior() {
    for draws in [1, 8] {
        let y: Vec<f64> = vec![];
        let fit = Fit::new()
            .draws(draws)
            .steps(Steps::new(3000).schedule(Schedule::HoldThenCosine { hold: 0.5, end: 1e-3 }));
        let q = fit
            .run(move |s: &mut Scope<'_>| {
                let m = s.sample("m", Normal::new(1.0, 2.0))?;
                s.observe("y", Normal::new(m, 1.0), &y)?;
                let none = s.data(&y);
                s.factor("f", none * m)
            })
            .unwrap();
        let elbo = q.report().elbo.unwrap();
        assert!(elbo.value.abs() < 1e-3, "{elbo}");
        assert_eq!(q.draws(3).unwrap()["y"].values.len(), 0);
    }
}

#[test]
fn data_of_another_length_are_an_error() {
    let runs = AtomicUsize::new(0);
    let e = fails(short(), |s| {
        let n = 3 + runs.fetch_add(1, Relaxed);
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.observe("y", Normal::new(m, 1.0), &vec![0.5; n])
    });
    says(&e, &["site \"y\"", "× 1, in the first run"]);
    // Predictions are for other data.
    let model = |n: usize| {
        move |s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            s.observe("y", Normal::new(m, 1.0), &vec![0.5; n])
        }
    };
    let q = short().run(model(3)).unwrap();
    assert_eq!(q.predict(&model(5), 7).unwrap()["y"].shape, (5, 1));
    // New groups are not.
    let groups = |n: usize| {
        move |s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0).rows(n))?;
            s.observe("y", Normal::new(m, 1.0), &vec![0.5; n])
        }
    };
    let e = short().run(groups(3)).unwrap().predict(&groups(5), 7).unwrap_err().to_string();
    says(&e, &["site \"m\"", "5 × 1", "3 × 1", "groups without data"]);
}

#[test]
fn data_of_every_type() {
    let joint = |model: &dyn for<'t> Fn(&mut Scope<'t>) -> Result| {
        LogJoint::new(|s: &mut Scope<'_>| {
            s.sample("x", Normal::new(0.0, 1.0))?;
            model(s)
        })
        .unwrap()
        .value(&[0.3])
        .unwrap()
    };
    macro_rules! value {
        ($data:expr) => {
            joint(&|s| s.observe("y", Normal::new(0.5, 2.0), $data))
        };
    }
    let want = value!(&[0.0, 1.0, 1.0]);
    assert_eq!(value!(&vec![0usize, 1, 1]), want);
    assert_eq!(value!(&vec![false, true, true]), want);
    assert_eq!(value!(&vec![0i64, 1, 1]), want);
    assert_eq!(value!(&[0u32, 1, 1][..]), want);
    assert_eq!(value!(&DVector::from_vec(vec![0.0, 1.0, 1.0])), want);
    assert_eq!(value!(&DVector::from_vec(vec![0u8, 1, 1])), want);
    assert_eq!(value!(&[0f32, 1.0, 1.0][..]), want);
    assert_eq!(value!(&vec![0f32, 1.0, 1.0]), want);
    assert_eq!(value!(&[0, 1, 1]), want);
    assert_eq!(value!(&DMatrix::from_vec(3, 1, vec![0.0, 1.0, 1.0])), want);
    assert_eq!(value!(&Arc::new(DMatrix::from_vec(3, 1, vec![0.0, 1.0, 1.0]))), want);
    assert_eq!(value!(1), value!(1.0));
    assert_eq!(value!(true), value!(1.0));
    assert_eq!(value!(1usize), value!(1.0f32));
    // In a plate as well.
    let rows = |y: &dyn for<'t> Fn(&probity_vi::Batch<'t, f64>) -> Var<'t, f64>| {
        joint(&|s| s.plate("rows", 3, |s, b| s.observe("y", Normal::new(0.5, 2.0), y(b))))
    };
    assert_eq!(rows(&|b| b.rows(&[0.0, 1.0, 1.0])), want);
    assert_eq!(rows(&|b| b.rows(&vec![false, true, true])), want);
    assert_eq!(rows(&|b| b.rows(&[0usize, 1, 1][..])), want);
    assert_eq!(rows(&|b| b.rows(&DVector::from_vec(vec![0f32, 1.0, 1.0]))), want);
    assert_eq!(rows(&|b| b.rows(&Arc::new(DMatrix::from_vec(3, 1, vec![0.0, 1.0, 1.0])))), want);
}

#[test]
fn groups_are_gathered() {
    let county = vec![0usize, 0, 2, 1];
    let mut joint = LogJoint::new(|s: &mut Scope<'_>| {
        let alpha = s.sample("alpha", Normal::new(0.0, 1.0).rows(3))?;
        let mean = s.gather(alpha, &county)?;
        s.factor("f", mean * s.data(&[1.0, 10.0, 100.0, 1000.0]))
    })
    .unwrap();
    let mut g = [0.0; 3];
    joint.gradient(&[0.0; 3], &mut g).unwrap();
    assert_eq!(g, [11.0, 1000.0, 100.0]);
    let e = fails(short(), |s| {
        let alpha = s.sample("alpha", Normal::new(0.0, 1.0).rows(2))?;
        let mean = s.gather(alpha, &county)?;
        s.observe("y", Normal::new(mean, 1.0), &[0.0; 4])
    });
    says(&e, &["index", "entry 2 is 2", "2 rows"]);
}

#[test]
fn rows_of_a_large_matrix_are_those_of_the_matrix() {
    // As many entries as are copied row by row, in a number of columns that does not fill the
    // parts.
    let (rows, columns) = (16_000, 19);
    let x = Arc::new(DMatrix::from_fn(rows, columns, |i, j| (i * columns + j) as f64));
    let taken = Mutex::new(Vec::new());
    let model = |s: &mut Scope<'_>| {
        s.sample("w", Normal::new(0.0, 1.0))?;
        s.plate("rows", rows, |_, b| {
            let (own, plain) = (b.shared_rows(&x).value(), b.rows(&x).value());
            assert_eq!(own, plain);
            taken.lock().unwrap().push((b.len(), own[(1, 2)]));
            Ok(())
        })
    };
    Fit::new().steps(3).draws(2).minibatch(11).elbo_draws(0).checked(false).run(model).unwrap();
    // First runs see all rows; each step has two draws with the same minibatch.
    let taken = taken.into_inner().unwrap();
    let taken: Vec<f64> = taken.into_iter().filter(|(n, _)| *n == 11).map(|(_, x)| x).collect();
    assert_eq!(taken.len(), 6, "{taken:?}");
    assert!(taken[0] == taken[1] && taken[0] != taken[2], "{taken:?}");
}
