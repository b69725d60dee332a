//! Draws, summaries, predictions and what is saved. Seeds are fixed: a correct build never fails.

use crate::common::{EightSchools, normals};
use probity_autodiff::Params;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, LogNormal, Normal, Support};
use probity_vi::optim::Sgd;
use probity_vi::{
    Draws, Elbo, Fit, Init, Layout, MeanField, Model, Posterior, Report, Result, ScaleForm, ScaleStart,
    Scope, SiteKind, Start, StepInfo, Summary,
};

/// Guide N(0.7, 0.3) before the constraint, and a line through data of any size.
#[derive(Debug)]
struct Line {
    x: DMatrix<f64>,
    y: DMatrix<f64>,
}

impl Line {
    fn of(rows: usize) -> Self {
        Self { x: normals(1, rows, 1), y: DMatrix::zeros(rows, 1) }
    }
}

impl Model for Line {
    fn run(&self, s: &mut Scope<'_>) -> Result {
        let init = || Init { loc: Start::Constant(0.7), scale: ScaleStart::Constant(0.3) };
        let slope = s.sample_from("slope", Normal::new(0.0, 1.0), init)?;
        let noise = s.sample_from("noise", LogNormal::new(0.0, 1.0), init)?;
        let mean = s.deterministic("mean", s.data(&self.x) * slope)?;
        s.observe("y", Normal::new(mean, noise), &self.y)
    }
}

fn stay(seed: u64) -> Posterior<Line> {
    Fit::new()
        .steps(1)
        .seed(seed)
        .optimizer(Sgd::new(0.0))
        .elbo_draws(0)
        .checked(false)
        .run(Line::of(3))
        .unwrap()
}

#[test]
fn moments_and_quantiles_are_the_guides() {
    let n = 20_000;
    let draws = stay(0).draws(n).unwrap();
    assert_eq!((draws.len(), draws["slope"].len()), (n, n));
    let five = |sd: f64| 5.0 * sd / (n as f64).sqrt();
    let slope = &draws["slope"];
    assert!((slope.mean()[0] - 0.7).abs() < five(0.3) && (slope.sd()[0] - 0.3).abs() < five(0.3));
    for (p, z) in [(0.05, -1.644_853_627), (0.5, 0.0), (0.95, 1.644_853_627)] {
        assert!((slope.quantile(p)[0] - (0.7 + 0.3 * z)).abs() < five(0.3 * 2.1), "{p}");
        // Quantiles pass through the constraint.
        assert!((draws["noise"].quantile(p)[0].ln() - (0.7 + 0.3 * z)).abs() < five(0.3 * 2.1), "{p}");
    }
    // Deterministic sites are functions of the same draw, data are drawn anew around them.
    let x = normals(1, 3, 1);
    for i in 0..50 {
        assert_eq!(draws["mean"].draw(i)[2], x[2] * draws["slope"].draw(i)[0]);
    }
    assert_eq!(draws["y"].kind, SiteKind::Observed);
    let noise2 = (2.0 * 0.7 + 2.0 * 0.09f64).exp();
    let variance = x[2] * x[2] * 0.09 + noise2;
    assert!((draws["y"].sd()[2].powi(2) / variance - 1.0).abs() < 0.06, "{}", draws["y"].sd()[2]);
    let summary = draws.summary();
    let names: Vec<_> = summary.rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["slope", "noise", "mean[0]", "mean[1]", "mean[2]"]);
    assert_eq!(summary.rows[0].mean, slope.mean()[0]);
    assert_eq!(summary.rows[0].quantiles.1, slope.quantile(0.5)[0]);
    assert!(summary.to_string().contains("slope"));
}

#[test]
fn draws_are_reproducible() {
    let (p, q) = (stay(0), stay(0));
    let draws = p.draws(40).unwrap();
    assert_eq!(draws, p.draws(40).unwrap());
    assert_eq!(draws, q.draws(40).unwrap());
    // The first of more are the same.
    assert_eq!(draws["slope"].values[..], p.draws(100).unwrap()["slope"].values[..40]);
    assert_ne!(draws["slope"].values, stay(1).draws(40).unwrap()["slope"].values);
    assert!(p.draws(0).unwrap().is_empty());
    assert!(p.draws(1).unwrap()["slope"].sd()[0].is_nan());
}

#[test]
fn predictions_at_other_data() {
    let q = stay(0);
    let at = q.predict(&Line::of(7), 30).unwrap();
    assert_eq!((at["y"].shape, at["mean"].shape), ((7, 1), (7, 1)));
    // The same draws of the posterior.
    assert_eq!(at["slope"], q.draws(30).unwrap()["slope"]);
    let error = q.predict(&EightSchools { centred: true }, 1).unwrap_err().to_string();
    assert!(error.contains("site \"mu\": the first run had \"slope\""), "{error}");
}

