//! Solutions against exact optima, on problems drawn at random: badly conditioned, badly scaled,
//! started far away.

use super::{Covariance, Gaussian, Outcome, Settings, solve};
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::KeyRng;
use probity_autodiff::{Key, Real};
use rand::RngExt;

/// Random numbers for problems.
struct Random(KeyRng);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0.random_range(1e-12..1.0)
    }

    fn normal(&mut self) -> f64 {
        self.uniform().ndtri()
    }

    fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        (low.ln() + (high / low).ln() * self.uniform()).exp()
    }

    fn integer(&mut self, low: usize, high: usize) -> usize {
        low + (self.uniform() * (high - low + 1) as f64) as usize
    }

    fn normals(&mut self, rows: usize, cols: usize) -> DMatrix<f64> {
        DMatrix::from_fn(rows, cols, |_, _| self.normal())
    }
}

type Density = Box<dyn FnMut(&[f64], &mut [f64]) -> f64>;

/// A log density with its gradient, a start, and the mean field's optimum.
struct Problem {
    density: Density,
    start: Gaussian,
    mean: DVector<f64>,
    sd: DVector<f64>,
    /// The covariance, if the target is Gaussian.
    covariance: Option<DMatrix<f64>>,
}

impl Problem {
    fn solve(&mut self, covariance: Covariance, seed: u64) -> Outcome {
        let d = self.mean.len();
        let density = &mut self.density;
        let mut evaluate = |u: &[f64], values: &mut [f64], gradients: &mut [f64]| {
            let each = u.chunks_exact(d).zip(gradients.chunks_exact_mut(d));
            values.iter_mut().zip(each).for_each(|(value, (u, gradient))| *value = density(u, gradient));
            Ok(())
        };
        let settings = Settings { covariance, tolerance: 0.04, gradients: 400_000, deadline: None };
        solve(self.start.clone(), settings, Key::new(seed), &mut evaluate, &mut |_, _, _| true)
            .expect("the density has no errors")
            .expect("the density is finite")
    }

    /// The largest error of a mean in its standard deviations, and of the logarithm of a standard
    /// deviation.
    fn errors(&self, found: &Gaussian) -> (f64, f64) {
        let means = (&found.mean - &self.mean).component_div(&self.sd).amax();
        let sds = found.sd().component_div(&self.sd).map(|ratio| ratio.ln().abs()).max();
        (means, sds)
    }
}

/// Gaussians of up to 20 dimensions, condition numbers up to 1e8, scales from 1e-6 to 1e6, starts
/// up to 1e6 standard deviations away.
fn gaussian(r: &mut Random) -> Problem {
    let d = r.integer(1, 20);
    let q = r.normals(d, d).qr().q();
    let condition = r.log_uniform(1.0, 1e8);
    let eigenvalues = DVector::from_fn(d, |i, _| match i {
        0 => 1.0,
        1 => 1.0 / condition,
        _ => r.log_uniform(1.0 / condition, 1.0),
    });
    let scale = DVector::from_fn(d, |_, _| r.log_uniform(1e-6, 1e6));
    let build = |values: DVector<f64>, scale: DVector<f64>| {
        let inner = &q * DMatrix::from_diagonal(&values) * q.transpose();
        DMatrix::from_diagonal(&scale) * inner * DMatrix::from_diagonal(&scale)
    };
    let precision = build(eigenvalues.clone(), scale.map(f64::recip));
    let covariance = build(eigenvalues.map(f64::recip), scale);
    let sd = precision.diagonal().map(|p| 1.0 / p.sqrt());
    let mean = sd.map(|sd| sd * r.normal() * r.log_uniform(1.0, 1e6));
    let away = r.log_uniform(1.0, 1e6);
    let start = mean.zip_map(&sd, |m, sd| m + sd * away * r.normal());
    let (center, widths) = (mean.clone(), vec![0.1; d]);
    let density = move |u: &[f64], gradient: &mut [f64]| {
        let x = DVector::from_column_slice(u) - &center;
        let slope = -(&precision * &x);
        gradient.copy_from_slice(slope.as_slice());
        0.5 * x.dot(&slope)
    };
    let start = Gaussian::diagonal(start.as_slice(), &widths);
    Problem { density: Box::new(density), start, mean, sd, covariance: Some(covariance) }
}

