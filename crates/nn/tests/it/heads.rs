//! Heads: the distribution that is predicted is the one that was observed, and fits find the truth.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, uniform_at};
use probity_autodiff::{Key, Real};
use probity_distributions::{Distribution, Draws, NegativeBinomial, Poisson, Weibull};
use probity_nn::heads::*;
use probity_nn::*;
use probity_vi::ladder::Stands;
use probity_vi::optim::Adam;
use probity_vi::{Corrected, Fit, LogJoint};

fn normals(seed: u64, rows: usize, cols: usize) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

fn quick(steps: usize) -> Fit<f32> {
    let fit = Fit::default().steps(steps).draws(1).optimizer(Adam::new(0.02)).elbo_draws(0).checked(false);
    fit.estimator(probity_vi::Estimator::LocalReparameterization)
}

/// The log likelihood of rows by the model is that of the predicted distributions. The same targets
/// in another order have the same prior and units, so it is seen in differences.
fn rows_are_what_is_observed<H: Head>(head: H, y: &DMatrix<f64>) {
    let n = y.nrows();
    let x = normals(1, n, 2);
    let network = Network::new(Mlp::new(&[2, 3, head.outputs()], Activation::Tanh), head.clone());
    let fitted = network.fit_with(&x, y, quick(1)).unwrap();
    let dim = fitted.posterior().layout().dim();
    let mut u = vec![0.0; dim];
    fill_normal(Key::new(2), 0, &mut u);
    u.iter_mut().for_each(|u| *u *= 0.5);
    // Predictions at this point.
    let (layout, params) = (fitted.posterior().layout().clone(), fitted.posterior().params().clone());
    let report = fitted.posterior().report().clone();
    let model = network.model(&x, y).unwrap();
    let at = probity_vi::Posterior::restore(model, layout, probity_vi::MeanField::new(), params, report)
        .unwrap()
        .with_corrected(Corrected { dim, points: u.clone(), stands: Stands::Chains })
        .unwrap();
    let prediction = FittedNetwork::of(at).predict(&x, 1).unwrap();
    let turned = DMatrix::from_fn(n, y.ncols(), |i, j| y[((i + 1) % n, j)]);
    let joint = |y: &DMatrix<f64>| {
        let mut target = LogJoint::<_, f64>::new(network.model::<f64>(&x, y).unwrap()).unwrap();
        target.value(&u).unwrap()
    };
    let want = joint(y) - joint(&turned);
    let sum = |y: &DMatrix<f64>| prediction.log_density(y).unwrap().iter().sum::<f64>();
    let got = sum(y) - sum(&turned);
    // The prediction is in single precision.
    assert!((got - want).abs() < 3e-4 * (1.0 + want.abs()), "{head:?}: {got} {want}");
    assert!(want.abs() > 1e-2);
    // Moments and draws are numbers; Student's t has no mean with up to one degree of freedom.
    let heavy = format!("{head:?}").contains("df: None");
    assert!(heavy || prediction.mean().iter().all(|m| m.is_finite()), "{head:?}");
    let drawn = prediction.sample(Key::new(3));
    assert_eq!(drawn[0].shape(), (n, y.ncols()));
    assert!(head.check(&drawn[0]).is_ok(), "{head:?}: {}", drawn[0]);
    // A file.
    let text = fitted.to_json().unwrap();
    let again = FittedNetwork::from_json(&network, &text).unwrap();
    let (a, b) = (fitted.predict(&x, 3).unwrap(), again.predict(&x, 3).unwrap());
    assert_eq!(a.mean(), b.mean(), "{head:?}");
}

