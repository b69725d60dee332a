//! Methods of inference behind one interface: by threads, in files, for any layers and heads, side
//! by side.

use super::posteriors::{DRAWS, Line, column, laplace, normals};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_nn::heads::{BernoulliHead, CategoricalHead, PoissonHead};
use probity_nn::posteriors::{
    Ascent, BayesianLastLayer, ComparisonTable, DeepEnsemble, DeterministicVi, FullLaplace, GaussianSettings,
    Inferred, Ivon, KroneckerLaplace, LaplaceSettings, LastLayerFullVi, LastLayerLaplace, LowRankVi, Map,
    MatrixNormalVi, McDropout, MeanFieldVi, Method, NAMES, NutsChains, Problem, Svgd, VariationalMixture,
    compare, named,
};
use probity_nn::{
    Activation, Dropout, FittedNetwork, FittedRegression, Linear, Mlp, Network, Noise, Regression, Sequential,
};
use probity_vi::Grade;
use probity_vi::hmc::Chains;

/// All methods with few steps.
pub(super) fn quick() -> Vec<Box<dyn Method>> {
    let ascent = || Ascent { steps: 40, rate: 0.02, ..Ascent::default() };
    let laplace = || LaplaceSettings { ascent: ascent(), rounds: 2, steps: 10, draws: 8, seed: 3 };
    let gaussian =
        || GaussianSettings { ascent: ascent(), steps: 20, draws: 8, seed: 3, ..GaussianSettings::default() };
    vec![
        Box::new(Map { ascent: ascent(), seed: 3 }),
        Box::new(DeepEnsemble { members: 4, ascent: ascent(), seed: 3 }),
        Box::new(Svgd { particles: 5, steps: 30, seed: 3, ..Svgd::default() }),
        Box::new(MeanFieldVi { steps: Some(30), draws: 8, seed: 3 }),
        Box::new(VariationalMixture { members: 3, steps: Some(30), draws: 4, seed: 3 }),
        Box::new(LastLayerFullVi { settings: gaussian() }),
        Box::new(LowRankVi { rank: 2, settings: gaussian() }),
        Box::new(MatrixNormalVi { settings: gaussian() }),
        Box::new(Ivon { ascent: ascent(), steps: 30, draws: 8, seed: 3, ..Ivon::default() }),
        Box::new(FullLaplace { settings: laplace() }),
        Box::new(LastLayerLaplace { settings: laplace() }),
        Box::new(KroneckerLaplace { settings: laplace() }),
        Box::new(NutsChains { ascent: ascent(), chains: 2, warmup: 15, draws: 4, depth: 4, seed: 3 }),
        Box::new(Chains { chains: 2, ascent: 30, warmup: 10, draws: 4, seed: 3, ..Chains::default() }),
    ]
}

/// Those that take only Gaussian noise or a net of their own.
fn quick_for_regression() -> Vec<Box<dyn Method>> {
    let ascent = Ascent { steps: 40, rate: 0.02, ..Ascent::default() };
    let dropout = McDropout { ascent: ascent.clone(), seed: 3, ..McDropout::default() };
    let last =
        BayesianLastLayer { ascent: ascent.clone(), draws: 8, seed: 3, ..BayesianLastLayer::default() };
    let moments = DeterministicVi { ascent, steps: 20, draws: 8, seed: 3, ..DeterministicVi::default() };
    let mut all = quick();
    all.push(Box::new(dropout));
    all.push(Box::new(last));
    all.push(Box::new(moments));
    all
}

fn curve(n: usize) -> (DMatrix<f64>, Vec<f64>) {
    let (x, e) = (normals(1, n, 2), normals(2, n, 1));
    let y = (0..n).map(|i| 100.0 + 20.0 * x[(i, 0)].sin() + 3.0 * e[i]).collect();
    (x, y)
}

/// ReLU units and unknown scales, with constant noise.
fn small() -> Regression {
    let mut spec = Regression::sampled_for(2, &[6]).noise(Noise::Learned);
    spec.net.layers[1].outputs = 1;
    spec
}

