//! Statistical tests of the noise, at fixed seeds. For a fresh seed each figure has a false alarm
//! rate of 1e-6; there are about 400 of them.

use super::{BLOCK, Key, fill_normal, fill_uniform};
use crate::real::Scalar;

/// The two-sided normal quantile of 1e-6.
const SIGMAS: f64 = 4.9;
const N: usize = 4_000_000;

fn normals<T: Scalar>(key: Key, n: usize) -> Vec<f64> {
    let mut out = vec![T::default(); n];
    fill_normal(key, 0, &mut out);
    out.into_iter().map(Scalar::to_f64).collect()
}

fn uniforms<T: Scalar>(key: Key, n: usize) -> Vec<f64> {
    let mut out = vec![T::default(); n];
    fill_uniform(key, 0, &mut out);
    out.into_iter().map(Scalar::to_f64).collect()
}

/// The first four sample moments against the true ones; moment `2k` of the list gives the variance
/// of moment `k`.
fn assert_moments(x: &[f64], moments: [f64; 8]) {
    let n = x.len() as f64;
    for k in 1..=4 {
        let mean = x.iter().map(|x| x.powi(k as i32)).sum::<f64>() / n;
        let (want, second) = (moments[k - 1], moments[2 * k - 1]);
        let z = (mean - want) / ((second - want * want) / n).sqrt();
        assert!(z.abs() < SIGMAS, "moment {k}: {mean}, {z} sigma off");
    }
}

