//! L-BFGS and Pathfinder on densities that are known.

use probity_vi::linalg::{Covariance, Factor};
use probity_vi::optim::{Ended, Lbfgs};
use probity_vi::pathfinder::{Found, PathFailure, Pathfinder};
use probity_vi::{LogDensity, Target};

/// A Gaussian by its covariance, around 1, 2, …; normalised.
fn gaussian(covariance: Covariance) -> impl Target {
    LogDensity::new(covariance.dim(), move |u: &[f64], gradient: &mut [f64]| {
        let mut x: Vec<f64> = u.iter().zip(1..).map(|(u, m)| u - f64::from(m)).collect();
        gradient.copy_from_slice(&x);
        covariance.solve(gradient);
        gradient.iter_mut().for_each(|g| *g = -*g);
        covariance.log_density(&mut x)
    })
}

/// Correlations 0.8^|i - j|.
fn correlated(d: usize, scale: impl Fn(usize) -> f64) -> Covariance {
    let entry = |k: usize| {
        let (i, j) = (k / d, k % d);
        scale(i) * scale(j) * 0.8_f64.powi(i.abs_diff(j) as i32)
    };
    Covariance::dense(d, &(0..d * d).map(entry).collect::<Vec<_>>()).unwrap()
}

/// a is Normal(0, 1), b is Normal(a², 0.5); normalised.
fn banana() -> impl Target {
    LogDensity::new(2, |u: &[f64], g: &mut [f64]| {
        let (a, r) = (u[0], (u[1] - u[0] * u[0]) / 0.25);
        (g[0], g[1]) = (-a + 2.0 * a * r, -r);
        -0.5 * (a * a + 0.25 * r * r) - (std::f64::consts::TAU * 0.5).ln()
    })
}

/// Rosenbrock's function, of ten numbers in pairs.
fn rosenbrock() -> impl Target {
    LogDensity::new(10, |u: &[f64], g: &mut [f64]| {
        let mut sum = 0.0;
        for (u, g) in u.chunks_exact(2).zip(g.chunks_exact_mut(2)) {
            let r = u[1] - u[0] * u[0];
            sum -= 100.0 * r * r + (1.0 - u[0]).powi(2);
            (g[0], g[1]) = (400.0 * u[0] * r + 2.0 * (1.0 - u[0]), -200.0 * r);
        }
        sum
    })
}

#[test]
fn lbfgs_finds_modes() {
    // Scales of 1e-4 to 1e4.
    let mut target = gaussian(correlated(9, |i| 10_f64.powi(i as i32 - 4)));
    let path = Lbfgs::new().run(&mut target, &[0.0; 9]).unwrap();
    // What is left of the log density is what the tolerance allows, in nats.
    let mode: Vec<f64> = (1..10).map(f64::from).collect();
    let best = target.gradient(&mode, &mut [0.0; 9]).unwrap();
    let last = path.len() - 1;
    assert!(best - path.values[last] < 1e-4, "{} {:?} {}", best - path.values[last], path.ended, path.len());
    assert!(path.values.is_sorted() && path.evaluations < 400, "{}", path.evaluations);

    let path =
        Lbfgs::new().run(&mut rosenbrock(), &[-1.2, 1.0, -1.2, 1.0, -1.2, 1.0, 0.0, 0.0, 5.0, -5.0]).unwrap();
    assert!(path.mode().iter().all(|u| (u - 1.0).abs() < 1e-4), "{path:?}");
    assert!(path.evaluations < 200 && path.ended != Ended::Iterations, "{}", path.evaluations);

    // The path says what the target says, at every point.
    let mut gradient = [0.0; 10];
    for i in 0..path.len() {
        assert_eq!(rosenbrock().gradient(path.point(i), &mut gradient).unwrap(), path.values[i]);
        assert_eq!(path.gradient(i), gradient);
    }
    assert_eq!(Lbfgs::new().run(&mut rosenbrock(), &[1.0; 10]).unwrap().ended, Ended::Mode);
    assert_eq!(
        Lbfgs::new().iterations(3).run(&mut rosenbrock(), &[0.0; 10]).unwrap().ended,
        Ended::Iterations
    );
}

#[test]
fn lbfgs_goes_on_where_numbers_end() {
    // ln u - u, which is not finite at 0 and below: its mode is 1.
    let mut log = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = 1.0 / u[0] - 1.0;
        u[0].ln() - u[0]
    });
    for start in [1e-6, 0.1, 50.0, 1e4] {
        let path = Lbfgs::new().run(&mut log, &[start]).unwrap();
        assert!((path.mode()[0] - 1.0).abs() < 1e-3, "{start} {path:?}");
    }
    for bad in [&[-1.0][..], &[f64::NAN], &[], &[1.0, 1.0]] {
        assert!(Lbfgs::new().run(&mut log, bad).is_err(), "{bad:?}");
    }
    // A kink, where no gradient vanishes; and a gradient of the wrong sign.
    let mut kink = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = -u[0].signum();
        -u[0].abs()
    });
    let path = Lbfgs::new().run(&mut kink, &[0.7]).unwrap();
    assert!(path.mode()[0].abs() < 1e-3 && path.ended != Ended::Iterations, "{path:?}");
    let mut wrong = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = u[0];
        -0.5 * u[0] * u[0]
    });
    assert_eq!(Lbfgs::new().run(&mut wrong, &[1.0]).unwrap().ended, Ended::LineSearch);
    // Without a mode it ends all the same.
    let mut slope = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = 1.0;
        u[0]
    });
    assert!(Lbfgs::new().run(&mut slope, &[0.0]).unwrap().values.iter().all(|v| v.is_finite()));
}

