//! Leave-one-out cross-validation by importance sampling, and the comparison of models by it.

use super::{log_sum_exp, mean, psis, variance};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An expected log predictive density: a sum over observations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elpd {
    /// The sum, in nats.
    #[serde(with = "probity_autodiff::serde_float")]
    pub value: f64,
    /// Its standard error, from the spread of observations.
    #[serde(with = "probity_autodiff::serde_float")]
    pub standard_error: f64,
    /// By how much it is lower than the log density of the data themselves: the effective number of
    /// parameters.
    #[serde(with = "probity_autodiff::serde_float")]
    pub effective_parameters: f64,
    /// The term of every observation.
    #[serde(with = "probity_autodiff::serde_float")]
    pub pointwise: Vec<f64>,
}

impl Elpd {
    pub(super) fn new(pointwise: Vec<f64>, effective_parameters: f64) -> Self {
        let standard_error = (pointwise.len() as f64 * variance(&pointwise)).sqrt();
        Self { value: pointwise.iter().sum(), standard_error, effective_parameters, pointwise }
    }
}

impl fmt::Display for Elpd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, standard_error, effective_parameters: p, pointwise } = self;
        let n = pointwise.len();
        write!(f, "elpd {value:.1} ± {standard_error:.1} of {n} observations, {p:.1} effective parameters")
    }
}

/// Leave-one-out cross-validation without fitting again: draws of the posterior get weights as if
/// one observation were missing.
///
/// The log likelihood of every observation at every draw is a slice, draw after draw. An
/// observation with a log likelihood that is not finite has NaN as its term and k̂, and so does the
/// sum.
///
/// *Source*: Vehtari, Gelman, Gabry 2017, "Practical Bayesian model evaluation using leave-one-out
/// cross-validation and WAIC".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loo {
    /// The expected log predictive density.
    pub elpd: Elpd,
    /// k̂ for every observation: above [`Psis::k_limit`](super::Psis::k_limit) it is too
    /// influential for weights, and its term is not to be believed.
    #[serde(with = "probity_autodiff::serde_float")]
    pub k_hat: Vec<f64>,
    /// The number of draws.
    pub draws: usize,
}

impl Loo {
    /// From draws of the posterior, such as those of a sampler. `relative_efficiency` is their
    /// effective sample size over their number: 1 for independent draws.
    ///
    /// # Errors
    /// If `log_likelihood` is not a whole number of draws of `observations` entries, at least one
    /// each.
    pub fn new(log_likelihood: &[f64], observations: usize, relative_efficiency: f64) -> Result<Self> {
        let draws = count(log_likelihood, observations)?;
        Ok(Self::by_ratios(log_likelihood, observations, &vec![0.0; draws], relative_efficiency))
    }

    /// From draws of a guide q, with `log_ratios` ln p(u, y) − ln q(u) of every draw, up to a
    /// constant: they correct the guide and leave out the observation in one set of weights.
    ///
    /// *Source*: Magnusson, Andersen, Jonasson, Vehtari 2019, "Bayesian leave-one-out
    /// cross-validation for large data", equation 7.
    ///
    /// # Errors
    /// As [`new`](Loo::new), and if there is not one ratio for every draw.
    pub fn of_guide(log_likelihood: &[f64], observations: usize, log_ratios: &[f64]) -> Result<Self> {
        let draws = count(log_likelihood, observations)?;
        if log_ratios.len() != draws {
            let problem = format!("{} for {draws} draws", log_ratios.len());
            return Err(Error::Setting { setting: "log_ratios", problem });
        }
        Ok(Self::by_ratios(log_likelihood, observations, log_ratios, 1.0))
    }

    fn by_ratios(log_likelihood: &[f64], observations: usize, ratios: &[f64], efficiency: f64) -> Self {
        let draws = ratios.len();
        let equal = ratios.iter().all(|r| *r == ratios[0]);
        let base = if equal { vec![-(draws as f64).ln(); draws] } else { psis(ratios, 1.0).log_weights };
        let (mut pointwise, mut k_hat, mut log_density) = (Vec::new(), Vec::new(), 0.0);
        for i in 0..observations {
            let each = || log_likelihood.iter().skip(i).step_by(observations);
            if each().any(|l| !l.is_finite()) {
                pointwise.push(f64::NAN);
                k_hat.push(f64::NAN);
                log_density = f64::NAN;
                continue;
            }
            let without: Vec<f64> = ratios.iter().zip(each()).map(|(r, l)| r - l).collect();
            let smoothed = psis(&without, efficiency);
            let with = |weights: &[f64]| log_sum_exp(weights.iter().zip(each()).map(|(w, l)| w + l));
            log_density += with(&base);
            pointwise.push(with(&smoothed.log_weights));
            k_hat.push(smoothed.k_hat);
        }
        let effective = log_density - pointwise.iter().sum::<f64>();
        Self { elpd: Elpd::new(pointwise, effective), k_hat, draws }
    }

    /// How many observations have a k̂ above this, or NaN.
    pub fn above(&self, limit: f64) -> usize {
        self.k_hat.iter().filter(|k| !(**k <= limit)).count()
    }

    /// The observations whose terms are not to be believed: k̂ above the limit, or NaN.
    pub fn unreliable(&self) -> Vec<usize> {
        let limit = super::Psis::k_limit(self.draws);
        (0..self.k_hat.len()).filter(|&i| !(self.k_hat[i] <= limit)).collect()
    }
}

impl fmt::Display for Loo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; k̂ too high for {}", self.elpd, self.unreliable().len())
    }
}

/// The number of draws.
pub(super) fn count(log_likelihood: &[f64], observations: usize) -> Result<usize> {
    if observations == 0 || log_likelihood.is_empty() || !log_likelihood.len().is_multiple_of(observations) {
        let problem = format!("{} numbers for {observations} observations", log_likelihood.len());
        return Err(Error::Setting { setting: "log_likelihood", problem });
    }
    Ok(log_likelihood.len() / observations)
}

/// A model among others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Its place in what was compared.
    pub model: usize,
    /// Its expected log predictive density less that of the best model; 0 for the best.
    #[serde(with = "probity_autodiff::serde_float")]
    pub difference: f64,
    /// The standard error of the difference, from pairs of terms.
    #[serde(with = "probity_autodiff::serde_float")]
    pub standard_error: f64,
}

/// Models by their expected log predictive density for the same observations, the best first; those
/// with NaN last.
///
/// *Source*: Vehtari, Gelman, Gabry 2017, section 5.2.
///
/// # Errors
/// If models have not the same number of observations.
pub fn compare(models: &[&Elpd]) -> Result<Vec<Comparison>> {
    let n = models.first().map_or(0, |m| m.pointwise.len());
    if let Some(i) = models.iter().position(|m| m.pointwise.len() != n) {
        let problem =
            format!("model 0 has {n} observations, but model {i} has {}", models[i].pointwise.len());
        return Err(Error::Setting { setting: "models", problem });
    }
    let value = |i: usize| if models[i].value.is_nan() { f64::NEG_INFINITY } else { models[i].value };
    let mut order: Vec<usize> = (0..models.len()).collect();
    order.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
    let Some(&best) = order.first() else { return Ok(Vec::new()) };
    let comparison = |model: usize| {
        let pairs = models[model].pointwise.iter().zip(&models[best].pointwise);
        let terms: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        let standard_error = (n as f64 * variance(&terms)).sqrt();
        Comparison { model, difference: n as f64 * mean(&terms), standard_error }
    };
    Ok(order.into_iter().map(comparison).collect())
}
