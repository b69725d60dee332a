//! Methods of posteriors by minibatches, from memory and from streams.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_nn::heads::GaussianHead;
use probity_nn::posteriors::{
    Ascent, BayesianLastLayer, DeepEnsemble, DeterministicVi, FullLaplace, GaussianSettings, Inferred, Ivon,
    KroneckerLaplace, LaplaceSettings, LowRankVi, Map, MeanFieldVi, Method, Problem, Svgd,
};
use probity_nn::*;
use probity_vi::hmc::Chains;
use probity_vi::{Fit, Target};

const ROWS: usize = 600;
const MINIBATCH: usize = 50;

fn normals(seed: u64, rows: usize, cols: usize) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

/// A line in two inputs that are independent, with noise 1.
fn data() -> (DMatrix<f64>, DMatrix<f64>) {
    let (x, e) = (normals(1, ROWS, 2), normals(2, ROWS, 1));
    let y = DMatrix::from_fn(ROWS, 1, |i, _| 0.3 + x[(i, 0)] - 0.5 * x[(i, 1)] + e[i]);
    (x, y)
}

/// A linear map with standard Normal priors and known noise; the head has no units.
fn network() -> Network<Mlp, GaussianHead> {
    let head = GaussianHead::new(Noise::Fixed(1.0));
    Network::new(Mlp::new(&[2, 1], Activation::Identity), head).without_standardizing()
}

/// Means and standard deviations of weights and bias under the exact posterior, in the units of the
/// head: of targets with mean 0 and standard deviation 1.
fn exact() -> (Vec<f64>, Vec<f64>) {
    let (x, y) = data();
    let mean = y.mean();
    let sd = (y.map(|y| (y - mean).powi(2)).sum() / ROWS as f64).sqrt();
    let design = DMatrix::from_fn(ROWS, 3, |i, j| if j < 2 { x[(i, j)] } else { 1.0 });
    let weight = sd * sd;
    let precision = weight * design.tr_mul(&design) + DMatrix::identity(3, 3);
    let covariance = precision.try_inverse().unwrap();
    let scaled = y.map(|y| (y - mean) / sd);
    let means = weight * &covariance * design.tr_mul(&scaled);
    (means.as_slice().to_vec(), (0..3).map(|i| covariance[(i, i)].sqrt()).collect())
}

