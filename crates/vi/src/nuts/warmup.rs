//! The warm-up: when the metric is learned, and from what.

use super::MetricKind;
use crate::error::Result;
use crate::linalg::{Covariance, Factor};

/// The transitions after which a metric is made of those since the one before: first the chain
/// finds its place, then windows double, and last the step size settles.
///
/// *Source*: Stan reference manual, "Automatic parameter tuning" (75 first, 25 doubling, 50 last;
/// of a short warm-up 15 % first and 10 % last).
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    pub first: usize,
    pub ends: Vec<usize>,
}

impl Windows {
    pub fn new(warmup: usize, kind: MetricKind) -> Self {
        let (first, mut window, last) = if warmup < 20 || kind == MetricKind::Fixed {
            return Self { first: warmup, ends: Vec::new() };
        } else if warmup < 150 && kind == MetricKind::Diagonal {
            // Gradients make something of a few draws; the step size takes its time.
            (warmup / 10, 8, warmup / 4)
        } else if warmup < 150 {
            let (first, last) = (warmup * 15 / 100, warmup / 10);
            (first, warmup - first - last, last)
        } else {
            (75, 25, 50)
        };
        let (stop, mut end, mut ends) = (warmup - last, first, Vec::new());
        while end < stop {
            // A window after which no window of twice its length fits takes the rest.
            end = if end + 3 * window > stop { stop } else { end + window };
            ends.push(end);
            window *= 2;
        }
        Self { first, ends }
    }
}

/// Running means and sums of squares or products of draws, and of squares of gradients.
///
/// *Source*: Welford 1962, "Note on a method for calculating corrected sums of squares and
/// products".
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    kind: MetricKind,
    n: f64,
    mean: Vec<f64>,
    /// Variances, or d × d covariances (the lower triangle of columns), times n.
    products: Vec<f64>,
    delta: Vec<f64>,
    /// Of a diagonal metric: means of the gradients, and their variances times n.
    gradient_mean: Vec<f64>,
    gradient_squares: Vec<f64>,
}

impl Moments {
    pub fn new(kind: MetricKind, dim: usize) -> Self {
        let size = match kind {
            MetricKind::Fixed => 0,
            MetricKind::Diagonal => dim,
            MetricKind::Dense => dim * dim,
        };
        let gradients = if kind == MetricKind::Diagonal { dim } else { 0 };
        Self {
            kind,
            n: 0.0,
            mean: vec![0.0; dim],
            products: vec![0.0; size],
            delta: vec![0.0; dim],
            gradient_mean: vec![0.0; gradients],
            gradient_squares: vec![0.0; gradients],
        }
    }

    pub fn clear(&mut self) {
        self.n = 0.0;
        self.mean.fill(0.0);
        self.products.fill(0.0);
        self.gradient_mean.fill(0.0);
        self.gradient_squares.fill(0.0);
    }

    /// A draw, with the gradient of the log density there.
    pub fn add(&mut self, u: &[f64], gradient: &[f64]) {
        let d = u.len();
        self.n += 1.0;
        for ((mean, delta), u) in self.mean.iter_mut().zip(&mut self.delta).zip(u) {
            *delta = u - *mean;
            *mean += *delta / self.n;
        }
        // The product with the distance from the new mean, which is this much of that from the old
        // one.
        let share = (self.n - 1.0) / self.n;
        match self.kind {
            MetricKind::Fixed => {}
            MetricKind::Diagonal => {
                self.products.iter_mut().zip(&self.delta).for_each(|(p, x)| *p += share * x * x);
                let gradients = self.gradient_mean.iter_mut().zip(&mut self.gradient_squares);
                for ((mean, squares), g) in gradients.zip(gradient) {
                    let delta = g - *mean;
                    *mean += delta / self.n;
                    *squares += share * delta * delta;
                }
            }
            MetricKind::Dense => {
                for (j, column) in self.products.chunks_exact_mut(d.max(1)).enumerate() {
                    let by = share * self.delta[j];
                    column[j..].iter_mut().zip(&self.delta[j..]).for_each(|(p, x)| *p += by * x);
                }
            }
        }
    }

