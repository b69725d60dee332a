//! Methods of inference on classifications.

use super::posteriors::laplace;
use super::posteriors_interface::quick;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_nn::posteriors::{
    BayesianLastLayer, DeepEnsemble, FullLaplace, KroneckerLaplace, Map, McDropout, Method, compare,
};
use probity_nn::{Activation, Classification, FittedClassification, Mlp};
use probity_vi::hmc::Chains;
use std::f64::consts::{LN_2, PI, TAU};

/// Two half circles with noise of 0.2, one label after the other.
fn moons(n: usize, seed: u64) -> (DMatrix<f64>, Vec<usize>) {
    let (mut t, mut e) = (vec![0.0; n], vec![0.0; 2 * n]);
    fill_uniform(Key::new(seed), 0, &mut t);
    fill_normal(Key::new(seed).fold_in(1), 0, &mut e);
    let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
    let at = |i: usize| {
        let (s, c) = (PI * t[i]).sin_cos();
        if labels[i] == 0 { [c, s] } else { [1.0 - c, 0.5 - s] }
    };
    (DMatrix::from_fn(n, 2, |i, j| at(i)[j] + 0.2 * e[2 * i + j]), labels)
}

/// Three bands along the first input.
fn bands(n: usize) -> (DMatrix<f64>, Vec<usize>) {
    let mut x = DMatrix::zeros(n, 2);
    fill_normal(Key::new(3), 0, x.as_mut_slice());
    let labels = x.column(0).iter().map(|x| usize::from(*x > -0.5) + usize::from(*x > 0.5)).collect();
    (x, labels)
}

/// A circle around the moons, at ten times their radius.
fn far() -> DMatrix<f64> {
    DMatrix::from_fn(90, 2, |i, j| {
        let (s, c) = (TAU * i as f64 / 90.0).sin_cos();
        if j == 0 { 0.5 + 20.0 * c } else { 0.25 + 20.0 * s }
    })
}

#[test]
fn every_method_takes_classes_by_any_number_of_threads_and_reads_back() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, two) = (pool(1), pool(2));
    let mut methods = quick();
    methods.push(Box::new(McDropout { seed: 3, ..McDropout::default() }));
    for ((x, labels), classes) in [(moons(40, 0), 2), (bands(40), 3)] {
        let spec = Classification::new(
            Mlp::new(&[2, 5, if classes == 2 { 1 } else { 3 }], Activation::Relu),
            classes,
        );
        for method in &methods {
            let fit = || spec.infer(&x, &labels, method.as_ref()).unwrap();
            let (a, b) = (one.install(fit), two.install(fit));
            let predict = |fitted: &FittedClassification| fitted.predict(&x, 8).unwrap();
            assert_eq!(predict(&a), two.install(|| predict(&b)), "{method:?}");
            assert_eq!(predict(&a).probs().shape(), (40, classes));
            let again = FittedClassification::from_json(&a.to_json().unwrap()).unwrap();
            assert_eq!(predict(&a), predict(&again), "{method:?}");
            assert_eq!(a.linearised_at(), again.linearised_at());
            assert!(again.check_at(&x).is_err());
        }
    }
}

#[test]
fn two_moons_are_told_apart_by_every_kind_of_method() {
    let (x, labels) = moons(200, 0);
    let (fresh, truth) = moons(1000, 1);
    let spec = Classification::sampled_for(2, 2);
    let ensemble = DeepEnsemble { members: 5, ..DeepEnsemble::default() };
    let kronecker = KroneckerLaplace { settings: laplace() };
    let chains = Chains { chains: 2, ..Chains::default() };
    let methods: [(&dyn Method, f64); 4] =
        [(&Map::default(), 0.3), (&ensemble, 0.2), (&kronecker, 0.3), (&chains, 0.15)];
    let entropy = |fitted: &FittedClassification| {
        let entropies = fitted.predict(&far(), fitted.default_draws()).unwrap().predictive_entropy();
        entropies.iter().sum::<f64>() / 90.0 / LN_2
    };
    for (method, nll) in methods {
        let fitted = spec.infer(&x, &labels, method).unwrap();
        let p = fitted.predict(&fresh, fitted.default_draws()).unwrap();
        // The best possible is about 0.97; five standard errors of 1000 rows are 0.03.
        assert!(p.accuracy(&truth).unwrap().rate() > 0.93, "{method:?}");
        assert!(-p.log_score(&truth).unwrap() < nll, "{method:?} {}", p.log_score(&truth).unwrap());
        // Far from the data the residual process makes any net unsure that has more than one draw.
        let plain = spec.clone().without_residual().infer(&x, &labels, method).unwrap();
        if fitted.default_draws() >= 100 {
            assert!(entropy(&fitted) > entropy(&plain) + 0.03, "{method:?}");
        }
        let inside = |f: &FittedClassification| f.predict(&x, f.default_draws()).unwrap();
        assert_eq!(inside(&fitted), inside(&plain), "{method:?}");
    }
}

#[test]
fn a_method_that_is_none_for_classes_says_so() {
    let (x, labels) = moons(20, 0);
    let spec = Classification::new(Mlp::new(&[2, 3, 1], Activation::Relu), 2);
    let error = spec.infer(&x, &labels, &BayesianLastLayer::default()).unwrap_err().to_string();
    assert!(error.contains("Gaussian head"), "{error}");
    let point = Classification::new(Mlp::new(&[2, 3, 1], Activation::Relu).point(), 2);
    let error = point.infer(&x, &labels, &Map::default()).unwrap_err().to_string();
    assert!(error.contains("no prior"), "{error}");
    assert!(spec.infer(&x, &[2; 20], &Map::default()).is_err());
    let dropped = spec.infer(&x, &labels, &McDropout { rate: 0.1, ..McDropout::default() }).unwrap();
    assert_eq!((dropped.spec().net.dropout, dropped.default_draws()), (0.1, 300));
    assert!(dropped.check_at(&x).is_err());
}

#[test]
fn classifications_stand_in_a_table() {
    // Logits that are linear in the weights: the Laplace approximation is near the posterior.
    let (x, labels) = bands(120);
    let spec = Classification::new(Mlp::new(&[2, 3], Activation::Identity), 3);
    let wide = spec.infer(&x, &labels, &FullLaplace { settings: laplace() }).unwrap();
    let point = spec.infer(&x, &labels, &Map::default()).unwrap();
    let y: Vec<usize> = labels.clone();
    let table = compare(&[("laplace", &wide), ("map", &point)], &x, &y).unwrap();
    let [a, b] = &table.entries[..] else { panic!() };
    assert_eq!(
        a.accuracy,
        Some(wide.predict(&x, wide.default_draws()).unwrap().accuracy(&labels).unwrap().rate())
    );
    assert!(a.epistemic_sd > 0.0 && b.epistemic_sd == 0.0 && a.verdict.is_some());
    assert!(a.rmse.is_none() && a.coverage_90.is_none());
    assert!(compare(&[("laplace", &wide)], &x, &vec![3_usize; 120]).is_err());
}
