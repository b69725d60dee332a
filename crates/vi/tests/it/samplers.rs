//! The No-U-Turn sampler and the fixed-length kernel on densities that are known.

use probity_autodiff::Key;
use probity_autodiff::random::fill_normal;
use probity_vi::diagnostics::Chains;
use probity_vi::hmc::Hmc;
use probity_vi::linalg::{Covariance, Dense, Factor};
use probity_vi::nuts::{MetricKind, Nuts, Samples};
use probity_vi::{LogDensity, Target};

fn normals(key: u64, n: usize) -> Vec<f64> {
    let mut z = vec![0.0; n];
    fill_normal(Key::new(key), 0, &mut z);
    z
}

/// A Gaussian by its covariance, around 1, 2, ….
fn gaussian(covariance: Covariance) -> impl Target {
    LogDensity::new(covariance.dim(), move |u: &[f64], gradient: &mut [f64]| {
        let mut x: Vec<f64> = u.iter().zip(1..).map(|(u, m)| u - f64::from(m)).collect();
        gradient.copy_from_slice(&x);
        covariance.solve(gradient);
        gradient.iter_mut().for_each(|g| *g = -*g);
        covariance.log_density(&mut x)
    })
}

/// Correlations 0.9^|i - j|.
fn correlated(d: usize, scale: impl Fn(usize) -> f64) -> Covariance {
    let entry = |k: usize| {
        let (i, j) = (k / d, k % d);
        scale(i) * scale(j) * 0.9_f64.powi(i.abs_diff(j) as i32)
    };
    Covariance::dense(d, &(0..d * d).map(entry).collect::<Vec<_>>()).unwrap()
}

/// Six standard errors, estimated ones, whose own error of some percent leaves five and a half:
/// 4e-8 for each.
#[track_caller]
fn mean_is(chains: &Chains, want: f64, what: &str) {
    let z = (chains.mean() - want) / chains.mcse_mean();
    assert!(z.abs() < 6.0, "{what}: {} instead of {want}, {z:.1} standard errors", chains.mean());
}

/// Means and all second moments.
#[track_caller]
fn moments_are(samples: &Samples, covariance: &Covariance) {
    let (d, matrix) = (samples.dim, covariance.to_matrix());
    for i in 0..d {
        mean_is(&samples.coordinate(i), (i + 1) as f64, "mean");
        for j in 0..=i {
            let product = samples.quantity(|u| (u[i] - (i + 1) as f64) * (u[j] - (j + 1) as f64));
            mean_is(&product, matrix[i * d + j], "covariance");
        }
    }
    assert!(samples.r_hat().iter().all(|r| *r < 1.02), "{samples}");
}

#[test]
fn gaussians_are_sampled_exactly() {
    let covariance = correlated(5, |i| 0.1 * 3_f64.powi(i as i32));
    let target = gaussian(covariance.clone());
    for learn in [MetricKind::Diagonal, MetricKind::Dense] {
        let samples = Nuts::new().learn(learn).seed(1).run(&target, &[0.0; 5]).unwrap();
        moments_are(&samples, &covariance);
        assert_eq!(samples.divergences(), 0);
        // Averages of logarithms of steps give smaller steps than were tried, and acceptance comes
        // out above 0.8.
        assert!((0.75..0.95).contains(&samples.acceptance()) && samples.e_bfmi() > 0.5, "{samples}");
        let sd = samples.sd();
        assert!(sd.iter().zip(covariance.variances()).all(|(s, v)| (s / v.sqrt() - 1.0).abs() < 0.1));
        // With the covariance as metric the target is a standard one, of which draws are nearly
        // independent.
        if learn == MetricKind::Dense {
            assert!(samples.ess_bulk().iter().all(|e| *e > 2000.0), "{samples}");
            assert!(samples.chains.iter().all(|c| c.gradients < 1000 * 8), "{samples}");
        }
    }
}

