//! Models that several tests share.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Scalar};
use probity_distributions::{Distribution, HalfCauchy, Normal};
use probity_vi::{Model, Result, Scope};

pub const Y: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
pub const SIGMA: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

/// Rubin 1981, in either parameterisation.
#[derive(Debug)]
pub struct EightSchools {
    pub centred: bool,
}

impl<T: Scalar> Model<T> for EightSchools {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        // In the order of the reference: effects, mean, scale. The centred effects need the last
        // two first.
        let theta = if self.centred {
            let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
            let tau = s.sample("tau", HalfCauchy::new(5.0))?;
            s.sample("theta", Normal::new(mu, tau).rows(8))?
        } else {
            let z = s.sample("theta_trans", Normal::standard().rows(8))?;
            let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
            let tau = s.sample("tau", HalfCauchy::new(5.0))?;
            s.deterministic("theta", mu + tau * z)?
        };
        s.observe("y", Normal::new(theta, s.data(&SIGMA)), &Y)
    }
}

/// A matrix of one row.
pub fn row(x: &[f64]) -> DMatrix<f64> {
    DMatrix::from_row_slice(1, x.len(), x)
}

/// An r × c matrix of standard normal numbers.
pub fn normals(seed: u64, rows: usize, cols: usize) -> DMatrix<f64> {
    let mut x = vec![0.0; rows * cols];
    fill_normal(Key::new(seed), 0, &mut x);
    DMatrix::from_vec(rows, cols, x)
}

/// `y ~ N(x w, noise)`, `w ~ N(0, prior)`.
#[derive(Debug)]
pub struct Regression {
    pub x: DMatrix<f64>,
    pub y: DMatrix<f64>,
    pub prior: f64,
    pub noise: f64,
}

impl<T: Scalar> Model<T> for Regression {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let w = s.sample("w", Normal::new(0.0, self.prior).rows(self.x.ncols()))?;
        s.plate("rows", self.x.nrows(), |s, rows| {
            let x = rows.rows(&self.x);
            let y = rows.rows(&self.y);
            s.observe("y", Normal::new(x.matmul(w), self.noise), y)
        })
    }
}

impl Regression {
    /// Precision matrix and mean of the exact posterior.
    pub fn exact(&self) -> (DMatrix<f64>, DMatrix<f64>) {
        let k = self.x.ncols();
        let precision =
            self.x.transpose() * &self.x / self.noise.powi(2) + DMatrix::identity(k, k) / self.prior.powi(2);
        let rhs = self.x.transpose() * &self.y / self.noise.powi(2);
        let mean = precision.clone().cholesky().unwrap().solve(&rhs);
        (precision, mean)
    }

    /// The log evidence, and the highest ELBO of a mean field: below it by half of
    /// `Σ ln Λᵢᵢ - ln det Λ`.
    pub fn evidence_and_best_elbo(&self) -> (f64, f64) {
        let (n, k) = self.x.shape();
        let (precision, mean) = self.exact();
        let log_det = 2.0 * precision.clone().cholesky().unwrap().l().diagonal().map(f64::ln).sum();
        let residual = &self.y - &self.x * &mean;
        let ln_tau = std::f64::consts::TAU.ln();
        let at_mean = -0.5
            * (residual.norm_squared() / self.noise.powi(2) + mean.norm_squared() / self.prior.powi(2))
            - n as f64 * (0.5 * ln_tau + self.noise.ln())
            - k as f64 * (0.5 * ln_tau + self.prior.ln());
        let evidence = at_mean + 0.5 * (k as f64 * ln_tau - log_det);
        let gap = 0.5 * (precision.diagonal().map(f64::ln).sum() - log_det);
        (evidence, evidence - gap)
    }
}
