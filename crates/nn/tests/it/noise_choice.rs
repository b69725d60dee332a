//! Noise that is chosen, and noise with heavy tails.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_distributions::{Cdf, Distribution, StudentT};
use probity_nn::posteriors::{FullLaplace, Map};
use probity_nn::{
    Activation, FittedRegression, Mlp, Noise, NoiseCandidate, NoiseChoice, NoiseCriterion, Recommended,
    Regression, RegressionPrediction, Tails,
};
use probity_vi::hmc::Chains;

fn normals(key: Key, n: usize) -> Vec<f64> {
    let mut e = vec![0.0; n];
    fill_normal(key, 0, &mut e);
    e
}

/// Inputs between -3 and 3, and a sine with this noise.
fn sine(n: usize, noise: impl Fn(usize, f64) -> f64) -> (DMatrix<f64>, Vec<f64>) {
    let x = DMatrix::from_fn(n, 1, |i, _| 6.0 * i as f64 / (n - 1) as f64 - 3.0);
    let y = x.iter().enumerate().map(|(i, x)| x.sin() + noise(i, *x)).collect();
    (x, y)
}

/// A sine with Gaussian noise, of which every twentieth target or so is far off.
fn with_outliers(n: usize, seed: u64) -> (DMatrix<f64>, Vec<f64>) {
    let key = Key::new(seed);
    let (e, mut u) = (normals(key, n), vec![0.0; n]);
    fill_uniform(key.fold_in(1), 0, &mut u);
    sine(n, |i, _| if u[i] < 0.05 { 2.0 * e[i] } else { 0.1 * e[i] })
}

fn quick(mut recommended: Recommended) -> Recommended {
    recommended.chains = Some(Chains { ascent: 1000, warmup: 40, draws: 40, ..Chains::default() });
    recommended
}

fn rmse(fitted: &FittedRegression, x: &DMatrix<f64>) -> f64 {
    let truth: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    fitted.predict(x, fitted.default_draws()).unwrap().rmse(&truth).unwrap()
}

#[test]
fn heavy_tails_are_chosen_where_some_targets_are_far_off() {
    let (x, y) = with_outliers(100, 3);
    let mut recommended = quick(Recommended::with_hidden(100, 1, &[20]));
    let fitted = recommended.fit(&x, &y).unwrap();
    let choice = fitted.noise_choice().unwrap();
    assert_eq!(choice.tails, Tails::StudentT, "{choice}");
    assert_eq!((fitted.spec().noise, fitted.spec().tails), (choice.noise, choice.tails));
    // The last candidate is the fit that was taken.
    let last = choice.candidates.last().unwrap();
    assert!(last.fitted && last.difference > 2.0 * last.standard_error && last.difference > 4.0);
    assert!(format!("{fitted}").contains("noise: Student-t"));
    recommended.choose_noise = false;
    let first = recommended.fit(&x, &y).unwrap();
    assert!(first.noise_choice().is_none());
    assert!(rmse(&fitted, &x) < 0.7 * rmse(&first, &x), "{} {}", rmse(&fitted, &x), rmse(&first, &x));
    // Saved with the choice; predictions have the same bits.
    let again = FittedRegression::from_json(&fitted.to_json().unwrap()).unwrap();
    assert_eq!(again.noise_choice(), fitted.noise_choice());
    assert_eq!(again.predict(&x, 50).unwrap(), fitted.predict(&x, 50).unwrap());
    assert!(again.predict(&x, 50).unwrap().draw_degrees().is_some_and(|df| df.iter().all(|df| *df > 2.0)));
}

