//! Batch and match against what is known of the Gaussian it ends at.

use super::update::update;
use super::{BatchAndMatch, Matched};
use crate::target::LogDensity;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::fill_normal;

fn normals(key: u64, rows: usize, columns: usize) -> DMatrix<f64> {
    let mut x = DMatrix::zeros(rows, columns);
    fill_normal(Key::new(key), 0, x.as_mut_slice());
    x
}

/// Also with fewer draws than coordinates.
#[test]
fn a_step_solves_its_equation() {
    for (d, n) in [(1, 6), (4, 12), (5, 3), (6, 5)] {
        let (z, s) = (normals(1, d, n), normals(2, d, n).add_scalar(0.5) * 3.0);
        for lambda in [0.3, 4.0, 200.0] {
            let (mean, factor) = update(&z, &s, lambda).unwrap();
            let (sigma, w) = (&factor * factor.transpose(), lambda / (1.0 + lambda));
            let covariance = |x: &DMatrix<f64>| {
                let m = x.column_mean();
                (x * x.transpose() / n as f64 - &m * m.transpose(), m)
            };
            let ((c, z_mean), (gamma, s_mean)) = (covariance(&z), covariance(&s));
            let u = gamma * lambda + &s_mean * s_mean.transpose() * w;
            let v = DMatrix::identity(d, d) + c * lambda + &z_mean * z_mean.transpose() * w;
            let off = (&sigma * u * &sigma + &sigma - &v).amax() / v.amax();
            assert!(off < 1e-12, "{d} {n} {lambda}: {off}");
            let off = (mean - (sigma * s_mean + z_mean) * w).amax();
            assert!(off < 1e-12 * (1.0 + v.amax()), "{d} {n} {lambda}: {off}");
        }
    }
}

/// A Gaussian of `d` numbers with eigenvalues of the covariance down to `1 / condition`, its mean
/// and standard deviations, and what is found.
fn gaussian(
    d: usize,
    condition: f64,
    far: f64,
    method: &BatchAndMatch,
) -> (Matched, DVector<f64>, DVector<f64>) {
    let q = normals(d as u64, d, d).qr().q();
    let eigenvalue = |i: usize| condition.powf(-(i as f64) / (d.max(2) - 1) as f64);
    let eigen = DVector::from_fn(d, |i, _| eigenvalue(i));
    let root = &q * DMatrix::from_diagonal(&eigen.map(|e: f64| 1.0 / e.sqrt()));
    let sd = DVector::from_fn(d, |i, _| (0..d).map(|k| q[(i, k)].powi(2) * eigen[k]).sum::<f64>().sqrt());
    let mean = normals(77, d, 1).column(0) * far;
    let centre = mean.clone();
    let target = LogDensity::new(d, move |u: &[f64], g: &mut [f64]| {
        let white = root.tr_mul(&(DVector::from_column_slice(u) - &centre));
        g.copy_from_slice((-(&root * &white)).as_slice());
        -0.5 * white.norm_squared()
    });
    (method.run(&target).unwrap(), mean, sd)
}

/// Whitened draws leave no sampling error.
#[test]
fn it_is_exact_on_gaussians() {
    let cases = [
        (1, 1.0, 0.0),
        (2, 1e2, 1.0),
        (5, 1e6, 1.0),
        (10, 1e10, 1.0),
        (20, 1e4, 1e3),
        (50, 1e8, 1.0),
        (3, 1.0, 1e6),
    ];
    for (d, condition, far) in cases {
        let (got, mean, sd) = gaussian(d, condition, far, &BatchAndMatch::new().tolerance(1e-4));
        assert!(got.at_rest, "{d} {condition} {far}: {got}");
        let off = (DVector::from_vec(got.mean.clone()) - mean).component_div(&sd).amax();
        let factor = DVector::from_vec(got.sd()).component_div(&sd).map(f64::ln).amax();
        assert!(off < 1e-4 && factor < 1e-4, "{d} {condition} {far}: {off:e} {factor:e}\n{got}");
        assert!(got.iterations <= 20, "{d} {condition} {far}: {got}");
        assert!(got.psis.k_hat < 0.5, "{d} {condition} {far}: {got}");
    }
}

/// Its scores match those of a Gaussian at any draws, so that few of them are enough, too.
#[test]
fn small_batches_lead_to_the_same_gaussian() {
    let method = BatchAndMatch::new().batch(6).tolerance(1e-3);
    let (got, mean, sd) = gaussian(10, 1e3, 2.0, &method);
    let off = (DVector::from_vec(got.mean.clone()) - mean).component_div(&sd).amax();
    let factor = DVector::from_vec(got.sd()).component_div(&sd).map(f64::ln).amax();
    assert!(got.at_rest && off < 5e-3 && factor < 5e-3, "{off:e} {factor:e}\n{got}");
}

