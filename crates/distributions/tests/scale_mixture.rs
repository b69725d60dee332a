//! The scale mixture: density, distribution function, moments, entropy, draws.

use nalgebra::dmatrix;
use probity_autodiff::{Dual, Tape, Var, check_gradient};
use probity_distributions::{
    Cdf, Distribution, Draws, Entropy, Key, KlDivergence, KlMethod, Moments, Normal, Sample, ScaleMixture,
    Terms, kl_monte_carlo,
};

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs(), "{a:e} {b:e}");
}

const CASES: [(f64, f64, f64); 5] =
    [(0.25, 1.0, 2.5e-3), (0.5, 0.3, 0.3), (0.9, 1e-4, 10.0), (1e-6, 1.0, 1e-3), (0.3, 2.0, 0.7)];

#[test]
fn density_at_all_scales() {
    let p = ScaleMixture::new(0.25, 1.0, 1e-3);
    // Far out the wide component alone, where the other underflows.
    close(p.log_prob(30.0), 0.25f64.ln() + Normal::standard().log_prob(30.0), 1e-15);
    close(p.log_prob(1e5), 0.25f64.ln() + Normal::standard().log_prob(1e5), 1e-15);
    let centre = (0.25 + 0.75e3) * (2.0 * std::f64::consts::PI).powf(-0.5);
    close(p.log_prob(0.0), centre.ln(), 1e-15);
    assert!(p.log_prob(f64::NAN).is_nan());
    assert_eq!(p.log_prob(1e200), f64::NEG_INFINITY);
    let tiny = ScaleMixture::new(0.5, 1e-300, 1e-200);
    close(tiny.log_prob(1e-200), 0.5f64.ln() + Normal::new(0.0, 1e-200).log_prob(1e-200), 1e-15);
    // Equal scales are a Normal.
    close(ScaleMixture::new(0.3, 2.0, 2.0).log_prob(1.0), Normal::new(0.0, 2.0).log_prob(1.0), 1e-15);
}

