//! Groups that share a distribution.

use super::super::data::{Data, DataError};
use super::{AnyModel, model, shared};
use probity_distributions::{Distribution, HalfCauchy, HalfNormal, Normal};
use probity_vi::Scope;
use std::sync::Arc;

/// Rubin 1981: the effects of coaching in eight schools, with standard errors.
pub fn eight_schools_centred(data: &Data) -> Result<AnyModel, DataError> {
    let (y, sigma) = (shared(data.column("y")?), shared(data.column("sigma")?));
    Ok(model(move |s: &mut Scope| {
        let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
        let tau = s.sample("tau", HalfCauchy::new(5.0))?;
        let theta = s.sample("theta", Normal::new(mu, tau).rows(y.len()))?;
        s.observe("y", Normal::new(theta, s.data(&sigma)), &y)
    }))
}

/// The same posterior in coordinates that do not depend on each other before the data.
pub fn eight_schools_noncentred(data: &Data) -> Result<AnyModel, DataError> {
    let (y, sigma) = (shared(data.column("y")?), shared(data.column("sigma")?));
    Ok(model(move |s: &mut Scope| {
        let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
        let tau = s.sample("tau", HalfCauchy::new(5.0))?;
        let z = s.sample("theta_trans", Normal::standard().rows(y.len()))?;
        let theta = s.deterministic("theta", mu + tau * z)?;
        s.observe("y", Normal::new(theta, s.data(&sigma)), &y)
    }))
}

/// Unbalanced groups, non-centred.
pub fn one_way(data: &Data) -> Result<AnyModel, DataError> {
    let (y, groups) = (shared(data.column("y")?), data.groups("group")?);
    let (n, groups): (_, Arc<[usize]>) = (data.number("G")? as usize, groups.into());
    Ok(model(move |s: &mut Scope| {
        let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
        let tau = s.sample("tau", HalfNormal::new(2.0))?;
        let sigma = s.sample("sigma", HalfNormal::new(2.0))?;
        let z = s.sample("z", Normal::standard().rows(n))?;
        let mean = s.gather(mu + tau * z, &groups)?;
        s.observe("y", Normal::new(mean, sigma), &y)
    }))
}