/// `u = ln Gamma(k, 1)`: at rest `E e^u = k` and `f² k² (e^{f²} - 1) = 1` for the standard
/// deviation f.
#[test]
fn at_rest_scores_match() {
    for k in [0.5, 2.0, 8.0, 100.0] {
        let target = LogDensity::new(1, move |u: &[f64], g: &mut [f64]| {
            g[0] = k - u[0].exp();
            k * u[0] - u[0].exp()
        });
        let got = BatchAndMatch::new().tolerance(0.01).run(&target).unwrap();
        let excess = |f: f64| f * f * k * k * (f * f).exp_m1() - 1.0;
        let (mut low, mut high) = (1e-3, 10.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if excess(middle) < 0.0 { low = middle } else { high = middle }
        }
        let mean = k.ln() - 0.5 * low * low;
        let (off, factor) = ((got.mean[0] - mean) / low, (got.sd()[0] / low).ln());
        // The batch that found it at rest is off by the tolerance at most, and so is another.
        assert!(got.at_rest && off.abs() < 0.05 && factor.abs() < 0.05, "{k}: {off} {factor}\n{got}");
    }
}

/// Where matching without a penalty goes to and fro: `s = -u³`, so that `15 f⁸ = 1`.
#[test]
fn a_penalty_lets_it_come_to_rest() {
    let target = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = -u[0].powi(3);
        -0.25 * u[0].powi(4)
    });
    let got = BatchAndMatch::new().start(&[0.3], &[1.0]).tolerance(0.02).run(&target).unwrap();
    let want = 15.0_f64.powf(-0.125);
    assert!(got.at_rest && (got.sd()[0] / want).ln().abs() < 0.1 && got.mean[0].abs() < 0.1, "{got} {want}");
}

#[test]
fn weights_tell_what_a_gaussian_is_worth() {
    // A funnel, whose neck no Gaussian has.
    let funnel = LogDensity::new(5, |u: &[f64], g: &mut [f64]| {
        let precision = (-u[0]).exp();
        let squares: f64 = u[1..].iter().map(|x| x * x).sum();
        g[0] = -u[0] / 9.0 - 2.0 + 0.5 * precision * squares;
        g[1..].iter_mut().zip(&u[1..]).for_each(|(g, x)| *g = -precision * x);
        -u[0] * u[0] / 18.0 - 2.0 * u[0] - 0.5 * precision * squares
    });
    let got = BatchAndMatch::new().run(&funnel).unwrap();
    assert!(!got.psis.is_reliable(), "{got}");
}

#[test]
fn a_target_with_an_edge_gives_numbers() {
    // A half-normal density, -∞ below 0.
    let target = LogDensity::new(2, |u: &[f64], g: &mut [f64]| {
        (g[0], g[1]) = (-u[0], -u[1]);
        if u[0] > 0.0 { -0.5 * (u[0] * u[0] + u[1] * u[1]) } else { f64::NEG_INFINITY }
    });
    let got = BatchAndMatch::new().start(&[1.0, 0.0], &[0.5, 1.0]).gradients(5000).run(&target).unwrap();
    assert!(got.mean.iter().chain(&got.sd()).all(|x| x.is_finite()), "{got}");
}

#[test]
fn same_seed_same_bits() {
    let of = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| gaussian(40, 1e3, 1.0, &BatchAndMatch::new().seed(seed)).0)
    };
    assert_eq!(of(1, 3), of(3, 3));
    assert_ne!(of(1, 3).draws, of(1, 4).draws);
}

#[test]
fn what_cannot_be() {
    let normal = LogDensity::new(1, |u: &[f64], g: &mut [f64]| {
        g[0] = -u[0];
        -0.5 * u[0] * u[0]
    });
    let new = BatchAndMatch::new;
    for method in [
        new().start(&[0.0, 1.0], &[1.0, 1.0]),
        new().start(&[0.0], &[0.0]),
        new().start(&[f64::NAN], &[1.0]),
        new().batch(0),
        new().draws(0),
        new().tolerance(0.0),
    ] {
        assert!(method.run(&normal).is_err(), "{method:?}");
    }
    let nowhere = LogDensity::new(1, |_: &[f64], _: &mut [f64]| f64::NAN);
    assert!(new().run(&nowhere).is_err());
    let settings = new().batch(8).seed(3);
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<BatchAndMatch>(&text).unwrap(), settings);
}
