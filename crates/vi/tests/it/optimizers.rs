//! Optimisers against scalar loops and known paths.

use probity_autodiff::Scalar;
use probity_vi::optim::{Adam, Optimizer, OptimizerState, Schedule, Sgd, clip_norm};

/// A gradient that changes from step to step and entry to entry.
fn gradient(x: &[f64], step: usize) -> Vec<f64> {
    x.iter()
        .enumerate()
        .map(|(i, x)| (x - i as f64) * (1.0 + i as f64) + (step as f64 * 1.7 + i as f64).sin())
        .collect()
}

#[test]
fn adam_is_the_scalar_loop() {
    for decay in [0.0, 0.1] {
        let n = 37;
        let mut x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
        let mut y = x.clone();
        let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
        let mut adam = Adam::new(0.3).betas(0.8, 0.95).epsilon(1e-6).decay(decay);
        assert_eq!(Optimizer::<f64>::rate(&adam), 0.3);
        let mut state = OptimizerState::new(&adam, n);
        for step in 0..50 {
            let rates = [(0..10, 0.3), (10..n, 0.1)];
            let g = gradient(&x, step);
            let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            assert!((state.step(&mut adam, &mut x, &g, &rates) / norm - 1.0).abs() < 1e-14);
            let g = gradient(&y, step);
            for i in 0..n {
                let rate = if i < 10 { 0.3 } else { 0.1 };
                m[i] = 0.8 * m[i] + 0.2 * g[i];
                v[i] = 0.95 * v[i] + 0.05 * g[i] * g[i];
                let t = step as i32 + 1;
                let (a, b) = (m[i] / (1.0 - 0.8f64.powi(t)), v[i] / (1.0 - 0.95f64.powi(t)));
                y[i] -= rate * (a / (b.sqrt() + 1e-6) + decay * y[i]);
            }
        }
        for (x, y) in x.iter().zip(&y) {
            assert!((x - y).abs() < 1e-12 * y.abs().max(1.0), "{x} {y}");
        }
    }
}

#[test]
fn the_first_step_of_adam_is_the_rate() {
    let (mut adam, mut x) = (Adam::new(0.1), [1.0f32, 1.0]);
    OptimizerState::new(&adam, 2).step(&mut adam, &mut x, &[1e-3, -50.0], &[(0..2, 0.1)]);
    assert!((x[0] - 0.9).abs() < 1e-5 && (x[1] - 1.1).abs() < 1e-5, "{x:?}");
}

/// Over more pieces than one, with rates that change within a piece, on any number of threads.
#[test]
fn long_vectors_are_updated_in_pieces() {
    let n = 100_003;
    let rates = [(0..5000, 0.1), (5000..5001, 0.5), (5001..60_000, 0.2), (60_000..n, 0.3)];
    let of = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (mut sgd, mut x) = (Sgd::new(1.0).momentum(0.5), vec![0.0; n]);
            let mut state = OptimizerState::new(&sgd, n);
            let norms = [1.0, 2.0].map(|scale| {
                let g: Vec<f64> = (0..n).map(|i| scale * (i as f64).sin()).collect();
                state.step(&mut sgd, &mut x, &g, &rates)
            });
            (x, norms, state.arrays().map(|a| a.to_vec()).collect::<Vec<_>>())
        })
    };
    let one = of(1);
    assert!(one == of(2));
    for (range, rate) in rates {
        for i in range {
            // Velocities s and 0.5 s + 2 s.
            assert!((one.0[i] + rate * 3.5 * (i as f64).sin()).abs() < 1e-14, "{i}: {}", one.0[i]);
        }
    }
    let square: f64 = (0..n).map(|i| (i as f64).sin().powi(2)).sum();
    assert!((one.1[0] / square.sqrt() - 1.0).abs() < 1e-12);
}

/// A gradient that dies out, as that of a unit which is always off: the moments must not decay into
/// subnormal numbers, on which every step would take many times longer.
#[test]
fn moments_do_not_become_subnormal() {
    let mut adam = Adam::new(0.01);
    let mut x = [1.0f32; 20];
    let mut state = OptimizerState::new(&adam, 20);
    for step in 0..5000 {
        let g: Vec<f32> = (0..20).map(|i| if step < 10 + i { 10.0f32.powi(-2 * i) } else { 0.0 }).collect();
        state.step(&mut adam, &mut x, &g, &[(0..20, 0.01)]);
        for m in state.arrays().flatten() {
            assert!(*m == 0.0 || m.is_normal(), "step {step}: {m:e}");
        }
    }
    // A NaN is not flushed.
    state.step(&mut adam, &mut x, &[f32::NAN; 20], &[(0..20, 0.01)]);
    assert!(x[0].is_nan());
}

fn descend<T: Scalar>(optimizer: &mut dyn Optimizer<T>, steps: usize) -> f64 {
    // ½ (x - 3)².
    let mut x = [T::from_f64(0.0)];
    let mut state = OptimizerState::new(optimizer, 1);
    for _ in 0..steps {
        let g = [T::from_f64(x[0].to_f64() - 3.0)];
        let rate = optimizer.rate();
        state.step(optimizer, &mut x, &g, &[(0..1, rate)]);
    }
    x[0].to_f64()
}

#[test]
fn a_quadratic_has_known_paths() {
    // The distance falls by 0.9 a step.
    let x = descend::<f64>(&mut Sgd::new(0.1), 20);
    assert!((x - 3.0 * (1.0 - 0.9f64.powi(20))).abs() < 1e-13, "{x}");
    // With momentum, the distance d obeys d'' = d' + 0.5 (d' - d) - 0.1 d'.
    let (mut before, mut d) = (-3.0f64, -3.0f64);
    for _ in 0..20 {
        (before, d) = (d, d + 0.5 * (d - before) - 0.1 * d);
    }
    let x = descend::<f64>(&mut Sgd::new(0.1).momentum(0.5), 20);
    assert!((x - (3.0 + d)).abs() < 1e-13, "{x} {}", 3.0 + d);
    assert!((descend::<f64>(&mut Adam::new(0.1), 2000) - 3.0).abs() < 1e-6);
    assert!((descend::<f32>(&mut Adam::new(0.1), 2000) - 3.0).abs() < 1e-4);
}

#[test]
fn clipping_scales_to_the_norm() {
    let mut g = [3.0, 4.0];
    assert_eq!(clip_norm(&mut g, 10.0), 5.0);
    assert_eq!(g, [3.0, 4.0]);
    assert_eq!(clip_norm(&mut g, 1.0), 5.0);
    assert!((g[0] - 0.6f64).abs() < 1e-15 && (g[1] - 0.8).abs() < 1e-15);
    assert!(clip_norm(&mut [f64::NAN, 1.0], 1.0).is_nan());
}

#[test]
fn schedules_go_from_one_to_their_end() {
    let all = [
        (Schedule::Constant, 1.0, 1.0),
        (Schedule::Cosine { end: 0.2 }, 0.6, 0.2),
        (Schedule::Exponential { end: 0.01 }, 0.1, 0.01),
        (Schedule::HoldThenCosine { hold: 0.5, end: 0.0 }, 1.0, 0.0),
        (Schedule::HoldThenCosine { hold: 0.0, end: 0.5 }, 0.75, 0.5),
    ];
    for (schedule, middle, end) in all {
        let got = [0.0, 0.5, 1.0].map(|done| schedule.factor(done));
        for (got, want) in got.into_iter().zip([1.0, middle, end]) {
            assert!((got - want).abs() < 1e-15, "{schedule:?} {got} {want}");
        }
    }
}
