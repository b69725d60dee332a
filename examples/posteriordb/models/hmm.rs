//! Hidden Markov models of two states, which are summed out.

use super::super::data::{Data, DataError};
use super::restricted::positive_ordered;
use super::{AnyModel, model, shared};
use probity_autodiff::Var;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Dirichlet, Distribution, Exponential, Normal};
use probity_vi::{Result, Scope};
use std::sync::Arc;

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
        let flat = Dirichlet::new(s.data(&[1.0, 1.0]).transpose());
        let theta = [s.sample("theta1", flat)?, s.sample("theta2", flat)?];
        let levels = Normal::new(s.data(&[3.0, 10.0]).transpose(), 1.0);
        let mu = s.sample("mu", positive_ordered(levels))?;
        let emission = Normal::new(mu, 1.0).log_prob(s.data(&y));
        likelihood(s, theta, emission)
    }))
}

/// Two series of exponential waiting times.
pub fn drives(data: &Data) -> std::result::Result<AnyModel, DataError> {
    let (u, v) = (shared(data.column("u")?), shared(data.column("v")?));
    let alpha: DMatrix<f64> = data.matrix("alpha")?;
    if alpha.shape() != (2, 2) {
        return Err(DataError::Field("alpha".into(), "two rows of two numbers"));
    }
    let alpha = [0, 1].map(|row| Arc::new(DMatrix::from_fn(1, 2, |_, k| alpha[(row, k)])));
    Ok(model(move |s: &mut Scope| {
        let prior = [0, 1].map(|row: usize| Dirichlet::new(s.data(&alpha[row])));
        let theta = [s.sample("theta1", prior[0])?, s.sample("theta2", prior[1])?];
        let rates = positive_ordered(Normal::new(s.data(&[0.0, 3.0]).transpose(), 1.0));
        let phi = s.sample("phi", rates)?;
        let lambda = s.sample("lambda", rates)?;
        let emission =
            Exponential::new(phi).log_prob(s.data(&u)) + Exponential::new(lambda).log_prob(s.data(&v));
        likelihood(s, theta, emission)
    }))
}
