//! Independent coordinates.

use super::block::Block;
use probity_autodiff::Key;

/// Parameters: the logarithms of the standard deviations.
pub(super) struct Diagonal {
    coordinates: Vec<usize>,
}

impl Diagonal {
    pub(super) fn new(coordinates: Vec<usize>) -> Self {
        Self { coordinates }
    }
}

impl Block for Diagonal {
    fn coordinates(&self) -> &[usize] {
        &self.coordinates
    }
    fn parameters(&self) -> usize {
        self.coordinates.len()
    }
    fn noise(&self) -> usize {
        self.coordinates.len()
    }
    fn start(&self, scale: f64, _: Key, params: &mut [f64]) {
        params.fill(scale.ln());
    }
    fn add(&self, params: &[f64], z: &[f64], u: &mut [f64]) {
        let each = self.coordinates.iter().zip(params.iter().zip(z));
        each.for_each(|(at, (log_sd, z))| u[*at] += log_sd.exp() * z);
    }
    fn accumulate(&self, params: &[f64], z: &[f64], gradient: &[f64], to: &mut [f64]) {
        let each = self.coordinates.iter().zip(params.iter().zip(z)).zip(to);
        each.for_each(|((at, (log_sd, z)), to)| *to += gradient[*at] * log_sd.exp() * z);
    }
    fn entropy(&self, _: &[f64], to: &mut [f64]) {
        to.iter_mut().for_each(|to| *to += 1.0);
    }
    fn variances(&self, params: &[f64], to: &mut [f64]) {
        self.coordinates.iter().zip(params).for_each(|(at, log_sd)| to[*at] = (2.0 * log_sd).exp());
    }
}