#[test]
fn gaussian_noise_is_kept_where_nothing_speaks_against_it() {
    // Ten tables: one false alarm in thirty was measured for constant noise.
    let mut changed = 0;
    for seed in 0..5 {
        let e = normals(Key::new(100 + seed), 100);
        for varying in [false, true] {
            let (x, y) =
                sine(100, |i, x| if varying { (0.05 + 0.08 * (x + 3.0)) * e[i] } else { 0.1 * e[i] });
            let fitted = quick(Recommended::with_hidden(100, 1, &[20])).seed(seed).fit(&x, &y).unwrap();
            let choice = fitted.noise_choice().unwrap();
            let NoiseChoice { criterion: NoiseCriterion::LeftOutRows { influential }, rows, .. } = *choice
            else {
                panic!("{choice}")
            };
            assert!(rows == 100 && influential < 30, "{choice}");
            changed += usize::from((choice.noise, choice.tails) != (Noise::InputDependent, Tails::Gaussian));
            let constant = |c: &&NoiseCandidate| (c.noise, c.tails) == (Noise::Learned, Tails::Gaussian);
            let constant = choice.candidates.iter().find(constant).unwrap();
            // Where the noise varies from 0.02 to 0.62, a constant one is far worse.
            assert_eq!(constant.difference < -6.0, varying, "{choice}");
        }
    }
    assert!(changed <= 1, "{changed} of 10");
}

#[test]
fn a_mean_field_is_continued_with_the_noise_of_the_highest_elbo() {
    let key = Key::new(9);
    let (x, e) = (DMatrix::from_vec(400, 1, normals(key, 400)), normals(key.fold_in(1), 400));
    let of = |spread: &dyn Fn(f64) -> f64| -> Vec<f64> {
        x.iter().zip(&e).map(|(x, e)| x.sin() + spread(*x) * e).collect()
    };
    let recommended = Recommended::mean_field(1, &[20]).seed(2);
    let constant = recommended.fit(&x, &of(&|_| 0.2)).unwrap();
    let choice = constant.noise_choice().unwrap();
    assert_eq!((choice.noise, choice.tails), (Noise::Learned, Tails::Gaussian), "{choice}");
    assert_eq!((choice.criterion, choice.candidates.len()), (NoiseCriterion::Elbo, 4));
    assert!(format!("{constant}").contains("kept, as nothing else is better"));
    let y = of(&|x| 0.1 * (1.2 * x).exp());
    let varying = recommended.fit(&x, &y).unwrap();
    let choice = varying.noise_choice().unwrap();
    assert_eq!(choice.noise, Noise::InputDependent, "{choice}");
    // The noise that was found: some ten times as large at 1 as at -1.
    let at = DMatrix::from_row_slice(2, 1, &[-1.0, 1.0]);
    let sd = varying.predict(&at, 300).unwrap().aleatoric_sd();
    assert!(sd[0] < 0.06 && sd[1] > 0.2 && sd[1] < 0.6, "{sd:?}");
    let again = recommended.fit(&x, &y).unwrap();
    assert_eq!(again.predict(&at, 50).unwrap(), varying.predict(&at, 50).unwrap());
}

#[test]
fn noise_that_is_known_is_not_chosen() {
    let (x, y) = with_outliers(40, 3);
    for chains in [true, false] {
        let mut recommended = quick(Recommended::with_hidden(40, 1, &[5]));
        recommended.regression = recommended.regression.noise(Noise::FixedShare(0.2));
        if !chains {
            recommended.chains = None;
        }
        assert!(recommended.fit(&x, &y).unwrap().noise_choice().is_none());
    }
}

#[test]
fn any_method_takes_student_t_noise() {
    let (x, y) = with_outliers(60, 1);
    let spec = Regression::new(Mlp::new(&[1, 6, 1], Activation::Tanh)).tails(Tails::StudentT);
    let map = spec.infer(&x, &y, &Map::default()).unwrap();
    let laplace = spec.infer(&x, &y, &FullLaplace::default()).unwrap();
    for fitted in [&map, &laplace] {
        let p = fitted.predict(&x, fitted.default_draws()).unwrap();
        let df = p.draw_degrees().unwrap();
        assert!(df.len() == p.draws() && df.iter().all(|df| *df > 2.0), "{df:?}");
        assert!(fitted.noise_sd().unwrap().unwrap() > 0.0);
    }
    // Outputs that are linear in the weights: another way to the same kind of prediction.
    assert!(laplace.linearised_at().is_some());
    // Methods of Gaussian noise say so.
    let dvi = probity_nn::posteriors::DeterministicVi::default();
    let relu = Regression::new(Mlp::new(&[1, 6, 1], Activation::Relu)).tails(Tails::StudentT);
    let error = relu.infer(&x, &y, &dvi).unwrap_err().to_string();
    assert!(error.contains("Gaussian"), "{error}");
}

