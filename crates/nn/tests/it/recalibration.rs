//! Tables of coverage, parts of scores, rankings, and recalibration on held-out rows.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{normal_at, uniform_at};
use probity_autodiff::{Key, Real};
use probity_distributions::{Binomial, Cdf};
use probity_nn::prediction::{ClassificationPrediction, PredictionError, RegressionPrediction};
use probity_nn::recalibration::{ConformalClasses, ConformalIntervals, QuantileMap, SetScore, Temperature};
use probity_nn::scores::*;
use proptest::prelude::*;

/// Five standard errors of a share: a right program is outside for one seed in 1.7 million.
fn near(hits: usize, of: usize, rate: f64) -> bool {
    (hits as f64 / of as f64 - rate).abs() < 5.0 * (rate * (1.0 - rate) / of as f64).sqrt()
}

/// Predictions N(mᵢ, sᵢ), whose outcomes spread `true_over_said` times as far.
fn told(n: usize, true_over_said: f64, seed: u64) -> (RegressionPrediction, Vec<f64>) {
    let key = Key::new(seed);
    let means: Vec<f64> = (0..n).map(|i| 10.0 * uniform_at::<f64>(key, i as u64)).collect();
    let sds: Vec<f64> = means.iter().map(|m| 0.2 + 0.1 * m).collect();
    let noise = |i: usize| normal_at::<f64>(key.fold_in(1), i as u64);
    let y = (0..n).map(|i| means[i] + true_over_said * sds[i] * noise(i)).collect();
    let row = |x: &[f64]| DMatrix::from_row_slice(1, n, x);
    (RegressionPrediction::new(row(&means), row(&sds)).unwrap(), y)
}

#[test]
fn a_coverage_table_tells_width_from_luck() {
    let n = 4000;
    for (over, wide, narrow) in [(1.0, false, false), (0.7, true, false), (1.4, false, true)] {
        let (prediction, y) = told(n, over, 1);
        let table = prediction.coverage_table(&y).unwrap();
        assert_eq!(table.is_calibrated(), over == 1.0, "{table}");
        for row in &table.rows {
            assert_eq!(row.covered, prediction.coverage(&y, row.level).unwrap());
            assert_eq!((row.is_too_wide(), row.is_too_narrow()), (wide, narrow), "{table}");
            // N(0, s²): 2 s z.
            let z = ((1.0 + row.level) / 2.0).ndtri();
            let mean_sd = prediction.sd().iter().sum::<f64>() / n as f64;
            assert!((row.width / (2.0 * z * mean_sd) - 1.0).abs() < 1e-12);
        }
        let text = table.to_string();
        assert_eq!(text.lines().count(), 5);
        assert_eq!((text.contains("too wide"), text.contains("too narrow")), (wide, narrow), "{text}");
        let said = prediction.quantile_calibration(&y).unwrap();
        // Of the empirical distribution function by Massart's inequality: 2 exp(-2 n x²) = 1e-6.
        let bound = (2e6_f64.ln() / (2.0 * n as f64)).sqrt();
        assert_eq!(said.largest < bound, over == 1.0, "{said:?}");
        assert!(said.mean_absolute <= said.largest && said.sum_of_squares <= 9.0 * said.largest.powi(2));
    }
    let (prediction, y) = told(3, 1.0, 1);
    assert_eq!(prediction.coverage_table(&y[1..]), Err(PredictionError::Length { want: 3, got: 2 }));
    let root = prediction.variance().iter().sum::<f64>() / 3.0;
    assert!((prediction.sharpness() / root.sqrt() - 1.0).abs() < 1e-14);
}

