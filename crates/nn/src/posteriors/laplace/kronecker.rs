//! The Laplace approximation with Kronecker factors.

use super::{Around, LaplaceSettings, laplace};
use crate::error::Result;
use crate::posteriors::{Inferred, LinearMap, Method, Problem};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::{fill_normal, normal_at};
use serde::{Deserialize, Serialize};

/// A Gaussian for every linear map, independent of the others, whose likelihood has the curvature
/// `A ⊗ B`: A sums the products of the map's inputs over rows, and B is the mean over rows of the
/// products of derivatives by its outputs. Of one linear map with Gaussian noise it is exact.
/// Weights that are used in several places of a row (convolution, recurrence) or are no linear
/// map's have independent Gaussians.
///
/// The precision of the priors is added exactly where it is itself a product of a number for every
/// input and one for every output; else it is replaced by the product that is nearest to its
/// logarithm.
///
/// *Source*: Ritter, Botev, Barber 2018, "A scalable Laplace approximation for neural networks";
/// Martens, Grosse 2015, "Optimizing neural networks with Kronecker-factored approximate
/// curvature", section 3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KroneckerLaplace {
    /// The settings.
    pub settings: LaplaceSettings,
}

impl Method for KroneckerLaplace {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        laplace(problem, &self.settings, &|u, outputs, precisions| {
            Ok(Box::new(Factors::of(problem, u, outputs, precisions)?))
        })
    }

    fn seed(&self) -> u64 {
        self.settings.seed
    }
}

/// Independent Gaussians of linear maps and of single weights.
struct Factors {
    maps: Vec<Kronecker>,
    /// Coordinates with their standard deviations.
    single: Vec<(usize, f64)>,
}

/// What is summed over the rows.
struct Sums {
    map: LinearMap,
    coordinates: Vec<usize>,
    inputs: DMatrix<f64>,
    outputs: DMatrix<f64>,
    /// Whether all derivatives were products.
    linear: bool,
}

impl Factors {
    fn of(problem: &Problem<'_>, u: &[f64], outputs: &[f64], precisions: &[f64]) -> Result<Self> {
        let information = problem.information(outputs, u)?;
        let (d, k, n) = (u.len(), problem.outputs(), problem.rows_at_hand());
        let sums = |map: LinearMap| Sums {
            coordinates: map.coordinates(),
            inputs: DMatrix::zeros(map.rows(), map.rows()),
            outputs: DMatrix::zeros(map.outputs, map.outputs),
            linear: true,
            map,
        };
        let mut maps: Vec<Sums> = problem.linear_maps().into_iter().map(sums).collect();
        let mut diagonal = vec![0.0; d];
        problem.visit_jacobians(u, |piece| {
            for (i, row) in piece.rows.clone().enumerate() {
                let own = &piece.derivatives[i * k * d..(i + 1) * k * d];
                let h = &information[row];
                maps.iter_mut().filter(|m| m.linear).for_each(|m| m.add(own, d, h, n));
                for (j, sum) in diagonal.iter_mut().enumerate() {
                    let pair = |a: usize, b: usize| h[(a, b)] * own[a * d + j] * own[b * d + j];
                    *sum += (0..k * k).map(|ab| pair(ab / k, ab % k)).sum::<f64>();
                }
            }
            Ok(())
        })?;
        let mut covered = vec![false; d];
        let mut found = Vec::new();
        for sums in maps.into_iter().filter(|m| m.linear) {
            sums.coordinates.iter().for_each(|i| covered[*i] = true);
            found.push(Kronecker::new(sums, precisions));
        }
        let rest = problem.weights().into_iter().filter(|i| !covered[*i]);
        let sd = |i: usize| (i, (diagonal[i] + precisions[i]).max(f64::MIN_POSITIVE).sqrt().recip());
        Ok(Self { maps: found, single: rest.map(sd).collect() })
    }
}

