//! Fitted networks: they learn, keep units, survive saving, and refuse data that do not fit.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_nn::heads::GaussianHead;
use probity_nn::{
    Activation, Classification, FittedClassification, FittedRegression, Linear, Mlp, Network, Noise, Prior,
    PriorFamily, PriorScale, Regression,
};
use probity_vi::optim::Adam;
use probity_vi::{Estimator, Fit, SiteKind, Steps, Verdict};

fn normals(seed: u64, rows: usize, cols: usize) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

fn quick(steps: usize) -> Fit<f32> {
    Fit::default()
        .steps(steps)
        .draws(1)
        .optimizer(Adam::new(0.02))
        .estimator(Estimator::LocalReparameterization)
        .elbo_draws(10)
}

/// `y = 1000 + 50 x₁ - 20 x₂` with noise 5: far from standard units.
fn line(seed: u64, n: usize) -> (DMatrix<f64>, Vec<f64>) {
    let (x, e) = (normals(seed, n, 2), normals(seed + 1, n, 1));
    let y = (0..n).map(|i| 1000.0 + 50.0 * x[(i, 0)] - 20.0 * x[(i, 1)] + 5.0 * e[i]).collect();
    (x, y)
}

#[test]
fn a_linear_net_recovers_a_line_and_its_noise_in_the_users_units() {
    let (x, y) = line(1, 200);
    let fitted = Regression::new(Mlp::new(&[2, 1], Activation::Relu)).fit(&x, &y, quick(1500)).unwrap();
    let noise = fitted.noise_sd().unwrap().unwrap();
    assert!((noise - 5.0).abs() < 1.0, "{noise}");
    let (there, truth) = line(7, 300);
    let prediction = fitted.predict(&there, 100).unwrap();
    assert!(prediction.rmse(&truth).unwrap() < 6.0);
    // 300 rows at 0.9: five standard errors.
    let rate = prediction.coverage(&truth, 0.9).unwrap().rate();
    assert!((rate - 0.9).abs() < 0.087, "{rate}");
}

#[test]
fn every_prior_and_noise_fits() {
    let (x, y) = line(3, 40);
    let families = [
        PriorFamily::Normal,
        PriorFamily::Laplace,
        PriorFamily::StudentT(3.0),
        PriorFamily::ScaleMixture { mix: 0.5, narrow: 0.05 },
    ];
    let scales = [
        PriorScale::Fixed(1.0),
        PriorScale::FanIn(1.0),
        PriorScale::Learned(0.5),
        PriorScale::LearnedPerInput(0.5),
        PriorScale::LearnedPerOutput(0.5),
    ];
    let noises = [Noise::Fixed(5.0), Noise::FixedShare(0.1), Noise::Learned, Noise::InputDependent];
    for (i, scale) in scales.into_iter().enumerate() {
        let (family, noise) = (families[i % 4], noises[i % 4]);
        let prior = Prior { family, scale };
        let net = Mlp::new(&[2, 4, noise.outputs()], Activation::Tanh).priors(prior, Prior::normal(1.0));
        let fitted = Regression::new(net).noise(noise).fit(&x, &y, quick(60)).unwrap();
        let p = fitted.predict(&x, 20).unwrap();
        assert!(p.mean().iter().all(|m| m.is_finite()), "{family:?}");
        let (total, parts) = (p.variance(), p.aleatoric_variance().into_iter().zip(p.epistemic_variance()));
        for (t, (a, e)) in total.into_iter().zip(parts) {
            assert!((t - a - e).abs() <= 1e-9 * t && e > 0.0 && a > 0.0);
        }
    }
}

#[test]
fn a_learned_scale_per_output_is_the_root_mean_square_of_its_weights() {
    let (x, y) = line(21, 60);
    let prior = |scale| Prior { family: PriorFamily::Normal, scale };
    let mut net = Mlp::new(&[2, 3, 1], Activation::Tanh);
    let per_output = prior(PriorScale::LearnedPerOutput(0.5));
    net.layers[0] = Linear::new(2, 3).priors(per_output, per_output);
    let fitted = Regression::new(net).fit(&x, &y, quick(4000).steps(Steps::new(4000).average(0.25))).unwrap();
    let params = fitted.posterior().params();
    let names: Vec<&str> = params.segments().iter().map(|s| s.name.as_str()).collect();
    let get = |name: &str| {
        params.get(params.find(name).unwrap_or_else(|| panic!("{name} in {names:?}"))).map(f64::from)
    };
    let learned = get("net.0.weight_prior_scale").map(f64::exp);
    assert_eq!((learned.shape(), get("net.0.bias_prior_scale").shape()), ((1, 3), (1, 3)));
    // Where the divergence from Normal(0, s²) is least, s² is the mean of loc² + scale² over the
    // weights that share s.
    let scale = get("net.0.weight.rho").map(|rho| rho.exp().ln_1p());
    let loc = get("net.0.weight.loc");
    for j in 0..3 {
        let best = ((loc.column(j).norm_squared() + scale.column(j).norm_squared()) / 2.0).sqrt();
        assert!((learned[j] / best - 1.0).abs() < 0.05, "{j}: {} and {best}", learned[j]);
    }
}

