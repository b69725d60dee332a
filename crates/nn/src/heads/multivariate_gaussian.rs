//! Several numbers with correlated Gaussian noise.

use super::{Head, Outcome, Parameters};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::normal_at;
use probity_autodiff::{Key, Scalar, Var};
use probity_distributions::{Distribution, HalfNormal, LkjCholesky, MultivariateNormal};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// `targets` numbers with Gaussian noise around as many outputs. The standard deviations of the
/// noise are unknown (site `noise`, 1 × targets, prior half-Normal with the scale of the targets),
/// and so are its correlations (site `correlation`, the Cholesky factor, prior LKJ with
/// concentration 2).
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::MultivariateGaussianHead;
/// use probity_nn::{Activation, Mlp, Network};
/// use probity_vi::Fit;
/// let x = DMatrix::from_fn(30, 1, |i, _| i as f64);
/// let y = DMatrix::from_fn(30, 2, |i, j| (i * (j + 1)) as f64);
/// let net = Network::new(Mlp::new(&[1, 2], Activation::Identity), MultivariateGaussianHead::new(2));
/// let prediction = net.fit_with(&x, &y, Fit::default().steps(50))?.predict(&x, 20)?;
/// let covariance = prediction.functional(|row| row.covariance()[(0, 1)]); // of the noise, by draw
/// assert_eq!(prediction.mean().shape(), (30, 2));
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultivariateGaussianHead {
    /// The numbers of a target, two or more.
    pub targets: usize,
}

impl MultivariateGaussianHead {
    /// For so many numbers.
    ///
    /// # Panics
    /// For fewer than two.
    #[track_caller]
    pub fn new(targets: usize) -> Self {
        assert!(targets >= 2, "MultivariateGaussianHead: {targets} targets; at least two are needed");
        Self { targets }
    }
}

impl Head for MultivariateGaussianHead {
    type Row = GaussianVector;

    fn outputs(&self) -> usize {
        self.targets
    }
    fn targets(&self) -> usize {
        self.targets
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::of(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> Result<Parameters<'t, T>> {
        let d = self.targets;
        let near = |x: f64| move || Init { loc: Start::Constant(x), scale: ScaleStart::Constant(0.05) };
        let sds = s.sample_from("noise", HalfNormal::new(1.0).shaped(1, d), near(-1.2))?;
        let factor = s.sample_from("correlation", LkjCholesky::new(d, 2.0), near(0.0))?;
        let factor = factor * sds.transpose();
        Ok(Parameters::of([("mean", outputs), ("factor", factor.reshape(1, d * d))]))
    }
    fn observe<'t, T: Scalar>(&self, s: &mut Scope<'t, T>, p: &Parameters<'t, T>, y: Var<'t, T>) -> Result {
        let factor = p.get(1).reshape(self.targets, self.targets);
        s.observe("y", MultivariateNormal::from_cholesky(p.get(0), factor), y)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        let d = self.targets;
        let mean = DVector::from_fn(d, |j, _| units.mean[j] + units.sd[j] * p[j]);
        let factor = DMatrix::from_fn(d, d, |i, j| units.sd[i] * p[d + i + j * d]);
        GaussianVector { mean, factor }
    }
}

/// A Gaussian vector as plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianVector {
    /// The mean.
    pub mean: DVector<f64>,
    /// The Cholesky factor of the covariance, lower triangular.
    pub factor: DMatrix<f64>,
}

impl GaussianVector {
    /// The covariance.
    pub fn covariance(&self) -> DMatrix<f64> {
        &self.factor * self.factor.transpose()
    }
}

impl Outcome for GaussianVector {
    fn targets(&self) -> usize {
        self.mean.len()
    }
    fn log_prob(&self, y: &[f64]) -> f64 {
        if y.len() != self.mean.len() {
            return f64::NAN;
        }
        let residual = DVector::from_column_slice(y) - &self.mean;
        let Some(z) = self.factor.solve_lower_triangular(&residual) else { return f64::NAN };
        let log_det: f64 = self.factor.diagonal().iter().map(|l| l.ln()).sum();
        -0.5 * (z.norm_squared() + y.len() as f64 * std::f64::consts::TAU.ln()) - log_det
    }
    fn mean(&self, j: usize) -> f64 {
        self.mean[j]
    }
    fn variance(&self, j: usize) -> f64 {
        self.factor.row(j).norm_squared()
    }
    fn sample(&self, key: Key) -> Vec<f64> {
        let z = DVector::from_fn(self.mean.len(), |i, _| normal_at::<f64>(key, i as u64));
        (&self.mean + &self.factor * z).iter().copied().collect()
    }
}
