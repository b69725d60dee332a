//! Laws of predictions: what holds for any draws.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Real, dmatrix};
use probity_nn::prediction::{
    ClassificationPrediction, ClassificationScores, PredictionError, RegressionPrediction, RegressionScores,
};
use probity_nn::scores::crps_normal_mixture;
use proptest::prelude::*;

/// Draws at three inputs: `S` x 3 means, and standard deviations for each entry or for each draw.
fn regressions() -> impl Strategy<Value = RegressionPrediction> {
    (1..12usize, any::<bool>()).prop_flat_map(|(draws, shared)| {
        let columns = if shared { 1 } else { 3 };
        let means = prop::collection::vec(-4.0..4.0f64, draws * 3);
        let sds = prop::collection::vec((-3.0..1.5f64).prop_map(f64::exp), draws * columns);
        (means, sds).prop_map(move |(m, s)| {
            let (m, s) = (DMatrix::from_vec(draws, 3, m), DMatrix::from_vec(draws, columns, s));
            RegressionPrediction::new(m, s).unwrap()
        })
    })
}

fn sd_of(prediction: &RegressionPrediction, draw: usize, input: usize) -> f64 {
    let sds = prediction.draw_sds();
    sds[(draw, input.min(sds.ncols() - 1))]
}

/// Draws at two inputs of the probabilities of three classes.
fn classifications() -> impl Strategy<Value = ClassificationPrediction> {
    prop::collection::vec(prop::collection::vec(-6.0..6.0f64, 6), 1..8).prop_map(|draws| {
        let softmax = |logits: Vec<f64>| {
            let mut p = DMatrix::from_vec(2, 3, logits).map(f64::exp);
            for mut row in p.row_iter_mut() {
                row /= row.sum();
            }
            p
        };
        ClassificationPrediction::new(draws.into_iter().map(softmax).collect()).unwrap()
    })
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1e-3)
}