#[test]
fn the_default_net_knows_a_curve_and_doubts_outside_it() {
    let x: Vec<f64> = (0..100).map(|i| -3.0 + 6.0 * f64::from(i) / 99.0).collect();
    let e = normals(31, 100, 1);
    let y: Vec<f64> = x.iter().zip(e.iter()).map(|(x, e)| x.sin() + 0.1 * e).collect();
    let column = |x: &[f64]| DMatrix::from_column_slice(x.len(), 1, x);
    let fit = Regression::default_fit(100).elbo_draws(10);
    let fitted = Regression::default_for(1, &[50, 50]).fit(&column(&x), &y, fit).unwrap();
    let truth: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    let inside = fitted.predict(&column(&x), 100).unwrap();
    assert!(inside.rmse(&truth).unwrap() < 0.08);
    let noise = fitted.noise_sd().unwrap().unwrap();
    assert!((0.07..0.15).contains(&noise), "{noise}");
    let far = fitted.predict(&column(&[-6.0, 6.0]), 100).unwrap().epistemic_sd();
    let near = inside.epistemic_sd().iter().sum::<f64>() / 100.0;
    assert!((far[0] + far[1]) / 2.0 > 5.0 * near, "{far:?} outside, {near} inside");
}

#[test]
fn point_layers_have_no_epistemic_part() {
    let (x, y) = line(5, 30);
    let mut net = Mlp::new(&[2, 3, 1], Activation::Silu).point();
    net.layers[1] = Linear::new(3, 1).point();
    let fitted = Regression::new(net).fit(&x, &y, quick(50)).unwrap();
    let p = fitted.predict(&x, 8).unwrap();
    assert!(p.epistemic_variance().into_iter().all(|e| e < 1e-6));
}

#[test]
fn weights_and_biases_are_bayesian_each_where_it_has_a_prior() {
    let (x, y) = line(7, 30);
    for (weight, bias) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut net = Mlp::new(&[2, 1], Activation::Relu);
        let layer = &mut net.layers[0];
        (layer.weight_prior, layer.bias_prior) = (weight.then(Prior::default), bias.then(Prior::default));
        let fitted = Regression::new(net).fit(&x, &y, quick(20)).unwrap();
        for (name, bayesian) in [("weight", weight), ("bias", bias)] {
            let sites = fitted.posterior().layout().sites();
            let site = sites.iter().find(|s| s.name.ends_with(name)).unwrap();
            assert_eq!(
                site.kind,
                if bayesian { SiteKind::Latent } else { SiteKind::Param },
                "{weight} {bias} {name}"
            );
        }
    }
}

#[test]
fn a_saved_regression_predicts_the_same_bits() {
    let (x, y) = line(9, 50);
    let fitted = Regression::new(Mlp::new(&[2, 5, 1], Activation::Relu)).fit(&x, &y, quick(80)).unwrap();
    let text = fitted.to_json().unwrap();
    let again = FittedRegression::from_json(&text).unwrap();
    let (a, b) = (fitted.predict(&x, 10).unwrap(), again.predict(&x, 10).unwrap());
    assert_eq!(a.draw_means(), b.draw_means());
    assert_eq!(a.draw_sds(), b.draw_sds());
    let error = FittedClassification::from_json(&text).unwrap_err().to_string();
    assert!(error.contains("probity regression 1"), "{error}");
    assert!(FittedRegression::from_json("{").is_err());
}