impl Sums {
    /// Adds a row, of whose K outputs `own` has the derivatives by all coordinates.
    fn add(&mut self, own: &[f64], d: usize, information: &DMatrix<f64>, n: usize) {
        let (rows, columns) = (self.map.rows(), self.map.outputs);
        let k = own.len() / d;
        let of = |output: usize| {
            DMatrix::from_iterator(rows, columns, self.coordinates.iter().map(|i| own[output * d + i]))
        };
        let all: Vec<DMatrix<f64>> = (0..k).map(of).collect();
        let Some(largest) = all.iter().max_by(|a, b| a.norm().total_cmp(&b.norm())) else { return };
        if largest.norm() == 0.0 {
            return;
        }
        // The derivatives are a product of the map's inputs and of the derivatives by its outputs;
        // those by the biases are the latter.
        let inputs: DVector<f64> = if self.map.bias.is_some() {
            let by_output = largest.row(rows - 1).transpose();
            largest * &by_output / by_output.norm_squared()
        } else {
            let norm = |j: &usize| largest.column(*j).norm();
            let best = (0..columns).max_by(|a, b| norm(a).total_cmp(&norm(b))).unwrap_or(0);
            largest.column(best).normalize() * largest.norm().sqrt()
        };
        let square = inputs.norm_squared();
        let by_outputs: Vec<DVector<f64>> = all.iter().map(|g| g.tr_mul(&inputs) / square).collect();
        let product = |g: &DVector<f64>| &inputs * g.transpose();
        let close =
            |(g, by): (&DMatrix<f64>, &DVector<f64>)| (g - product(by)).norm() <= 1e-3 * largest.norm();
        if !inputs.iter().all(|x| x.is_finite()) || !all.iter().zip(&by_outputs).all(close) {
            self.linear = false;
            return;
        }
        self.inputs.ger(1.0, &inputs, &inputs, 1.0);
        for (a, by_a) in by_outputs.iter().enumerate() {
            for (b, by_b) in by_outputs.iter().enumerate() {
                self.outputs.ger(information[(a, b)] / n as f64, by_a, by_b, 1.0);
            }
        }
    }
}

/// A Gaussian over a matrix with precision `Dᵢ^½ ⊗ Dₒ^½ (A ⊗ B + 1) Dᵢ^½ ⊗ Dₒ^½`, by the
/// eigenvectors of A and B.
struct Kronecker {
    coordinates: Vec<usize>,
    /// Dᵢ^-½ times the eigenvectors of A; Dₒ^-½ times those of B.
    vectors: [DMatrix<f64>; 2],
    /// The variances in these coordinates.
    variances: DMatrix<f64>,
}

impl Kronecker {
    fn new(sums: Sums, precisions: &[f64]) -> Self {
        let (rows, columns) = (sums.map.rows(), sums.map.outputs);
        let least = f64::MIN_POSITIVE.sqrt();
        let logs = sums.coordinates.iter().map(|i| precisions[*i].max(least).ln());
        let logs = DMatrix::from_iterator(rows, columns, logs);
        let mean = logs.mean();
        let inverse_roots = [
            DVector::from_fn(rows, |i, _| (-0.5 * (logs.row(i).mean() - mean)).exp()),
            DVector::from_fn(columns, |j, _| (-0.5 * logs.column(j).mean()).exp()),
        ];
        let [(input_values, inputs), (output_values, outputs)] =
            [(sums.inputs, &inverse_roots[0]), (sums.outputs, &inverse_roots[1])].map(|(m, scale)| {
                let scaled = DMatrix::from_fn(m.nrows(), m.ncols(), |i, j| scale[i] * m[(i, j)] * scale[j]);
                let eigen = scaled.symmetric_eigen();
                let vectors = DMatrix::from_diagonal(scale) * eigen.eigenvectors;
                (eigen.eigenvalues.map(|x| x.max(0.0)), vectors)
            });
        let variance = |i, j| 1.0 / (input_values[i] * output_values[j] + 1.0);
        Self {
            coordinates: sums.coordinates,
            vectors: [inputs, outputs],
            variances: DMatrix::from_fn(rows, columns, variance),
        }
    }
}

impl Around for Factors {
    fn variances(&self, to: &mut [f64]) {
        for map in &self.maps {
            let [inputs, outputs] = map.vectors.each_ref().map(|v| v.component_mul(v));
            let variances = inputs * &map.variances * outputs.transpose();
            map.coordinates.iter().zip(variances.iter()).for_each(|(at, v)| to[*at] = *v);
        }
        self.single.iter().for_each(|(at, sd)| to[*at] = sd * sd);
    }

    fn add(&self, key: Key, u: &mut [f64]) {
        for (i, map) in self.maps.iter().enumerate() {
            let mut z = map.variances.map(f64::sqrt);
            let mut noise = vec![0.0; z.len()];
            fill_normal(key.fold_in(i as u64), 0, &mut noise);
            z.iter_mut().zip(noise).for_each(|(z, noise)| *z *= noise);
            let moved = &map.vectors[0] * z * map.vectors[1].transpose();
            map.coordinates.iter().zip(moved.iter()).for_each(|(at, m)| u[*at] += m);
        }
        let key = key.fold_in_str("single");
        self.single.iter().for_each(|(at, sd)| u[*at] += sd * normal_at::<f64>(key, *at as u64));
    }
}
