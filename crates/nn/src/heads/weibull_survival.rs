//! Times until an event, Weibull.

use super::survival::{check_times, observe_times, time_units};
use super::{Head, Parameters, Survival};
use crate::error::Result;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{LogNormal, Weibull};
use probity_vi::{Init, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// Weibull times until an event that may not have come yet: targets are rows of a time and 1 (the
/// event came) or 0 (it had not). The output is the logarithm of the scale in the geometric mean of
/// all times; inputs act on times and, proportionally, on hazards. The concentration is unknown
/// (site `concentration`, prior LogNormal(0, 1)): hazards rise above 1, fall below it.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::WeibullSurvivalHead;
/// use probity_nn::{Activation, Mlp, Network};
/// use probity_vi::Fit;
/// let dose = DMatrix::from_fn(20, 1, |i, _| i as f64);
/// // Nobody is watched for longer than 15 days.
/// let days = |i: usize| 10.0 + i as f64;
/// let y = DMatrix::from_fn(20, 2, |i, j| if j == 0 { days(i).min(15.0) } else { f64::from(days(i) < 15.0) });
/// let net = Network::new(Mlp::new(&[1, 1], Activation::Identity), WeibullSurvivalHead);
/// let prediction = net.fit_with(&dose, &y, Fit::default().steps(50))?.predict(&dose, 20)?;
/// let survives = 1.0 - prediction.cdf(0, 12.0); // the probability of no event in 12 days
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeibullSurvivalHead;

impl Head for WeibullSurvivalHead {
    type Row = Survival<Weibull>;

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
        let init = || Init { loc: Start::Constant(0.0), scale: ScaleStart::Constant(0.05) };
        let concentration = s.sample_from("concentration", LogNormal::new(0.0, 1.0), init)?;
        Ok(Parameters::of([("log_scale", outputs), ("shape", concentration)]))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        observe_times(s, Weibull::new(p.get(1), p.get(0).exp()), y)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        Survival(Weibull::new(p[1], units.sd[0] * p[0].exp()))
    }
}