#[test]
fn every_method_gives_the_same_bits_for_any_number_of_threads_and_reads_back() {
    let (x, y) = curve(40);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, two) = (pool(1), pool(2));
    for method in quick_for_regression() {
        let fit = || small().infer(&x, &y, method.as_ref()).unwrap();
        let (a, b) = (one.install(fit), two.install(fit));
        let draws = a.default_draws();
        let predict = |fitted: &FittedRegression| fitted.predict(&x, draws).unwrap();
        assert_eq!(predict(&a), two.install(|| predict(&b)), "{method:?}");
        let again = FittedRegression::from_json(&a.to_json().unwrap()).unwrap();
        assert_eq!(predict(&a), predict(&again), "{method:?}");
        assert!(again.check_at(&x).is_err());
    }
}

#[test]
fn every_method_takes_any_layers_and_heads() {
    let (x, y) = curve(40);
    let counts: Vec<usize> = y.iter().map(|y| (0.05 * y) as usize).collect();
    let yes: Vec<bool> = y.iter().map(|y| *y > 100.0).collect();
    let labels: Vec<usize> =
        x.row_iter().map(|r| usize::from(r[0] > 0.0) + usize::from(r[1] > 0.0)).collect();
    let stack = |outputs| {
        Sequential::new()
            .then(Linear::new(2, 5))
            .then(Activation::Tanh)
            .then(probity_nn::LayerNorm::new(5))
            .then(Linear::new(5, outputs))
    };
    for method in quick() {
        let method = method.as_ref();
        let poisson = Network::new(stack(1), PoissonHead).infer(&x, &counts, method).unwrap();
        let yes_no = Network::new(Mlp::new(&[2, 4, 1], Activation::Relu), BernoulliHead);
        let yes_no = yes_no.infer(&x, &yes, method).unwrap();
        let classes = Network::new(stack(3), CategoricalHead::new(3));
        let fitted = classes.infer(&x, &labels, method).unwrap();
        let rate = poisson.predict(&x, 8).unwrap().mean();
        assert!(rate.iter().all(|r| r.is_finite() && *r > 0.0), "{method:?}");
        assert!(yes_no.predict(&x, 8).unwrap().log_score(&yes).unwrap().is_finite(), "{method:?}");
        let p = fitted.predict(&x, 8).unwrap();
        let again = FittedNetwork::from_json(&classes, &fitted.to_json().unwrap()).unwrap();
        assert_eq!(p, again.predict(&x, 8).unwrap(), "{method:?}");
    }
}

