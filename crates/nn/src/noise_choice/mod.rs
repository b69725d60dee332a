//! Which noise a table speaks for.

mod continued;
mod left_out;

pub(crate) use continued::choose_by_elbo;
pub(crate) use left_out::choose_by_left_out_rows;

use crate::noise::{Noise, Tails};
use serde::{Deserialize, Serialize};
use std::fmt;

/// By what noise is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum NoiseCriterion {
    /// The sum over rows of the log predictive density of a row given all others. Rows are left out
    /// by importance weights of the draws.
    ///
    /// *Source*: Vehtari, Gelman, Gabry 2017, "Practical Bayesian model evaluation using
    /// leave-one-out cross-validation and WAIC".
    LeftOutRows {
        /// Rows whose weights have k̂ above 0.7: what is said of these is not to be believed.
        influential: usize,
    },
    /// The evidence lower bound.
    Elbo,
}

/// How well noise of one kind describes the targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseCandidate {
    /// The spread.
    pub noise: Noise,
    /// The shape.
    pub tails: Tails,
    /// Whether the weights were inferred with this noise. If not, this is what it would be around
    /// the means that were inferred with the first candidate.
    pub fitted: bool,
    /// The criterion less that of the first candidate, in nats: larger is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub difference: f64,
    /// Its standard error: from the spread over rows, or over the draws of the ELBO.
    #[serde(with = "probity_autodiff::serde_float")]
    pub standard_error: f64,
}

impl NoiseCandidate {
    /// Differences of so many standard errors count, if they are
    const SURE: f64 = 2.0;
    /// at least so many nats: the standard errors of smaller ones are not to be trusted.
    ///
    /// *Source*: Sivula, Magnusson, Matamoros, Vehtari 2020, "Uncertainty in Bayesian leave-one-out
    /// cross-validation based model comparison".
    const LEAST: f64 = 4.0;

    /// Whether it is better than the first beyond doubt.
    fn is_better(&self) -> bool {
        self.difference > Self::LEAST.max(Self::SURE * self.standard_error)
    }
}

/// The noise that was chosen for a table, and why.
///
/// The mean is found first. Weights that are sampled have noise that depends on the inputs as far
/// as its own unknown scale lets it; around the means of these draws, other noise is judged by rows
/// that are left out, and the best of what is better is fitted and judged by its own draws. A mean
/// field is fitted with constant noise, continued with each kind, and judged by the ELBO. Better is
/// what is better than the first by four nats and by two standard errors; else the first is kept.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::{Tails, fit_regression};
///
/// // A straight line, with every tenth target far off.
/// let x = DMatrix::from_fn(60, 1, |i, _| i as f64 / 20.0);
/// let wrong = |i: usize| if i % 10 == 4 { 8.0 - (i % 3) as f64 * 8.0 } else { 0.01 * (i % 7) as f64 };
/// let y: Vec<f64> = x.iter().enumerate().map(|(i, x)| x + wrong(i)).collect();
/// let fitted = fit_regression(&x, &y)?;
/// let choice = fitted.noise_choice().expect("a table without settings");
/// println!("{choice}");
/// assert_eq!(choice.tails, Tails::StudentT);
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseChoice {
    /// The spread that was chosen.
    pub noise: Noise,
    /// The shape that was chosen.
    pub tails: Tails,
    /// By what.
    pub criterion: NoiseCriterion,
    /// The rows that were learned from.
    pub rows: usize,
    /// The first fit, estimates, and fits that were tried.
    pub candidates: Vec<NoiseCandidate>,
}

impl fmt::Display for NoiseChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { noise, tails, criterion, rows, candidates } = self;
        let first = candidates.first().is_some_and(|c| (c.noise, c.tails) == (*noise, *tails));
        let why = if first { "kept, as nothing else is better" } else { "better than the first" };
        writeln!(
            f,
            "noise: {tails}, {noise}; {why} by {} nats and {} standard errors",
            NoiseCandidate::LEAST,
            NoiseCandidate::SURE
        )?;
        match criterion {
            NoiseCriterion::LeftOutRows { influential } => {
                write!(f, "{rows} rows, each left out ({influential} of them influential)")?;
            }
            NoiseCriterion::Elbo => write!(f, "ELBO of {rows} rows")?,
        }
        write!(f, ", nats less those of the first:")?;
        for NoiseCandidate { noise, tails, fitted, difference, standard_error } in candidates {
            let how = if *fitted { "fitted" } else { "around the first means" };
            write!(f, "\n  {tails:<9} {noise:<21} {difference:>9.1} ± {standard_error:<6.1} {how}")?;
        }
        Ok(())
    }
}
