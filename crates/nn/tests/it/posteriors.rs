//! Methods of inference behind one interface: on problems with a known answer, by threads, in files.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_nn::heads::{BernoulliHead, CategoricalHead, PoissonHead};
use probity_nn::posteriors::{
    Ascent, BayesianLastLayer, ComparisonTable, DeepEnsemble, DeterministicVi, FullLaplace, GaussianSettings,
    Inferred, Ivon, KroneckerLaplace, LaplaceSettings, LastLayerFullVi, LastLayerLaplace, LowRankVi, Map,
    MatrixNormalVi, McDropout, MeanFieldVi, Method, NAMES, NutsChains, Problem, Svgd, VariationalMixture,
    compare, named,
};
use probity_nn::{
    Activation, Dropout, FittedNetwork, FittedRegression, Linear, Mlp, Network, Noise, Prior, PriorFamily,
    PriorScale, Regression, Sequential,
};
use probity_vi::Grade;
use probity_vi::hmc::Chains;

fn column(x: &[f64]) -> DMatrix<f64> {
    DMatrix::from_column_slice(x.len(), 1, x)
}

fn normals(seed: u64, rows: usize, columns: usize) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, columns);
    fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

/// A linear regression with known noise, and its exact posterior.
struct Line {
    spec: Regression,
    x: DMatrix<f64>,
    y: Vec<f64>,
    mean: DMatrix<f64>,
    covariance: DMatrix<f64>,
}

const NOISE: f64 = 0.5;

impl Line {
    /// Weights have prior deviation 0.8, the bias 1.5. Centred inputs make their posteriors
    /// independent.
    fn new(x: DMatrix<f64>) -> Self {
        let (n, k) = x.shape();
        let e = normals(5, n, 1);
        let y: Vec<f64> =
            (0..n).map(|i| 0.5 - 1.2 * x[(i, 0)] + 0.4 * x.row(i).sum() + NOISE * e[i]).collect();
        let net = Mlp::new(&[k, 1], Activation::Identity).priors(Prior::normal(0.8), Prior::normal(1.5));
        let spec = Regression::new(net).noise(Noise::Fixed(NOISE)).without_standardizing();
        let design = x.clone().insert_column(k, 1.0);
        let prior = DMatrix::from_fn(k + 1, k + 1, |i, j| match (i == j, i < k) {
            (true, true) => 1.0 / 0.64,
            (true, false) => 1.0 / 2.25,
            _ => 0.0,
        });
        let precision = design.tr_mul(&design) / (NOISE * NOISE) + prior;
        let covariance = precision.try_inverse().unwrap();
        let mean = &covariance * design.tr_mul(&column(&y)) / (NOISE * NOISE);
        Self { spec, x, y, mean, covariance }
    }

    fn centred() -> Self {
        Self::new(DMatrix::from_fn(30, 1, |i, _| (i as f64 - 14.5) / 10.0))
    }

    /// One input, with a mean that is not 0.
    fn correlated() -> Self {
        Self::new(DMatrix::from_fn(30, 1, |i, _| i as f64 / 10.0 - 0.5))
    }

    /// The exact means and standard deviations at inputs.
    fn exact(&self, at: &DMatrix<f64>) -> Vec<(f64, f64)> {
        let design = at.clone().insert_column(at.ncols(), 1.0);
        let of = |row: usize| {
            let row = design.rows(row, 1);
            ((row * &self.mean)[0], (row * &self.covariance * row.transpose())[0].sqrt())
        };
        (0..at.nrows()).map(of).collect()
    }

    /// Means are within `shift` of their standard deviation, which are within a factor `1 ± spread`.
    fn check(&self, method: &dyn Method, (shift, spread): (f64, f64)) {
        let fitted = self.spec.infer(&self.x, &self.y, method).unwrap();
        let at = DMatrix::from_fn(3, self.x.ncols(), |i, j| [-2.0, 0.3, 3.0][(i + j) % 3]);
        let p = fitted.predict(&at, fitted.default_draws()).unwrap();
        for (i, (mean, sd)) in self.exact(&at).into_iter().enumerate() {
            let (off, ratio) = ((p.mean()[i] - mean) / sd, p.epistemic_sd()[i] / sd);
            assert!(off.abs() < shift && (ratio - 1.0).abs() < spread, "{method:?} {i}: {off} {ratio}");
        }
    }
}

const DRAWS: usize = 4000;
/// Five standard errors of 4000 draws are 0.08 of a standard deviation, and 6 % of it; what is found
/// by steps ends within 0.02 beside.
const EXACT: (f64, f64) = (0.1, 0.08);

