//! Any covariance.

use super::block::Block;
use probity_autodiff::Key;

/// A lower triangular factor, column by column in a square; on its diagonal stand logarithms.
pub(super) struct Dense {
    coordinates: Vec<usize>,
}

impl Dense {
    pub(super) fn new(coordinates: Vec<usize>) -> Self {
        Self { coordinates }
    }
}

/// `to = L x` with L as parameters of `n` rows.
pub(super) fn times_lower(n: usize, params: &[f64], x: &[f64], to: &mut [f64]) {
    to.fill(0.0);
    for (j, x) in x.iter().enumerate() {
        to[j] += params[j * n + j].exp() * x;
        let column = &params[j * n + j + 1..(j + 1) * n];
        to[j + 1..].iter_mut().zip(column).for_each(|(to, l)| *to += l * x);
    }
}

impl Block for Dense {
    fn coordinates(&self) -> &[usize] {
        &self.coordinates
    }
    fn parameters(&self) -> usize {
        self.coordinates.len() * self.coordinates.len()
    }
    fn noise(&self) -> usize {
        self.coordinates.len()
    }
    fn start(&self, scale: f64, _: Key, params: &mut [f64]) {
        params.fill(0.0);
        let n = self.coordinates.len();
        (0..n).for_each(|i| params[i * n + i] = scale.ln());
    }
    fn add(&self, params: &[f64], z: &[f64], u: &mut [f64]) {
        let mut moved = vec![0.0; z.len()];
        times_lower(z.len(), params, z, &mut moved);
        self.coordinates.iter().zip(moved).for_each(|(at, m)| u[*at] += m);
    }
    fn accumulate(&self, params: &[f64], z: &[f64], gradient: &[f64], to: &mut [f64]) {
        let n = z.len();
        for (j, z) in z.iter().enumerate() {
            to[j * n + j] += gradient[self.coordinates[j]] * z * params[j * n + j].exp();
            for i in j + 1..n {
                to[j * n + i] += gradient[self.coordinates[i]] * z;
            }
        }
    }
    fn entropy(&self, _: &[f64], to: &mut [f64]) {
        let n = self.coordinates.len();
        (0..n).for_each(|i| to[i * n + i] += 1.0);
    }
    fn variances(&self, params: &[f64], to: &mut [f64]) {
        let n = self.coordinates.len();
        for (i, at) in self.coordinates.iter().enumerate() {
            let below: f64 = (0..i).map(|j| params[j * n + i].powi(2)).sum();
            to[*at] = below + (2.0 * params[i * n + i]).exp();
        }
    }
}