#[test]
fn bands_are_quantiles_of_the_binomial() {
    let histogram = PitHistogram::new(&[0.0, 0.05, 0.1, 0.95, 1.0, f64::NAN], 10).unwrap();
    assert_eq!(histogram.counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(histogram.total(), 5);
    assert_eq!(PitHistogram::new(&[], 0), Err(PredictionError::NoBins));
    for (n, bins) in [(5, 2), (200, 20), (1000, 10)] {
        let histogram = PitHistogram { counts: [vec![n], vec![0; bins - 1]].concat() };
        let (low, high) = histogram.band(0.95);
        let d = Binomial::<f64>::new(n as f64, 1.0 / bins as f64);
        // At most .025 is beyond each end, and more than that with the end itself.
        let below = |k: usize| if k == 0 { 0.0 } else { d.cdf(k as f64 - 1.0) };
        assert!(below(low) <= 0.025 && d.cdf(low as f64) > 0.025, "{n}: {low}");
        assert!(d.sf(high as f64) <= 0.025 && 1.0 - below(high) > 0.025, "{n}: {high}");
    }
    let text = PitHistogram { counts: vec![40, 10, 10, 40] }.to_string();
    assert!(text.contains('!') && text.lines().count() == 5, "{text}");
}

#[test]
fn quantiles_are_mended_on_held_out_rows() {
    let (held_out, y) = told(2000, 1.7, 2);
    let map = QuantileMap::of(&held_out, &y).unwrap();
    let (fresh, outcomes) = told(4000, 1.7, 3);
    for level in [0.5, 0.8, 0.9, 0.95] {
        let before = fresh.coverage(&outcomes, level).unwrap();
        let after = coverage(&outcomes, &map.interval(&fresh, level));
        assert!(!near(before.hits, before.of, level));
        // Both samples err: those of the map half as many again as the fresh ones.
        let se = (level * (1.0 - level) * (1.0 / 2000.0 + 1.0 / 4000.0)).sqrt();
        assert!((after.rate() - level).abs() < 5.0 * se, "{level}: {after}");
    }
    // The map and its inverse, and its ends.
    for p in [0.0, 1e-4, 0.2, 0.5, 0.77, 1.0] {
        assert!((map.apply(map.invert(p)) - p).abs() < 1e-12, "{p}");
    }
    assert!(map.invert(1.1).is_nan() && map.invert(f64::NAN).is_nan());
    // Without held-out rows it changes nothing.
    let none = QuantileMap::of_pit(Vec::new());
    assert!((none.invert(0.3) - 0.3).abs() < 1e-15 && (none.apply(0.3) - 0.3).abs() < 1e-15);
}

#[test]
fn conformal_intervals_keep_their_promise() {
    for over in [0.5, 1.0, 2.5] {
        let (held_out, y) = told(999, over, 4);
        let (fresh, outcomes) = told(4000, over, 5);
        for level in [0.5, 0.9, 0.95] {
            let conformal = ConformalIntervals::of(&held_out, &y, level).unwrap();
            let holds = coverage(&outcomes, &conformal.interval(&fresh)).rate();
            // Given the held-out rows, the probability is Beta with mean about `level`.
            let se = (level * (1.0 - level) * (1.0 / 1000.0 + 1.0 / 4000.0)).sqrt();
            assert!((holds - level).abs() < 5.0 * se, "{over} {level}: {holds}");
        }
    }
    // Nine rows cannot promise 95 %.
    let (few, y) = told(9, 1.0, 6);
    let all = ConformalIntervals::of(&few, &y, 0.95).unwrap().interval(&few);
    assert!(all.iter().all(|i| *i == (f64::NEG_INFINITY, f64::INFINITY)));
    assert_eq!(ConformalIntervals::of(&few, &y, 1.5), Err(PredictionError::Level { got: 1.5 }));
}

/// Probabilities of three classes, and labels that follow them.
fn classes(n: usize, seed: u64) -> (DMatrix<f64>, Vec<usize>) {
    let key = Key::new(seed);
    let logit = |i: usize, k: usize| 1.5 * normal_at::<f64>(key, (3 * i + k) as u64);
    let mut probs = DMatrix::from_fn(n, 3, |i, k| logit(i, k).exp());
    for mut row in probs.row_iter_mut() {
        row /= row.sum();
    }
    let draw = |i: usize| {
        let u = uniform_at::<f64>(key.fold_in(1), i as u64);
        usize::from(u > probs[(i, 0)]) + usize::from(u > probs[(i, 0)] + probs[(i, 1)])
    };
    let labels = (0..n).map(draw).collect();
    (probs, labels)
}

#[test]
fn a_temperature_undoes_overconfidence() {
    let (probs, labels) = classes(3000, 7);
    let sharp = Temperature(1.0 / 3.0).apply(&probs);
    let found = Temperature::of(&sharp, &labels).unwrap();
    // The standard error of 1 / T is below .02 here (by the curvature of the score).
    assert!((found.0 / 3.0 - 1.0).abs() < 0.1, "{found:?}");
    let nll = |t: f64| {
        let p = Temperature(t).apply(&sharp);
        labels.iter().enumerate().map(|(i, l)| -p[(i, *l)].ln()).sum::<f64>()
    };
    assert!(nll(found.0) < nll(found.0 * 1.001) && nll(found.0) < nll(found.0 / 1.001));
    assert!((Temperature(1.0).apply(&probs) - &probs).amax() < 1e-15);
    // All right: as cold as makes a difference. A label of probability 0 is no trouble.
    let sure = DMatrix::from_row_slice(1, 2, &[0.99, 0.01]);
    assert!(Temperature::of(&sure, &[0]).unwrap().0 < 0.02);
    let never = DMatrix::from_row_slice(1, 2, &[1.0, 0.0]);
    assert!((Temperature::of(&never, &[1]).unwrap().0 / 1e3 - 1.0).abs() < 1e-9);
    assert_eq!(Temperature::of(&DMatrix::from_element(1, 2, 0.5), &[1]).unwrap(), Temperature(1.0));
}

#[test]
fn conformal_sets_keep_their_promise() {
    let (held_out, labels) = classes(999, 8);
    let (fresh, truth) = classes(4000, 9);
    for score in [SetScore::Probability, SetScore::Adaptive] {
        let sets = ConformalClasses::of(&held_out, &labels, 0.9, score).unwrap().sets(&fresh);
        let holds = sets.iter().zip(&truth).filter(|(set, label)| set.contains(label)).count();
        let se = (0.09_f64 * (1.0 / 1000.0 + 1.0 / 4000.0)).sqrt();
        assert!((holds as f64 / 4000.0 - 0.9).abs() < 5.0 * se, "{score:?}: {holds}");
    }
    let few = ConformalClasses::of(&held_out.rows(0, 5).into(), &labels[..5], 0.9, SetScore::Adaptive);
    assert!(few.unwrap().sets(&fresh).iter().all(|set| set == &[0, 1, 2]));
}

#[test]
fn class_wise_errors_by_hand() {
    let probs = DMatrix::from_row_slice(4, 2, &[0.9, 0.1, 0.8, 0.2, 0.3, 0.7, 0.4, 0.6]);
    let labels = [0, 1, 1, 1];
    // Two bins of equal width: class 0 has .3, .4 (no label) and .8, .9 (one of two): gaps .35 and
    // .35; class 1 likewise.
    let wide = class_wise_calibration_error(&probs, &labels, Binning::EqualWidth(2)).unwrap();
    let mass = class_wise_calibration_error(&probs, &labels, Binning::EqualMass(2)).unwrap();
    assert!((wide - 0.35).abs() < 1e-15 && (mass - 0.35).abs() < 1e-15, "{wide} {mass}");
    let one = class_wise_calibration_error(&probs, &labels, Binning::EqualMass(1)).unwrap();
    // .6 and .4 on average, 1/4 and 3/4 happened.
    assert!((one - 0.35).abs() < 1e-15);
    let prediction = ClassificationPrediction::new(vec![probs.clone()]).unwrap();
    assert_eq!(prediction.class_wise_ece(&labels, Binning::EqualMass(2)).unwrap(), mass);
    assert_eq!(
        class_wise_calibration_error(&probs, &labels, Binning::EqualMass(0)),
        Err(PredictionError::NoBins)
    );
    // The entropies order rows 0, 1, 2, 3; row 1 is wrong.
    let curve = prediction.rejection(&labels).unwrap();
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-15, "{got} {want}");
    near(curve.loss(0.0), 0.25);
    near(curve.loss(0.25), 1.0 / 3.0);
    near(curve.loss(0.5), 0.5);
    near(curve.loss(1.0), 0.0);
    near(curve.area(), (0.25 + 1.0 / 3.0 + 0.5) / 4.0);
    near(curve.gain(), (0.25 - curve.area()) / (0.25 - 0.25 / 4.0));
    // Of equal uncertainty, every order is as good.
    near(RejectionCurve::new(&[1.0; 4], &[1.0, 0.0, 0.0, 0.0]).unwrap().area(), 0.25);
    assert!(RejectionCurve::new(&[], &[]).is_err() && RejectionCurve::new(&[1.0], &[]).is_err());
}

