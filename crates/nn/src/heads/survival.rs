//! What survival heads have in common: times, some of which are only known to be longer.

use super::{Outcome, Ranked};
use crate::error::{Error, Result};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Var};
use probity_distributions::{Cdf, Censored, Moments, Sample};
use probity_vi::Scope;

/// The distribution of the time until an event. A target is a row of two numbers: a time, and 1 if
/// the event came then, 0 if it had not come yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Survival<D>(pub D);

impl<D: Cdf<f64> + Moments<f64> + Sample<f64> + Send + Sync> Outcome for Survival<D> {
    /// The log density of a time at which the event came, the log probability of a later one where
    /// it had not; of a time alone, the former.
    fn log_prob(&self, y: &[f64]) -> f64 {
        match *y {
            [time, 0.0] => self.0.log_sf(time),
            [time] | [time, 1.0] => self.0.log_prob(time),
            _ => f64::NAN,
        }
    }
    fn mean(&self, _: usize) -> f64 {
        self.0.mean()
    }
    fn variance(&self, _: usize) -> f64 {
        self.0.variance()
    }
    /// A time at which the event comes.
    fn sample(&self, key: Key) -> Vec<f64> {
        vec![self.0.sample((), key), 1.0]
    }
}

impl<D: Cdf<f64> + Moments<f64> + Sample<f64> + Send + Sync> Ranked for Survival<D> {
    fn cdf(&self, time: f64) -> f64 {
        self.0.cdf(time)
    }
    /// The probability of no event until then.
    fn sf(&self, time: f64) -> f64 {
        self.0.sf(time)
    }
    fn quantile(&self, p: f64) -> f64 {
        self.0.quantile(p)
    }
}

/// Checks times and whether the event came.
pub(super) fn check_times(y: &DMatrix<f64>) -> Result {
    for (row, target) in y.row_iter().enumerate() {
        if !(target[0] > 0.0) {
            return Err(Error::Data(format!("time in row {row} is {}, and not above 0", target[0])));
        }
        if target[1] != 0.0 && target[1] != 1.0 {
            let problem = "and neither 1 (the event came) nor 0 (it had not come)";
            return Err(Error::Data(format!("event in row {row} is {}, {problem}", target[1])));
        }
    }
    Ok(())
}

/// The geometric mean of the times as their unit.
pub(super) fn time_units(y: &DMatrix<f64>) -> Standardizer {
    let log_mean = y.column(0).iter().map(|t| t.ln()).sum::<f64>() / y.nrows().max(1) as f64;
    Standardizer { mean: vec![0.0, 0.0], sd: vec![log_mean.exp(), 1.0] }
}

/// Times, of which those without an event are the smallest there may be.
pub(super) fn observe_times<'t, T: Scalar, D>(
    s: &mut Scope<'t, T>,
    times: D,
    y: Var<'t, T>,
) -> probity_vi::Result
where
    D: Cdf<Var<'t, T>> + Sample<Var<'t, T>>,
{
    let (time, event) = (y.cols(0..1), y.cols(1..2));
    // Where the event came, the limit is some later time.
    let limit = time * (event + 1.0);
    s.observe("y", Censored::above(times, limit), time)
}
