//! Gaussian priors and posteriors of weights.

use nalgebra::DMatrix;
use probity_autodiff::{Dual, Tape, Var, check_gradient, dmatrix};
use probity_distributions::{
    Distribution, Entropy, GaussianPosterior, GaussianPrior, Key, KlDivergence, KlMethod, Moments, Normal,
    Sample, ScaleMixture, SoftplusNormal, Terms,
};

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} {b}");
}

#[test]
fn softplus_normal_is_the_normal_with_that_scale() {
    let prior = Normal::new(0.3, 0.7);
    for rho in [-30.0, -3.0, 0.0, 2.0, 40.0] {
        let q = SoftplusNormal::new(-0.4, rho);
        let normal: Normal = q.to_normal();
        close(q.kl(&prior), normal.kl(&prior), 1e-15);
        close(q.log_prob(0.1), normal.log_prob(0.1), 1e-15);
        close(q.entropy(), normal.entropy(), 1e-15);
        close(q.variance(), normal.variance(), 1e-15);
        assert_eq!(q.sample((), Key::new(5)), normal.sample((), Key::new(5)));
        let (value, method) = q.kl_to(&prior, Terms::Each).unwrap();
        assert_eq!((value, method), (q.kl(&prior), KlMethod::Closed));
        let (value, method) = q.kl_to(&ScaleMixture::new(0.5, 1.0, 1.0), Terms::Each).unwrap();
        close(value, normal.kl(&Normal::standard()), 1e-14);
        assert_eq!(method, KlMethod::Quadrature);
    }
}

#[test]
fn softplus_normal_at_the_ends_of_rho() {
    let kl = |rho: Dual<f64, 1>| SoftplusNormal::<Dual<f64, 1>>::new(0.0, rho).kl(&Normal::new(0.0, 2.0));
    for rho in [-699.0, -701.0, -745.0, -1e3, -1e5] {
        let y = kl(Dual::variable(rho, 0));
        close(y.re, -0.5 - rho + 2f64.ln(), 1e-15);
        close(y.du[0], -1.0, 1e-15);
    }
    let y = kl(Dual::variable(1e3, 0));
    close(y.re, 0.5 * 250_000.0 - 0.5 - 500f64.ln(), 1e-15);
    close(y.du[0], 250.0 - 1e-3, 1e-15);
    let y = kl(Dual::variable(f64::NAN, 0));
    assert!(y.re.is_nan());
    assert_eq!(SoftplusNormal::<f64>::new(1.5, -1e3).sample((), Key::new(1)), 1.5);
    // Single precision underflows earlier.
    let tape = Tape::<f32>::new();
    let rho = tape.variable(&dmatrix![-79.0_f32; -81.0; -100.0; -1e3]);
    let q = SoftplusNormal::<Var<'_, f32>>::new(0.0, rho);
    let sum = q.kl_sum(&Normal::new(0.0, 1.0));
    close(f64::from(sum.item()), 1260.0 - 2.0, 1e-6);
    assert_eq!(tape.backward(sum).wrt(rho), DMatrix::from_element(4, 1, -1.0_f32));
}

/// The fused pair is the separate draw and divergence, for values and gradients.
fn pair_is_fused<'t, Q: GaussianPosterior<Var<'t, f64>>>(
    tape: &'t Tape<f64>,
    q: impl Fn(Var<'t, f64>, Var<'t, f64>) -> Q,
) {
    let a = tape.variable(&dmatrix![0.1, -0.5; 2.0, 0.0; -1.0, 0.7]);
    let b = tape.variable(&dmatrix![0.4; 1.2; 0.9]);
    let prior = Normal::new(0.2, tape.column(&[0.5, 1.0, 3.0]));
    let q = q(a, b);
    let least = (3, 2);
    let (w, kl) = q.sample_and_kl(tape, Key::new(3), &prior.shaped(3, 2), least);
    let separate = q.sample_shaped(tape, Key::new(3), least);
    assert_eq!(w.value(), separate.value());
    let (sum, method) = q.kl_to(&prior, Terms::Sum).unwrap();
    assert_eq!(method, KlMethod::Closed);
    close(kl.item(), sum.item(), 1e-15);
    let gradients = |y| {
        let g = tape.backward(y);
        [a, b].map(|x| DMatrix::from(g.wrt(x).clone_owned()))
    };
    let fused = gradients((w * w).sum() + kl);
    let apart = gradients((separate * separate).sum() + sum);
    for (x, y) in fused.iter().zip(&apart) {
        assert!((x - y).amax() < 1e-13 && x.min() < x.max(), "{x} {y}");
    }
}

#[test]
fn sample_and_kl_is_the_sample_and_the_kl() {
    pair_is_fused(&Tape::new(), SoftplusNormal::new);
    pair_is_fused(&Tape::new(), Normal::new);
    // On numbers too.
    let (q, prior) = (SoftplusNormal::new(0.3, -1.0), Normal::new(0.0, 2.0));
    let (w, kl): (f64, f64) = q.sample_and_kl((), Key::new(9), &prior, (1, 1));
    assert_eq!((w, kl), (q.sample((), Key::new(9)), q.kl(&prior)));
    assert_eq!((prior.rows(4).loc(), prior.rows(4).scale()), (0.0, 2.0));
    // A copy counts for itself.
    let tape = Tape::new();
    let q = SoftplusNormal::<Var<'_, f64>>::new(0.3, -1.0);
    let (w, sum) = q.sample_and_kl(&tape, Key::new(9), &Normal::new(0.0, 2.0).shaped(2, 3), (1, 1));
    assert_eq!(w.shape(), (2, 3));
    close(sum.item(), 6.0 * kl, 1e-15);
}

#[test]
fn gradients_of_the_pair_against_differences() {
    let at = [dmatrix![0.1, -0.5; 2.0, 0.0], dmatrix![-2.0, 0.3; 1.5, -4.0], dmatrix![0.8]];
    let check = check_gradient(
        |x| {
            let q = SoftplusNormal::<Var<'_, f64>>::new(x[0], x[1]);
            let prior = Normal::new(0.2, x[2]);
            let (w, kl) = q.sample_and_kl(x[0].tape().unwrap(), Key::new(4), &prior, (2, 2));
            (w * w).sum() + kl
        },
        &at,
    );
    assert!(check.error < 1e-8, "{check:?}");
}