#[test]
fn the_predicted_distribution_is_the_observed_one() {
    let n = 12;
    let reals = normals(4, n, 1).map(|y| 40.0 + 7.0 * y);
    rows_are_what_is_observed(GaussianHead::default(), &reals);
    rows_are_what_is_observed(GaussianHead::new(Noise::InputDependent), &reals);
    rows_are_what_is_observed(GaussianHead::new(Noise::Fixed(3.0)), &reals);
    rows_are_what_is_observed(StudentTHead::new(), &reals);
    rows_are_what_is_observed(StudentTHead::with_df(4.0), &reals);
    rows_are_what_is_observed(QuantileHead::new(0.8), &reals);
    rows_are_what_is_observed(MixtureDensityHead::new(3), &reals);
    let counts = DMatrix::from_fn(n, 1, |i, _| (i * i % 7) as f64);
    rows_are_what_is_observed(PoissonHead, &counts);
    rows_are_what_is_observed(NegativeBinomialHead, &counts);
    rows_are_what_is_observed(BernoulliHead, &DMatrix::from_fn(n, 1, |i, _| (i * i % 3 % 2) as f64));
    let classes = DMatrix::from_fn(n, 1, |i, _| (i * i % 5 % 4) as f64);
    rows_are_what_is_observed(CategoricalHead::new(4), &classes);
    rows_are_what_is_observed(OrdinalHead::new(4), &classes);
    let times =
        DMatrix::from_fn(n, 2, |i, j| if j == 0 { 30.0 + (i * i % 11) as f64 } else { (i % 3 % 2) as f64 });
    rows_are_what_is_observed(WeibullSurvivalHead, &times);
    rows_are_what_is_observed(LogNormalSurvivalHead, &times);
    let vectors = normals(5, n, 3).map(|y| 5.0 + 2.0 * y);
    rows_are_what_is_observed(MultivariateGaussianHead::new(3), &vectors);
}

#[test]
fn a_gaussian_head_is_the_regression_bit_for_bit() {
    let x = normals(6, 50, 2);
    let y: Vec<f64> = x.row_iter().map(|r| 3.0 + r[0].sin() - r[1]).collect();
    for noise in [Noise::Learned, Noise::InputDependent, Noise::FixedShare(0.2)] {
        let mlp = Mlp::new(&[2, 8, noise.outputs()], Activation::Relu);
        let old = Regression::new(mlp.clone()).noise(noise).fit(&x, &y, quick(60)).unwrap();
        let new = Network::new(mlp, GaussianHead::new(noise)).fit_with(&x, &y, quick(60)).unwrap();
        assert_eq!(old.posterior().params().as_slice(), new.posterior().params().as_slice());
        let (a, b) = (old.predict(&x, 5).unwrap(), new.predict(&x, 5).unwrap().to_regression().unwrap());
        assert_eq!(a.draw_means(), b.draw_means());
        assert_eq!(a.sd(), b.sd());
    }
    let labels: Vec<usize> = (0..50).map(|i| i % 3).collect();
    let mlp = Mlp::new(&[2, 8, 3], Activation::Relu);
    let old = Classification::new(mlp.clone(), 3).without_residual().fit(&x, &labels, quick(60)).unwrap();
    let new = Network::new(mlp, CategoricalHead::new(3)).fit_with(&x, &labels, quick(60)).unwrap();
    assert_eq!(old.posterior().params().as_slice(), new.posterior().params().as_slice());
    let (a, b) = (old.predict(&x, 5).unwrap(), new.predict(&x, 5).unwrap().to_classification().unwrap());
    assert!((a.probs() - b.probs()).amax() < 1e-15);
}