#[test]
fn reliability_is_the_part_that_recalibration_takes() {
    // Bins hold equal probabilities. 0.8: 3 of 4 are of class 0; 0.3: 1 of 4.
    let p = [0.8, 0.8, 0.8, 0.8, 0.3, 0.3, 0.3, 0.3];
    let probs = DMatrix::from_fn(8, 2, |i, k| if k == 0 { p[i] } else { 1.0 - p[i] });
    let labels = [0, 0, 0, 1, 0, 1, 1, 1];
    let parts = brier_parts(&probs, &labels, 10).unwrap();
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-15, "{parts}");
    near(parts.reliability, 0.05_f64.powi(2) * 2.0);
    near(parts.resolution, 0.25_f64.powi(2) * 2.0);
    near(parts.uncertainty, 0.5);
    near(parts.within, 0.0);
}

#[test]
fn inputs_of_another_kind_are_told_by_the_doubt() {
    let two = |a: f64, b: f64| DMatrix::from_row_slice(2, 1, &[a, b]);
    let of = |a: f64, b: f64| RegressionPrediction::new(two(a, b), two(1.0, 1.0)).unwrap();
    assert_eq!(of(0.0, 1.0).auroc(&of(0.0, 3.0)), 1.0);
    assert_eq!(of(0.0, 3.0).auroc(&of(1.0, 2.0)), 0.0);
    let of =
        |p: &[f64]| ClassificationPrediction::new(vec![DMatrix::from_column_slice(p.len(), 1, p)]).unwrap();
    assert_eq!(of(&[0.9, 0.99]).auroc(&of(&[0.4, 0.95])), 0.75);
}

