//! The random numbers of which a problem is made.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::{normal_at, uniform_at};

/// Numbers one after the other, a pure function of the key.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    key: Key,
    next: u64,
}

impl Random {
    pub fn new(key: Key) -> Self {
        Self { key, next: 0 }
    }

    fn index(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Uniform between two limits.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        let u: f64 = uniform_at(self.key, self.index());
        low + (high - low) * u
    }

    /// Uniform on the logarithmic scale between two positive limits.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// A whole number, both limits included.
    pub fn whole(&mut self, low: usize, high: usize) -> usize {
        low + self.between(0.0, (high - low + 1) as f64) as usize
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.between(0.0, 1.0) < probability
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        normal_at(self.key.fold_in_str("normal"), self.index())
    }

    /// A random direction.
    pub fn direction(&mut self, d: usize) -> DVector<f64> {
        DVector::from_fn(d, |_, _| self.normal()).normalize()
    }

    /// A random rotation, with reflections.
    pub fn rotation(&mut self, d: usize) -> DMatrix<f64> {
        DMatrix::from_fn(d, d, |_, _| self.normal()).qr().q()
    }
}
