//! Series of numbers that depend on those before.

use super::super::data::{Data, DataError};
use super::{AnyModel, columns, model, shared};
use probity_autodiff::{Real, Recursion, Var};
use probity_distributions::{Distribution, Flat, HalfCauchy, Normal};
use probity_vi::Scope;

/// An autoregressive process, conditional on the first numbers.
pub fn autoregression(data: &Data) -> Result<AnyModel, DataError> {
    let (order, y) = (data.number("K")? as usize, data.column("y")?);
    let n = y.len().saturating_sub(order);
    let before: Vec<_> = (1..=order).map(|lag| y.rows(order - lag, n).clone_owned()).collect();
    let (y, before) = (shared(y.rows(order, n).clone_owned()), columns(&before));
    Ok(model(move |s: &mut Scope| {
        let alpha = s.sample("alpha", Normal::new(0.0, 10.0))?;
        let beta = s.sample("beta", Normal::new(0.0, 10.0).rows(order))?;
        let sigma = s.sample("sigma", HalfCauchy::new(2.5))?;
        let mean = alpha + s.data(&before).matmul(beta);
        s.observe("y", Normal::new(mean, sigma), &y)
    }))
}

/// The variance of a GARCH(1, 1) process after the observation y.
#[derive(Clone, Copy, Debug)]
struct Garch;
impl Recursion<6, 1> for Garch {
    #[inline(always)]
    fn step<R: Real>(&self, [variance, mu, alpha0, alpha1, beta1, y]: [R; 6]) -> [R; 1] {
        [alpha0 + alpha1 * (y - mu).sq() + beta1 * variance]
    }
}

/// Generalised autoregressive conditional heteroscedasticity.
pub fn garch(data: &Data) -> Result<AnyModel, DataError> {
    let (y, first) = (data.column("y")?, data.number("sigma1")?.powi(2));
    let steps = y.len().saturating_sub(1);
    let (before, y) = (shared(y.rows(0, steps).clone_owned()), shared(y));
    Ok(model(move |s: &mut Scope| {
        let mu = s.sample("mu", Flat::real())?;
        let alpha0 = s.sample("alpha0", Flat::positive())?;
        let alpha1 = s.sample("alpha1", Flat::between(0.0, 1.0))?;
        let beta1 = s.sample("beta1", Flat::between(0.0, 1.0 - alpha1))?;
        let first = Var::from(first);
        let later = s.tape().scan(Garch, steps, [first], [mu, alpha0, alpha1, beta1, s.data(&before)]);
        let variance = Var::concat_rows(&[first, later]);
        s.observe("y", Normal::new(mu, variance.sqrt()), &y)
    }))
}