#[test]
fn an_auroc_of_nothing_is_no_number() {
    assert!(
        auroc(&[], &[1.0]).is_nan() && auroc(&[1.0], &[]).is_nan() && auroc(&[f64::NAN], &[1.0]).is_nan()
    );
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn auroc_by_its_definition(
        inside in prop::collection::vec(0..8_u8, 1..20),
        outside in prop::collection::vec(0..8_u8, 1..20),
    ) {
        let [inside, outside] = [inside, outside].map(|x| x.into_iter().map(f64::from).collect::<Vec<_>>());
        let half = |o: &f64, i: &f64| if o > i { 1.0 } else if o == i { 0.5 } else { 0.0 };
        let wins: f64 = outside.iter().flat_map(|o| inside.iter().map(move |i| half(o, i))).sum();
        let want = wins / (inside.len() * outside.len()) as f64;
        prop_assert!((auroc(&inside, &outside) - want).abs() < 1e-15);
        prop_assert!((auroc(&inside, &outside) + auroc(&outside, &inside) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn parts_of_the_brier_score_add_up(
        rows in prop::collection::vec(prop::array::uniform3(0.01..1.0f64), 1..40),
        bins in 1..12_usize,
    ) {
        let probs = DMatrix::from_fn(rows.len(), 3, |i, k| rows[i][k] / rows[i].iter().sum::<f64>());
        let labels: Vec<usize> = (0..rows.len()).map(|i| i * 7 % 3).collect();
        let parts = brier_parts(&probs, &labels, bins).unwrap();
        prop_assert!((parts.score() - brier(&probs, &labels).unwrap()).abs() < 1e-13);
        prop_assert!(parts.reliability >= 0.0 && parts.resolution >= 0.0 && parts.uncertainty >= 0.0);
    }
}
