//! The scores against published-precision tables (`PROBITY_REFERENCE_DATA`), and against their
//! definitions.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Dual, Real};
use probity_nn::prediction::{ClassificationPrediction, PredictionError, RegressionPrediction};
use probity_nn::scores::*;
use proptest::prelude::*;
use serde_json::Value as Json;

/// A JSON file of the reference data; `None`, with a message, where there are no such data.
fn data(name: &str) -> Option<Json> {
    let Some(folder) = std::env::var_os("PROBITY_REFERENCE_DATA") else {
        println!("{name}: skipped, PROBITY_REFERENCE_DATA is not set");
        return None;
    };
    let path = std::path::Path::new(&folder).join("diagnostics").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

fn vector(x: &Json) -> Vec<f64> {
    x.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn labels(x: &Json) -> Vec<usize> {
    x.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

/// Fails if the error is above `bound` units in the last place of `scale`; keeps the worst.
#[derive(Default)]
struct Worst(f64, usize);
impl Worst {
    fn check(&mut self, what: &dyn std::fmt::Debug, got: f64, want: f64, scale: f64, bound: f64) {
        let error = if got == want { 0.0 } else { (got - want).abs() / (scale * f64::EPSILON) };
        assert!(error <= bound, "{what:?}: {got:e}, not {want:e} ({error:.1} ulp of {scale:e})");
        (self.0, self.1) = (self.0.max(error), self.1 + 1);
    }
}

type D = Dual<f64, 4>;

fn crps(family: &str, y: D, p: &dyn Fn(&str, usize) -> D) -> D {
    match family {
        "Normal" => crps_normal(y, p("loc", 1), p("scale", 2)),
        "Laplace" => crps_laplace(y, p("loc", 1), p("scale", 2)),
        "Logistic" => crps_logistic(y, p("loc", 1), p("scale", 2)),
        "StudentT" => crps_student_t(y, p("df", 1), p("loc", 2), p("scale", 3)),
        "Exponential" => crps_exponential(y, p("rate", 1)),
        "LogNormal" => crps_log_normal(y, p("loc", 1), p("scale", 2)),
        "Uniform" => crps_uniform(y, p("low", 1), p("high", 2)),
        _ => panic!("no {family}"),
    }
}

#[test]
fn crps_of_families() {
    let Some(table) = data("crps.json") else { return };
    let (mut values, mut slopes) = (Worst::default(), Worst::default());
    for row in table["rows"].as_array().unwrap() {
        let (y, want) = (row["y"].as_f64().unwrap(), row["crps"].as_f64().unwrap());
        let family = row["family"].as_str().unwrap();
        if family == "MixtureOfNormals" {
            let [w, l, s] = ["weights", "locs", "scales"].map(|name| vector(&row["params"][name]));
            values.check(row, crps_normal_mixture(y, &w, &l, &s), want, want, 8.0);
            continue;
        }
        let number = |name: &str| row["params"][name].as_f64().unwrap();
        let got = crps(family, D::variable(y, 0), &|name, i| D::variable(number(name), i));
        values.check(row, got.re, want, want, 8.0);
        if family == "Normal" {
            slopes.check(row, got.du[1], row["d_loc"].as_f64().unwrap(), 1.0, 8.0);
            slopes.check(row, got.du[2], row["d_scale"].as_f64().unwrap(), 1.0, 8.0);
            slopes.check(row, got.du[0], -got.du[1], 1.0, 0.0);
        }
    }
    println!(
        "crps: {} values within {:.2} ulp, {} slopes within {:.2}",
        values.1, values.0, slopes.1, slopes.0
    );
    assert_eq!((values.1, slopes.1), (52, 84));
}

#[test]
fn crps_of_ensembles() {
    let Some(table) = data("crps_ensemble.json") else { return };
    let mut worst = Worst::default();
    for row in table["rows"].as_array().unwrap() {
        let (draws, y) = (vector(&row["ensemble"]), row["y"].as_f64().unwrap());
        let want = row["crps_empirical"].as_f64().unwrap();
        worst.check(&y, crps_ensemble(&draws, y), want, want, 16.0);
        match row["crps_fair"].as_f64() {
            // The fair score is a difference of the empirical one and a part of the spread.
            Some(fair) => worst.check(&y, crps_ensemble_fair(&draws, y), fair, want, 16.0),
            None => assert!(crps_ensemble_fair(&draws, y).is_nan()),
        }
    }
    println!("ensembles: {} values within {:.2} ulp", worst.1, worst.0);
    assert_eq!(worst.1, 33);
}

#[test]
fn calibration_of_classes() {
    let Some(table) = data("calibration.json") else { return };
    let mut worst = Worst::default();
    for case in table["cases"].as_array().unwrap() {
        let rows: Vec<Vec<f64>> = case["probabilities"].as_array().unwrap().iter().map(vector).collect();
        let labels = labels(&case["labels"]);
        let probs = DMatrix::from_fn(rows.len(), rows[0].len(), |i, k| rows[i][k]);
        let one = ClassificationPrediction::new(vec![probs.clone()]).unwrap();
        let mut check = |name: &str, got: f64| {
            worst.check(&(&case["description"], name), got, case[name].as_f64().unwrap(), 1.0, 32.0);
        };
        for m in [10, 15] {
            let bins = calibration_bins(&probs, &labels, m).unwrap();
            check(&format!("ece_{m}"), calibration_error(&bins));
            check(&format!("ece_{m}"), one.ece(&labels, m).unwrap());
            check(&format!("mce_{m}"), max_calibration_error(&bins));
            for (bin, want) in bins.iter().zip(case[&format!("bins_{m}")].as_array().unwrap()) {
                assert_eq!(bin.count as u64, want[0].as_u64().unwrap());
                match want[1].as_f64() {
                    Some(accuracy) => assert!((bin.accuracy - accuracy).abs() < 1e-14),
                    None => assert!(bin.accuracy.is_nan() && bin.confidence.is_nan()),
                }
            }
        }
        let equal_mass = calibration_bins_equal_mass(&probs, &labels, 10).unwrap();
        check("ece_equal_mass_10", calibration_error(&equal_mass));
        check("brier", brier(&probs, &labels).unwrap());
        let scores = one.summary(&labels).unwrap();
        check("accuracy", scores.accuracy.rate());
        check("nll", -scores.log_score);
        check("brier", scores.brier);
        check("ece_15", scores.ece);
        check("mce_15", scores.mce);
        check("entropy_mean", scores.predictive_entropy);
        assert_eq!(scores.mutual_information, 0.0);
        assert_eq!(scores.expected_entropy, scores.predictive_entropy);
    }
    println!("calibration: {} values within {:.2} ulp of 1", worst.1, worst.0);
}

#[test]
fn scores_of_regressions() {
    let Some(table) = data("regression_scores.json") else { return };
    let mut worst = Worst::default();
    for case in table["cases"].as_array().unwrap() {
        let [means, sds, y] = ["mean", "sd", "y"].map(|name| vector(&case[name]));
        let row = |x: &[f64]| DMatrix::from_row_slice(1, x.len(), x);
        let one = RegressionPrediction::new(row(&means), row(&sds)).unwrap();
        // The same draw several times is the same prediction.
        let three = |x: &[f64]| DMatrix::from_fn(3, x.len(), |_, i| x[i]);
        let many = RegressionPrediction::new(three(&means), three(&sds)).unwrap();
        for prediction in [one, many] {
            let mut check = |name: &str, got: f64| {
                worst.check(
                    &name,
                    got,
                    case[name].as_f64().unwrap(),
                    case[name].as_f64().unwrap().abs(),
                    64.0,
                );
            };
            for level in [0.5, 0.9, 0.95] {
                check(&format!("coverage_{level}"), prediction.coverage(&y, level).unwrap().rate());
                check(&format!("coverage_{level}"), coverage(&y, &prediction.interval(level)).rate());
                check(&format!("interval_score_{level}"), prediction.interval_score(&y, level).unwrap());
            }
            let scores = prediction.summary(&y).unwrap();
            check("rmse", scores.rmse);
            check("mean_log_likelihood", scores.log_score);
            check("mean_crps", scores.crps);
            let losses = y.iter().zip(prediction.quantile(0.1)).map(|(&y, q)| pinball(y, q, 0.1));
            check("pinball_0.1", losses.sum::<f64>() / y.len() as f64);
            for (got, want) in prediction.pit(&y).unwrap().into_iter().zip(vector(&case["pit"])) {
                worst.check(&"pit", got, want, want, 32.0);
            }
        }
    }
    println!("regression: {} values within {:.2} ulp", worst.1, worst.0);
}

/// `∫ (F(t) - 1[t >= y])² dt` by the trapezoidal rule on both sides of the jump.
fn crps_by_integration(y: f64, reach: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let n = 20_000;
    let side = |towards: f64, f: &dyn Fn(f64) -> f64| {
        let h = reach / f64::from(n);
        let at = |i: i32| f(y + towards * h * f64::from(i)).powi(2);
        h * ((at(0) + at(n)) / 2.0 + (1..n).map(at).sum::<f64>())
    };
    side(-1.0, &cdf) + side(1.0, &|t| 1.0 - cdf(t))
}

#[test]
fn closed_forms_are_the_integral() {
    for y in [-2.0, 0.3, 4.0] {
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-6, "{y}: {got}, {want}");
        near(crps_normal(y, 0.5, 1.5), crps_by_integration(y, 30.0, |t| ((t - 0.5) / 1.5).ndtr()));
        near(crps_logistic(y, 0.5, 0.7), crps_by_integration(y, 30.0, |t| ((t - 0.5) / 0.7).sigmoid()));
        near(crps_uniform(y, -1.0, 2.0), crps_by_integration(y, 30.0, |t| ((t + 1.0) / 3.0).clamp(0.0, 1.0)));
        near(crps_exponential(y, 0.8), crps_by_integration(y, 30.0, |t| -(-0.8 * t.max(0.0)).exp_m1()));
        near(
            crps_log_normal(y, 0.1, 0.6),
            crps_by_integration(y, 90.0, |t| (t.max(0.0).ln() / 0.6 - 0.1 / 0.6).ndtr()),
        );
    }
}

#[test]
fn extremes_and_nan() {
    assert!((crps_normal(1e200, 0.0, 1e-300) / 1e200 - 1.0).abs() < 1e-15);
    assert!(crps_normal(0.0, 0.0, 1e-300) > 2e-301);
    assert!(crps_normal(3.0, 0.0, 1e200).is_finite());
    let d = crps_normal(D::variable(1e200, 0), D::variable(0.0, 1), D::variable(1e-300, 2));
    assert_eq!((d.du[0], d.du[1]), (1.0, -1.0));
    assert!((d.du[2] + 1.0 / std::f64::consts::PI.sqrt()).abs() < 1e-15);
    for nan in [
        crps_normal(f64::NAN, 0.0, 1.0),
        crps_laplace(f64::NAN, 0.0, 1.0),
        crps_logistic(f64::NAN, 0.0, 1.0),
        crps_student_t(f64::NAN, 3.0, 0.0, 1.0),
        crps_student_t(0.0, 1.0, 0.0, 1.0),
        crps_exponential(f64::NAN, 1.0),
        crps_log_normal(f64::NAN, 0.0, 1.0),
        crps_uniform(f64::NAN, 0.0, 1.0),
        crps_normal_mixture(0.0, &[1.0], &[0.0], &[]),
        crps_ensemble(&[], 0.0),
        crps_ensemble(&[1.0, -f64::NAN], 0.0),
        crps_ensemble(&[1.0, 2.0], f64::NAN),
        interval_score(f64::NAN, (0.0, 1.0), 0.9),
        interval_score(0.5, (f64::NAN, 1.0), 0.9),
        pinball(f64::NAN, 0.0, 0.5),
    ] {
        assert!(nan.is_nan());
    }
}

#[test]
fn clopper_pearson_by_its_definition() {
    // P(X >= hits) at the lower and P(X <= hits) at the upper end are the tail, by summing the
    // binomial.
    let binomial = |n: usize, k: usize, p: f64| {
        let choose = (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
        choose * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32)
    };
    for (hits, of) in [(1, 10), (5, 10), (9, 10), (37, 50)] {
        let (low, high) = Proportion { hits, of }.interval(0.9);
        let above: f64 = (hits..=of).map(|k| binomial(of, k, low)).sum();
        let below: f64 = (0..=hits).map(|k| binomial(of, k, high)).sum();
        assert!((above - 0.05).abs() < 1e-13 && (below - 0.05).abs() < 1e-13, "{above}, {below}");
    }
    // No hit: 1 - tail^(1/n).
    let (low, high) = Proportion { hits: 0, of: 20 }.interval(0.95);
    assert!(low == 0.0 && (high - (1.0 - 0.025f64.powf(1.0 / 20.0))).abs() < 1e-15);
    assert_eq!(Proportion { hits: 20, of: 20 }.interval(0.95), (1.0 - high, 1.0));
    assert_eq!(Proportion { hits: 0, of: 0 }.interval(0.95), (0.0, 1.0));
    assert!(Proportion { hits: 1, of: 2 }.interval(1.0).0.is_nan());
}

#[test]
fn bins_hold_their_upper_edge() {
    let probs = DMatrix::from_row_slice(3, 2, &[0.5, 0.5, 0.3, 0.7, 1.0, 0.0]);
    let bins = calibration_bins(&probs, &[0, 0, 0], 10).unwrap();
    let counts: Vec<usize> = bins.iter().map(|bin| bin.count).collect();
    assert_eq!(counts, [0, 0, 0, 0, 1, 0, 1, 0, 0, 1]);
    assert_eq!(calibration_bins(&probs, &[0, 0, 0], 0), Err(PredictionError::NoBins));
    assert_eq!(brier(&probs, &[0, 0]), Err(PredictionError::Length { want: 3, got: 2 }));
    assert_eq!(brier(&probs, &[0, 2, 0]), Err(PredictionError::Label { input: 1, got: 2, classes: 2 }));
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn ensemble_by_its_definition(draws in prop::collection::vec(-5.0..5.0f64, 2..20), y in -8.0..8.0f64) {
        let n = draws.len() as f64;
        let distance = draws.iter().map(|x| (x - y).abs()).sum::<f64>() / n;
        let pairs: f64 = draws.iter().flat_map(|a| draws.iter().map(move |b| (a - b).abs())).sum();
        let (got, fair) = (crps_ensemble(&draws, y), crps_ensemble_fair(&draws, y));
        prop_assert!((got - (distance - pairs / (2.0 * n * n))).abs() < 1e-13);
        prop_assert!((fair - (distance - pairs / (2.0 * n * (n - 1.0)))).abs() < 1e-13);
        prop_assert!(got >= 0.0);
    }

    #[test]
    fn pinball_and_interval_agree(y in -5.0..5.0f64, a in -5.0..5.0f64, width in 0.0..3.0f64, level in 0.01..0.99f64) {
        // The interval score is both ends' pinball loss, by 2 / (1 - level).
        let (tail, b) = ((1.0 - level) / 2.0, a + width);
        let losses = pinball(y, a, tail) + pinball(y, b, 1.0 - tail);
        let score = interval_score(y, (a, b), level);
        prop_assert!((score - losses / tail).abs() <= 1e-12 * (1.0 + score));
    }
}