proptest! {
    #![proptest_config(crate::cases(64))]

    #[test]
    fn law_of_total_variance(prediction in regressions()) {
        let [total, a, e] =
            [prediction.variance(), prediction.aleatoric_variance(), prediction.epistemic_variance()];
        for i in 0..3 {
            prop_assert_eq!(total[i], a[i] + e[i]);
            // The variance of the mixture from its raw moments.
            let s = prediction.draws() as f64;
            let mean = prediction.draw_means().column(i).sum() / s;
            let second = |d: usize| prediction.draw_means()[(d, i)].powi(2) + sd_of(&prediction, d, i).powi(2);
            let raw = (0..prediction.draws()).map(second).sum::<f64>() / s - mean * mean;
            prop_assert!((total[i] - raw).abs() < 1e-12 * (1.0 + 16.0));
            prop_assert!(close(prediction.sd()[i].powi(2), total[i], 1e-14));
        }
    }

    #[test]
    fn quantile_inverts_cdf(prediction in regressions(), p in 0.001..0.999f64, tail in 1.0..250.0f64) {
        for (i, q) in prediction.quantile(p).into_iter().enumerate() {
            let got = prediction.cdf(i, q);
            prop_assert!((got - p).abs() <= 1e-12, "{got} at the {p}-quantile {q}");
        }
        let p = 10f64.powf(-tail);
        for (i, q) in prediction.quantile(p).into_iter().enumerate() {
            let got = prediction.cdf(i, q);
            prop_assert!((got / p - 1.0).abs() <= 1e-10, "{got:e} at the {p:e}-quantile {q}");
        }
        // Both ends of an interval leave out the same tail.
        let level = 1.0 - 2.0 * 0.5f64.powf(tail / 8.0 + 1.0);
        for (i, (low, high)) in prediction.interval(level).into_iter().enumerate() {
            let beyond = [prediction.cdf(i, low), 1.0 - prediction.cdf(i, high)];
            prop_assert!(low <= high);
            prop_assert!(beyond.iter().all(|b| (b - (1.0 - level) / 2.0).abs() < 1e-12), "{beyond:?} {level}");
        }
    }

    #[test]
    fn quantile_is_close_in_y(prediction in regressions(), z in -6.0..6.0f64, i in 0..3usize) {
        // Not only in probability: the quantile of a point's cdf is the point, to the rounding of
        // that cdf, which has the spacing of the subnormal numbers where it is one of them.
        let y = prediction.mean()[i] + z * prediction.sd()[i];
        let p = prediction.cdf(i, y);
        prop_assume!(p > 0.0 && p <= 0.5);
        let density = prediction.log_density(&[y; 3]).unwrap()[i].exp();
        let allowed = 1e-14 * y.abs() + 32.0 * f64::EPSILON * p.max(f64::MIN_POSITIVE) / density;
        let q = prediction.quantile(p)[i];
        prop_assert!((q - y).abs() <= allowed * 8.0, "{q}, not {y}: {:e} > {allowed:e}", (q - y).abs());
    }

    #[test]
    fn crps_is_the_mixtures(prediction in regressions(), y in -6.0..6.0f64) {
        let scores = prediction.crps(&[y; 3]).unwrap();
        for (i, score) in scores.into_iter().enumerate() {
            let s = prediction.draws();
            let sds: Vec<f64> = (0..s).map(|d| sd_of(&prediction, d, i)).collect();
            let means: Vec<f64> = prediction.draw_means().column(i).iter().copied().collect();
            let pairs = crps_normal_mixture(y, &vec![1.0 / s as f64; s], &means, &sds);
            prop_assert!(score >= 0.0);
            prop_assert!((score - pairs).abs() <= 1e-13 * (1.0 + score), "{score}, {pairs}");
        }
    }

    #[test]
    fn order_of_draws_does_not_matter(prediction in regressions(), y in -6.0..6.0f64, p in 0.01..0.99f64) {
        let s = prediction.draws();
        let reversed = |x: &DMatrix<f64>| DMatrix::from_fn(s, x.ncols(), |d, i| x[(s - 1 - d, i)]);
        let other =
            RegressionPrediction::new(reversed(prediction.draw_means()), reversed(prediction.draw_sds())).unwrap();
        let all = |x: &RegressionPrediction| {
            let outcomes = [y; 3];
            let y = |r: Result<Vec<f64>, _>| r.unwrap();
            [x.mean(), x.variance(), y(x.log_density(&outcomes)), y(x.crps(&outcomes)), y(x.pit(&outcomes))].concat()
        };
        for (a, b) in all(&prediction).into_iter().zip(all(&other)) {
            prop_assert!((a - b).abs() <= 1e-13 * (1.0 + a.abs()), "{a}, {b}");
        }
        for (i, (a, b)) in prediction.quantile(p).into_iter().zip(other.quantile(p)).enumerate() {
            prop_assert!((prediction.cdf(i, a) - prediction.cdf(i, b)).abs() < 1e-13, "{a}, {b}");
        }
    }

    #[test]
    fn log_density_is_the_slope_of_the_cdf(prediction in regressions(), y in -5.0..5.0f64) {
        let h = 1e-5;
        for (i, log_density) in prediction.log_density(&[y; 3]).unwrap().into_iter().enumerate() {
            let slope = (prediction.cdf(i, y + h) - prediction.cdf(i, y - h)) / (2.0 * h);
            prop_assert!((log_density.exp() - slope).abs() < 1e-5, "{} {slope}", log_density.exp());
        }
    }

    #[test]
    fn information_adds_up(prediction in classifications()) {
        let [total, a, e] = [
            prediction.predictive_entropy(), prediction.expected_entropy(), prediction.mutual_information(),
        ];
        for i in 0..2 {
            prop_assert!(e[i] >= 0.0);
            prop_assert!((total[i] - a[i] - e[i]).abs() < 1e-14, "{} {} {}", total[i], a[i], e[i]);
            prop_assert!(total[i] <= 3f64.ln() + 1e-15);
            prop_assert!(prediction.draws().len() > 1 || e[i] == 0.0);
        }
    }
}

#[test]
fn one_draw_is_a_gaussian() {
    let one = RegressionPrediction::new(dmatrix![1.0, -2.0], dmatrix![0.5]).unwrap();
    assert_eq!(one.epistemic_variance(), [0.0, 0.0]);
    assert_eq!(one.variance(), [0.25, 0.25]);
    assert_eq!(one.mean(), [1.0, -2.0]);
    for p in [5e-324, 1e-300, 1e-20, 0.1, 0.5, 0.975, 1.0 - f64::EPSILON] {
        let z: f64 = p.ndtri();
        let want = [1.0 + 0.5 * z, -2.0 + 0.5 * z];
        let got = one.quantile(p);
        assert!(
            got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 4e-15 * w.abs()),
            "{p}: {got:?}, {want:?}"
        );
    }
    assert_eq!(one.quantile(0.0), [f64::NEG_INFINITY; 2]);
    assert_eq!(one.quantile(1.0), [f64::INFINITY; 2]);
    assert!(one.quantile(-0.1).iter().chain(&one.quantile(f64::NAN)).all(|q| q.is_nan()));
    assert_eq!(one.interval(1.0), [(f64::NEG_INFINITY, f64::INFINITY); 2]);
    assert_eq!(one.interval(0.0), [(1.0, 1.0), (-2.0, -2.0)]);
    assert!(one.interval(1.5).iter().all(|(a, b)| a.is_nan() && b.is_nan()));
}