#[test]
#[should_panic(expected = "no site \"nope\" among the draws; there are: slope, noise, mean, y")]
fn an_unknown_name_lists_the_names() {
    let _ = &stay(0).draws(1).unwrap()["nope"];
}

fn round_trip<T: serde::Serialize + for<'de> serde::Deserialize<'de> + PartialEq + std::fmt::Debug>(x: &T) {
    let text = serde_json::to_string(x).unwrap();
    assert_eq!(*x, serde_json::from_str::<T>(&text).unwrap());
}

#[test]
fn what_is_saved_comes_back_bit_by_bit() {
    let model = |s: &mut Scope<'_>| {
        let a = s.param("a", &DMatrix::from_element(1, 2, 0.1), Support::Positive)?;
        let x = s.sample("x", Normal::new(0.0, 1.0).shaped(3, 2))?;
        s.observe("y", Normal::new(x, a), &normals(2, 3, 2))
    };
    let q = Fit::new().steps(20).elbo_draws(100).run(model).unwrap();
    round_trip::<Params<f64>>(q.params());
    round_trip::<Layout>(q.layout());
    round_trip::<Report>(q.report());
    round_trip::<Draws>(&q.draws(10).unwrap());
    round_trip(&q.history().to_vec());
    let q = Fit::<f32>::default()
        .steps(20)
        .run(|s: &mut Scope<'_, f32>| s.sample("x", Normal::new(0.0, 1.0).rows(4)).map(|_| ()))
        .unwrap();
    round_trip::<Params<f32>>(q.params());
}

/// As in a file and back.
fn back<T: serde::Serialize + for<'de> serde::Deserialize<'de>>(x: &T) -> T {
    serde_json::from_str(&serde_json::to_string(x).unwrap()).unwrap()
}

#[test]
fn numbers_that_are_not_finite_come_back() {
    let model = |s: &mut Scope<'_>| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.deterministic("high", m * 0.0 + f64::INFINITY)?;
        s.deterministic("low", m * 0.0 - f64::INFINITY)?;
        s.deterministic("none", m * f64::NAN)?;
        s.observe("y", Normal::new(m, 1.0), 1.0)
    };
    let q = Fit::new().steps(5).elbo_draws(1).run(model).unwrap();
    let draws: Draws = back(&q.draws(3).unwrap());
    assert_eq!(draws["m"], q.draws(3).unwrap()["m"]);
    let all = |site: &str, is: fn(f64) -> bool| {
        draws[site].values.len() == 3 && draws[site].values.iter().all(|x| is(*x))
    };
    assert!(all("high", |x| x == f64::INFINITY) && all("low", |x| x == f64::NEG_INFINITY));
    assert!(all("none", f64::is_nan));

    let summary = q.draws(1).unwrap().summary();
    let read: Summary = back(&summary);
    assert_eq!(read.to_string(), summary.to_string());
    assert!(read.rows[0].sd.is_nan() && read.rows[1].mean == f64::INFINITY);

    let report: Report = back(q.report());
    let elbo = report.elbo.unwrap();
    assert!(elbo.standard_error.is_nan() && elbo.value == q.report().elbo.unwrap().value);

    let elbo = Elbo { log_likelihood: f64::NEG_INFINITY, kl: f64::INFINITY };
    let (kl_weight, rate, gradient_norm) = (1.0, f64::INFINITY, f64::NAN);
    let info: StepInfo = back(&StepInfo { step: 1, steps: 2, elbo, kl_weight, rate, gradient_norm });
    assert!(info.elbo == elbo && info.rate == rate && info.gradient_norm.is_nan());
}

#[test]
fn draws_and_tables_that_do_not_fit_are_not_read() {
    let q = stay(0);
    let error = |read: std::result::Result<(), serde_json::Error>| read.unwrap_err().to_string();
    let draws = |edit: fn(&mut serde_json::Value)| {
        let mut value = serde_json::to_value(q.draws(4).unwrap()).unwrap();
        edit(&mut value);
        error(serde_json::from_value::<Draws>(value).map(drop))
    };
    assert_eq!(draws(|v| v["n"] = 3.into()), "site \"slope\" has 4 values for 3 draws of 1 × 1");
    assert!(draws(|v| v["sites"][2]["shape"][0] = 4.into()).starts_with("site \"mean\" has 12 values"));
    assert!(
        draws(|v| v["sites"][2]["shape"][0] = u64::MAX.into()).starts_with("site \"mean\" has 12 values")
    );
    let layout = |edit: fn(&mut serde_json::Value)| {
        let mut value = serde_json::to_value(q.layout()).unwrap();
        edit(&mut value);
        error(serde_json::from_value::<Layout>(value).map(drop))
    };
    assert_eq!(layout(|v| v["dim"] = 3.into()), "the dimension is 3, but the latent sites have 2 entries");
    assert_eq!(
        layout(|v| v["sites"][1]["offset"] = 0.into()),
        "site \"noise\" begins at 0, the latent sites before it end at 1"
    );
    assert_eq!(layout(|v| v["sites"][1]["name"] = "slope".into()), "two sites have the name \"slope\"");
    assert!(
        layout(|v| v["sites"][0]["shape"] = vec![u64::MAX, 3].into())
            .starts_with("site \"slope\" is 18446744")
    );
}