#[test]
fn predictions_of_student_t_draws_are_those_of_the_family() {
    // One draw: the family itself, with this standard deviation.
    let (df, mean, sd) = (3.5, 1.0, 0.4);
    let one = RegressionPrediction::new(DMatrix::from_element(1, 1, mean), DMatrix::from_element(1, 1, sd))
        .unwrap();
    let one = one.student_t(vec![df]).unwrap();
    let exact = StudentT::<f64>::new(df, mean, sd * ((df - 2.0) / df).sqrt());
    for y in [-30.0, 0.2, 1.0, 1.9] {
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-13, "{y}: {a} {b}");
        close(one.cdf(0, y), exact.cdf(y));
        close(one.log_density(&[y]).unwrap()[0], exact.log_prob(y));
    }
    for p in [1e-9, 0.05, 0.3, 0.5, 0.95, 1.0 - 1e-9] {
        let (own, q) = (one.quantile(p)[0], exact.quantile(p));
        assert!((own - q).abs() < 1e-11 * q.abs(), "{p}: {own} {q}");
    }
    assert_eq!((one.mean(), one.sd()), (vec![mean], vec![sd]));

    // Many draws: quantiles invert the cdf, and intervals hold what they say.
    let draws = 60;
    let wave = |i: usize, j: usize| (1.3 * i as f64 + j as f64).sin();
    let means = DMatrix::from_fn(draws, 3, |i, j| wave(i, j) * (j + 1) as f64);
    let sds = DMatrix::from_fn(draws, 3, |i, j| 0.3 + 0.2 * wave(2 * i, j));
    let many = RegressionPrediction::new(means.clone(), sds.clone()).unwrap();
    let heavy = many.clone().student_t((0..draws).map(|i| 2.1 + 0.1 * i as f64).collect()).unwrap();
    for p in [1e-6, 0.1, 0.6, 0.99] {
        for (i, q) in heavy.quantile(p).into_iter().enumerate() {
            assert!((heavy.cdf(i, q) / p - 1.0).abs() < 1e-12, "{p} {i}");
        }
    }
    // With very many degrees of freedom they are the Gaussian mixture, in every score.
    let same = many.clone().student_t(vec![1e12; draws]).unwrap();
    let y = [0.3, -1.0, 4.0];
    let scores = |p: &RegressionPrediction| {
        let s = p.summary(&y).unwrap();
        [s.rmse, s.log_score, s.crps, s.interval_score_90, s.aleatoric_sd, s.epistemic_sd]
    };
    for (a, b) in scores(&same).into_iter().zip(scores(&many)) {
        assert!((a / b - 1.0).abs() < 1e-7, "{a} {b}");
    }
    // Heavier tails do not change variances, but make extremes likelier.
    assert_eq!(heavy.variance(), many.variance());
    assert!(heavy.quantile(1e-4)[0] < many.quantile(1e-4)[0] - 1.0);

    let error = |degrees: Vec<f64>| many.clone().student_t(degrees).unwrap_err().to_string();
    assert_eq!(error(vec![3.0]), "degrees of freedom must be 60 x 1, not 1 x 1");
    let mut degrees = vec![3.0; draws];
    degrees[7] = 2.0;
    assert_eq!(
        error(degrees),
        "a number of degrees of freedom must be greater than 2 and finite, but draw 7 has 2 at input 0"
    );
}