#[test]
fn quantile_inverts_the_cdf() {
    for (mix, s1, s2) in CASES {
        let p = ScaleMixture::new(mix, s1, s2);
        for prob in [1e-320, 1e-300, 1e-20, 1e-6, 0.01, 0.2, 0.4999, 0.5, 0.6, 0.99, 1.0 - 1e-12] {
            let x = p.quantile(prob);
            let (low, high) = (p.log_cdf(x), p.log_sf(x));
            if prob < 0.5 {
                close(low, prob.ln(), 4e-14)
            } else {
                close(high, (1.0 - prob).ln(), 4e-14)
            }
            close(p.cdf(x) + p.sf(x), 1.0, 1e-15);
            if prob > 1e-300 && prob < 0.5 {
                close(p.cdf(x).ln(), low, 1e-13);
            }
        }
        assert_eq!(p.quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(p.quantile(1.0), f64::INFINITY);
        assert!([-0.1, 1.1, f64::NAN].iter().all(|x| p.quantile(*x).is_nan()));
        assert_eq!(p.quantile(0.5), 0.0);
        // Relatively accurate where the cdf is nearly 1 and its logarithm nearly 0.
        let far = p.quantile(1e-30);
        close(p.log_cdf(-far), -1e-30, 1e-12);
    }
}

#[test]
fn derivatives_of_the_quantile() {
    // First and second, against those of the cdf that it inverts: F(Q(p)) = p for every parameter.
    type D = Dual<Dual<f64, 1>, 1>;
    for (mix, s1, s2) in CASES {
        for prob in [1e-9, 0.1, 0.3, 0.8] {
            for i in 0..4 {
                let variable = |j: usize, x: f64| {
                    if i == j { D::variable(Dual::variable(x, 0), 0) } else { D::constant(Dual::constant(x)) }
                };
                let [prob, mix, s1, s2] = [prob, mix, s1, s2];
                let p = variable(0, prob);
                let d = ScaleMixture::<D>::new(variable(1, mix), variable(2, s1), variable(3, s2));
                let back = d.cdf(d.quantile(p)) - p;
                let unit = [prob, mix, s1, s2][i];
                let size = prob.min(1.0 - prob);
                assert!((back.du[0].re * unit).abs() < 1e-12 * size, "{i} {back:?}");
                assert!((back.du[0].du[0] * unit * unit).abs() < 1e-9 * size, "{i} {back:?}");
            }
        }
    }
}

#[test]
fn gradients_on_the_tape() {
    let at = [dmatrix![0.01, -0.5; 2.0, 0.0], dmatrix![0.3], dmatrix![0.8, 1.5], dmatrix![0.1; 0.4]];
    let log_prob = check_gradient(|x| ScaleMixture::new(x[1], x[2], x[3]).log_prob_sum(x[0]), &at);
    let entropy =
        check_gradient(|x| (x[0] * ScaleMixture::<Var<'_, f64>>::new(x[1], x[2], x[3]).entropy()).sum(), &at);
    let kl = check_gradient(|x| Normal::new(x[0], 0.7).kl_sum(&ScaleMixture::new(x[1], x[2], x[3])), &at);
    for check in [log_prob, entropy, kl] {
        assert!(check.error < 1e-7, "{check:?}");
    }
}

#[test]
fn entropy_moments_and_kl_against_draws() {
    for (mix, s1, s2) in CASES {
        let p = ScaleMixture::new(mix, s1, s2);
        assert!(p.check().is_ok());
        let n = 40_000;
        let x = p.draws(n, Key::new(7));
        let mean = |f: &dyn Fn(f64) -> f64| x.iter().map(|x| f(*x)).sum::<f64>() / n as f64;
        let deviation = |f: &dyn Fn(f64) -> f64| {
            let m = mean(f);
            (mean(&|x| (f(x) - m).powi(2)) / n as f64).sqrt()
        };
        let information = |x: f64| -p.log_prob(x);
        assert!((mean(&information) - p.entropy()).abs() < 4.0 * deviation(&information));
        assert!((mean(&|x| x) - p.mean()).abs() < 4.0 * deviation(&|x| x));
        // The sixth moment of a rare wide component is beyond so few draws.
        if mix > 1e-3 {
            assert!((mean(&|x| x * x) - p.variance()).abs() < 4.0 * deviation(&|x| x * x));
        }
        // Kolmogorov's distance, at a level of about 1e-4.
        let mut sorted = x.clone();
        sorted.sort_by(f64::total_cmp);
        let distance =
            sorted.iter().enumerate().map(|(i, x)| (p.cdf(*x) - (i as f64 + 0.5) / n as f64).abs());
        assert!(distance.fold(0.0, f64::max) < 2.2 / (n as f64).sqrt());
        let q = Normal::new(0.4 * s1, 0.5 * s1);
        let (kl, method) = p.kl_from_normal(q.loc, q.scale, Terms::Each).unwrap();
        assert_eq!(method, KlMethod::Quadrature);
        let estimate = kl_monte_carlo(&q, &p, n, Key::new(8));
        assert!((estimate.value - kl).abs() < 4.0 * estimate.standard_error, "{estimate} {kl}");
    }
}

#[test]
fn entropy_of_one_component_is_that_of_the_normal() {
    for (mix, s1, s2) in [(0.3, 2.0, 2.0), (1.0 - 1e-15, 0.1, 3.0), (1e-15, 5.0, 1e-3)] {
        let entropy: f64 = Normal::new(0.0, if mix < 0.5 { s2 } else { s1 }).entropy();
        let mixture: f64 = ScaleMixture::new(mix, s1, s2).entropy();
        assert!((mixture - entropy).abs() < 1e-13);
    }
}

#[test]
fn draws_on_a_tape_are_constants() {
    let tape = Tape::new();
    let scale = tape.variable(&dmatrix![1.0]);
    let x = ScaleMixture::<Var<'_, f64>>::new(0.5, scale, 0.1).rows(3).sample(&tape, Key::new(2));
    assert_eq!(x.shape(), (3, 1));
    assert_eq!(tape.backward(x.sum()).wrt(scale)[0], 0.0);
}

#[test]
fn bad_parameters_are_named_and_give_no_panic() {
    for (p, name) in [
        (ScaleMixture::new(0.0, 1.0, 1.0), "mix"),
        (ScaleMixture::new(1.0, 1.0, 2.0), "mix"),
        (ScaleMixture::new(f64::NAN, 1.0, 2.0), "mix"),
        (ScaleMixture::new(0.5, -1.0, 1.0), "scale1"),
        (ScaleMixture::new(0.5, 1.0, f64::INFINITY), "scale2"),
    ] {
        assert_eq!(p.check().unwrap_err().parameter, name);
        // Whatever comes out, soon.
        let _ = (p.entropy(), p.quantile(0.3), Normal::new(0.1, 0.2).kl(&p));
    }
    let p: ScaleMixture = ScaleMixture::new(0.5, 1.0, 0.1);
    for (loc, scale) in [(f64::NAN, 1.0), (0.0, f64::NAN), (0.0, -1.0)] {
        assert!(Normal::new(loc, scale).kl(&p).is_nan());
    }
    assert_eq!(Normal::new(0.0, 0.0).kl(&p), f64::INFINITY);
    assert_eq!(Normal::new(1e200, 1.0).kl(&p), f64::INFINITY);
}
