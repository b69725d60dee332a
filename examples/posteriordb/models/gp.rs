//! Gaussian processes.

use super::super::data::{Data, DataError};
use super::restricted::positive;
use super::{AnyModel, Shared, model, shared};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Var, formula};
use probity_distributions::{Distribution, Flat, Gamma, HalfNormal, MultivariateNormal, Normal, StudentT};
use probity_vi::Scope;
use std::f64::consts::{LN_2, PI};
use std::sync::Arc;

/// The latent function integrated out.
pub fn regression(data: &Data) -> Result<AnyModel, DataError> {
    let (x, y) = (data.column("x")?, Arc::new(data.column("y")?.transpose()));
    let n = x.len();
    let squares = Arc::new(DMatrix::from_fn(n, n, |i, j| (x[i] - x[j]).powi(2)));
    let (identity, y) =
        (Arc::new(DMatrix::identity(n, n)), Arc::new(DMatrix::from_row_slice(1, n, y.as_slice())));
    Ok(model(move |s: &mut Scope| {
        let rho = s.sample("rho", Gamma::new(25.0, 4.0))?;
        let alpha = s.sample("alpha", HalfNormal::new(2.0))?;
        let sigma = s.sample("sigma", HalfNormal::new(1.0))?;
        let kernel = formula!(|square, one, rho, alpha, sigma| {
            (square / (rho * rho) * -0.5).exp() * alpha * alpha + sigma * one
        });
        let covariance = Var::map(kernel, [s.data(&squares), s.data(&identity), rho, alpha, sigma]);
        let zero = s.data(&DMatrix::zeros(1, n));
        s.observe("y", MultivariateNormal::from_covariance(zero, covariance)?, &y)
    }))
}

/// `InverseGamma(shape, rate)` as a factor.
fn inverse_gamma<'t>(x: Var<'t>, shape: f64, rate: f64) -> Var<'t> {
    let (shape, rate) = (Var::from(shape), Var::from(rate));
    let f = formula!(|x, a, b| a * b.ln() - a.lgamma() - (a + 1.0) * x.ln() - b / x);
    Var::map(f, [x, shape, rate])
}

/// Mean and log standard deviation are Gaussian processes on basis functions.
pub fn motorcycle(data: &Data) -> Result<AnyModel, DataError> {
    let y = shared(data.column("Y")?);
    let process = |basis, frequencies| -> Result<_, DataError> {
        Ok((Arc::new(data.matrix(basis)?), Arc::new(data.matrix(frequencies)?)))
    };
    let mean = process("Xgp_1", "slambda_1")?;
    let scale = process("Xgp_sigma_1", "slambda_sigma_1")?;
    Ok(model(move |s: &mut Scope| {
        let mut process = |at: &str, (basis, frequencies): &(Shared, Shared)| {
            let prior = positive(StudentT::new(3.0, 0.0, 36.0), LN_2);
            let size = s.sample(&format!("sdgp{at}"), prior)?;
            let length = s.sample(&format!("lscale{at}"), Flat::positive())?;
            s.factor(&format!("lscale{at}.prior"), inverse_gamma(length, 1.124909, 0.0177))?;
            let z = s.sample(&format!("zgp{at}"), Normal::standard().rows(frequencies.len()))?;
            // The root of the spectral density s² √(2π) l exp(-½ (l w)²).
            let root = formula!(|w, s, l| s * (l * (2.0 * PI).sqrt()).sqrt() * ((l * w).sq() * -0.25).exp());
            let weights = Var::map(root, [s.data(frequencies), size, length]) * z;
            Ok::<_, probity_vi::Error>(s.data(basis).matmul(weights))
        };
        let (f, g) = (process("_1", &mean)?, process("_sigma_1", &scale)?);
        let f = f + s.sample("Intercept", StudentT::new(3.0, -13.0, 36.0))?;
        let g = g + s.sample("Intercept_sigma", StudentT::new(3.0, 0.0, 10.0))?;
        s.observe("Y", Normal::new(f, g.exp()), &y)
    }))
}
