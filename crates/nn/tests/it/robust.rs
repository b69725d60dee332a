//! Data in any unit, labels and levels that are none: an answer or an error, never a panic.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_nn::scores::{crps_normal_mixture, interval_score, pinball};
use probity_nn::{
    Activation, Classification, Error, FittedClassification, FittedRegression, Linear, Mlp, Noise, Prior,
    PriorFamily, PriorScale, Regression, RegressionPrediction, Standardizer,
};
use probity_vi::Fit;

pub(crate) fn wave(n: usize) -> (DMatrix<f64>, Vec<f64>) {
    let x = DMatrix::from_fn(n, 1, |i, _| i as f64 * 0.1 - 2.0);
    let y = x.iter().map(|x| x.sin()).collect();
    (x, y)
}

fn few(steps: usize) -> Fit<f32> {
    Regression::default_fit(20).steps(steps).elbo_draws(2)
}

pub(crate) fn regression() -> FittedRegression {
    let (x, y) = wave(20);
    Regression::default_for(1, &[4]).fit(&x, &y, few(20)).unwrap()
}

/// Of three classes, with all kinds of sites: latent, parameters, and a prior without closed-form
/// divergence.
pub(crate) fn classification() -> FittedClassification {
    let x = DMatrix::from_fn(12, 2, |i, j| (i * (j + 2)) as f64 % 5.0);
    let labels: Vec<usize> = (0..12).map(|i| i % 3).collect();
    let mixture = PriorFamily::ScaleMixture { mix: 0.5, narrow: 0.1 };
    let mut net = Mlp::new(&[2, 3, 3], Activation::Tanh);
    net.layers[0] = Linear::new(2, 3).priors(
        Prior { family: mixture, scale: PriorScale::LearnedPerInput(1.0) },
        Prior { family: PriorFamily::StudentT(4.0), scale: PriorScale::Learned(1.0) },
    );
    net.layers[1].bias_prior = None;
    Classification::new(net, 3).fit(&x, &labels, few(20)).unwrap()
}

#[test]
fn a_fit_is_the_same_in_any_unit() {
    let (x, y) = wave(40);
    let fit = |x_unit: f64, y_unit: f64| {
        let (x, y): (_, Vec<f64>) = (&x * x_unit, y.iter().map(|y| y * y_unit).collect());
        let fitted =
            Regression::default_for(1, &[8]).fit(&x, &y, Regression::default_fit(40).steps(300)).unwrap();
        let p = fitted.predict(&x, 50).unwrap();
        let s = p.summary(&y).unwrap();
        let score = s.log_score + y_unit.ln();
        let [low, high] = [0, 1].map(|e| {
            let ends = p.interval(0.9);
            ends.iter().map(|i| if e == 0 { i.0 } else { i.1 } / y_unit).fold(0.0_f64, |a, b| a + b)
        });
        let noise = fitted.noise_sd().unwrap().unwrap();
        let own = [s.rmse, s.crps, s.interval_score_90, s.aleatoric_sd, s.epistemic_sd, noise, p.mean()[7]];
        let mut all = own.map(|v| v / y_unit).to_vec();
        all.extend([score, low, high, s.coverage_90.rate(), s.coverage_50.rate()]);
        all
    };
    let here = fit(1.0, 1.0);
    // Powers of two change no digit of the data, so the network sees the same bits.
    for (x_unit, y_unit) in [(2f64.powi(600), 2f64.powi(-600)), (2f64.powi(-1000), 2f64.powi(1010))] {
        for (a, b) in fit(x_unit, y_unit).iter().zip(&here) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{x_unit:e} {y_unit:e}: {a} and {b}");
        }
    }
    // Other units change last digits, which the steps of a fit make larger.
    for (x_unit, y_unit) in [(1e-170, 1e160), (1e160, 1e-170), (1e300, 1e307), (1e-300, 1e-290)] {
        for (a, b) in fit(x_unit, y_unit).iter().zip(&here) {
            assert!((a - b).abs() <= 0.05 * b.abs().max(0.05), "{x_unit:e} {y_unit:e}: {a} and {b}");
        }
    }
}

