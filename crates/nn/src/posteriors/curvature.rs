//! The curvature of a head by the outputs of the net and by what it samples itself.

use super::problem::Problem;
use crate::error::Result;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::{Part, Target};

impl Problem<'_> {
    /// For every row, minus the expected second derivative of its log likelihood by the K outputs,
    /// which is the Fisher information of the head there; n × K given row by row. Where the second
    /// derivative does not depend on the target, as with Gaussian noise or logits of classes, it is
    /// exact; else it is the mean over 64 targets that are drawn from the head. Every matrix is
    /// positive semi-definite.
    ///
    /// # Errors
    /// What the model reports.
    pub fn information(&self, outputs: &[f64], u: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        const DRAWS: usize = 64;
        let (n, k) = (self.rows_at_hand(), self.outputs());
        let by_column: Vec<f64> = (0..n * k).map(|i| outputs[i % n * k + i / n]).collect();
        let point: Vec<f64> = by_column.into_iter().chain(u[self.head()].iter().copied()).collect();
        let observed = self.curvature(None, &point)?;
        let drawn = self.net.simulate(&point, Key::new(0).fold_in_str("information"), DRAWS)?;
        let drawn: Option<Vec<DMatrix<f64>>> = drawn.into_iter().collect();
        let mut mean = observed.clone();
        if let Some(drawn) = drawn {
            let first = self.curvature(Some(drawn[0].clone()), &point)?;
            let size = observed.iter().map(DMatrix::amax).fold(0.0, f64::max);
            let differ = observed.iter().zip(&first).any(|(a, b)| (a - b).amax() > 1e-5 * size);
            if differ {
                mean = first;
                for y in &drawn[1..] {
                    let more = self.curvature(Some(y.clone()), &point)?;
                    mean.iter_mut().zip(more).for_each(|(m, x)| *m += x);
                }
                mean.iter_mut().for_each(|m| *m /= DRAWS as f64);
            }
        }
        // The likelihood counts the rows that these stand for.
        Ok(mean.into_iter().map(positive).collect())
    }

    /// Minus the second derivatives by the outputs of every row, at these targets or the observed.
    fn curvature(&self, y: Option<DMatrix<f64>>, point: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        const STEP: f64 = 1e-4;
        let (n, k) = (self.rows_at_hand(), self.outputs());
        let mut density = self.net.head_density(y, Part::Likelihood, self.rows())?;
        let mut found = vec![DMatrix::zeros(k, k); n];
        let mut gradients = [vec![0.0; point.len()], vec![0.0; point.len()]];
        for j in 0..k {
            // Rows are independent: all move at once.
            for (gradient, step) in gradients.iter_mut().zip([STEP, -STEP]) {
                let mut at = point.to_vec();
                at[j * n..(j + 1) * n].iter_mut().for_each(|x| *x += step);
                density.gradient(&at, gradient)?;
            }
            for (row, found) in found.iter_mut().enumerate() {
                for i in 0..k {
                    let change = gradients[1][i * n + row] - gradients[0][i * n + row];
                    found[(i, j)] = change / (2.0 * STEP);
                }
            }
        }
        Ok(found)
    }

    /// Minus the second derivatives of the log joint density by the coordinates of the head, at the
    /// outputs of all rows (n × K row by row) and `u`.
    ///
    /// # Errors
    /// What the model reports.
    pub fn head_curvature(&self, outputs: &[f64], u: &[f64]) -> Result<DMatrix<f64>> {
        const STEP: f64 = 1e-4;
        let (n, k, q) = (self.rows_at_hand(), self.outputs(), self.head().len());
        let by_column: Vec<f64> = (0..n * k).map(|i| outputs[i % n * k + i / n]).collect();
        let point: Vec<f64> = by_column.into_iter().chain(u[self.head()].iter().copied()).collect();
        let mut found = DMatrix::zeros(q, q);
        if q == 0 {
            return Ok(found);
        }
        let mut density = self.net.head_density(None, Part::Joint, self.rows())?;
        for j in 0..q {
            let mut side = |step: f64| -> Result<Vec<f64>> {
                let (mut at, mut gradient) = (point.clone(), vec![0.0; point.len()]);
                at[n * k + j] += step;
                density.gradient(&at, &mut gradient)?;
                Ok(gradient)
            };
            let (up, down) = (side(STEP)?, side(-STEP)?);
            (0..q).for_each(|i| found[(i, j)] = (down[n * k + i] - up[n * k + i]) / (2.0 * STEP));
        }
        Ok(positive(found))
    }
}

/// The nearest symmetric matrix without negative eigenvalues.
pub(super) fn positive(m: DMatrix<f64>) -> DMatrix<f64> {
    let symmetric = (&m + m.transpose()) * 0.5;
    if symmetric.nrows() <= 1 {
        return symmetric.map(|x| x.max(0.0));
    }
    let mut eigen = symmetric.clone().symmetric_eigen();
    if eigen.eigenvalues.iter().all(|x| *x >= 0.0) {
        return symmetric;
    }
    eigen.eigenvalues.iter_mut().for_each(|x| *x = x.max(0.0));
    eigen.recompose()
}
