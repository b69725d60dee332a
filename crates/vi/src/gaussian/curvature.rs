//! Second differences of a log density, in coordinates that fit its curvature.

use super::Evaluate;
use crate::error::Result;
use probity_autodiff::nalgebra::{DMatrix, DVector, SymmetricEigen};

/// The step of the differences for gradients in double precision.
pub(crate) const DIFFERENCE: f64 = 1e-3;

/// Computes points and second differences.
pub(super) struct Search<'a, 'b> {
    pub(super) evaluate: &'a mut Evaluate<'b>,
    /// The step of the differences, in units of the scales.
    pub(super) difference: f64,
}

/// A point with its log density and gradient.
pub(super) struct Here {
    pub(super) u: DVector<f64>,
    pub(super) value: f64,
    pub(super) gradient: DVector<f64>,
}

impl Search<'_, '_> {
    pub(super) fn here(&mut self, u: &DVector<f64>) -> Result<Option<Here>> {
        let (mut value, mut gradient) = ([0.0], DVector::zeros(u.len()));
        (self.evaluate)(u.as_slice(), &mut value, gradient.as_mut_slice())?;
        let finite = value[0].is_finite() && gradient.iter().all(|g| g.is_finite());
        Ok(finite.then(|| Here { u: u.clone(), value: value[0], gradient }))
    }

    /// The negative Hessian in the coordinates `(u - mean) / scale`, by central differences. The
    /// scales become those of the curvature along each coordinate. Where they change by much, the
    /// differences are taken again with the new ones.
    pub(super) fn scaled_hessian(
        &mut self,
        here: &Here,
        scale: &mut DVector<f64>,
    ) -> Result<Option<DMatrix<f64>>> {
        const PASSES: usize = 6;
        for pass in 0..PASSES {
            let Some(hessian) = self.hessian(here, scale, self.difference)? else {
                // The density may end near here: smaller differences.
                *scale *= 0.01;
                continue;
            };
            let wanted = hessian.diagonal().map(|h| {
                let h = h.abs();
                if h > 0.0 && h.is_finite() { 1.0 / h.sqrt() } else { 1e3 }
            });
            let far = wanted.iter().any(|s| !(1e-2..1e2).contains(s));
            let step = wanted.map(|s| s.clamp(1e-6, 1e6));
            scale.component_mul_assign(&step);
            if !far || pass + 1 == PASSES {
                // In the new scales.
                let d = step.len();
                return Ok(Some(DMatrix::from_fn(d, d, |i, j| hessian[(i, j)] * step[i] * step[j])));
            }
        }
        Ok(None)
    }

    /// By central differences with this step, which is exact for polynomials of the third degree.
    fn hessian(&mut self, here: &Here, scale: &DVector<f64>, step: f64) -> Result<Option<DMatrix<f64>>> {
        let d = scale.len();
        let mut u = DMatrix::from_fn(d, 2 * d, |i, _| here.u[i]);
        // What the difference is after rounding.
        let mut width = DVector::zeros(d);
        for j in 0..d {
            let h = step * scale[j];
            u[(j, 2 * j)] += h;
            u[(j, 2 * j + 1)] -= h;
            width[j] = (u[(j, 2 * j)] - u[(j, 2 * j + 1)]) / scale[j];
        }
        let (mut values, mut gradients) = (vec![0.0; 2 * d], DMatrix::zeros(d, 2 * d));
        (self.evaluate)(u.as_slice(), &mut values, gradients.as_mut_slice())?;
        let half = DMatrix::from_fn(d, d, |i, j| {
            (gradients[(i, 2 * j + 1)] - gradients[(i, 2 * j)]) / width[j] * scale[i]
        });
        let hessian = (&half + half.transpose()) / 2.0;
        Ok(hessian.iter().all(|x| x.is_finite()).then_some(hessian))
    }

    /// As [`scaled_hessian`](Search::scaled_hessian), with the error of the differences
    /// extrapolated to step 0: exact for polynomials of the fifth degree.
    fn sharp_hessian(&mut self, here: &Here, scale: &mut DVector<f64>) -> Result<Option<DMatrix<f64>>> {
        if self.scaled_hessian(here, scale)?.is_none() {
            return Ok(None);
        }
        let near = self.hessian(here, scale, self.difference)?;
        let far = self.hessian(here, scale, 2.0 * self.difference)?;
        Ok(near.zip(far).map(|(near, far)| near * (4.0 / 3.0) - far / 3.0))
    }
}

/// A mode, and the curvature of the density there.
pub(crate) struct Peak {
    pub(crate) mode: DVector<f64>,
    /// The factor of the inverse of the negative Hessian; or where that is not positive definite,
    /// the coordinate along which the density bends down least, and how much (1 is the curvature
    /// along a coordinate by itself).
    pub(crate) factor: std::result::Result<DMatrix<f64>, (usize, f64)>,
}

/// Newton steps from near a mode to it, and the curvature there. `difference` is the step of second
/// differences, in standard deviations. None if the density is not finite around it.
pub(crate) fn peak(
    start: &[f64],
    mut scale: DVector<f64>,
    difference: f64,
    evaluate: &mut Evaluate<'_>,
) -> Result<Option<Peak>> {
    /// A Hessian with a smaller eigenvalue, in units of the curvature along coordinates, is
    /// singular up to the error of the differences.
    const SINGULAR: f64 = 1e-9;
    const STEPS: usize = 20;
    let mut search = Search { evaluate, difference };
    let Some(mut here) = search.here(&DVector::from_column_slice(start))? else { return Ok(None) };
    for step in 0.. {
        let Some(hessian) = search.sharp_hessian(&here, &mut scale)? else { return Ok(None) };
        let SymmetricEigen { eigenvectors: q, eigenvalues: w } = SymmetricEigen::new(hessian);
        let (least, bend) = w.argmin();
        if bend <= SINGULAR.max(difference.powi(4)) {
            let (along, _) = q.column(least).map(f64::abs).argmax();
            return Ok(Some(Peak { mode: here.u, factor: Err((along, bend)) }));
        }
        let along = q.tr_mul(&here.gradient.component_mul(&scale)).component_div(&w);
        let gain = along.zip_map(&w, |a, w| a * a * w).sum();
        let to = &here.u + (&q * &along).component_mul(&scale);
        let next = if gain > 1e-26 && step < STEPS { search.here(&to)? } else { None };
        match next {
            // Near the mode values are equal up to rounding, and gradients still fall.
            Some(next)
                if next.value >= here.value - 1e-12 * here.value.abs() && next.falls(&here, &scale) =>
            {
                here = next;
            }
            _ => {
                let roots = DMatrix::from_diagonal(&w.map(|w| 1.0 / w.sqrt()));
                let factor = DMatrix::from_diagonal(&scale) * q * roots;
                return Ok(Some(Peak { mode: here.u, factor: Ok(factor) }));
            }
        }
    }
    Ok(None)
}

impl Here {
    /// Whether the gradient is shorter than there.
    fn falls(&self, before: &Here, scale: &DVector<f64>) -> bool {
        let length = |here: &Here| here.gradient.component_mul(scale).norm();
        length(self) < length(before)
    }
}