#[test]
fn a_constant_column_and_a_constant_target_do_no_harm() {
    let (line, y) = wave(40);
    let fit = |c: f64| {
        let x = DMatrix::from_fn(40, 2, |i, j| if j == 0 { line[i] } else { c });
        Regression::default_for(2, &[8]).fit(&x, &y, Regression::default_fit(40).steps(800)).unwrap()
    };
    for c in [0.1, 100.0, 1.0 / 3.0, 1e200] {
        // The data may meet the constant by another way, which ends in another last digit.
        for at in [c, c * (1.0 + f64::EPSILON)] {
            let p = fit(c).predict(&DMatrix::from_row_slice(1, 2, &[0.5, at]), 100).unwrap();
            assert!((p.mean()[0] - 0.5_f64.sin()).abs() < 0.3 && p.sd()[0] < 0.5, "{c}: {:?}", p.mean());
        }
    }
    // A little away from it, in a unit in which it is a little.
    let p = fit(0.1).predict(&DMatrix::from_row_slice(1, 2, &[0.5, 0.1001]), 100).unwrap();
    assert!((p.mean()[0] - 0.5_f64.sin()).abs() < 0.3, "{:?}", p.mean());
    // Far away from it: an error that says so.
    let far =
        fit(1e200).predict(&DMatrix::from_row_slice(1, 2, &[0.5, 1.1e200]), 10).unwrap_err().to_string();
    assert!(far.starts_with("data: input in row 0, column 1 is 1.1e200"), "{far}");

    for c in [5.0, 0.1, -1e200, 1e-200, 0.0] {
        let fitted = Regression::default_for(1, &[8]).fit(&line, &[c; 40], few(300)).unwrap();
        let p = fitted.predict(&line, 20).unwrap();
        let allowed = 1.0 + 1e-9 * c.abs();
        assert!(p.mean().iter().all(|m| (m - c).abs() < allowed), "{c}: {:?}", p.mean());
    }
}

#[test]
fn data_out_of_range_without_standardising_are_errors_in_words() {
    let (x, y) = wave(10);
    let plain = Regression::default_for(1, &[4]).without_standardizing();
    let huge: Vec<f64> = y.iter().map(|y| y * 1e200).collect();
    let error = plain.fit(&x, &huge, few(5)).unwrap_err().to_string();
    assert!(error.starts_with("data: target in row 0, column 0 is -9.0929"), "{error}");
    let error = plain.fit(&(&x * 1e60), &y, few(5)).unwrap_err().to_string();
    assert!(error.starts_with("data: input in row 0, column 0 is -2e60"), "{error}");
    let fitted = plain.fit(&x, &y, few(5)).unwrap();
    assert!(fitted.predict(&(&x * 1e60), 3).is_err());
    // Finite where it comes in, and not where it goes out.
    assert!(matches!(fitted.predict(&(&x * 1e38), 3), Err(Error::Prediction(_)) | Ok(_)));
}

#[test]
fn networks_and_data_that_do_not_fit_are_errors_in_words() {
    let (x, y) = wave(10);
    let e = |r: probity_nn::Result<FittedRegression>| r.map(drop).unwrap_err().to_string();
    let no_columns = DMatrix::zeros(10, 0);
    assert_eq!(
        e(Regression::default_for(0, &[4]).fit(&no_columns, &y, few(2))),
        "network: layer 0 has no inputs"
    );
    assert_eq!(e(Regression::default_for(1, &[0]).fit(&x, &y, few(2))), "network: layer 0 has no outputs");
    let mut torn = Regression::default_for(1, &[4, 3]);
    torn.net.layers.remove(1);
    assert_eq!(e(torn.fit(&x, &y, few(2))), "network: layer 1 takes 3 inputs, but layer 0 gives 4 outputs");
    assert_eq!(
        e(Regression::default_for(1, &[4]).fit(&DMatrix::zeros(0, 1), &[], few(2))),
        "data: there are no rows"
    );
    let mut bad = y.clone();
    bad[3] = f64::INFINITY;
    assert_eq!(
        e(Regression::default_for(1, &[4]).fit(&x, &bad, few(2))),
        "data: target in row 3, column 0 is inf"
    );
    for noise in
        [Noise::Fixed(0.0), Noise::Fixed(-1.0), Noise::FixedShare(f64::NAN), Noise::Fixed(f64::INFINITY)]
    {
        let spec = Regression::default_for(1, &[4]).noise(noise);
        assert!(spec.fit(&x, &y, few(2)).is_err(), "{noise:?}");
    }
    for scale in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
        for scale in [
            PriorScale::Fixed(scale),
            PriorScale::FanIn(scale),
            PriorScale::Learned(scale),
            PriorScale::LearnedPerInput(scale),
            PriorScale::LearnedPerOutput(scale),
        ] {
            let prior = Prior { family: PriorFamily::Normal, scale };
            let spec = Regression::new(Mlp::new(&[1, 3, 1], Activation::Relu).priors(prior, prior));
            assert!(spec.fit(&x, &y, few(2)).is_err(), "{scale:?}");
        }
    }
    // One row is a fit.
    let one = Regression::default_for(1, &[4]).fit(&x.rows(0, 1).into(), &y[..1], few(20)).unwrap();
    assert!(one.predict(&x, 5).unwrap().mean().iter().all(|m| m.is_finite()));
    assert_eq!(
        one.predict(&x, 0).map(drop).unwrap_err().to_string(),
        "data: a prediction needs at least one draw"
    );
    let nan = DMatrix::from_element(1, 1, f64::NAN);
    assert_eq!(
        one.predict(&nan, 5).map(drop).unwrap_err().to_string(),
        "data: input in row 0, column 0 is NaN"
    );
    assert!(one.predict(&DMatrix::zeros(0, 1), 5).is_err() && one.predict(&no_columns, 5).is_err());

    let labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
    let two = Classification::new(Mlp::new(&[1, 4, 1], Activation::Relu), 2);
    let c = |spec: &Classification, x: &DMatrix<f64>, labels: &[usize]| {
        spec.fit(x, labels, few(2)).map(drop).unwrap_err().to_string()
    };
    assert_eq!(c(&two, &x, &labels[1..]), "data: 10 rows of inputs, 9 targets");
    assert_eq!(
        c(&two, &x, &[usize::MAX; 10]),
        format!("data: label {} in row 0; there are 2 classes", usize::MAX)
    );
    assert_eq!(c(&two, &DMatrix::zeros(0, 1), &[]), "data: there are no rows");
    for classes in [0, 1] {
        let none = Classification { classes, ..two.clone() };
        assert_eq!(c(&none, &x, &[0; 10]), format!("network: {classes} classes; at least two are needed"));
    }
    // One row, and one label that all rows have.
    let fitted = two.fit(&x.rows(0, 1).into(), &[1], few(20)).unwrap();
    assert!(fitted.predict(&x, 0).is_err());
    two.fit(&x, &[1; 10], few(20)).unwrap().predict(&x, 5).unwrap();
}