fn laplace() -> LaplaceSettings {
    LaplaceSettings { ascent: Ascent { steps: 600, rate: 0.02 }, draws: DRAWS, ..LaplaceSettings::default() }
}

fn gaussian() -> GaussianSettings {
    let ascent = Ascent { steps: 300, rate: 0.02 };
    GaussianSettings { ascent, steps: 3000, draws: DRAWS, ..GaussianSettings::default() }
}

#[test]
fn laplace_approximations_of_a_line_are_its_exact_posterior() {
    for line in [Line::correlated(), Line::new(normals(3, 40, 3).map(|x| x + 0.5))] {
        line.check(&FullLaplace { settings: laplace() }, EXACT);
        line.check(&LastLayerLaplace { settings: laplace() }, EXACT);
        line.check(&KroneckerLaplace { settings: laplace() }, EXACT);
    }
}

#[test]
fn the_closed_form_of_a_line_is_its_exact_posterior() {
    let method = BayesianLastLayer { draws: DRAWS, ..BayesianLastLayer::default() };
    Line::correlated().check(&method, EXACT);
    Line::new(normals(3, 40, 3).map(|x| x + 0.5)).check(&method, EXACT);
}

#[test]
fn gaussians_with_correlations_find_the_exact_posterior_of_a_line() {
    let line = Line::correlated();
    // Stochastic gradients leave some hundredths of a standard deviation.
    let close = (0.15, 0.12);
    line.check(&LastLayerFullVi { settings: gaussian() }, close);
    line.check(&LowRankVi { rank: 1, settings: gaussian() }, close);
    // One output: any covariance of the inputs.
    line.check(&MatrixNormalVi { settings: gaussian() }, close);
}

#[test]
fn independent_gaussians_find_the_exact_posterior_where_it_is_independent() {
    let line = Line::centred();
    let ivon = Ivon { steps: 3000, draws: DRAWS, curvature: 2.0, ..Ivon::default() };
    line.check(&ivon, (0.15, 0.12));
    line.check(&DeterministicVi { steps: 2000, draws: DRAWS, ..DeterministicVi::default() }, EXACT);
    line.check(&MeanFieldVi { draws: DRAWS, ..MeanFieldVi::default() }, (0.15, 0.15));
}

/// With unknown noise: a curvature that is learned too small would make it anything.
#[test]
fn gaussians_know_the_noise() {
    let line = Line::centred();
    let spec = line.spec.clone().noise(Noise::Learned);
    let moments = DeterministicVi { steps: 2000, draws: DRAWS, ..DeterministicVi::default() };
    let ivon = Ivon { steps: 3000, draws: DRAWS, ..Ivon::default() };
    for method in [&ivon as &dyn Method, &moments, &LowRankVi { rank: 1, settings: gaussian() }] {
        let fitted = spec.infer(&line.x, &line.y, method).unwrap();
        let logs = fitted.predict(&line.x, DRAWS).unwrap().draw_sds().column(0).map(f64::ln);
        // The logarithm of the noise of 30 rows is known to 1 / √60.
        let (mean, sd) = (logs.mean(), logs.variance().sqrt());
        assert!((mean - NOISE.ln()).abs() < 0.4, "{method:?}: {mean}");
        assert!((0.1..0.17).contains(&sd), "{method:?}: {sd}");
    }
}

#[test]
fn chains_and_particles_find_the_exact_posterior_of_a_line() {
    let line = Line::correlated();
    let ascent = Ascent { steps: 200, rate: 0.02 };
    let nuts = NutsChains { ascent, warmup: 300, draws: 1000, ..NutsChains::default() };
    // At least 1000 independent draws: five standard errors.
    line.check(&nuts, (0.16, 0.12));
    let chains = Chains { ascent: 200, warmup: 100, draws: 1000, ..Chains::default() };
    line.check(&chains, (0.16, 0.12));
    // 50 particles are no draws; of a Gaussian in two dimensions they have mean and spread to some
    // percent.
    let particles = Svgd { particles: 50, steps: 2000, ..Svgd::default() };
    line.check(&particles, (0.1, 0.15));
}

#[test]
fn a_mode_of_a_line_is_its_exact_mean() {
    let line = Line::correlated();
    for method in [&Map::default() as &dyn Method, &DeepEnsemble { members: 3, ..DeepEnsemble::default() }] {
        let fitted = line.spec.infer(&line.x, &line.y, method).unwrap();
        let at = column(&[-2.0, 3.0]);
        let p = fitted.predict(&at, fitted.default_draws()).unwrap();
        for (i, (mean, sd)) in line.exact(&at).into_iter().enumerate() {
            assert!((p.mean()[i] - mean).abs() < 0.02 * sd && p.epistemic_sd()[i] < 0.02 * sd);
        }
    }
}

