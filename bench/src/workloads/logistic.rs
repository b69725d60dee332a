//! Mean-field inference for a hierarchical logistic regression.

use super::{MANY, Outcome, normal, uniform};
use crate::meter::Meter;
use probity_autodiff::Var;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Bernoulli, Distribution, HalfCauchy, Normal};
use probity_vi::{Fit, Scope};
use serde::Deserialize;
use std::sync::Arc;

/// Slopes `Normal(0, 1)`; an intercept for every group, `m + t z` with `m ~ Normal(0, 5)`,
/// `t ~ HalfCauchy(1)` and `z ~ Normal(0, 1)`. One draw, all rows in every step, in double
/// precision.
#[derive(Clone, Debug, Deserialize)]
pub struct Logistic {
    /// Rows of the data.
    pub rows: usize,
    /// Columns of X.
    pub columns: usize,
    /// Groups; row i is of group `i mod groups`.
    pub groups: usize,
}

impl Logistic {
    pub(super) fn run(&self, meter: &mut Meter) -> Outcome {
        let (columns, groups) = (self.columns, self.groups);
        let (x, slope) = (normal(self.rows, columns, "x"), normal(columns, 1, "b") * 0.2);
        let (log_odds, u) = (&x * slope, uniform(self.rows, 1, "u"));
        let label = |i: usize, _| if u[i] < 1.0 / (1.0 + (-log_odds[i]).exp()) { 1.0 } else { 0.0 };
        let (y, x) = (Arc::new(DMatrix::from_fn(self.rows, 1, label)), Arc::new(x));
        let group: Arc<[usize]> = (0..self.rows).map(|i| i % groups).collect();
        let model = |s: &mut Scope| {
            let slope = s.sample("slope", Normal::new(0.0, 1.0).rows(columns))?;
            let mean = s.sample("mean", Normal::new(0.0, 5.0))?;
            let spread = s.sample("spread", HalfCauchy::new(1.0))?;
            let z = s.sample("z", Normal::standard().rows(groups))?;
            let intercept = (mean + spread * z).gather_rows(group.clone());
            let logits = s.data(&x).matmul(slope) + intercept;
            s.observe("y", Bernoulli::<Var<'_, f64>>::from_logits(logits), &y)
        };
        Fit::new().draws(1).steps(MANY).elbo_draws(0).run_observed(model, &mut [meter])?;
        Ok(())
    }
}
