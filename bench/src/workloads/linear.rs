//! Mean-field inference for a linear regression.

use super::{MANY, Outcome, normal};
use crate::meter::Meter;
use probity_distributions::{Distribution, HalfNormal, Normal};
use probity_vi::{Fit, Scope};
use serde::Deserialize;
use std::sync::Arc;

/// `y ~ Normal(X b, s)`, `b ~ Normal(0, 1)`, `s ~ HalfNormal(1)`, all rows in every step, in double
/// precision.
#[derive(Clone, Debug, Deserialize)]
pub struct LinearRegression {
    /// Rows of the data.
    pub rows: usize,
    /// Columns of X.
    pub columns: usize,
    /// Draws per step.
    pub draws: usize,
}

impl LinearRegression {
    pub(super) fn run(&self, meter: &mut Meter) -> Outcome {
        let (x, b) = (normal(self.rows, self.columns, "x"), normal(self.columns, 1, "b"));
        let y = Arc::new(&x * b + normal(self.rows, 1, "noise"));
        let (x, columns) = (Arc::new(x), self.columns);
        let model = |s: &mut Scope| {
            let b = s.sample("b", Normal::new(0.0, 1.0).rows(columns))?;
            let noise = s.sample("noise", HalfNormal::new(1.0))?;
            s.observe("y", Normal::new(s.data(&x).matmul(b), noise), &y)
        };
        Fit::new().draws(self.draws).steps(MANY).elbo_draws(0).run_observed(model, &mut [meter])?;
        Ok(())
    }
}
