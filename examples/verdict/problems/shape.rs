//! Densities with known moments, and their linear images, which are the problems.

use super::random::Random;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_vi::Target;
use std::fmt;
use std::sync::Arc;

/// A log density up to a constant, which writes its gradient.
pub type LogDensity = Arc<dyn Fn(&[f64], &mut [f64]) -> f64 + Send + Sync>;

/// A distribution of `w` in its own units, with its exact moments.
#[derive(Clone)]
pub struct Shape {
    pub log_density: LogDensity,
    pub mean: DVector<f64>,
    pub covariance: DMatrix<f64>,
}

impl Shape {
    /// With uncorrelated entries.
    pub fn uncorrelated(
        mean: Vec<f64>,
        variance: Vec<f64>,
        log_density: impl Fn(&[f64], &mut [f64]) -> f64 + Send + Sync + 'static,
    ) -> Self {
        let covariance = DMatrix::from_diagonal(&DVector::from_vec(variance));
        Self { log_density: Arc::new(log_density), mean: DVector::from_vec(mean), covariance }
    }

    pub fn dim(&self) -> usize {
        self.mean.len()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, covariance, .. } = self;
        f.debug_struct("Shape").field("mean", mean).field("covariance", covariance).finish_non_exhaustive()
    }
}

/// How a shape is carried to the numbers that inference sees.
#[derive(Clone, Copy, Debug)]
pub struct Placing {
    /// The ratio of the largest to the smallest stretch, in random directions. At 1, coordinates
    /// stay what they are.
    pub condition: f64,
    /// Then every coordinate is multiplied by a factor between 1 / `scales` and `scales`.
    pub scales: f64,
}

/// The density of `u = A w + b`.
#[derive(Clone)]
pub struct Affine {
    log_density: LogDensity,
    map: DMatrix<f64>,
    inverse: DMatrix<f64>,
    shift: DVector<f64>,
}

impl Affine {
    /// `u` of `w`.
    pub fn image(&self, w: &DVector<f64>) -> DVector<f64> {
        &self.map * w + &self.shift
    }

    /// `w` of `u`.
    pub fn preimage(&self, u: &[f64]) -> DVector<f64> {
        &self.inverse * (DVector::from_column_slice(u) - &self.shift)
    }
}

impl fmt::Debug for Affine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Affine").field("shift", &self.shift).finish_non_exhaustive()
    }
}

impl Target for Affine {
    fn dim(&self) -> usize {
        self.shift.len()
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> probity_vi::Result<f64> {
        let w = self.preimage(u);
        let mut by_w = DVector::zeros(w.len());
        let value = (self.log_density)(w.as_slice(), by_w.as_mut_slice());
        gradient.copy_from_slice(self.inverse.tr_mul(&by_w).as_slice());
        Ok(value)
    }
}

/// A posterior whose means and standard deviations are known exactly.
#[derive(Clone, Debug)]
pub struct Problem {
    pub target: Affine,
    /// Mean and standard deviation of where inference begins, as a prior would say it: about as
    /// wide as the posterior, or up to some tens of times wider.
    pub start: (Vec<f64>, Vec<f64>),
    pub mean: Vec<f64>,
    pub sd: Vec<f64>,
}

impl Problem {
    /// A shape at a random place.
    pub fn place(random: &mut Random, shape: Shape, placing: Placing) -> Self {
        let d = shape.dim();
        let Placing { condition, scales } = placing;
        // A = S L, and so A⁻¹ = L⁻¹ S⁻¹, without the inverse of a matrix of very unlike rows.
        let (map, back) = if condition <= 1.0 {
            (DMatrix::identity(d, d), DMatrix::identity(d, d))
        } else {
            let (left, right) = (random.rotation(d), random.rotation(d));
            let stretch = DVector::from_fn(d, |i, _| match i {
                0 => 1.0,
                1 => 1.0 / condition,
                _ => random.log_between(1.0 / condition, 1.0),
            });
            let inverse = stretch.map(|x| 1.0 / x);
            let map = &left * DMatrix::from_diagonal(&stretch) * &right;
            (map, right.transpose() * DMatrix::from_diagonal(&inverse) * left.transpose())
        };
        let scale = DVector::from_fn(d, |_, _| random.log_between(1.0 / scales, scales));
        let map = DMatrix::from_diagonal(&scale) * map;
        let inverse = back * DMatrix::from_diagonal(&scale.map(|x| 1.0 / x));
        let covariance = &map * &shape.covariance * map.transpose();
        let sd: Vec<f64> = covariance.diagonal().iter().map(|v| v.sqrt()).collect();
        let shift = DVector::from_fn(d, |i, _| sd[i] * random.log_between(1.0, 20.0) * random.normal());
        let target = Affine { log_density: shape.log_density, map, inverse, shift };
        let mean: Vec<f64> = target.image(&shape.mean).iter().copied().collect();
        let wide = |i: usize| mean[i].abs().max(sd[i]) * random.log_between(1.0, 20.0).min(5.0);
        let start = (vec![0.0; d], (0..d).map(wide).collect());
        Self { target, start, mean, sd }
    }
}
