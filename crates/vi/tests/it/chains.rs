//! Chains of Hamiltonian Monte Carlo with updates between the transitions.

use probity_autodiff::Key;
use probity_autodiff::random::normal_at;
use probity_distributions::{Distribution, Normal};
use probity_vi::hmc::{Between, Chains, Stage};
use probity_vi::{Corrected, Fit, LogDensity, LogJoint, MeanField, Posterior, Scope, Target};
use std::ops::Range;

/// Normal with standard deviations 0.01, 1 and 100.
fn unlike_scales() -> impl Target + Sync {
    LogDensity::new(3, |u: &[f64], gradient: &mut [f64]| {
        let mut value = 0.0;
        for (i, sd) in [0.01, 1.0, 100.0].iter().enumerate() {
            gradient[i] = -u[i] / (sd * sd);
            value += 0.5 * u[i] * gradient[i];
        }
        value
    })
}

fn mean_and_sd(draws: &[f64], d: usize, i: usize) -> (f64, f64) {
    let x: Vec<f64> = draws.iter().skip(i).step_by(d).copied().collect();
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    (mean, (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64).sqrt())
}

#[test]
fn chains_learn_scales_and_sample_a_gaussian() {
    let chains = Chains { ascent: 200, warmup: 100, draws: 1000, ..Chains::default() };
    let runs = chains.run(&unlike_scales(), |_| Ok(vec![0.02, -1.0, 30.0]), &()).unwrap();
    assert_eq!((runs.dim, runs.chains.len(), runs.draws().len()), (3, 4, 12_000));
    for (i, sd) in [0.01, 1.0, 100.0].iter().enumerate() {
        // 4000 draws of a trajectory of about a quarter period: at least 1000 independent ones,
        // with errors of 0.032 and 0.022; five of each.
        let (mean, got) = mean_and_sd(&runs.draws(), 3, i);
        assert!(mean.abs() < 0.16 * sd && (got / sd - 1.0).abs() < 0.11, "{i}: {mean} {got}");
    }
    for chain in &runs.chains {
        assert!((0.6..0.99).contains(&chain.acceptance) && chain.divergences == 0, "{chain:?}");
    }
}

/// Draws the first coordinate given the second, of a pair with correlation 0.8.
struct First;

impl Between for First {
    fn held(&self) -> Vec<Range<usize>> {
        std::iter::once(0..1).collect()
    }
    fn update(&self, u: &mut [f64], stage: Stage, key: Key) {
        if stage == Stage::Walk {
            u[0] = 0.8 * u[1] + 0.6 * normal_at::<f64>(key, 0);
        }
    }
}

#[test]
fn held_coordinates_are_moved_by_the_updates_alone() {
    let pair = LogDensity::new(2, |u: &[f64], gradient: &mut [f64]| {
        let [x, y] = [u[0], u[1]];
        (gradient[0], gradient[1]) = (-(x - 0.8 * y) / 0.36, -(y - 0.8 * x) / 0.36);
        0.5 * (x * gradient[0] + y * gradient[1])
    });
    let chains = Chains { ascent: 20, warmup: 100, draws: 2000, ..Chains::default() };
    let runs = chains.run(&pair, |_| Ok(vec![1.0, 1.0]), &First).unwrap();
    let draws = runs.draws();
    let products: f64 = draws.chunks(2).map(|u| u[0] * u[1]).sum::<f64>() / (draws.len() / 2) as f64;
    // Of 8000 draws with an autocorrelation of 0.64 per transition, some 1700 independent ones: the
    // error of the mean product is 0.031.
    assert!((products - 0.8).abs() < 0.16, "{products}");
    for i in 0..2 {
        let (mean, sd) = mean_and_sd(&draws, 2, i);
        assert!(mean.abs() < 0.13 && (sd - 1.0).abs() < 0.1, "{i}: {mean} {sd}");
    }
    // Without updates they stay where they start.
    let runs = Chains { ascent: 20, draws: 5, ..chains }.run(&pair, |_| Ok(vec![1.0, 1.0]), &Still).unwrap();
    assert!(runs.draws().iter().step_by(2).all(|x| *x == 1.0));
}

struct Still;

impl Between for Still {
    fn held(&self) -> Vec<Range<usize>> {
        std::iter::once(0..1).collect()
    }
    fn update(&self, _: &mut [f64], _: Stage, _: Key) {}
}