#[test]
fn a_posterior_is_put_together_only_from_parts_that_fit() {
    let q = stay(3);
    let parts = || (q.layout().clone(), q.params().clone(), q.report().clone());
    let (layout, params, report) = parts();
    let again = Posterior::restore(Line::of(3), layout, MeanField::new(), params, report).unwrap();
    assert_eq!(again.draws(5).unwrap(), q.draws(5).unwrap());
    // Data may have other rows.
    let (layout, params, report) = parts();
    let other = Posterior::restore(Line::of(9), layout, MeanField::new(), params, report).unwrap();
    assert_eq!(other.draws(5).unwrap()["slope"], q.draws(5).unwrap()["slope"]);

    let error = |edit: fn(&mut Layout, &mut Params<f64>, &mut Report)| {
        let (mut layout, mut params, mut report) = parts();
        edit(&mut layout, &mut params, &mut report);
        let guide = MeanField::with_scales(ScaleForm::Softplus);
        Posterior::restore(Line::of(3), layout, guide, params, report).map(drop).unwrap_err().to_string()
    };
    let message = error(|_, _, report| report.guide = "other".into());
    assert_eq!(message, "setting guide: the fit had \"other\", not \"mean field\"");
    let message = error(|_, params, _| params.as_mut_slice()[1] = f64::NAN);
    assert_eq!(message, "setting params: value 1 is NaN");
    let message = error(|_, params, _| *params = Params::new());
    assert_eq!(message, "setting params: there is no segment \"slope.loc\"");
    let message = error(|_, params, _| {
        params.add("more", &DMatrix::zeros(1, 1));
    });
    assert_eq!(message, "setting params: there are 5 segments, the sites have 4");
    let message = error(|layout, _, _| *layout = Layout::default());
    assert!(message.starts_with("site \"slope\": the saved fit does not have it"), "{message}");
    let (layout, params, report) = parts();
    let model = EightSchools { centred: true };
    let message = Posterior::restore(model, layout, MeanField::new(), params, report).map(drop).unwrap_err();
    assert!(
        message.to_string().starts_with("site \"mu\": the saved fit has \"slope\" (Latent Normal) here"),
        "{message}"
    );

    // A parameter of the model, of another shape or missing.
    let model = |cols: usize| {
        move |s: &mut Scope<'_>| {
            let a = s.param("a", &DMatrix::from_element(1, cols, 0.1), Support::Positive)?;
            let x = s.sample("x", Normal::new(0.0, 1.0))?;
            s.observe("y", Normal::new(x, a), &DMatrix::from_element(1, cols, 0.5))
        }
    };
    let q = Fit::new().steps(2).elbo_draws(0).checked(false).run(model(2)).unwrap();
    let restore = |cols: usize, params: &Params<f64>| {
        let (layout, report) = (q.layout().clone(), q.report().clone());
        let restored = Posterior::restore(model(cols), layout, MeanField::new(), params.clone(), report);
        restored.map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(restore(2, q.params()), Ok(()));
    assert!(
        restore(3, q.params()).unwrap_err().starts_with("site \"a\": it is 1 × 3, in the saved fit 1 × 2")
    );
    let mut without = Params::new();
    for name in ["x.loc", "x.rho"] {
        without.add(name, &DMatrix::zeros(1, 1));
    }
    assert_eq!(restore(2, &without).unwrap_err(), "setting params: there is no segment \"a\"");
    without.add("a", &DMatrix::zeros(2, 1));
    assert_eq!(restore(2, &without).unwrap_err(), "setting params: segment \"a\" is 2 × 1, its site 1 × 2");
}

#[test]
fn the_report_and_the_table_print() {
    let text = Fit::new().run(EightSchools { centred: false }).unwrap().to_string();
    assert!(text.starts_with("verdict A: "), "{text}");
    for part in
        ["full-rank Gaussian", "at its optimum", "ELBO", "theta_trans", "HalfCauchy", "5 %", "theta[7]"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