#[test]
fn a_guide_gives_its_metric() {
    // A hundred scales from 1e-3 to 1e3.
    let variances: Vec<f64> =
        (0..100).map(|i| 10_f64.powf(-3.0 + 6.0 * f64::from(i) / 99.0).powi(2)).collect();
    let covariance = Covariance::diagonal(&variances).unwrap();
    let mut start = vec![0.0; 100];
    covariance.unwhiten(&mut start);
    start.iter_mut().zip(1..).for_each(|(u, m)| *u += f64::from(m));
    let target = gaussian(covariance.clone());
    let given = Nuts::from_metric(covariance.clone()).draws(500).seed(2).run(&target, &start).unwrap();
    for i in 0..100 {
        mean_is(&given.coordinate(i), (i + 1) as f64, "mean");
        let square = given.quantity(|u| (u[i] - (i + 1) as f64).powi(2));
        mean_is(&square, variances[i], "variance");
    }
    assert!(given.gradients() < 4 * 700 * 16 && given.divergences() == 0, "{given}");
    // From the identity it must be learned, which it is too.
    let learned = Nuts::new().chains(2).draws(200).seed(2).run(&target, &start).unwrap();
    let metric = learned.chains[0].metric.variances();
    assert!(metric.iter().zip(&variances).all(|(m, v)| (0.4..2.5).contains(&(m / v))), "{metric:?}");
    assert!(learned.chains.iter().all(|c| c.gradients < 200 * 40), "{learned}");
}

#[test]
fn a_metric_of_low_rank_does_what_the_dense_one_does() {
    let low = probity_vi::linalg::LowRank::from_factor(vec![0.5, 2.0, 1.0], &[1.0, 5.0, -3.0]).unwrap();
    let covariance = Covariance::LowRank(low);
    let samples =
        Nuts::from_metric(covariance.clone()).seed(3).run(&gaussian(covariance.clone()), &[0.0; 3]).unwrap();
    moments_are(&samples, &covariance);
    assert!(samples.gradients() < 4 * 1200 * 8, "{samples}");
}

/// Neal's funnel: v is Normal(0, 3), nine others Normal(0, exp(v / 2)).
fn funnel() -> impl Target {
    LogDensity::new(10, |u: &[f64], g: &mut [f64]| {
        let (v, x) = (u[0], &u[1..]);
        let precision = (-v).exp();
        let squares: f64 = x.iter().map(|x| x * x).sum();
        g[0] = -v / 9.0 - 4.5 + 0.5 * squares * precision;
        g[1..].iter_mut().zip(x).for_each(|(g, x)| *g = -x * precision);
        -v * v / 18.0 - 4.5 * v - 0.5 * squares * precision
    })
}

#[test]
fn the_funnel_is_reported() {
    let samples = Nuts::new().seed(4).run(&funnel(), &[0.5; 10]).unwrap();
    assert!(samples.divergences() > 0, "{samples}");
    assert!(samples.e_bfmi() < 0.5 && samples.ess_bulk()[0] < 500.0, "{samples}");
    let table = samples.to_string();
    assert!(table.contains("divergent") && table.lines().count() == 12, "{table}");
}

/// A bent density with exact draws: a is Normal(0, 1), b is Normal(a², 0.5).
fn banana() -> impl Target {
    LogDensity::new(2, |u: &[f64], g: &mut [f64]| {
        let (a, r) = (u[0], (u[1] - u[0] * u[0]) / 0.25);
        (g[0], g[1]) = (-a + 2.0 * a * r, -r);
        -0.5 * (a * a + 0.25 * r * r)
    })
}

fn banana_draws(key: u64, n: usize) -> Vec<f64> {
    let z = normals(key, 2 * n);
    z.chunks_exact(2).flat_map(|z| [z[0], z[0] * z[0] + 0.5 * z[1]]).collect()
}