/// The mean of a function of the draws by importance, within 6 standard errors: the error of
/// weighting plus that of drawing again.
#[track_caller]
fn mean_is(found: &Found, f: impl Fn(&[f64]) -> f64, want: f64, sd: f64, what: &str) {
    let n = (found.draws.len() / found.dim) as f64;
    let got = found.draws.chunks_exact(found.dim).map(f).sum::<f64>() / n;
    let error = sd * (1.0 / n + 1.0 / found.psis.ess).sqrt();
    assert!((got - want).abs() < 6.0 * error, "{what}: {got} instead of {want} ± {error}\n{found}");
}

#[test]
fn gaussians_are_found() {
    let covariance = correlated(6, |i| 0.01 * 4_f64.powi(i as i32));
    let found = Pathfinder::new().draws(4000).seed(1).run(&gaussian(covariance.clone()), &[]).unwrap();
    assert!(found.psis.is_reliable(), "{found}");
    assert_eq!((found.paths.len(), found.failures.len()), (4, 0));
    assert!(found.log_evidence().abs() < 0.1, "{}\n{found}", found.log_evidence());
    for (i, v) in covariance.variances().iter().enumerate() {
        let mode = (i + 1) as f64;
        mean_is(&found, |u| u[i], mode, v.sqrt(), "mean");
        mean_is(&found, |u| (u[i] - mode).powi(2), *v, 2_f64.sqrt() * v, "variance");
        assert!((found.best().mean[i] - mode).abs() < 0.05 * v.sqrt(), "{found}");
    }
    // A standard one is found exactly: its weights are equal.
    let exact = Pathfinder::new().run(&gaussian(Covariance::identity(4)), &[]).unwrap();
    assert!(exact.psis.k_hat < 0.0 && (exact.psis.ess - 1000.0).abs() < 1e-3, "{exact}");
    assert!(exact.log_evidence().abs() < 1e-6 && exact.best().elbo.abs() < 1e-6, "{exact}");
}

#[test]
fn bent_densities_are_found_as_far_as_weights_say() {
    let found = Pathfinder::new().paths(8).draws(4000).seed(2).run(&banana(), &[]).unwrap();
    assert!(found.paths.len() == 8 && found.best().elbo < 0.1, "{found}");
    if found.psis.is_reliable() {
        mean_is(&found, |u| u[0], 0.0, 1.0, "mean");
    }
    assert!((found.log_evidence()).abs() < 0.5, "{found}");

    // A funnel, which no Gaussian fits: the weights say so.
    let funnel = LogDensity::new(10, |u: &[f64], g: &mut [f64]| {
        let (v, x) = (u[0], &u[1..]);
        let squares: f64 = x.iter().map(|x| x * x).sum();
        g[0] = -v / 9.0 - 4.5 + 0.5 * squares * (-v).exp();
        g[1..].iter_mut().zip(x).for_each(|(g, x)| *g = -x * (-v).exp());
        -v * v / 18.0 - 4.5 * v - 0.5 * squares * (-v).exp()
    });
    let found = Pathfinder::new().seed(3).run(&funnel, &[]).unwrap();
    assert!(found.psis.k_hat > 0.5 && found.psis.ess < 200.0, "{found}");
}

#[test]
fn failures_have_reasons() {
    // Finite on one side alone: about half of the random starts fail.
    let half = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = 1.0 / u[0] - 1.0;
        u[0].ln() - u[0]
    });
    let found = Pathfinder::new().paths(8).retries(30).seed(4).run(&half, &[]).unwrap();
    assert!(found.paths.len() == 8 && !found.failures.is_empty());
    assert!(found.failures.iter().any(|f| f.reason == PathFailure::Start), "{found}");
    // Gaussians that reach below 0 have no finite ELBO.
    assert!(found.failures.iter().any(|f| matches!(f.reason, PathFailure::NoFiniteElbo { .. })), "{found}");
    let text = found.to_string();
    assert!(text.contains("not finite at the start") && text.contains("has a finite ELBO"), "{text}");
    assert!(found.draws.iter().all(|u| *u > 0.0));

    let slope = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = 1.0;
        u[0]
    });
    let error = Pathfinder::new().retries(0).run(&slope, &[]).unwrap_err().to_string();
    assert!(error.contains("not concave"), "{error}");
    let nowhere = LogDensity::new(1, |_: &[f64], _: &mut [f64]| f64::NAN);
    assert!(Pathfinder::new().run(&nowhere, &[]).unwrap_err().to_string().contains("all 24 tries failed"));
    let target = gaussian(Covariance::identity(2));
    assert!(Pathfinder::new().paths(0).run(&target, &[]).is_err());
    assert!(Pathfinder::new().radius(f64::NAN).run(&target, &[]).is_err());
    assert!(Pathfinder::new().run(&target, &[0.0; 3]).is_err());
}

#[test]
fn threads_and_files_change_no_bit() {
    let target = gaussian(correlated(3, |_| 1.0));
    let pathfinder = Pathfinder::new().paths(5).draws(200).seed(5);
    let runs: Vec<Found> = [1, 3]
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| pathfinder.run(&target, &[0.5; 3]).unwrap())
        })
        .into();
    assert_eq!(runs[0], runs[1]);
    let saved: Pathfinder = serde_json::from_str(&serde_json::to_string(&pathfinder).unwrap()).unwrap();
    assert_eq!(saved, pathfinder);
    let found: Found = serde_json::from_str(&serde_json::to_string(&runs[0]).unwrap()).unwrap();
    assert_eq!(found, runs[0]);
}
