//! Hidden Markov models of two states, which are summed out.

use super::super::data::{Data, DataError};
use super::{AnyModel, model, ordered, shared};
use probity_autodiff::{Real, Var};
use probity_distributions::{Distribution, Exponential, Flat, Normal};
use probity_vi::{Result, Scope};
use std::sync::Arc;

/// A pair of probabilities, flat on the simplex: a row.
fn pair<'t>(s: &mut Scope<'t>, name: &str) -> Result<Var<'t>> {
    let first = s.within(name, |s| s.sample("first", Flat::between(0.0, 1.0)))?;
    s.deterministic(name, Var::concat_cols(&[first, 1.0 - first]))
}

/// The sum over all sequences of states, each of which starts with weight one.
fn likelihood<'t>(s: &mut Scope<'t>, rows: [Var<'t>; 2], emission: Var<'t>) -> Result {
    let (initial, transition) = (s.data(&[0.0, 0.0]).transpose(), Var::concat_rows(&rows).ln());
    let messages = emission.forward_algorithm(initial, transition);
    let n = messages.nrows();
    s.factor("likelihood", messages.rows(n - 1..n).logsumexp())
}

/// Levels with noise of variance one.
pub fn two_levels(data: &Data) -> std::result::Result<AnyModel, DataError> {
    let y = shared(data.column("y")?);
    Ok(model(move |s: &mut Scope| {
        let theta = [pair(s, "theta1")?, pair(s, "theta2")?];
        let mu = ordered::positive(s, "mu", 2)?;
        s.factor("mu.prior", Normal::new(s.data(&[3.0, 10.0]), 1.0).log_prob(mu))?;
        let emission = Normal::new(mu.transpose(), 1.0).log_prob(s.data(&y));
        likelihood(s, theta, emission)
    }))
}

/// Two series of exponential waiting times.
pub fn drives(data: &Data) -> std::result::Result<AnyModel, DataError> {
    let (u, v) = (shared(data.column("u")?), shared(data.column("v")?));
    let alpha = Arc::new(data.matrix("alpha")?);
    // The logarithm of the normaliser of both Dirichlet densities.
    let lgamma = |x: f64| Real::lgamma(x);
    let of_row = |row: usize| lgamma(alpha.row(row).sum()) - alpha.row(row).map(lgamma).sum();
    let normaliser = of_row(0) + of_row(1);
    Ok(model(move |s: &mut Scope| {
        let theta = [pair(s, "theta1")?, pair(s, "theta2")?];
        let dirichlet = (s.data(&alpha) - 1.0) * Var::concat_rows(&theta).ln();
        s.factor("theta.prior", dirichlet.sum() + normaliser)?;
        let prior = Normal::new(s.data(&[0.0, 3.0]), 1.0);
        let phi = ordered::positive(s, "phi", 2)?;
        s.factor("phi.prior", prior.log_prob(phi))?;
        let lambda = ordered::positive(s, "lambda", 2)?;
        s.factor("lambda.prior", prior.log_prob(lambda))?;
        let emission = Exponential::new(phi.transpose()).log_prob(s.data(&u))
            + Exponential::new(lambda.transpose()).log_prob(s.data(&v));
        likelihood(s, theta, emission)
    }))
}
