//! A density of the real line on the positive numbers.

use probity_autodiff::{Terms, Value};
use probity_distributions::{Distribution, ParameterError, Support};

/// A distribution of the real line, restricted to the positive numbers: its log density there, and
/// a constant. With `ln 2`, a density that is symmetric around 0 is normalised again; with 0, it is
/// not, which does not matter to a posterior.
#[derive(Clone, Copy, Debug)]
pub struct OnPositive<D> {
    pub of: D,
    pub log_weight: f64,
}

impl<V: Value, D: Distribution<V>> Distribution<V> for OnPositive<D> {
    const NAME: &'static str = "OnPositive";

    fn support(&self) -> Support<V> {
        Support::Positive
    }
    fn shape(&self) -> (usize, usize) {
        self.of.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.of.check()
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        let log_prob = self.of.log_prob_terms(x, terms);
        let (rows, cols) = x.shape();
        match terms {
            _ if self.log_weight == 0.0 => log_prob,
            Terms::Each => log_prob + self.log_weight,
            Terms::Sum => log_prob + self.log_weight * (rows * cols) as f64,
        }
    }
}