#[test]
fn methods_are_data_and_have_names() {
    for name in NAMES {
        let method = named(name, 5).unwrap();
        assert_eq!(method.seed(), 5, "{name}");
    }
    assert!(named("guess", 0).is_none());
    let text = serde_json::to_string(&LowRankVi::default()).unwrap();
    assert_eq!(serde_json::from_str::<LowRankVi>(&text).unwrap(), LowRankVi::default());
    assert_eq!(serde_json::from_str::<Svgd>(r#"{"particles": 7}"#).unwrap().particles, 7);
}

#[test]
fn dropout_predicts_with_masks() {
    let (x, y) = curve(40);
    let ascent = Ascent { steps: 300, rate: 0.01, ..Ascent::default() };
    let method = McDropout { rate: 0.1, ascent, seed: 0 };
    let fitted = small().infer(&x, &y, &method).unwrap();
    assert_eq!((fitted.spec().net.dropout, fitted.default_draws()), (0.1, 300));
    assert!(fitted.predict(&x, 50).unwrap().epistemic_sd().iter().all(|sd| *sd > 0.0));
    // Any net with layers of its own; without them there is nothing to drop.
    let net = || Sequential::new().then(Linear::new(2, 8)).then(Activation::Relu);
    let with = Network::new(net().then(Dropout::new(0.2)).then(Linear::new(8, 1)), BernoulliHead);
    let yes: Vec<bool> = y.iter().map(|y| *y > 100.0).collect();
    let fitted = with.infer(&x, &yes, &method).unwrap();
    assert!(fitted.predict(&x, 50).unwrap().epistemic_variance().min() > 0.0);
    let without = Network::new(net().then(Linear::new(8, 1)), BernoulliHead);
    let error = without.infer(&x, &yes, &method).unwrap_err().to_string();
    assert!(error.contains("no dropout"), "{error}");
}

#[test]
fn weights_without_a_prior_have_no_posterior() {
    let (x, y) = curve(20);
    let spec = Regression::new(Mlp::new(&[2, 3, 1], Activation::Relu).point());
    let error = spec.infer(&x, &y, &Map::default()).unwrap_err().to_string();
    assert!(error.contains("\"net.0.weight\" has no prior"), "{error}");
}

#[test]
fn linearised_predictions_of_a_linear_net_are_its_own() {
    let line = Line::correlated();
    let fitted = line.spec.infer(&line.x, &line.y, &FullLaplace { settings: laplace() }).unwrap();
    assert!(fitted.linearised_at().is_some());
    let posterior = fitted.posterior();
    let points = posterior.corrected().unwrap().points.clone();
    let sampled = probity_vi::Sampled { points, stands: Default::default(), chains: 1, gradients: 0 };
    let model = line.spec.model::<f32>(&line.x, &line.y).unwrap();
    let plain = FittedRegression::of(probity_vi::Posterior::of_draws(model, sampled, 0, 0.0).unwrap());
    let (a, b) = (fitted.predict(&line.x, DRAWS).unwrap(), plain.predict(&line.x, DRAWS).unwrap());
    for (a, b) in a.mean().iter().zip(b.mean()).chain(a.epistemic_sd().iter().zip(b.epistemic_sd())) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

/// Draws that are all the same and off.
#[derive(Debug)]
struct Off;
impl Method for Off {
    fn infer(&self, problem: &Problem<'_>) -> probity_nn::Result<Inferred> {
        let mut u = Ascent::default().climb(problem, Key::new(0))?.u;
        u.iter_mut().for_each(|u| *u += 1.0);
        Ok(Inferred::of_draws(u))
    }
}

#[test]
fn fits_are_compared_on_held_out_rows() {
    let line = Line::correlated();
    let exact = line.spec.infer(&line.x, &line.y, &BayesianLastLayer::default()).unwrap();
    let off = line.spec.infer(&line.x, &line.y, &Off).unwrap();
    let x = column(&[-1.0, 0.0, 0.7, 1.0, 2.5]);
    let y: Vec<f64> = x.iter().map(|x| 0.5 - 0.8 * x).collect();
    let table = compare(&[("exact", &exact), ("off", &off)], &x, &y).unwrap();
    let [right, wrong] = &table.entries[..] else { panic!() };
    assert_eq!((right.verdict, wrong.verdict), (Some(Grade::A), Some(Grade::C)), "{table}");
    assert!(right.log_score > wrong.log_score && right.rmse < wrong.rmse);
    let summary = exact.predict(&x, 300).unwrap().summary(&y).unwrap();
    assert_eq!((right.rmse, right.log_score), (Some(summary.rmse), summary.log_score));
    assert_eq!(right.coverage_90, Some(summary.coverage_90.rate()));
    let text = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<ComparisonTable>(&text).unwrap(), table);
    assert_eq!(table.to_string().lines().count(), 3);
}

#[test]
fn classes_are_compared_by_accuracy() {
    let (x, _) = curve(60);
    let labels: Vec<usize> = x.row_iter().map(|r| usize::from(r[0] > 0.0)).collect();
    let net = Network::new(Mlp::new(&[2, 4, 1], Activation::Tanh), BernoulliHead);
    let fitted = net.infer(&x, &labels, &FullLaplace { settings: laplace() }).unwrap();
    let table = compare(&[("laplace", &fitted)], &x, &labels).unwrap();
    let entry = &table.entries[0];
    assert!(entry.accuracy.unwrap() > 0.9 && entry.rmse.is_none() && entry.coverage_50.is_none());
    assert!(entry.epistemic_sd > 0.0 && entry.verdict.is_some());
    assert!(table.to_string().contains("accuracy"));
    // Counts have intervals, by draws.
    let counts: Vec<usize> = labels.iter().map(|l| 2 + 3 * l).collect();
    let net = Network::new(Mlp::new(&[2, 4, 1], Activation::Tanh), PoissonHead);
    let fitted = net.infer(&x, &counts, &Map::default()).unwrap();
    let entry = compare(&[("map", &fitted)], &x, &counts).unwrap().entries.remove(0);
    assert!(entry.coverage_90.unwrap() > 0.9 && entry.epistemic_sd < 1e-6);
}