#[test]
fn levels_that_are_no_probabilities_are_errors_or_nan() {
    let p = RegressionPrediction::new(DMatrix::zeros(3, 2), DMatrix::from_element(3, 1, 1.0)).unwrap();
    let y = [0.1, -0.3];
    for level in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let message = format!("the level of an interval must be between 0 and 1, not {level}");
        assert_eq!(p.coverage(&y, level).unwrap_err().to_string(), message);
        assert_eq!(p.calibration(&y, &[0.5, level]).unwrap_err().to_string(), message);
        assert_eq!(p.interval_score(&y, level).unwrap_err().to_string(), message);
        assert!(
            p.interval(level).iter().all(|i| i.0.is_nan()) && p.quantile(level).iter().all(|q| q.is_nan())
        );
        assert!(pinball(1.0, 0.5, level).is_nan() && interval_score(1.0, (0.0, 0.5), level).is_nan());
    }
    assert_eq!(p.coverage(&y, 1.0).unwrap().rate(), 1.0);
    assert!(crps_normal_mixture(0.3, &[], &[], &[]).is_nan());
}

#[test]
fn predictions_of_any_size_have_their_scores() {
    let mut z = vec![0.0; 400];
    fill_normal(Key::new(3), 0, &mut z);
    let at = |unit: f64| {
        let means = DMatrix::from_iterator(200, 2, z.iter().map(|z| unit * (3.0 + 0.3 * z)));
        let p = RegressionPrediction::new(means, DMatrix::from_element(200, 1, 0.5 * unit)).unwrap();
        let y = [2.5 * unit, 3.25 * unit];
        let s = p.summary(&y).unwrap();
        let (low, high) = p.interval(0.9)[0];
        let own = [
            p.mean()[0],
            p.sd()[1],
            low,
            high,
            p.quantile(0.01)[1],
            s.rmse,
            s.crps,
            s.interval_score_90,
            s.epistemic_sd,
        ];
        let mut all = own.map(|v| v / unit).to_vec();
        all.extend([s.log_score + unit.ln(), s.coverage_50.rate(), p.cdf(0, 2.0 * unit)]);
        all
    };
    let here = at(1.0);
    for (unit, tolerance) in
        [(1e307, 1e-12), (1e160, 1e-12), (1e-170, 1e-12), (1e-306, 1e-12), (1e-312, 1e-9)]
    {
        for (i, (a, b)) in at(unit).into_iter().zip(&here).enumerate() {
            assert!((a / b - 1.0).abs() < tolerance, "{unit:e}, number {i}: {a} and {b}");
        }
    }
    let s = Standardizer::of(&DMatrix::from_element(40, 1, 0.1));
    assert_eq!((s.mean[0], s.sd[0]), (0.1, 1.0));
}