#[test]
fn counts_are_calibrated() {
    let n = 400;
    let rate = |x: f64| (1.0 + 1.5 * x.sin()).exp();
    let data = |seed: u64| {
        let x = DMatrix::from_fn(n, 1, |i, _| 6.0 * uniform_at::<f64>(Key::new(seed), i as u64) - 3.0);
        let y: Vec<f64> = (0..n)
            .map(|i| Poisson::new(rate(x[i])).draws(1, Key::new(seed + 9).fold_in(i as u64))[0])
            .collect();
        (x, y)
    };
    let ((x, y), (fresh, outcomes)) = (data(10), data(20));
    let mlp = || Mlp::new(&[1, 12, 1], Activation::Tanh);
    let fitted = Network::new(mlp(), PoissonHead).fit_with(&x, &y, quick(1500)).unwrap();
    let prediction = fitted.predict(&fresh, 60).unwrap();
    // The truth's own score; 400 rows of nats with a standard deviation below 1 each, and the
    // net's error.
    let best = (0..n).map(|i| Poisson::new(rate(fresh[i])).log_prob(outcomes[i])).sum::<f64>() / n as f64;
    let score = prediction.log_score(&outcomes).unwrap();
    assert!(score > best - 0.1, "{score} {best}");
    // A transform of counts is uniform: Massart's inequality at 1e-6, and room for the net's error.
    let mut pit = prediction.pit(&outcomes, Key::new(1)).unwrap();
    pit.sort_by(f64::total_cmp);
    let most =
        pit.iter().enumerate().map(|(i, u)| (u - (i as f64 + 0.5) / n as f64).abs()).fold(0.0, f64::max);
    assert!(most < (2e6_f64.ln() / (2.0 * n as f64)).sqrt(), "{most}");
    for (low, high) in prediction.interval(0.8) {
        assert!(low.fract() == 0.0 && high.fract() == 0.0 && low <= high);
    }
    // The quantile is the first whole number that reaches the level.
    for (i, q) in prediction.quantile(0.7).into_iter().enumerate().take(20) {
        assert!(prediction.cdf(i, q) >= 0.7 && prediction.cdf(i, q - 1.0) < 0.7, "{q}");
    }
    // Counts that vary more: the spread is found.
    let y: Vec<f64> = (0..n)
        .map(|i| NegativeBinomial::from_mean(rate(x[i]), 2.0).draws(1, Key::new(40).fold_in(i as u64))[0])
        .collect();
    let fitted = Network::new(mlp(), NegativeBinomialHead).fit_with(&x, &y, quick(1500)).unwrap();
    let spread = fitted.posterior().draws(200).unwrap()["spread"].mean()[0];
    assert!((spread - 0.5_f64.sqrt()).abs() < 0.15, "{spread}");
}

#[test]
fn heavy_tails_do_not_move_the_mean() {
    let x = normals(50, 150, 1);
    let e = normals(51, 150, 1);
    // One in ten targets is far up.
    let y: Vec<f64> =
        (0..150).map(|i| 2.0 * x[i] + 0.1 * e[i] + if i % 10 == 0 { 15.0 } else { 0.0 }).collect();
    let at = DMatrix::from_column_slice(1, 1, &[0.0]);
    let line = || Mlp::new(&[1, 1], Activation::Identity);
    let robust = Network::new(line(), StudentTHead::new()).fit_with(&x, &y, quick(1500)).unwrap();
    let plain = Network::new(line(), GaussianHead::default()).fit_with(&x, &y, quick(1500)).unwrap();
    let median = robust.predict(&at, 100).unwrap().quantile(0.5)[0];
    let mean = plain.predict(&at, 100).unwrap().quantile(0.5)[0];
    assert!(median.abs() < 0.15 && mean > 0.8, "{median} {mean}");
}

#[test]
fn two_branches_need_a_mixture() {
    let x = normals(60, 300, 1);
    let e = normals(61, 300, 1);
    let y: Vec<f64> =
        (0..300).map(|i| (if i % 2 == 0 { 2.0 } else { -2.0 }) + 0.5 * x[i] + 0.2 * e[i]).collect();
    let score = |density: Vec<f64>| density.iter().sum::<f64>() / 300.0;
    let mlp = |outputs| Mlp::new(&[1, 8, outputs], Activation::Tanh);
    let two = Network::new(mlp(6), MixtureDensityHead::new(2)).fit_with(&x, &y, quick(1500)).unwrap();
    let one = Network::new(mlp(1), GaussianHead::default()).fit_with(&x, &y, quick(1500)).unwrap();
    let (two, one) = (two.predict(&x, 50).unwrap(), one.predict(&x, 50).unwrap());
    let (a, b) = (score(two.log_density(&y).unwrap()), score(one.log_density(&y).unwrap()));
    // The truth has ln ½ less than one branch, -.69 + .19; a Gaussian of variance 4 has -2.1.
    assert!(a > -0.8 && b < -1.9, "{a} {b}");
    let (low, high) = two.interval(0.9)[0];
    assert!(low < -1.0 && high > 1.0);
    assert!((two.cdf(0, two.quantile(0.3)[0]) - 0.3).abs() < 1e-9);
}