/// `y = X b + s e` with normal priors of b and a half-normal one of s: correlated columns, scales
/// from 1e-6 to 1e6, offsets of a thousand standard deviations. The coordinates are b and ln s.
fn regression(r: &mut Random) -> Problem {
    let (x, noise) = loop {
        let k = r.integer(1, 8);
        let n = k + r.integer(5, 200);
        let mut x = r.normals(n, k);
        let share = r.log_uniform(1e-4, 1.0);
        let first = x.column(0).into_owned();
        for j in 1..k {
            let mixed = &first * (1.0 - share) + x.column(j) * share;
            x.set_column(j, &mixed);
        }
        for mut column in x.column_iter_mut() {
            let (scale, by) = (r.log_uniform(1e-6, 1e6), r.log_uniform(1.0, 1e3));
            let offset = if r.uniform() < 0.3 { by } else { 0.0 };
            column.apply(|x| *x = (*x + offset) * scale);
        }
        if r.uniform() < 0.5 {
            x.column_mut(0).fill(1.0);
        }
        let norms: Vec<f64> = x.column_iter().map(|c| c.norm()).collect();
        let gram = x.tr_mul(&x);
        let scaled = DMatrix::from_fn(k, k, |i, j| gram[(i, j)] / (norms[i] * norms[j]));
        let values = scaled.symmetric_eigenvalues();
        if values.min() > 1e-8 * values.max() {
            break (x, r.log_uniform(1e-3, 1e3));
        }
    };
    let (n, k) = x.shape();
    let norms = DVector::from_iterator(k, x.column_iter().map(|c| c.norm()));
    let b = norms.map(|norm| r.normal() * noise * r.log_uniform(0.01, 100.0) / norm * (n as f64).sqrt());
    let y = &x * b + r.normals(n, 1).column(0) * noise;
    let prior = norms.map(|norm| 100.0 * y.norm() / norm * r.log_uniform(0.1, 100.0));
    let wide = noise * r.log_uniform(0.1, 1e3);
    let (mean, sd) = exact_mean_field(&x, &y, &prior, wide, noise);
    let away = r.log_uniform(1.0, 1e6);
    let start = DVector::from_fn(k + 1, |i, _| match i {
        i if i == k => wide.ln() + 0.3 * r.normal(),
        _ if r.uniform() < 0.5 => 0.1 * r.normal(),
        i => mean[i] + sd[i] * away * r.normal(),
    });
    let density = move |u: &[f64], gradient: &mut [f64]| {
        let (b, log_s) = (DVector::from_column_slice(&u[..k]), u[k]);
        let residual = &y - &x * &b;
        let weight = (-2.0 * log_s).exp();
        let slope = x.tr_mul(&residual) * weight;
        let (squares, tail) = (residual.norm_squared() * weight, (2.0 * log_s).exp() / (wide * wide));
        for j in 0..k {
            gradient[j] = slope[j] - b[j] / prior[j].powi(2);
        }
        gradient[k] = -(n as f64) + squares - tail + 1.0;
        -(n as f64 - 1.0) * log_s - 0.5 * (squares + tail + b.component_div(&prior).norm_squared())
    };
    let start = Gaussian::diagonal(start.as_slice(), &vec![0.1; k + 1]);
    Problem { density: Box::new(density), start, mean, sd, covariance: None }
}

/// The mean field's optimum, in closed form but for two numbers: coordinate ascent.
fn exact_mean_field(
    x: &DMatrix<f64>,
    y: &DVector<f64>,
    prior: &DVector<f64>,
    wide: f64,
    noise: f64,
) -> (DVector<f64>, DVector<f64>) {
    let (n, k) = (x.nrows() as f64, x.ncols());
    let (gram, cross) = (x.tr_mul(x), x.tr_mul(y));
    let (mut log_s, mut variance) = (noise.ln(), 0.5 / n);
    let (mut mean, mut variances) = (DVector::zeros(k), DVector::zeros(k));
    for _ in 0..500 {
        // E 1/s² of a log-normal s.
        let weight = (-2.0 * log_s + 2.0 * variance).exp();
        let mut precision = &gram * weight;
        (0..k).for_each(|j| precision[(j, j)] += prior[j].powi(-2));
        let scale = precision.diagonal().map(|p| 1.0 / p.sqrt());
        let scaled = DMatrix::from_fn(k, k, |i, j| precision[(i, j)] * scale[i] * scale[j]);
        let right = cross.component_mul(&scale) * weight;
        mean = scaled.lu().solve(&right).expect("not singular").component_mul(&scale);
        variances = precision.diagonal().map(f64::recip);
        let squares = (y - x * &mean).norm_squared() + gram.diagonal().dot(&variances);
        // -n m - squares e^(2v-2m) / 2 - e^(2v+2m) / (2 wide²) + m + ln(v) / 2, by Newton's method
        // in m and ln v.
        for _ in 0..50 {
            let a = squares * (-2.0 * log_s + 2.0 * variance).exp();
            let b = (2.0 * log_s + 2.0 * variance).exp() / (wide * wide);
            let slope_m = 1.0 - n + a - b;
            let slope_v = variance * (-a - b) + 0.5;
            let cross = (2.0 * a - 2.0 * b) * variance;
            let bend_v = (-2.0 * variance * variance * (a + b) + slope_v - 0.5).min(-0.25);
            let bend_m = -2.0 * (a + b);
            let determinant = bend_m * bend_v - cross * cross;
            log_s -= ((slope_m * bend_v - slope_v * cross) / determinant).clamp(-1.0, 1.0);
            variance *= (-(slope_v * bend_m - slope_m * cross) / determinant).clamp(-1.0, 1.0).exp();
        }
    }
    let sd = variances.map(f64::sqrt);
    (mean.push(log_s), sd.push(variance.sqrt()))
}

