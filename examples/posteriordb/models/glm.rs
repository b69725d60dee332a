//! Generalised linear models.

use super::super::data::{Data, DataError};
use super::{AnyModel, columns, model, shared};
use probity_autodiff::{Var, formula};
use probity_distributions::{Bernoulli, Distribution, Normal};
use probity_vi::Scope;
use std::sync::Arc;

/// Logistic regression.
pub fn logistic(data: &Data) -> Result<AnyModel, DataError> {
    let (y, x) = (shared(data.column("y")?), Arc::new(data.matrix("X")?));
    Ok(model(move |s: &mut Scope| {
        let alpha = s.sample("alpha", Normal::new(0.0, 2.5))?;
        let beta = s.sample("beta", Normal::standard().rows(x.ncols()))?;
        let logits = alpha + s.data(&x).matmul(beta);
        s.observe("y", Bernoulli::from_logits(logits), &y)
    }))
}

/// Poisson regression, cubic in one input, with exposure.
pub fn poisson_cubic(data: &Data) -> Result<AnyModel, DataError> {
    let (y, x) = (shared(data.column("y")?), data.column("x")?);
    let log_exposure = shared(data.column("exposure")?.map(f64::ln));
    let powers = columns(&[0, 1, 2, 3].map(|power| x.map(|x: f64| x.powi(power))));
    Ok(model(move |s: &mut Scope| {
        let beta = s.sample("beta", Normal::new(0.0, 2.0).rows(4))?;
        let log_rate = s.data(&log_exposure) + s.data(&powers).matmul(beta);
        let y = s.data(&y);
        // ln y! does not depend on the rate, and is not computed again for another.
        let log_mass = Var::map_sum(formula!(|y, eta| y * eta - eta.exp()), [y, log_rate])
            - Var::map_sum(formula!(|y| (y + 1.0).lgamma()), [y]);
        s.factor("y", log_mass)
    }))
}