#[test]
fn quantiles_have_their_share_below() {
    let x = normals(70, 400, 1);
    let y: Vec<f64> = (0..400)
        .map(|i| x[i] + (0.3 + 0.3 * x[i].sigmoid()) * -uniform_at::<f64>(Key::new(71), i as u64).ln())
        .collect();
    let fitted = Network::new(Mlp::new(&[1, 8, 1], Activation::Tanh), QuantileHead::new(0.8))
        .fit_with(&x, &y, quick(2000))
        .unwrap();
    let quantile = fitted.predict(&x, 50).unwrap().functional(|row| row.0.loc).row_mean();
    let below = y.iter().zip(quantile.iter()).filter(|(y, q)| y < q).count() as f64 / 400.0;
    // At the minimum of the loss the share is the level, up to the fitted weights.
    assert!((below - 0.8).abs() < 0.05, "{below}");
}

#[test]
fn orders_and_classes_are_learned() {
    let x = normals(80, 300, 1);
    let noise = |i: usize| {
        let u: f64 = uniform_at(Key::new(81), i as u64);
        (u / (1.0 - u)).ln()
    };
    let level = |i: usize| {
        let behind = 4.0 * x[i] + noise(i);
        usize::from(behind > -2.0) + usize::from(behind > 0.0) + usize::from(behind > 3.0)
    };
    let y: Vec<usize> = (0..300).map(level).collect();
    let line = Mlp::new(&[1, 1], Activation::Identity);
    let fitted = Network::new(line, OrdinalHead::new(4)).fit_with(&x, &y, quick(2000)).unwrap();
    let cuts = fitted.posterior().draws(200).unwrap()["cutpoints"].mean();
    // Up to the shift that the bias takes: the distances.
    assert!((cuts[1] - cuts[0] - 2.0).abs() < 0.8 && (cuts[2] - cuts[1] - 3.0).abs() < 0.9, "{cuts}");
    let classes = fitted.predict(&x, 50).unwrap().to_classification().unwrap();
    assert!(classes.accuracy(&y).unwrap().rate() > 0.65);
}

#[test]
fn times_that_are_not_over_count_as_longer() {
    let n = 500;
    let x = normals(90, n, 1);
    let times: Vec<f64> = (0..n)
        .map(|i| Weibull::new(2.0, 50.0 * (0.5 * x[i]).exp()).draws(1, Key::new(91).fold_in(i as u64))[0])
        .collect();
    // Nobody is watched for longer than 45.
    let y = DMatrix::from_fn(n, 2, |i, j| match j {
        0 => times[i].min(45.0),
        _ => f64::from(u8::from(times[i] < 45.0)),
    });
    let line = || Mlp::new(&[1, 1], Activation::Identity);
    let fitted = Network::new(line(), WeibullSurvivalHead).fit_with(&x, &y, quick(2000)).unwrap();
    let k = fitted.posterior().draws(200).unwrap()["concentration"].mean()[0];
    let at = DMatrix::from_column_slice(2, 1, &[0.0, 1.0]);
    let scale = fitted.predict(&at, 200).unwrap().functional(|row| row.0.scale).row_mean();
    // 300 events: standard errors of about .1, 2 and 3.
    assert!((k - 2.0).abs() < 0.5, "{k}");
    assert!((scale[0] - 50.0).abs() < 10.0 && (scale[1] - 50.0 * 0.5_f64.exp()).abs() < 17.0, "{scale}");
    let survives = |prediction: Prediction<Survival<_>>, t: f64| 1.0 - prediction.cdf(0, t);
    let half = survives(fitted.predict(&at, 200).unwrap(), 50.0 * std::f64::consts::LN_2.sqrt());
    assert!((half - 0.5).abs() < 0.1, "{half}");
    let log_normal = Network::new(line(), LogNormalSurvivalHead).fit_with(&x, &y, quick(1000)).unwrap();
    let median = log_normal.predict(&at, 100).unwrap().quantile(0.5)[0];
    assert!((median - 41.6).abs() < 8.0, "{median}");
}

