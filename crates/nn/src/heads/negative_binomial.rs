//! Counts that vary more than Poisson counts.

use super::poisson::{check_counts, log_mean};
use super::{Head, Parameters, Univariate};
use crate::error::Result;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{HalfNormal, NegativeBinomial};
use probity_vi::{Init, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// Negative binomial counts: the output is the logarithm of the mean, less that of the mean of all
/// counts. The variance is `mean + mean² spread²`, where the spread (the coefficient of variation
/// of the rate) is unknown with a half-Normal prior of scale 1 (site `spread`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NegativeBinomialHead;

impl Head for NegativeBinomialHead {
    type Row = Univariate<NegativeBinomial>;

    fn outputs(&self) -> usize {
        1
    }
    fn check(&self, y: &DMatrix<f64>) -> Result {
        check_counts(y)
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        log_mean(y)
    }
    fn scaled(&self, y: &DMatrix<f64>, _: &Standardizer) -> DMatrix<f64> {
        y.clone()
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        units: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>> {
        let init = || Init { loc: Start::Constant(0.5_f64.ln()), scale: ScaleStart::Constant(0.05) };
        let spread = s.sample_from("spread", HalfNormal::new(1.0), init)?;
        Ok(Parameters::of([("log_mean", outputs + units.mean[0]), ("log_count", spread.ln() * -2.0)]))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        let (log_mean, log_count) = (p.get(0), p.get(1));
        s.observe("y", NegativeBinomial::from_logits(log_count.exp(), log_mean - log_count), y)
    }
    fn row(&self, p: &[f64], _: &Standardizer) -> Self::Row {
        Univariate(NegativeBinomial::from_logits(p[1].exp(), p[0] - p[1]))
    }
}