    /// Dense: the covariance of the draws, mixed with a thousandth of the metric that they were
    /// made with as if that had come from five draws. (Stan mixes with a thousandth of the
    /// identity, which depends on units.)
    ///
    /// Diagonal: the root of the draws' variances over those of the gradients, which is the scale
    /// at which both are alike. For a Gaussian with independent entries it is exact after two
    /// draws, where variances of draws alone need hundreds.
    ///
    /// *Source*: Seyboldt, Carlson, Carpenter 2024, "Preconditioning Hamiltonian Monte Carlo by
    /// minimizing Fisher divergence".
    ///
    /// # Errors
    /// If it is not positive definite.
    pub fn metric(&self, before: &Covariance) -> Result<Covariance> {
        let d = self.mean.len();
        let (own, mixed) = (1.0 / (self.n - 1.0) * self.n / (self.n + 5.0), 1e-3 * 5.0 / (self.n + 5.0));
        let mix = |before: Vec<f64>| -> Vec<f64> {
            self.products.iter().zip(before).map(|(p, b)| own * p + mixed * b).collect()
        };
        match self.kind {
            MetricKind::Fixed => Ok(before.clone()),
            MetricKind::Diagonal => {
                // A coordinate that did not move keeps its variance.
                let scale = |((p, g), b): ((&f64, &f64), f64)| match (p / g).sqrt() {
                    ratio if ratio > 0.0 && ratio.is_finite() => ratio,
                    _ => b,
                };
                let both = self.products.iter().zip(&self.gradient_squares);
                Covariance::diagonal(&both.zip(before.variances()).map(scale).collect::<Vec<_>>())
            }
            MetricKind::Dense => Covariance::dense(d, &mix(before.to_matrix())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_stan() {
        let ends = |n| Windows::new(n, MetricKind::Dense).ends;
        assert_eq!(ends(1000), [100, 150, 250, 450, 950]);
        assert_eq!(ends(150), [100]);
        assert_eq!(ends(100), [90]);
        let first = |n| Windows::new(n, MetricKind::Dense).first;
        assert_eq!((first(100), first(1000)), (15, 75));
        assert_eq!(Windows::new(100, MetricKind::Diagonal).ends, [18, 34, 75]);
        assert!(Windows::new(1000, MetricKind::Fixed).ends.is_empty());
        assert!(ends(19).is_empty() && ends(0).is_empty());
        for n in 0..3000 {
            let ends = ends(n);
            assert!(ends.is_sorted() && ends.last().is_none_or(|e| *e <= n), "{n}");
        }
    }

    #[test]
    fn dense_moments_are_those_of_the_draws() {
        let draws = [[1e6 + 1.0, 2.0], [1e6 + 3.0, -1.0], [1e6 - 1.0, 0.5], [1e6, 7.0]];
        let before = Covariance::identity(2);
        let mean = [1e6 + 0.75, 2.125];
        let want = |i: usize, j: usize| {
            let sum: f64 = draws.iter().map(|u| (u[i] - mean[i]) * (u[j] - mean[j])).sum();
            sum / 3.0 * 4.0 / 9.0 + if i == j { 1e-3 * 5.0 / 9.0 } else { 0.0 }
        };
        let mut moments = Moments::new(MetricKind::Dense, 2);
        moments.add(&[5.0, 5.0], &[]);
        moments.clear();
        draws.iter().for_each(|u| moments.add(u, &[]));
        let got = moments.metric(&before).unwrap().to_matrix();
        for (i, got) in got.iter().enumerate() {
            let want = want(i / 2, i % 2);
            assert!((got - want).abs() < 1e-8, "{got} {want}");
        }
    }

    #[test]
    fn a_diagonal_metric_is_that_of_a_gaussian_after_two_draws() {
        let sds = [1e-3, 1.0, 2e4];
        let before = Covariance::identity(3);
        let mut moments = Moments::new(MetricKind::Diagonal, 3);
        let gradient = |u: &[f64; 3]| [0, 1, 2].map(|i| -u[i] / (sds[i] * sds[i]));
        for z in [[0.3, -1.0, 2.0], [1.5, 0.2, -0.7]] {
            let u = [0, 1, 2].map(|i| z[i] * sds[i]);
            moments.add(&u, &gradient(&u));
        }
        for (variance, sd) in moments.metric(&before).unwrap().variances().iter().zip(sds) {
            assert!((variance / (sd * sd) - 1.0).abs() < 1e-9, "{variance} {sd}");
        }
        // A coordinate that does not move keeps its variance.
        let mut still = Moments::new(MetricKind::Diagonal, 1);
        (0..3).for_each(|_| still.add(&[1.0], &[0.0]));
        let metric = still.metric(&Covariance::diagonal(&[9.0]).unwrap()).unwrap();
        assert!((metric.variances()[0] - 9.0).abs() < 1e-12);
    }
}
