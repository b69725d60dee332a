//! The widely applicable information criterion.

use super::loo::count;
use super::{Elpd, log_mean_exp, variance};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// The widely applicable information criterion: the log density of the data less the variance of
/// the log likelihood over draws.
///
/// [`Loo`](super::Loo) is to be preferred: it says when it fails.
///
/// *Source*: Watanabe 2010, "Asymptotic equivalence of Bayes cross validation and widely applicable
/// information criterion"; Vehtari, Gelman, Gabry 2017, equations 11 and 12.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waic {
    /// The expected log predictive density. (The criterion on the scale of a deviance is −2 times
    /// its value.)
    pub elpd: Elpd,
    /// The variance of every observation's log likelihood: above 0.4 its term is not to be
    /// believed.
    #[serde(with = "probity_autodiff::serde_float")]
    pub variances: Vec<f64>,
}

impl Waic {
    /// From the log likelihood of every observation at every draw of the posterior, draw after
    /// draw. An observation with one that is not finite has NaN as its term.
    ///
    /// # Errors
    /// If it is not a whole number of draws of `observations` entries, at least one each.
    pub fn new(log_likelihood: &[f64], observations: usize) -> Result<Self> {
        count(log_likelihood, observations)?;
        let mut variances = Vec::new();
        let term = |i: usize| {
            let each: Vec<f64> = log_likelihood.iter().skip(i).step_by(observations).copied().collect();
            let finite = each.iter().all(|l| l.is_finite());
            variances.push(if finite { variance(&each) } else { f64::NAN });
            log_mean_exp(each.iter().copied()) - variances[i]
        };
        let pointwise = (0..observations).map(term).collect();
        let effective = variances.iter().sum();
        Ok(Self { elpd: Elpd::new(pointwise, effective), variances })
    }
}