#[test]
fn correlated_noise_is_found() {
    let n = 300;
    let x = normals(100, n, 1);
    let e = normals(101, n, 2);
    let y = DMatrix::from_fn(n, 2, |i, j| match j {
        0 => 10.0 + 3.0 * x[i] + e[(i, 0)],
        _ => -x[i] + 2.0 * (0.8 * e[(i, 0)] + 0.6 * e[(i, 1)]),
    });
    let line = Mlp::new(&[1, 2], Activation::Identity);
    let fitted = Network::new(line, MultivariateGaussianHead::new(2)).fit_with(&x, &y, quick(2000)).unwrap();
    let prediction = fitted.predict(&DMatrix::zeros(1, 1), 200).unwrap();
    let of = |i: usize, j: usize| prediction.functional(|row| row.covariance()[(i, j)]).mean();
    let (a, b, ab) = (of(0, 0), of(1, 1), of(0, 1));
    // Standard errors .08, .33, and .02 of the correlation.
    assert!((a - 1.0).abs() < 0.4 && (b - 4.0).abs() < 1.6, "{a} {b}");
    assert!((ab / (a * b).sqrt() - 0.8).abs() < 0.1, "{ab}");
    assert!((prediction.mean()[(0, 0)] - 10.0).abs() < 0.3);
}

#[test]
fn targets_that_a_head_does_not_know_are_named() {
    let x = normals(110, 3, 1);
    let line = || Mlp::new(&[1, 1], Activation::Identity);
    let says = |error: Error, what: &str| {
        let error = error.to_string();
        assert!(error.contains(what), "{error}");
    };
    says(
        Network::new(line(), PoissonHead).fit(&x, &[1.0, 0.5, 2.0]).unwrap_err(),
        "row 1 is 0.5, and no count",
    );
    says(
        Network::new(line(), BernoulliHead).fit(&x, &[1, 0, 2]).unwrap_err(),
        "row 2 is 2, and none of the classes 0 to 1",
    );
    says(Network::new(line(), OrdinalHead::new(3)).fit(&x, &[3, 0, 2]).unwrap_err(), "row 0 is 3");
    let times = DMatrix::from_row_slice(3, 2, &[1.0, 1.0, 0.0, 1.0, 2.0, 0.0]);
    says(Network::new(line(), WeibullSurvivalHead).fit(&x, &times).unwrap_err(), "time in row 1 is 0");
    let times = DMatrix::from_row_slice(3, 2, &[1.0, 1.0, 2.0, 0.5, 2.0, 0.0]);
    says(Network::new(line(), LogNormalSurvivalHead).fit(&x, &times).unwrap_err(), "event in row 1 is 0.5");
    says(Network::new(line(), PoissonHead).fit(&x, &times).unwrap_err(), "2 columns, this head needs 1");
    says(
        Network::new(line(), CategoricalHead::new(3)).fit(&x, &[0, 1, 2]).unwrap_err(),
        "1 outputs, this head needs 3",
    );
    says(Network::new(line(), QuantileHead::new(1.0)).fit(&x, &[0.0; 3]).unwrap_err(), "between 0 and 1");
    says(Network::new(line(), PoissonHead).fit(&x, &[1, 2]).unwrap_err(), "3 rows of inputs, 2 targets");
    // A file of another head does not load.
    let y = [1.0, 2.0, 3.0];
    let saved = Network::new(line(), PoissonHead).fit_with(&x, &y, quick(1)).unwrap().to_json().unwrap();
    let other = Network::new(line(), GaussianHead::default());
    assert!(FittedNetwork::from_json(&other, &saved).is_err());
    assert!(FittedNetwork::from_json(&Network::new(line(), PoissonHead), "{}").is_err());
}
