//! Mixtures.

use super::super::data::{Data, DataError};
use super::restricted::ordered;
use super::{AnyModel, model, shared};
use probity_autodiff::{Var, formula};
use probity_distributions::{Distribution, Flat, HalfNormal, Normal};
use probity_vi::Scope;

/// Two Normals in the order of their means.
pub fn two_normals(data: &Data) -> Result<AnyModel, DataError> {
    let y = shared(data.column("y")?);
    Ok(model(move |s: &mut Scope| {
        let mu = s.sample("mu", ordered(Normal::new(0.0, 2.0).shaped(1, 2)))?;
        let sigma = s.sample("sigma", HalfNormal::new(2.0).rows(2))?;
        let theta = s.sample("theta", Flat::between(0.0, 1.0))?;
        // Beta(5, 5): 1 / B(5, 5) = 630.
        s.factor("theta.prior", (theta * (1.0 - theta)).ln() * 4.0 + 630f64.ln())?;
        let component = |k| Normal::new(mu.at(0, k), sigma.at(k, 0)).log_prob(s.data(&y));
        let weights = [theta.ln(), (1.0 - theta).ln()];
        let mixture = formula!(|p, a, q, b| (p + a).log_add_exp(q + b));
        s.factor("y", Var::map(mixture, [weights[0], component(0), weights[1], component(1)]))
    }))
}