/// With unknown noise, against a sum over a grid of the noise with dense matrices.
#[test]
fn the_closed_form_knows_the_noise() {
    let line = Line::correlated();
    let (n, spec) = (line.y.len(), line.spec.clone().noise(Noise::Learned));
    let method = BayesianLastLayer { draws: DRAWS, ..BayesianLastLayer::default() };
    let fitted = spec.infer(&line.x, &line.y, &method).unwrap();
    let design = line.x.clone().insert_column(1, 1.0);
    let prior = DMatrix::from_diagonal(&[0.64, 2.25].to_vec().into());
    let y = column(&line.y);
    let (mut total, mut mean, mut square) = (0.0, 0.0, 0.0);
    let logs = |sd: f64| {
        let covariance = &design * &prior * design.transpose() + DMatrix::identity(n, n) * (sd * sd);
        let factor = covariance.cholesky().unwrap();
        let solved = factor.solve(&y);
        let log_det: f64 = factor.l().diagonal().iter().map(|l| l.ln()).sum();
        // The prior of the noise is half-Normal with scale 1.
        -log_det - 0.5 * y.dot(&solved) - 0.5 * sd * sd
    };
    let top = logs(0.5);
    for i in 0..400 {
        let sd = 0.2 + 0.003 * f64::from(i);
        let weight = (logs(sd) - top).exp();
        (total, mean, square) = (total + weight, mean + weight * sd, square + weight * sd * sd);
    }
    let (mean, sd) = (mean / total, (square / total - (mean / total).powi(2)).sqrt());
    let drawn = fitted.predict(&line.x, DRAWS).unwrap().draw_sds().column(0).into_owned();
    let found = drawn.mean();
    let spread = drawn.variance().sqrt();
    // Five standard errors of 4000 draws.
    assert!((found - mean).abs() < 0.08 * sd, "{found} {mean} {sd}");
    assert!((spread / sd - 1.0).abs() < 0.08, "{spread} {sd}");
}

/// The scale that the marginal likelihood of a line is largest at, with its prior, on a grid.
#[test]
fn unknown_scales_are_those_of_the_marginal_likelihood() {
    let x = normals(9, 40, 5);
    let line = Line::new(x.clone());
    let prior = Prior { family: PriorFamily::Normal, scale: PriorScale::Hyper(0.7) };
    let mut spec = line.spec.clone();
    spec.net = Mlp::new(&[5, 1], Activation::Identity).priors(prior, Prior::normal(1.5));
    let (n, y) = (40, column(&line.y));
    let log_density = |v: f64| {
        let noise = DMatrix::identity(n, n) * (NOISE * NOISE) + DMatrix::from_element(n, n, 2.25);
        let factor = (&x * x.transpose() * v.exp() + noise).cholesky().unwrap();
        let log_det: f64 = factor.l().diagonal().iter().map(|l| l.ln()).sum();
        // The inverse of the scale is half-Normal: as a density of the logarithm of the variance.
        -log_det - 0.5 * y.dot(&factor.solve(&y)) - 0.5 * v - 0.5 * 0.49 * (-v).exp()
    };
    let grid = (0..6000).map(|i| -3.0 + 0.001 * f64::from(i));
    let best = grid.max_by(|a, b| log_density(*a).total_cmp(&log_density(*b))).unwrap();
    let full = FullLaplace { settings: LaplaceSettings { rounds: 25, ..laplace() } };
    let last = BayesianLastLayer { draws: 10, rounds: 100, ..BayesianLastLayer::default() };
    for method in [&full as &dyn Method, &KroneckerLaplace { settings: full.settings.clone() }, &last] {
        let fitted = spec.infer(&x, &line.y, method).unwrap();
        let at = fitted.posterior().layout().site("net.0.weight_prior_variance").unwrap().offset;
        let found = fitted.posterior().corrected().unwrap().points[at];
        assert!((found - best).abs() < 0.02, "{method:?}: {found} {best}");
    }
}

/// All methods with few steps.
fn quick() -> Vec<Box<dyn Method>> {
    let ascent = || Ascent { steps: 40, rate: 0.02 };
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
    let ascent = Ascent { steps: 40, rate: 0.02 };
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
    let ascent = Ascent { steps: 300, rate: 0.01 };
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