/// What a method found of each weight.
fn moments(fitted: &FittedNetwork<Mlp, GaussianHead>) -> (Vec<f64>, Vec<f64>) {
    let all = fitted.posterior().corrected().unwrap();
    let n = all.len() as f64;
    let of = |i: usize| {
        let each: Vec<f64> = all.points.iter().skip(i).step_by(3).copied().collect();
        let mean = each.iter().sum::<f64>() / n;
        (mean, (each.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    };
    (0..3).map(of).unzip()
}

fn ascent() -> Ascent {
    Ascent { steps: 1500, rate: 0.02, minibatch: Some(MINIBATCH) }
}

/// Whether the posterior is that of all rows. Of a minibatch alone, standard deviations would be
/// √12 = 3.5 times as wide.
fn is_right(fitted: &FittedNetwork<Mlp, GaussianHead>, has_width: bool, what: &str) {
    let ((want, width), (mean, sd)) = (exact(), moments(fitted));
    for i in 0..3 {
        // A climb ends as far from the mode as the mean of its last minibatches is: of twenty, .8
        // widths.
        assert!((mean[i] - want[i]).abs() < 2.0 * width[i], "{what}: {mean:?} {want:?} ± {width:?}");
        if has_width {
            // 300 draws: five standard errors are 20 %; the rest is for the steps.
            assert!((sd[i] / width[i]).ln().abs() < 0.35, "{what}: {sd:?} {width:?}");
        }
    }
}

/// Those whose steps take minibatches, and whether they know a width.
fn methods() -> Vec<(Box<dyn Method>, bool)> {
    let minibatch = Some(MINIBATCH);
    let laplace = || LaplaceSettings { ascent: ascent(), ..LaplaceSettings::default() };
    let settings =
        GaussianSettings { ascent: ascent(), steps: 800, minibatch, ..GaussianSettings::default() };
    vec![
        (Box::new(Map { ascent: ascent(), seed: 1 }), false),
        (Box::new(DeepEnsemble { members: 2, ascent: ascent(), seed: 1 }), false),
        (Box::new(Svgd { particles: 10, steps: 400, rate: 0.05, minibatch, seed: 1 }), false),
        (Box::new(LowRankVi { rank: 1, settings }), true),
        (Box::new(Ivon { ascent: ascent(), steps: 1000, minibatch, ..Ivon::default() }), true),
        (Box::new(FullLaplace { settings: laplace() }), true),
        (Box::new(KroneckerLaplace { settings: laplace() }), true),
    ]
}

#[test]
fn minibatches_give_the_posterior_of_all_rows() {
    let (x, y) = data();
    for (method, has_width) in methods() {
        let fitted = network().infer(&x, &y, method.as_ref()).unwrap();
        is_right(&fitted, has_width, &format!("{method:?}"));
    }
}

#[test]
fn streams_give_the_posterior_of_all_rows() {
    let (x, y) = data();
    let block = |b: usize| {
        let take = |m: &DMatrix<f64>| m.rows(70 * b, 70.min(ROWS - 70 * b)).into_owned();
        Ok::<_, String>((take(&x), take(&y)))
    };
    let stream = || RowStream::new(MINIBATCH, || (0..9).map(block));
    for (method, has_width) in methods() {
        let fitted = network().infer_stream(stream(), method.as_ref()).unwrap();
        is_right(&fitted, has_width, &format!("{method:?}"));
        // The rows of the fit are gone, and a minibatch is not all of them.
        let error = fitted.check_at(&x).unwrap_err().to_string();
        assert!(error.contains("needs the data of the fit"), "{error}");
    }
    let fitted = network().fit_stream(stream(), Fit::default().steps(5)).unwrap();
    assert!(fitted.check_at(&x).is_err());
    // The same bits for any number of threads.
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for method in [&methods()[1].0, &methods()[2].0] {
        let fit = || network().infer_stream(stream(), method.as_ref()).unwrap();
        let [a, b] = [1, 3].map(|threads| pool(threads).install(|| moments(&fit())));
        assert_eq!(a, b);
    }
    let all: [(Box<dyn Method>, &str); 4] = [
        (Box::new(Chains { chains: 2, ..Chains::default() }), "not in memory"),
        (Box::new(DeterministicVi::default()), "not in memory"),
        (Box::new(BayesianLastLayer::default()), "all rows in memory"),
        (Box::new(MeanFieldVi::default()), "fit_stream"),
    ];
    for (method, what) in all {
        let error = network().infer_stream(stream(), method.as_ref()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let mut readings = 0;
    let once = || {
        readings += 1;
        (0..9).map(block).take(if readings == 1 { 9 } else { 0 })
    };
    let error = network().infer_stream(RowStream::new(16, once), &Map::default()).unwrap_err().to_string();
    assert!(error.contains("when they are read again"), "{error}");
}

/// Looks at the density by minibatches instead of finding a posterior.
#[derive(Debug)]
struct Unbiased;

impl Method for Unbiased {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        const STEPS: usize = 2000;
        let (d, u) = (problem.dim(), vec![0.2; problem.dim()]);
        let mut whole = vec![0.0; d];
        let value = problem.target().gradient(&u, &mut whole)?;
        let mut part = problem.by_minibatches(Some(7))?;
        let (mut sums, mut squares) = (vec![0.0; d + 1], vec![0.0; d + 1]);
        let mut gradient = vec![0.0; d];
        for step in 0..STEPS {
            part.set_key(Key::new(9).fold_in(step as u64));
            let at = part.gradient(&u, &mut gradient)?;
            // The same key, the same rows.
            let again = part.gradient(&u, &mut vec![0.0; d])?;
            assert_eq!(at, again);
            for (i, x) in gradient.iter().copied().chain([at]).enumerate() {
                (sums[i], squares[i]) = (sums[i] + x, squares[i] + x * x);
            }
        }
        for (i, want) in whole.into_iter().chain([value]).enumerate() {
            let mean = sums[i] / STEPS as f64;
            let error = ((squares[i] / STEPS as f64 - mean * mean) / STEPS as f64).sqrt();
            // Four numbers: five and a half standard errors are a false alarm in 6 million.
            assert!((mean - want).abs() < 5.5 * error && error > 0.0, "{i}: {mean} {want} ± {error}");
        }
        assert_eq!((problem.minibatch(None), problem.minibatch(Some(7))), (ROWS, 7));
        assert_eq!(problem.minibatch(Some(10 * ROWS)), ROWS);
        Ok(Inferred::of_draws(u))
    }
}

#[test]
fn minibatches_are_an_unbiased_picture_of_the_whole() {
    let (x, y) = data();
    network().infer(&x, &y, &Unbiased).unwrap();
}
