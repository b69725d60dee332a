//! Weights drawn by chains.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_nn::{
    Activation, Classification, FittedClassification, FittedRegression, Mlp, Noise, Prior, PriorFamily,
    PriorScale, Recommended, Regression, fit_regression,
};
use probity_vi::Grade;
use probity_vi::hmc::Chains;

fn column(x: &[f64]) -> DMatrix<f64> {
    DMatrix::from_column_slice(x.len(), 1, x)
}

/// A curve on [-3, 3] with noise 0.1, of which the middle third may be missing.
fn curve(f: fn(f64) -> f64, gap: bool, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let key = Key::new(seed);
    let (mut u, mut e) = (vec![0.0; 100], vec![0.0; 100]);
    fill_uniform(key.fold_in(0), 0, &mut u);
    fill_normal(key.fold_in(1), 0, &mut e);
    let place = |u: f64| match gap {
        true if u < 0.5 => -3.0 + 4.0 * u,
        true => -1.0 + 4.0 * u,
        false => -3.0 + 6.0 * u,
    };
    let x: Vec<f64> = u.into_iter().map(place).collect();
    let y = x.iter().zip(e).map(|(x, e)| f(*x) + 0.1 * e).collect();
    (x, y)
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

#[test]
fn a_fit_without_settings_knows_a_curve_and_how_well() {
    let (x, y) = curve(f64::sin, false, 1);
    let fitted = fit_regression(&column(&x), &y).unwrap();
    let grid: Vec<f64> = (0..400).map(|i| -3.0 + 6.0 * f64::from(i) / 399.0).collect();
    let (truth, mut e) = (grid.iter().map(|x| x.sin()).collect::<Vec<_>>(), vec![0.0; 400]);
    fill_normal(Key::new(99), 0, &mut e);
    let fresh: Vec<f64> = truth.iter().zip(e).map(|(t, e)| t + 0.1 * e).collect();
    let inside = fitted.predict(&column(&grid), 240).unwrap();
    assert!(inside.rmse(&truth).unwrap() < 0.06);
    // 400 fresh numbers: five standard errors are 0.075 and 0.125.
    let (most, half) = (inside.coverage(&fresh, 0.9).unwrap(), inside.coverage(&fresh, 0.5).unwrap());
    assert!((most.rate() - 0.9).abs() < 0.08 && (half.rate() - 0.5).abs() < 0.13, "{most} {half}");
    let noise = mean(&inside.aleatoric_sd());
    assert!((0.08..0.13).contains(&noise), "{noise}");
    let far = fitted.predict(&column(&[-6.0, 6.0]), 240).unwrap();
    assert!(mean(&far.epistemic_sd()) > 5.0 * mean(&inside.epistemic_sd()));
    let verdict = fitted.posterior().verdict().unwrap();
    assert!(verdict.grade() < Grade::C, "{verdict}");
    assert_eq!(verdict.entries().len(), 100);
}

#[test]
fn a_net_is_unsure_between_its_data() {
    let (x, y) = curve(f64::cos, true, 2);
    let fitted = fit_regression(&column(&x), &y).unwrap();
    let at = |x: &[f64]| fitted.predict(&column(x), 240).unwrap();
    let gap: Vec<f64> = (0..50).map(|i| -1.0 + f64::from(i) / 24.5).collect();
    let (middle, beside) = (at(&gap), at(&x));
    assert!(mean(&middle.epistemic_sd()) > 2.0 * mean(&beside.epistemic_sd()));
    let held = gap.iter().zip(middle.mean()).zip(middle.epistemic_sd());
    let held = held.filter(|((x, m), sd)| (x.cos() - m).abs() <= 2.0 * sd).count();
    assert!(held >= 35, "{held} of 50");
}

/// The exact posterior of a straight line: Normal weights, a Normal bias, known noise.
#[test]
fn draws_of_a_line_are_those_of_its_exact_posterior() {
    let mut e = vec![0.0; 30];
    fill_normal(Key::new(5), 0, &mut e);
    let x: Vec<f64> = (0..30).map(|i| f64::from(i) / 10.0 - 1.5).collect();
    let y: Vec<f64> = x.iter().zip(e).map(|(x, e)| 0.5 - 1.2 * x + 0.5 * e).collect();
    let net = Mlp::new(&[1, 1], Activation::Identity).priors(Prior::normal(1.0), Prior::normal(1.0));
    let spec = Regression::new(net).noise(Noise::Fixed(0.5)).without_standardizing();
    let chains = Chains { ascent: 200, warmup: 100, draws: 1000, length: 1.5, ..Chains::default() };
    let fitted = spec.sample(&column(&x), &y, &chains).unwrap();
    let design = DMatrix::from_fn(30, 2, |i, j| if j == 0 { x[i] } else { 1.0 });
    let precision = design.tr_mul(&design) / 0.25 + DMatrix::identity(2, 2);
    let covariance = precision.try_inverse().unwrap();
    let exact = &covariance * design.tr_mul(&column(&y)) / 0.25;
    let at = [-2.0, 0.0, 3.0];
    let p = fitted.predict(&column(&at), 4000).unwrap();
    for (i, x) in at.iter().enumerate() {
        let row = DMatrix::from_row_slice(1, 2, &[*x, 1.0]);
        let (mean, sd) = ((&row * &exact)[0], (&row * &covariance * row.transpose())[0].sqrt());
        // At least 1000 independent draws; five standard errors.
        assert!((p.mean()[i] - mean).abs() < 0.16 * sd, "{x}: {} {mean} {sd}", p.mean()[i]);
        assert!((p.epistemic_sd()[i] / sd - 1.0).abs() < 0.12, "{x}: {} {sd}", p.epistemic_sd()[i]);
    }
}

/// Without data that matter, scales and weights are those of the prior: the inverse of the scale is
/// half-Normal, and so the weight a Student t with one degree of freedom.
#[test]
fn without_data_weights_and_scales_have_their_priors() {
    let prior = Prior { family: PriorFamily::Normal, scale: PriorScale::Hyper(2.0) };
    let net = Mlp::new(&[4, 5], Activation::Identity).priors(prior, Prior::normal(1.0));
    let mut wide = Regression::new(Mlp::new(&[4, 5, 1], Activation::Identity)).noise(Noise::Fixed(1e4));
    wide.net.layers[0] = net.layers[0].clone();
    wide.net.layers[1] = wide.net.layers[1].clone().priors(Prior::normal(1e-3), Prior::normal(1e-3));
    let x = DMatrix::from_element(3, 4, 1.0);
    let chains = Chains { ascent: 0, warmup: 100, draws: 3000, ..Chains::default() };
    let fitted = wide.without_standardizing().sample(&x, &[0.0; 3], &chains).unwrap();
    let points = fitted.posterior().corrected().unwrap();
    let layout = fitted.posterior().layout();
    let at = layout.site("net.0.weight_prior_variance").unwrap().offset;
    // 1 / s is half-Normal with scale 1 / 2: half of its mass is below 0.6745 / 2.
    let below = points.points.chunks(points.dim).filter(|u| (-0.5 * u[at]).exp() < 0.33725).count();
    let share = below as f64 / points.len() as f64;
    // Of 12 000 draws with a long autocorrelation: some 300 independent ones, an error of 0.03.
    assert!((share - 0.5).abs() < 0.15, "{share}");
}

#[test]
fn drawn_networks_read_back() {
    let (x, y) = curve(f64::sin, false, 3);
    let chains = Chains { chains: 2, ascent: 50, warmup: 20, draws: 10, ..Chains::default() };
    let fitted = Regression::sampled_for(1, &[5]).sample(&column(&x), &y, &chains).unwrap();
    let again = FittedRegression::from_json(&fitted.to_json().unwrap()).unwrap();
    assert_eq!(again.predict(&column(&x), 20).unwrap(), fitted.predict(&column(&x), 20).unwrap());
    let labels: Vec<usize> = y.iter().map(|y| usize::from(*y > 0.0)).collect();
    let fitted = Classification::sampled_for(1, 2).sample(&column(&x), &labels, &chains).unwrap();
    assert!(fitted.posterior().verdict().is_some());
    let again = FittedClassification::from_json(&fitted.to_json().unwrap()).unwrap();
    assert_eq!(again.predict(&column(&x), 20).unwrap(), fitted.predict(&column(&x), 20).unwrap());
}

/// Weights without a prior are where the chains had them, in predictions and in files.
#[test]
fn point_weights_stay_where_the_chains_have_them() {
    let (x, y) = curve(f64::sin, false, 3);
    let mut spec = Regression::new(Mlp::new(&[1, 20, 1], Activation::Tanh));
    spec.net.layers[0] = spec.net.layers[0].clone().point();
    let chains = Chains { chains: 2, ascent: 400, warmup: 20, draws: 10, ..Chains::default() };
    let fitted = spec.sample(&column(&x), &y, &chains).unwrap();
    let predicted = fitted.predict(&column(&x), 20).unwrap();
    // The weights of the output belong to these features: with others the error is that of
    // guessing.
    assert!(predicted.rmse(&y).unwrap() < 0.3, "{}", predicted.rmse(&y).unwrap());
    let again = FittedRegression::from_json(&fitted.to_json().unwrap()).unwrap();
    assert_eq!(again.predict(&column(&x), 20).unwrap(), predicted);
}

#[test]
fn classes_are_learned_by_chains() {
    let mut u = vec![0.0; 240];
    fill_uniform(Key::new(8), 0, &mut u);
    let x = DMatrix::from_fn(120, 2, |i, j| 2.0 * u[2 * i + j] - 1.0);
    let labels: Vec<usize> =
        x.row_iter().map(|r| usize::from(r[0] > 0.0) + usize::from(r[1] > 0.0)).collect();
    let chains = Chains { chains: 2, ascent: 500, warmup: 40, draws: 20, ..Chains::default() };
    let fitted = Classification::sampled_for(2, 3).sample(&x, &labels, &chains).unwrap();
    assert!(fitted.predict(&x, 40).unwrap().accuracy(&labels).unwrap().rate() > 0.9);
    // Far away it is unsure, with the residual process and not without.
    let far = DMatrix::from_fn(72, 2, |i, j| {
        1000.0 * std::f64::consts::TAU.mul_add(i as f64 / 72.0, j as f64 * std::f64::consts::FRAC_PI_2).cos()
    });
    let entropy =
        |fitted: &FittedClassification| mean(&fitted.predict(&far, 40).unwrap().predictive_entropy());
    assert!(entropy(&fitted) > 0.7 * 3.0_f64.ln(), "{}", entropy(&fitted));
    let plain = Classification::sampled_for(2, 3).without_residual().sample(&x, &labels, &chains).unwrap();
    assert!(entropy(&plain) < entropy(&fitted));
    // Inside it is the same.
    assert_eq!(plain.predict(&x, 40).unwrap(), fitted.predict(&x, 40).unwrap());
}

#[test]
fn chains_of_small_tables_take_longer_trajectories() {
    let of = |rows, inputs| Recommended::of(rows, inputs).chains.unwrap();
    let sizes = |c: Chains| (c.ascent, c.leapfrogs, c.length);
    assert_eq!(sizes(of(100, 1)), (1000, 160, 6.0));
    assert_eq!(sizes(of(2000, 100)), (3000, 40, 1.5));
    // Four steps a row, and trajectories as long as the work of a gradient allows.
    let own = of(500, 13);
    assert!(own.ascent == 2000 && own.leapfrogs > 40 && own.leapfrogs < 160);
    assert!(own.length > 1.5 && own.length < 6.0);
    // What they are else does not depend on the table; sizes that overflow are large.
    let usual = Chains::default();
    let Chains { ascent, leapfrogs, length, .. } = usual;
    assert_eq!(Chains { ascent, leapfrogs, length, ..own }, usual);
    assert!(Recommended::of(usize::MAX, 3).chains.is_none());
}