#[test]
fn classes_are_told_apart_and_saved() {
    let x = normals(11, 150, 2);
    // Two classes by a line, three by angle.
    let two: Vec<usize> = (0..150).map(|i| usize::from(x[(i, 0)] + x[(i, 1)] > 0.0)).collect();
    let third = std::f64::consts::TAU / 3.0;
    let angle = |i: usize| x[(i, 1)].atan2(x[(i, 0)]) + std::f64::consts::PI;
    let three: Vec<usize> = (0..150).map(|i| ((angle(i) / third) as usize).min(2)).collect();
    for (classes, labels) in [(2, two), (3, three)] {
        let outputs = if classes == 2 { 1 } else { classes };
        let spec = Classification::new(Mlp::new(&[2, 8, outputs], Activation::Tanh), classes);
        let fitted = spec.fit(&x, &labels, quick(800)).unwrap();
        let p = fitted.predict(&x, 50).unwrap();
        assert!(p.accuracy(&labels).unwrap().rate() > 0.9, "{classes} classes");
        assert!(p.mutual_information().into_iter().all(|m| m >= 0.0));
        assert!(p.probs().row_iter().all(|r| (r.sum() - 1.0).abs() < 1e-6));
        let again = FittedClassification::from_json(&fitted.to_json().unwrap()).unwrap();
        assert_eq!(again.predict(&x, 50).unwrap().probs(), p.probs());
    }
}

#[test]
fn data_that_do_not_fit_are_refused_in_words() {
    let (mut x, y) = line(13, 10);
    let spec = Regression::new(Mlp::new(&[2, 3, 1], Activation::Relu));
    let e = |r: probity_nn::Result<FittedRegression>| r.unwrap_err().to_string();
    assert_eq!(e(spec.fit(&x, &y[..9], quick(2))), "data: 10 rows of inputs, 9 targets");
    let narrow = DMatrix::zeros(10, 1);
    assert_eq!(e(spec.fit(&narrow, &y, quick(2))), "data: the inputs have 1 columns, the network takes 2");
    x[(4, 1)] = f64::NAN;
    assert_eq!(e(spec.fit(&x, &y, quick(2))), "data: input in row 4, column 1 is NaN");
    assert_eq!(
        e(Regression { noise: Noise::InputDependent, ..spec }.fit(&narrow, &y, quick(2))),
        "network: it has 1 outputs, this head needs 2"
    );
    let classes = Classification::new(Mlp::new(&[2, 3], Activation::Relu), 3);
    let error = classes.fit(&normals(1, 2, 2), &[0, 3], quick(2)).unwrap_err().to_string();
    assert_eq!(error, "data: label 3 in row 1; there are 3 classes");
}

#[test]
fn nets_of_points_are_fitted_without_a_verdict() {
    let (x, y) = line(11, 30);
    let labels: Vec<usize> = x.column(0).iter().map(|x| usize::from(*x > 0.0)).collect();
    let net = Mlp::new(&[2, 4, 1], Activation::Tanh).point();
    // Nothing is latent: there are no draws that a kernel could move.
    let regression = Regression::new(net.clone()).noise(Noise::FixedShare(0.1));
    let regression = regression.fit(&x, &y, quick(20)).unwrap();
    let classes = Classification::new(net, 2).fit(&x, &labels, quick(20)).unwrap();
    assert_eq!((regression.posterior().layout().dim(), classes.posterior().layout().dim()), (0, 0));
    assert!(regression.posterior().verdict().is_none() && classes.posterior().verdict().is_none());
    assert_eq!(classes.predict(&x, 1).unwrap().probs().nrows(), 30);
}

#[test]
fn verdicts_are_on_predictions_and_left_out_if_not_asked_for() {
    let (x, y) = line(12, 30);
    let net = || Mlp::new(&[2, 4, 1], Activation::Tanh);
    let regression = Regression::new(net()).fit(&x, &y, quick(50)).unwrap();
    let network = Network::new(net(), GaussianHead::default());
    let checked = network.fit_with(&x, &y, quick(50)).unwrap();
    // The same posterior, the same predictions, and so the same verdict, row by row.
    let entries =
        |v: Option<&Verdict>| v.unwrap().entries().iter().map(|e| e.name.clone()).collect::<Vec<_>>();
    let verdict = checked.posterior().verdict();
    assert_eq!(entries(verdict), entries(regression.posterior().verdict()));
    assert_eq!(entries(verdict)[1], "row 1");
    assert_eq!(verdict.unwrap().grade(), regression.posterior().verdict().unwrap().grade());
    let quick = || quick(50).checked(false);
    assert!(Regression::new(net()).fit(&x, &y, quick()).unwrap().posterior().verdict().is_none());
    assert!(network.fit_with(&x, &y, quick()).unwrap().posterior().verdict().is_none());
}
