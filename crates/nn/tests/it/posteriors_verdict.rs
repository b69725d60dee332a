//! What the verdict on predictions of a network finds: noise that is too small or too large, also
//! where weights and noise have found each other.

use super::posteriors::{column, normals};
use probity_autodiff::nalgebra::DMatrix;
use probity_nn::posteriors::{DeepEnsemble, Inferred, LastLayerLaplace, Map, Method, Problem};
use probity_nn::{FittedRegression, Noise, Regression};
use probity_vi::Grade;
use probity_vi::hmc::Chains;

fn wave(n: usize) -> (DMatrix<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..n).map(|i| -3.0 + 6.0 * (i as f64 + 0.5) / n as f64).collect();
    let e = normals(11, n, 1);
    let y = (0..n).map(|i| x[i].sin() + 0.3 * e[i]).collect();
    (column(&x), y)
}

/// A table of six inputs, most of them without effect: a net can fit its noise.
fn table(n: usize) -> (DMatrix<f64>, Vec<f64>) {
    let (x, e) = (normals(21, n, 6), normals(22, n, 1));
    let y = (0..n).map(|i| x[(i, 0)] + 0.5 * x[(i, 1)] * x[(i, 2)] + 0.5 * e[i]).collect();
    (x, y)
}

fn net(inputs: usize, noise: Noise) -> Regression {
    let mut spec = Regression::sampled_for(inputs, &[20]).noise(noise);
    spec.net.layers[1].outputs = noise.outputs();
    spec
}

fn grade(fitted: &FittedRegression, x: &DMatrix<f64>) -> Grade {
    fitted.check_at(x).unwrap().grade()
}

/// Chains whose noise is so many times that of the posterior.
#[derive(Debug)]
struct Times(f64);
impl Method for Times {
    fn infer(&self, problem: &Problem<'_>) -> probity_nn::Result<Inferred> {
        let chains = Chains { warmup: 150, draws: 150, ..Chains::default() };
        let mut found = chains.infer(problem)?;
        let at = problem.head().next().unwrap_or_else(|| problem.last_map().unwrap().bias.unwrap().end - 1);
        found.points.chunks_exact_mut(problem.dim()).for_each(|u| u[at] += self.0.ln());
        Ok(found)
    }
}

#[test]
fn the_noise_of_the_posterior_passes_and_half_or_twice_of_it_does_not() {
    let (x, y) = wave(60);
    let spec = net(1, Noise::Learned);
    let of = |times: f64| grade(&spec.infer(&x, &y, &Times(times)).unwrap(), &x);
    assert!(of(1.0) <= Grade::B);
    assert_eq!((of(0.5), of(2.0)), (Grade::C, Grade::C));
    // With a noise that depends on the inputs, in its bias.
    let spec = net(1, Noise::InputDependent);
    let of = |times: f64| grade(&spec.infer(&x, &y, &Times(times)).unwrap(), &x);
    assert!(of(1.0) <= Grade::B);
    assert_eq!((of(0.3), of(4.0)), (Grade::C, Grade::C));
}

#[test]
fn a_mode_that_has_fitted_the_noise_does_not_pass() {
    let (x, y) = table(80);
    for noise in [Noise::Learned, Noise::InputDependent] {
        let spec = net(6, noise);
        let methods: [Box<dyn Method>; 3] = [
            Box::new(Map::default()),
            Box::new(DeepEnsemble { members: 5, ..DeepEnsemble::default() }),
            Box::new(LastLayerLaplace::default()),
        ];
        let fresh = normals(23, 100, 6);
        for method in methods {
            let fitted = spec.infer(&x, &y, method.as_ref()).unwrap();
            assert_eq!(grade(&fitted, &fresh), Grade::C, "{noise:?} {method:?}");
        }
    }
}