#[test]
fn the_same_seed_gives_the_same_bits_for_any_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let chains = Chains { ascent: 50, warmup: 30, draws: 10, seed: 7, ..Chains::default() };
        pool.install(|| {
            chains.run(&unlike_scales(), |key| Ok((0..3).map(|i| normal_at(key, i)).collect()), &())
        })
        .unwrap()
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn settings_that_cannot_be_used_are_errors() {
    let target = unlike_scales();
    let error = |chains: Chains, start: Vec<f64>| {
        chains.run(&target, |_| Ok(start.clone()), &()).unwrap_err().to_string()
    };
    let ok = Chains { ascent: 1, warmup: 1, draws: 1, ..Chains::default() };
    assert!(error(Chains { chains: 0, ..ok.clone() }, vec![0.0; 3]).contains("at least one chain"));
    assert!(error(Chains { acceptance: 1.0, ..ok.clone() }, vec![0.0; 3]).contains("acceptance"));
    assert!(error(Chains { length: 0.0, ..ok.clone() }, vec![0.0; 3]).contains("length"));
    assert!(error(ok.clone(), vec![0.0; 2]).contains("2 numbers for a target of dimension 3"));
    assert!(error(ok, vec![f64::NAN; 3]).contains("where the ascent ended"));
}

fn model(s: &mut Scope) -> probity_vi::Result {
    let x = s.sample("x", Normal::standard().rows(2))?;
    s.deterministic("y", x + 1.0)?;
    s.observe("d", Normal::new(x, 0.5), &[1.0, -1.0])
}

#[test]
fn a_posterior_of_draws_gives_these_draws() {
    let joint = LogJoint::<_, f64>::new(model).unwrap();
    let layout = joint.layout().clone();
    let chains = Chains { ascent: 50, warmup: 60, draws: 500, ..Chains::default() };
    let runs = chains.run(&joint, |key| layout.start(key), &()).unwrap();
    let posterior = Posterior::<_, f64>::of_draws(model, &runs, 3, 0.5).unwrap();
    let draws = posterior.draws(2000).unwrap();
    // All draws once: the means are those of the chains.
    for i in 0..2 {
        let (mean, _) = mean_and_sd(&runs.draws(), 2, i);
        assert!((draws["x"].mean()[i] - mean).abs() < 1e-12);
        assert!((draws["y"].mean()[i] - mean - 1.0).abs() < 1e-12);
        // Posterior Normal(±0.8, 0.2).
        assert!((mean - [0.8, -0.8][i]).abs() < 0.1, "{mean}");
    }
    let text = posterior.to_string();
    assert!(text.contains("nothing was checked") && text.contains("2000 draws of 4 chains"), "{text}");
    assert!(Posterior::<_, f64>::of_draws(model, &runs_of(3), 3, 0.5).is_err());
}

fn runs_of(dim: usize) -> probity_vi::hmc::Runs {
    let chains = Chains { ascent: 0, warmup: 0, draws: 1, chains: 1, ..Chains::default() };
    let mut runs = chains.run(&unlike_scales(), |_| Ok(vec![0.0; 3]), &()).unwrap();
    runs.dim = dim;
    runs
}

#[test]
fn draws_that_stand_come_before_a_mean_field() {
    let fitted = Fit::new().guide(MeanField::new()).run(model).unwrap();
    let stands = fitted.report().stands;
    let points = vec![10.0, 20.0, 11.0, 21.0];
    let replaced = fitted.with_corrected(Corrected { dim: 2, points, stands }).unwrap();
    let draws = replaced.draws(2).unwrap();
    assert_eq!(draws["x"].values, [10.0, 20.0, 11.0, 21.0]);
}

#[test]
fn a_fit_goes_on_from_where_another_ended() {
    let first = Fit::new().steps(300).run(model).unwrap();
    let on = |steps| {
        Fit::new().start_from(first.params()).steps(steps).optimizer(probity_vi::optim::Adam::new(1e-9))
    };
    let second = on(1).run(model).unwrap();
    for (a, b) in first.params().as_slice().iter().zip(second.params().as_slice()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    let other = |s: &mut Scope| s.sample("z", Normal::standard()).map(drop);
    assert!(on(1).run(other).unwrap_err().to_string().contains("no parameter has the name"));
}
