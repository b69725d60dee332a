//! Course 3. A model of your own, as a closure and as a struct: Rubin's eight schools (1981).
//!
//! `cargo run --release --example 03_eight_schools`

use probity::prelude::*;
use probity_examples::{console::end, say};
use std::process::ExitCode;

/// The estimated effect of coaching in eight schools.
pub const EFFECT: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
/// The standard errors of these estimates.
pub const ERROR: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

/// `ln p(y)`, by quadrature. No ELBO may exceed it.
pub const LOG_EVIDENCE: f64 = -31.3113;

/// The model as a struct: it owns its data, has a name, and runs on any element type.
#[derive(Debug)]
pub struct EightSchools {
    /// Estimated effects.
    pub effect: Vec<f64>,
    /// Their standard errors.
    pub error: Vec<f64>,
}

impl<T: Scalar> Model<T> for EightSchools {
    fn run(&self, s: &mut Scope<'_, T>) -> probity::vi::Result {
        let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
        let tau = s.sample("tau", HalfCauchy::new(5.0))?;
        // Standardised effects: those of the schools themselves would have a spread that depends on
        // tau, which independent Gaussians describe badly.
        let z = s.sample("z", Normal::standard().rows(self.effect.len()))?;
        let theta = s.deterministic("theta", mu + tau * z)?;
        s.observe("effect", Normal::new(theta, s.data(&self.error)), &self.effect)
    }
}

/// The model as a closure, fitted without any setting.
pub fn fit_closure() -> probity::vi::Result<Posterior<impl Model + Sync>> {
    fit(|s: &mut Scope| {
        let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
        let tau = s.sample("tau", HalfCauchy::new(5.0))?;
        let z = s.sample("z", Normal::standard().rows(8))?;
        let theta = s.deterministic("theta", mu + tau * z)?;
        s.observe("effect", Normal::new(theta, s.data(&ERROR)), &EFFECT)
    })
}

/// The model as a struct, fitted with settings: all of them stand in the report.
pub fn fit_struct() -> probity::vi::Result<Posterior<EightSchools>> {
    let model = EightSchools { effect: EFFECT.to_vec(), error: ERROR.to_vec() };
    Fit::new()
        .steps(Steps::new(4000).schedule(Schedule::Cosine { end: 0.01 }))
        .draws(16)
        .optimizer(Adam::new(0.03))
        .seed(7)
        .run(model)
}

fn main() -> ExitCode {
    end(run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let posterior = fit_closure()?;
    say!("{posterior}");

    let draws = posterior.draws(10_000)?;
    let better = draws["theta"].entry(0).zip(draws["theta"].entry(2)).filter(|(a, c)| a > c).count();
    say!("P(school 1 has a larger effect than school 3) = {:.2}", better as f64 / 10_000.0);

    let posterior = fit_struct()?;
    say!("ELBO of the struct: {}, log evidence {LOG_EVIDENCE}", posterior.elbo(10_000)?);
    Ok(())
}
