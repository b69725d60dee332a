//! Draws, summaries, predictions and what is saved. Seeds are fixed: a correct build never fails.

use crate::common::{EightSchools, normals};
use probity_autodiff::Params;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, LogNormal, Normal, Support};
use probity_vi::optim::Sgd;
use probity_vi::{
    Draws, Fit, Init, Layout, Model, Posterior, Report, Result, ScaleStart, Scope, SiteKind, Start,
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
    Fit::new().steps(1).seed(seed).optimizer(Sgd::new(0.0)).elbo_draws(0).run(Line::of(3)).unwrap()
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

#[test]
fn the_report_and_the_table_print() {
    let text = Fit::new().run(EightSchools { centred: false }).unwrap().to_string();
    for part in ["mean field", "at rest", "ELBO", "theta_trans", "HalfCauchy", "5 %", "theta[7]"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