/// Kolmogorov-Smirnov, by the tail `2 exp(-2 n d²) = 1e-6`.
fn assert_cdf(mut x: Vec<f64>, cdf: fn(f64) -> f64) {
    x.sort_unstable_by(f64::total_cmp);
    let n = x.len() as f64;
    let distance = |(i, &x): (usize, &f64)| {
        let f = cdf(x);
        (f - i as f64 / n).max((i + 1) as f64 / n - f)
    };
    let d = x.iter().enumerate().map(distance).fold(0.0, f64::max);
    assert!(d * n.sqrt() < 2.694, "D sqrt(n) = {}", d * n.sqrt());
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The probability of at most `k` events where `mean` are expected.
fn poisson_cdf(k: usize, mean: f64) -> f64 {
    let term = |i: usize| (i as f64 * mean.ln() - mean - libm::lgamma(i as f64 + 1.0)).exp();
    (0..=k).map(term).sum()
}

fn assert_count(count: usize, mean: f64) {
    let (low, high) = (poisson_cdf(count, mean), 1.0 - poisson_cdf(count.saturating_sub(1), mean));
    assert!(low > 5e-7 && (count == 0 || high > 5e-7), "{count} where {mean} are expected");
}

/// All pairs of the given streams of length `n`: `n Σ r²` is chi-square with one degree per pair.
fn assert_uncorrelated(streams: &[Vec<f64>]) {
    let n = streams[0].len() as f64;
    let mut chi2 = 0.0;
    for (i, a) in streams.iter().enumerate() {
        for b in &streams[..i] {
            let r = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / n;
            chi2 += n * r * r;
        }
    }
    let pairs = (streams.len() * (streams.len() - 1) / 2) as f64;
    // Wilson and Hilferty 1931: the cube root of a chi-square is nearly normal.
    let v = 2.0 / (9.0 * pairs);
    let z = ((chi2 / pairs).cbrt() - (1.0 - v)) / v.sqrt();
    assert!(z.abs() < SIGMAS, "{z} sigma");
}

/// `r sqrt(n)` of elements `lag` apart, for lags within a block's layout and beyond it.
fn assert_no_serial_correlation(x: &[f64]) {
    for lag in [1, 2, 3, 15, 16, 17, 32, 48, 64, 128, 1024] {
        let n = x.len() - lag;
        let sum: f64 = x[lag..].iter().zip(x).map(|(a, b)| a * b).sum();
        assert!((sum / (n as f64).sqrt()).abs() < SIGMAS, "lag {lag}: {}", sum / (n as f64).sqrt());
    }
}

fn assert_normal<T: Scalar>(seed: u64) {
    let x = normals::<T>(Key::new(seed), N);
    assert_moments(&x, [0.0, 1.0, 0.0, 3.0, 0.0, 15.0, 0.0, 105.0]);
    assert_no_serial_correlation(&x);
    // The two of a Box-Muller pair share their radius: squares show what the product's sign hides.
    let squares: Vec<f64> = x.iter().map(|x| (x * x - 1.0) / 2_f64.sqrt()).collect();
    assert_no_serial_correlation(&squares);
    assert_cdf(x[..N / 8].to_vec(), normal_cdf);
}

#[test]
fn f32_normals_are_normal() {
    assert_normal::<f32>(11);
}

#[test]
fn f64_normals_are_normal() {
    assert_normal::<f64>(12);
}

fn assert_tails<T: Scalar>(seed: u64, pieces: u64) {
    let (mut out, key) = (vec![T::default(); 1 << 16], Key::new(seed));
    let (mut over4, mut over5, mut above4) = (0, 0, 0);
    for i in 0..pieces {
        fill_normal(key, i << 16, &mut out);
        for z in out.iter().map(|z| z.to_f64()).filter(|z| z.abs() > 4.0) {
            over4 += 1;
            above4 += usize::from(z > 0.0);
            over5 += usize::from(z.abs() > 5.0);
        }
    }
    let n = (pieces << 16) as f64;
    assert_count(over4, n * 2.0 * normal_cdf(-4.0));
    assert_count(above4, n * normal_cdf(-4.0));
    assert_count(over5, n * 2.0 * normal_cdf(-5.0));
}

#[test]
fn tails_have_their_weight() {
    assert_tails::<f32>(21, 512);
    assert_tails::<f64>(22, 512);
}

#[test]
fn streams_of_derived_keys_are_uncorrelated() {
    let root = Key::new(31);
    let folded: Vec<_> = (0..64).map(|i| normals::<f32>(root.fold_in(i), 8192)).collect();
    assert_uncorrelated(&folded);
    // Seeds are keys themselves: neighbouring ones, and every stream of one key.
    let seeds: Vec<_> = (0..64).map(|i| normals::<f64>(Key::new(i), 8192)).collect();
    assert_uncorrelated(&seeds);
    let centre = |u: Vec<f64>| u.iter().map(|u| (u - 0.5) * 12_f64.sqrt()).collect();
    let (a, b) = root.split();
    let streams: [Vec<f64>; 7] = [
        normals::<f32>(root, 8192),
        normals::<f64>(root, 8192),
        centre(uniforms::<f32>(root, 8192)),
        centre(uniforms::<f64>(root, 8192)),
        normals::<f32>(a, 8192),
        normals::<f32>(b, 8192),
        normals::<f32>(root.fold_in_str("a"), 8192),
    ];
    assert_uncorrelated(&streams);
}

#[test]
fn indices_are_uncorrelated_over_keys() {
    // The first elements of many streams: column i holds element i of every stream.
    fn columns<T: Scalar>(seed: u64) -> Vec<Vec<f64>> {
        let root = Key::new(seed);
        let rows: Vec<_> = (0..8192).map(|k| normals::<T>(root.fold_in(k), 2 * BLOCK)).collect();
        (0..2 * BLOCK).map(|i| rows.iter().map(|r| r[i]).collect()).collect()
    }
    assert_uncorrelated(&columns::<f32>(41));
    assert_uncorrelated(&columns::<f64>(42));
}

fn assert_uniform<T: Scalar>(seed: u64, bits: i32) {
    let u = uniforms::<T>(Key::new(seed), N);
    assert_moments(&u, std::array::from_fn(|k| 1.0 / (k + 2) as f64));
    assert!(u.iter().all(|&u| u > 0.0 && u < 1.0));
    let centred: Vec<f64> = u.iter().map(|u| (u - 0.5) * 12_f64.sqrt()).collect();
    assert_no_serial_correlation(&centred);
    // Every bit of the significand is balanced, except the last, which marks the middle of a cell.
    for b in 1..bits {
        let ones = u.iter().filter(|&&u| (u * 2_f64.powi(b)) as u64 & 1 == 1).count();
        let z = (ones as f64 - N as f64 / 2.0) / (N as f64).sqrt() * 2.0;
        assert!(z.abs() < SIGMAS, "bit {b}: {z} sigma");
    }
    assert!(u.iter().all(|&u| (u * 2_f64.powi(bits)) as u64 & 1 == 1));
    assert_cdf(u[..N / 8].to_vec(), |u| u);
}

#[test]
fn f32_uniforms_are_uniform() {
    assert_uniform::<f32>(51, 24);
}

#[test]
fn f64_uniforms_are_uniform() {
    assert_uniform::<f64>(52, 53);
}