/// Exact draws must stay exact draws: means of functions within 5.5 standard errors (4e-8 each) of
/// the truth.
#[track_caller]
fn is_banana(points: &[f64], what: &str) {
    type Moment = (fn(f64, f64) -> f64, f64, f64);
    let n = (points.len() / 2) as f64;
    // With e the second standard normal number, b = a² + e / 2: means and variances by the moments
    // 1, 3, 15, 105 of a.
    let moments: [Moment; 6] = [
        (|a, _| a, 0.0, 1.0),
        (|a, _| a * a, 1.0, 2.0),
        (|_, b| b, 1.0, 2.25),
        (|a, b| (b - a * a).powi(2), 0.25, 0.125),
        (|a, b| a * b, 0.0, 15.25),
        (|a, b| a * (b - a * a), 0.0, 0.25),
    ];
    for (k, (f, mean, variance)) in moments.iter().enumerate() {
        let got = points.chunks_exact(2).map(|u| f(u[0], u[1])).sum::<f64>() / n;
        let z = (got - mean) / (variance / n).sqrt();
        assert!(z.abs() < 5.5, "{what}: moment {k} is {got} instead of {mean}, {z:.1} standard errors");
    }
}

#[test]
fn transitions_leave_exact_draws_exact() {
    let n = 5_000;
    let starts = banana_draws(5, n);
    is_banana(&starts, "starts");
    // A step that is too long for parts of the density, so that trees of all depths, turns and
    // rejected subtrees occur.
    let metric = Covariance::diagonal(&[1.0, 2.25]).unwrap();
    for (step, transitions) in [(0.3, 1), (0.9, 3)] {
        let nuts = Nuts::new().chains(n).warmup(0).draws(transitions).metric(metric.clone()).step_size(step);
        let samples = nuts.seed(6).run(&banana(), &starts).unwrap();
        let last: Vec<f64> =
            samples.chains.iter().flat_map(|c| c.draws[2 * (transitions - 1)..].to_vec()).collect();
        is_banana(&last, "NUTS");
        let depth = |d: usize| samples.chains.iter().filter(|c| c.transitions[0].depth == d).count();
        assert!(
            (0..6).filter(|d| depth(*d) > 50).count() >= 3,
            "{:?}",
            (0..6).map(depth).collect::<Vec<_>>()
        );
    }
    let dense = Dense::from_matrix(2, &[1.0, 0.5, 0.5, 2.0]).unwrap();
    for metric in [metric, Covariance::Dense(dense)] {
        let moved = Hmc::new().transitions(4).seed(7).run(&banana(), &starts, &metric).unwrap();
        is_banana(&moved.points, "HMC");
        assert!((0.5..0.99).contains(&moved.mean_acceptance()), "{}", moved.mean_acceptance());
        assert_eq!(moved.gradients, n * (1 + 4 * 6));
    }
}

#[test]
fn draws_of_a_wrong_guide_drift() {
    // A guide with sd 1.2 in the place of 1: four quarter periods must bring it home.
    let target = gaussian(Covariance::identity(3));
    let starts: Vec<f64> = normals(8, 3 * 5000)
        .chunks_exact(3)
        .flat_map(|z| [1.0 + 1.2 * z[0], 2.0 + z[1], 3.0 + z[2]])
        .collect();
    let moved = Hmc::new().transitions(4).run(&target, &starts, &Covariance::identity(3)).unwrap();
    let variance =
        |points: &[f64]| points.chunks_exact(3).map(|u| (u[0] - 1.0).powi(2)).sum::<f64>() / 5000.0;
    // The standard error of a variance of 5000 draws is 0.02; 5.5 of them.
    assert!(
        variance(&starts) > 1.3 && (variance(&moved.points) - 1.0).abs() < 0.11,
        "{}",
        variance(&moved.points)
    );
    assert!(moved.mean_acceptance() > 0.9 && moved.divergences == 0);
    // A start outside the support comes in, and a kernel that cannot move says so.
    let half = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = if u[0] > 0.0 { -u[0] } else { 0.0 };
        if u[0] > 0.0 { -0.5 * u[0] * u[0] } else { f64::NAN }
    });
    let moved = Hmc::new().transitions(50).run(&half, &[-0.5, 1.0], &Covariance::identity(1)).unwrap();
    assert!(moved.points.iter().all(|u| *u > 0.0) && moved.log_density.iter().all(|v| v.is_finite()));
    let stuck = Hmc::new()
        .step_size(1e3)
        .jitter(0.0)
        .run(&target, &[1.0, 2.0, 3.0], &Covariance::identity(3))
        .unwrap();
    assert!(stuck.accepted == [0] && stuck.points == [1.0, 2.0, 3.0] && stuck.divergences == 1);
}

