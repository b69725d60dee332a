//! Moments of nets against draws of their weights.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_nn::heads::GaussianHead;
use probity_nn::posteriors::{DeterministicVi, Problem};
use probity_nn::{Activation, Mlp, Network, Noise};

/// The expected sum of squares of a net with one hidden layer against draws of its weights, and the
/// gradient against differences.
#[test]
fn moments_of_a_net_are_those_of_draws_of_its_weights() {
    let x = DMatrix::from_fn(4, 2, |i, j| 0.5 * i as f64 - 0.7 * j as f64);
    let net = Mlp::new(&[2, 60, 1], Activation::Relu);
    let network = Network::new(net, GaussianHead::new(Noise::Fixed(0.5))).without_standardizing();
    let model = network.model::<f32>(&x, &[0.3, -0.2, 1.0, 0.1]).unwrap();
    let problem = Problem::new(&model).unwrap();
    let Some((Noise::Fixed(sd), unit)) = problem.gaussian() else { panic!("the noise is fixed") };
    let d = problem.dim();
    let mut params = vec![0.0; 2 * d];
    fill_normal(Key::new(1), 0, &mut params);
    params[..d].iter_mut().for_each(|m| *m *= 0.3);
    params[d..].iter_mut().for_each(|l| *l = 0.2 * *l - 1.5);
    let (sum, gradient) = DeterministicVi::expected_squares(&problem, &params).unwrap();
    let (n, targets) = (4000, problem.targets());
    let squares: Vec<f64> = (0..n)
        .map(|i| {
            let mut u = vec![0.0; d];
            fill_normal(Key::new(7).fold_in(i), 0, &mut u);
            (0..d).for_each(|j| u[j] = params[j] + params[d + j].exp() * u[j]);
            let out = problem.outputs_at(&u).unwrap();
            out.iter().zip(targets.iter()).map(|(f, y)| (f - y).powi(2)).sum()
        })
        .collect();
    let mean = squares.iter().sum::<f64>() / n as f64;
    let variance = squares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n as f64;
    // Means and variances are exact with one hidden layer: five standard errors.
    assert!((mean - sum).abs() < 5.0 * (variance / n as f64).sqrt(), "{mean} {sum}");
    let weight = (unit / sd).powi(2);
    for i in [0, 5, 130, 200, d + 1, d + 100, d + 200] {
        let at = |h: f64| {
            let mut p = params.clone();
            p[i] += h;
            DeterministicVi::expected_squares(&problem, &p).unwrap().0
        };
        let slope = -0.5 * weight * (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((slope - gradient[i]).abs() < 1e-5 * slope.abs().max(1.0), "{i}: {slope} {}", gradient[i]);
    }
    assert!(DeterministicVi::expected_squares(&problem, &params[1..]).is_err());
}