#[test]
fn extremes() {
    // Components far apart, of scales far apart: 1/4 of the mass is below the middle of the first
    // of two.
    let apart = RegressionPrediction::new(dmatrix![0.0; 1e6], dmatrix![1e-6; 1e3]).unwrap();
    assert!(apart.quantile(0.25)[0].abs() < 1e-20);
    assert!((apart.quantile(0.75)[0] - 1e6).abs() < 1e-9);
    let q = apart.quantile(1e-200)[0];
    assert!((apart.cdf(0, q) / 1e-200 - 1.0).abs() < 1e-10, "{q}");
    // Large and tiny units: no overflow or underflow on the way to a standard deviation, quantile
    // or CRPS.
    for unit in [1e-200, 1e200] {
        let scaled = RegressionPrediction::new(dmatrix![1.0; 3.0] * unit, dmatrix![1.0; 1.0] * unit).unwrap();
        assert!(close(scaled.sd()[0] / unit, 2f64.sqrt(), 1e-15));
        assert!(close(scaled.quantile(0.5)[0] / unit, 2.0, 1e-15));
        let plain = RegressionPrediction::new(dmatrix![1.0; 3.0], dmatrix![1.0; 1.0]).unwrap();
        assert!(close(scaled.crps(&[unit]).unwrap()[0] / unit, plain.crps(&[1.0]).unwrap()[0], 1e-14));
        assert!(close(scaled.rmse(&[unit]).unwrap() / unit, 1.0, 1e-15));
    }
    // Draws that agree, far from 0, have no epistemic variance at all.
    let same = RegressionPrediction::new(
        DMatrix::from_element(7, 1, 1e9 + 0.1),
        dmatrix![1.0; 1.0; 1.0; 1.0; 1.0; 1.0; 1.0],
    );
    assert_eq!(same.unwrap().epistemic_variance(), [0.0]);
    // Outcomes that are infinitely unlikely, and none.
    assert_eq!(apart.log_density(&[f64::INFINITY]).unwrap(), [f64::NEG_INFINITY]);
    assert_eq!(apart.log_score(&[1e300]).unwrap(), f64::NEG_INFINITY);
    assert!(apart.log_score(&[f64::NAN]).unwrap().is_nan());
    assert!(apart.crps(&[f64::NAN]).unwrap()[0].is_nan());
    assert!(apart.rmse(&[f64::NAN]).unwrap().is_nan());
    assert_eq!(apart.coverage(&[f64::NAN], 0.9).unwrap().hits, 0);
}

#[test]
fn many_draws_score_as_the_pairs_do() {
    let s = 500;
    let means = DMatrix::from_fn(s, 1, |d, _| (d as f64 * 0.61).sin() * 2.0);
    let sds = DMatrix::from_fn(s, 1, |d, _| 1.0 + 0.5 * (d as f64 * 1.7).cos());
    let pairs = |y: f64| crps_normal_mixture(y, &vec![1.0 / s as f64; s], means.as_slice(), sds.as_slice());
    let prediction = RegressionPrediction::new(means.clone(), sds.clone()).unwrap();
    for y in [-50.0, -1.0, 0.2, 3.0] {
        let got = prediction.crps(&[y]).unwrap()[0];
        assert!(close(got, pairs(y), 1e-13), "{got}, {}", pairs(y));
    }
}

#[test]
fn the_truth_scores_best() {
    // Outcomes at the quantiles of N(0, 1): their mean CRPS and log score favour N(0, 1) over any
    // other prediction.
    let y: Vec<f64> = (0..400).map(|i| ((f64::from(i) + 0.5) / 400.0).ndtri()).collect();
    let scores = |loc: f64, scale: f64| {
        let means = DMatrix::from_element(1, y.len(), loc);
        RegressionPrediction::new(means, dmatrix![scale]).unwrap().summary(&y).unwrap()
    };
    let truth = scores(0.0, 1.0);
    for (loc, scale) in [(0.3, 1.0), (-0.3, 1.0), (0.0, 0.7), (0.0, 1.4), (0.2, 1.2)] {
        let other = scores(loc, scale);
        assert!(truth.crps < other.crps && truth.log_score > other.log_score, "{loc} {scale}: {other}");
        assert!(truth.interval_score_90 < other.interval_score_90, "{loc} {scale}");
    }
    assert_eq!((truth.coverage_50.hits, truth.coverage_90.hits), (200, 360));
}