#[test]
fn the_edge_of_a_support_is_not_crossed() {
    // An Exponential distribution, cut at 0.
    let target = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = -1.0;
        if u[0] > 0.0 { -u[0] } else { f64::NEG_INFINITY }
    });
    let samples = Nuts::new().draws(4000).acceptance(0.9).seed(9).run(&target, &[1.0]).unwrap();
    assert!(samples.draws().iter().all(|u| *u > 0.0) && samples.divergences() > 0);
    mean_is(&samples.coordinate(0), 1.0, "mean");
    mean_is(
        &samples.quantity(|u| f64::from(u8::from(u[0] < 0.1))),
        1.0 - (-0.1_f64).exp(),
        "close to the edge",
    );
}

#[test]
fn threads_and_files_change_no_bit() {
    let target = gaussian(correlated(3, |_| 1.0));
    let nuts = Nuts::new().chains(5).warmup(150).draws(50).learn(MetricKind::Dense).seed(10);
    let hmc = Hmc::new().seed(11);
    let starts = normals(12, 3 * 200);
    let runs: Vec<_> = [1, 3]
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let samples = nuts.run(&target, &[0.0; 3]).unwrap();
                (samples, hmc.run(&target, &starts, &Covariance::identity(3)).unwrap())
            })
        })
        .into();
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].0.chains[0].draws, runs[0].0.chains[1].draws);
    let saved: Nuts = serde_json::from_str(&serde_json::to_string(&nuts).unwrap()).unwrap();
    assert_eq!(saved.run(&target, &[0.0; 3]).unwrap(), runs[0].0);
    let draws: Samples = serde_json::from_str(&serde_json::to_string(&runs[0].0).unwrap()).unwrap();
    assert_eq!(draws, runs[0].0);
}

#[test]
fn what_cannot_be_run_is_an_error() {
    let target = gaussian(Covariance::identity(2));
    let start = [0.0; 2];
    let text = |nuts: Nuts, start: &[f64]| nuts.run(&target, start).unwrap_err().to_string();
    assert!(text(Nuts::new().chains(0), &start).contains("chains"));
    assert!(text(Nuts::new().acceptance(1.0), &start).contains("acceptance"));
    assert!(text(Nuts::new().max_depth(0), &start).contains("max_depth"));
    assert!(text(Nuts::new().step_size(f64::NAN), &start).contains("step_size"));
    assert!(text(Nuts::new().metric(Covariance::identity(3)), &start).contains("metric"));
    for bad in [&[] as &[f64], &[0.0; 3], &[f64::NAN, 0.0]] {
        assert!(text(Nuts::new(), bad).contains("starts"));
    }
    let hmc = |start: &[f64], metric| Hmc::new().run(&target, start, &Covariance::identity(metric)).is_err();
    assert!(hmc(&[0.0; 3], 2) && hmc(&start, 3) && hmc(&[f64::NAN, 0.0], 2) && !hmc(&[], 2));
    assert!(Hmc::new().step_size(0.0).run(&target, &start, &Covariance::identity(2)).is_err());
    // No warm-up, no draws, or one.
    for draws in [0, 1] {
        let samples = Nuts::new().warmup(0).draws(draws).run(&target, &start).unwrap();
        assert!(samples.draws().len() == 8 * draws && !samples.to_string().is_empty());
    }
    // A density that is flat everywhere: no step is too long, and nothing stops but the depth.
    let flat = LogDensity::new(1, |_: &[f64], g: &mut [f64]| {
        g[0] = 0.0;
        0.0
    });
    let samples = Nuts::new().warmup(30).draws(5).max_depth(3).run(&flat, &[0.0]).unwrap();
    assert_eq!(samples.deepest(), 3);
}
