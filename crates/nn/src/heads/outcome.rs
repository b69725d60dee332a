//! Distributions of one row's target, as plain numbers.

use probity_autodiff::Key;
use probity_distributions::{Cdf, Moments, Sample};
use std::fmt::Debug;

/// The distribution of a row's target given the weights: a row of one or several numbers.
pub trait Outcome: Clone + Debug + Send + Sync {
    /// How many numbers a target has moments of.
    fn targets(&self) -> usize {
        1
    }

    /// The log density (log mass) of a row of targets, in nats.
    fn log_prob(&self, y: &[f64]) -> f64;

    /// The mean of target `j`.
    fn mean(&self, j: usize) -> f64;

    /// The variance of target `j`.
    fn variance(&self, j: usize) -> f64;

    /// The probabilities of the classes, if the target is one of several.
    fn probabilities(&self) -> Option<&[f64]> {
        None
    }

    /// A draw: a pure function of the key.
    fn sample(&self, key: Key) -> Vec<f64>;
}

/// An [`Outcome`] of one number on a line, which has quantiles.
pub trait Ranked: Outcome {
    /// `P(Y <= y)`.
    fn cdf(&self, y: f64) -> f64;

    /// `P(Y > y)`, accurate where it is small.
    fn sf(&self, y: f64) -> f64;

    /// The smallest y with `P(Y <= y) >= p`.
    fn quantile(&self, p: f64) -> f64;

    /// Whether the number is whole.
    fn is_discrete(&self) -> bool {
        false
    }
}

/// A family of `probity-distributions` on numbers as an outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Univariate<D>(pub D);

impl<D: Moments<f64> + Sample<f64> + Send + Sync> Outcome for Univariate<D> {
    fn log_prob(&self, y: &[f64]) -> f64 {
        y.first().map_or(f64::NAN, |y| self.0.log_prob(*y))
    }
    fn mean(&self, _: usize) -> f64 {
        self.0.mean()
    }
    fn variance(&self, _: usize) -> f64 {
        self.0.variance()
    }
    fn sample(&self, key: Key) -> Vec<f64> {
        vec![self.0.sample((), key)]
    }
}

impl<D: Cdf<f64> + Moments<f64> + Sample<f64> + Send + Sync> Ranked for Univariate<D> {
    fn cdf(&self, y: f64) -> f64 {
        self.0.cdf(y)
    }
    fn sf(&self, y: f64) -> f64 {
        self.0.sf(y)
    }
    fn quantile(&self, p: f64) -> f64 {
        self.0.quantile(p)
    }
    fn is_discrete(&self) -> bool {
        self.0.support().is_discrete()
    }
}

/// The probabilities of classes 0, 1, ...
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities(pub Vec<f64>);

impl Probabilities {
    /// Of unnormalised logarithms.
    pub(super) fn of_logits(logits: &[f64]) -> Self {
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let p = logits.iter().map(|l| (l - top).exp());
        let sum: f64 = p.clone().sum();
        Self(p.map(|p| p / sum).collect())
    }
}

impl Outcome for Probabilities {
    /// Of a class as a number; minus infinity of what is none.
    fn log_prob(&self, y: &[f64]) -> f64 {
        let class = y.first().filter(|y| y.fract() == 0.0 && **y >= 0.0).map(|y| *y as usize);
        class.and_then(|class| self.0.get(class)).map_or(f64::NEG_INFINITY, |p| p.ln())
    }
    fn probabilities(&self) -> Option<&[f64]> {
        Some(&self.0)
    }
    /// Of the number of the class.
    fn mean(&self, _: usize) -> f64 {
        self.0.iter().enumerate().map(|(k, p)| k as f64 * p).sum()
    }
    fn variance(&self, j: usize) -> f64 {
        let mean = self.mean(j);
        self.0.iter().enumerate().map(|(k, p)| (k as f64 - mean).powi(2) * p).sum()
    }
    fn sample(&self, key: Key) -> Vec<f64> {
        let mut left = probity_autodiff::random::uniform_at::<f64>(key, 0);
        let last = self.0.len().saturating_sub(1);
        let class = self.0.iter().position(|p| {
            left -= p;
            left < 0.0
        });
        vec![class.unwrap_or(last) as f64]
    }
}