#[test]
fn two_probabilities_from_one() {
    let one = ClassificationPrediction::new(vec![dmatrix![0.2; 0.5], dmatrix![0.4; 0.5]]).unwrap();
    let two = ClassificationPrediction::new(vec![dmatrix![0.8, 0.2; 0.5, 0.5], dmatrix![0.6, 0.4; 0.5, 0.5]])
        .unwrap();
    assert_eq!(one, two);
    assert!((one.probs()[(0, 1)] - 0.3).abs() < 1e-16);
    assert_eq!(one.class(), [0, 0]);
    assert_eq!(one.mutual_information()[1], 0.0);
    assert!((one.log_score(&[1, 0]).unwrap() - (0.3f64.ln() + 0.5f64.ln()) / 2.0).abs() < 1e-15);
    // Certain draws that contradict each other: all the doubt is epistemic.
    let torn = ClassificationPrediction::new(vec![dmatrix![1.0, 0.0], dmatrix![0.0, 1.0]]).unwrap();
    assert_eq!(torn.expected_entropy(), [0.0]);
    assert!((torn.mutual_information()[0] - 2f64.ln()).abs() < 1e-15);
    // A label of probability 0.
    let sure = ClassificationPrediction::new(vec![dmatrix![1.0, 0.0]]).unwrap();
    assert_eq!(sure.log_score(&[1]).unwrap(), f64::NEG_INFINITY);
    // Draws that differ little: the information is that of the second-order expansion, not of
    // rounding.
    let d = 1e-9;
    let near = ClassificationPrediction::new(vec![dmatrix![0.5 + d], dmatrix![0.5 - d]]).unwrap();
    assert!(
        (near.mutual_information()[0] / (2.0 * d * d) - 1.0).abs() < 1e-6,
        "{:?}",
        near.mutual_information()
    );
}

#[test]
fn what_does_not_fit_is_an_error() {
    let new = RegressionPrediction::new;
    assert_eq!(new(DMatrix::zeros(0, 2), DMatrix::zeros(0, 2)), Err(PredictionError::NoDraws));
    let shape = new(dmatrix![1.0, 2.0; 3.0, 4.0], dmatrix![1.0, 1.0]).unwrap_err();
    assert_eq!(shape.to_string(), "standard deviations must be 2 x 2, not 1 x 2");
    let zero = new(dmatrix![1.0, 2.0; 3.0, 4.0], dmatrix![1.0, 1.0; 1.0, 0.0]).unwrap_err();
    assert_eq!(
        zero.to_string(),
        "a standard deviation must be greater than 0 and finite, but draw 1 has 0 at input 1"
    );
    assert!(
        new(dmatrix![f64::NAN], dmatrix![1.0]).is_err() && new(dmatrix![1.0], dmatrix![f64::NAN]).is_err()
    );
    let one = new(dmatrix![1.0, 2.0], dmatrix![1.0]).unwrap();
    let length = PredictionError::Length { want: 2, got: 1 };
    assert_eq!(one.crps(&[1.0]), Err(length.clone()));
    assert_eq!(one.summary(&[1.0]).unwrap_err(), length);
    assert_eq!(one.rmse(&[1.0]), Err(length.clone()));

    let new = ClassificationPrediction::new;
    assert_eq!(new(vec![]), Err(PredictionError::NoDraws));
    assert!(matches!(new(vec![dmatrix![1.0], dmatrix![0.5, 0.5]]), Err(PredictionError::Shape { .. })));
    assert!(matches!(new(vec![dmatrix![1.1]]), Err(PredictionError::Entry { .. })));
    assert!(matches!(new(vec![dmatrix![f64::NAN]]), Err(PredictionError::Entry { .. })));
    assert!(matches!(new(vec![dmatrix![0.5, 0.4]]), Err(PredictionError::Entry { .. })));
    let one = new(vec![dmatrix![0.5]]).unwrap();
    assert_eq!(one.summary(&[2]), Err(PredictionError::Label { input: 0, got: 2, classes: 2 }));
    assert_eq!(one.accuracy(&[]), Err(PredictionError::Length { want: 1, got: 0 }));
}

#[test]
fn summaries_print_and_save() {
    let regression = RegressionPrediction::new(dmatrix![0.0, 5.0; 2.0, 5.0], dmatrix![0.5; 0.5]).unwrap();
    let scores = regression.summary(&[1.5, 4.0]).unwrap();
    assert_eq!(scores.to_string().lines().count(), 10);
    let text = serde_json::to_string(&scores).unwrap();
    assert_eq!(serde_json::from_str::<RegressionScores>(&text).unwrap(), scores);
    assert_eq!(regression.calibration(&[1.5, 4.0], &[0.0, 1.0]).unwrap(), [(0.0, 0.0), (1.0, 1.0)]);

    let classes = ClassificationPrediction::new(vec![dmatrix![0.9; 0.5]]).unwrap().summary(&[1, 0]).unwrap();
    assert_eq!(classes.to_string().lines().count(), 9);
    let text = serde_json::to_string(&classes).unwrap();
    assert_eq!(serde_json::from_str::<ClassificationScores>(&text).unwrap(), classes);
}