/// Of 500 problems, all that are said to be at rest are, but for a few, and few are not at rest.
///
/// The problems are fixed by their seeds. The bounds are those that the fit promises: a mean within
/// 0.1 of its standard deviation and a standard deviation within 10 %, in 99 % of the problems.
#[test]
fn rest_is_claimed_where_it_is_true() {
    let (mut wrong, mut limit) = (Vec::new(), Vec::new());
    for seed in 0..500 {
        let mut r = Random(Key::new(1000 + seed).rng());
        let mut problem = if seed % 2 == 0 { gaussian(&mut r) } else { regression(&mut r) };
        let found = problem.solve(Covariance::Diagonal, seed);
        let (mean, sd) = problem.errors(&found.gaussian);
        if !found.at_rest {
            limit.push((seed, mean, sd));
        } else if mean > 0.1 || sd > 0.1 {
            wrong.push((seed, mean, sd));
        }
    }
    assert!(wrong.len() <= 5 && limit.len() <= 10, "wrong: {wrong:?}\nnot at rest: {limit:?}");
}

/// Also with a full covariance, which is then that of the target.
#[test]
fn full_rank_is_exact_on_gaussians() {
    for seed in 0..100 {
        let mut r = Random(Key::new(7000 + seed).rng());
        let mut problem = gaussian(&mut r);
        let found = problem.solve(Covariance::Full, seed);
        let exact = problem.covariance.take().expect("it is Gaussian");
        let sd = exact.diagonal().map(f64::sqrt);
        let got = &found.gaussian.factor * found.gaussian.factor.transpose();
        let off =
            DMatrix::from_fn(sd.len(), sd.len(), |i, j| (got[(i, j)] - exact[(i, j)]) / (sd[i] * sd[j]));
        let mean = (&found.gaussian.mean - &problem.mean).component_div(&sd).amax();
        // Differences lose digits with the conditioning: 1e8 of the problem, in numbers of 1e-16,
        // started 1e6 off.
        assert!(found.at_rest && off.amax() < 1e-3 && mean < 1e-3, "{seed}: {} {mean}", off.amax());
    }
}

/// A density that rises without bound towards a point without mass: the mode is not where the fit
/// ends.
#[test]
fn a_funnel_is_left_through_its_mouth() {
    // ln s ~ N(0, 1), nine numbers ~ N(0, s): the density is highest at s -> 0 along x = 0.
    let density = |u: &[f64], gradient: &mut [f64]| {
        let (t, x) = (u[0], &u[1..]);
        let weight = (-2.0 * t).exp();
        let squares: f64 = x.iter().map(|x| x * x).sum();
        gradient[0] = -t - x.len() as f64 + squares * weight;
        gradient[1..].iter_mut().zip(x).for_each(|(g, x)| *g = -x * weight);
        -0.5 * t * t - x.len() as f64 * t - 0.5 * squares * weight
    };
    let zeros = DVector::zeros(10);
    let start = Gaussian::diagonal(&[0.5; 10], &[0.1; 10]);
    let mut problem = Problem {
        density: Box::new(density),
        start,
        mean: zeros.clone(),
        sd: zeros.map(|_| 1.0),
        covariance: None,
    };
    let found = problem.solve(Covariance::Full, 1);
    // The optimum of E ln p for x given t: by symmetry the mean of x is 0, and that of t solves t =
    // 9 (E x² e^(-2t) - 1) = 0 where x fits.
    let tail = found.gaussian.mean.rows(1, 9).amax();
    assert!(found.at_rest && tail < 0.05 && found.gaussian.mean[0].abs() < 0.5, "{:?}", found.gaussian.mean);
}
