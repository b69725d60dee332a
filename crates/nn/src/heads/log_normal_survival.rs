//! Times until an event, log-normal.

use super::survival::{check_times, observe_times, time_units};
use super::{Head, Parameters, Survival};
use crate::error::Result;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{HalfNormal, LogNormal};
use probity_vi::{Init, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// Log-normal times until an event that may not have come yet: targets are rows of a time and 1
/// (the event came) or 0 (it had not). The output is the mean of the logarithm of the time in the
/// geometric mean of all times; its standard deviation is unknown (site `noise`, prior half-Normal
/// with scale 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogNormalSurvivalHead;

impl Head for LogNormalSurvivalHead {
    type Row = Survival<LogNormal>;

    fn outputs(&self) -> usize {
        1
    }
    fn targets(&self) -> usize {
        2
    }
    fn check(&self, y: &DMatrix<f64>) -> Result {
        check_times(y)
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        time_units(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>> {
        let init = || Init { loc: Start::Constant(0.5_f64.ln()), scale: ScaleStart::Constant(0.05) };
        let sd = s.sample_from("noise", HalfNormal::new(2.0), init)?;
        Ok(Parameters::of([("loc", outputs), ("sd", sd)]))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        observe_times(s, LogNormal::new(p.get(0), p.get(1)), y)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        Survival(LogNormal::new(p[0] + units.sd[0].ln(), p[1]))
    }
}
