//! A number of steps, and what goes by it.

use crate::error::{Error, Result};
use crate::kl_weight::KlWeight;
use crate::optim::Schedule;
use serde::{Deserialize, Serialize};

/// How many steps along stochastic gradients a fit takes, and what is measured in parts of them:
/// none of that can be asked of a fit that finds out by itself when to stop.
///
/// A plain number is one, too: `Fit::new().steps(2000)`.
///
/// ```
/// use probity_vi::{Fit, Steps, optim::Schedule};
///
/// let steps = Steps::new(5000).schedule(Schedule::Cosine { end: 0.01 }).warm_up(0.3).average(0.1);
/// let fit: Fit = Fit::new().steps(steps);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    count: usize,
    #[serde(default)]
    schedule: Option<Schedule>,
    #[serde(default)]
    average: Option<f64>,
    #[serde(default)]
    warm_up: Option<f64>,
}

impl From<usize> for Steps {
    fn from(count: usize) -> Self {
        Self::new(count)
    }
}

impl Steps {
    /// So many steps, at the rate of the optimiser.
    pub fn new(count: usize) -> Self {
        Self { count, schedule: None, average: None, warm_up: None }
    }

    /// How the rate changes over the steps. Default: not at all.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// Averages the parameters over this last fraction of the steps. Default 0: the last
    /// parameters.
    pub fn average(mut self, fraction: f64) -> Self {
        self.average = Some(fraction);
        self
    }

    /// Lets the weight of the KL rise from 0 to 1 over this first fraction of the steps. The result
    /// is an ELBO fit; the start avoids solutions in which most weights keep their prior. The
    /// report has it as [`KlWeight::WarmUp`]. Default, and with 0: 1 from the start.
    pub fn warm_up(mut self, fraction: f64) -> Self {
        self.warm_up = Some(fraction);
        self
    }

    /// These, and what they leave open as it was before.
    pub(super) fn over(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        Self {
            count: self.count,
            schedule: self.schedule.or(before.schedule),
            average: self.average.or(before.average),
            warm_up: self.warm_up.or(before.warm_up),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The factor on the rate in this step.
    pub(super) fn rate_factor(&self, step: usize) -> f64 {
        self.schedule.unwrap_or_default().factor(step as f64 / self.count as f64)
    }

    /// How many of the last steps are averaged.
    pub(super) fn averaged(&self) -> usize {
        ((self.count as f64 * self.average.unwrap_or(0.0)).ceil() as usize).min(self.count)
    }

    /// The weight of the KL over the steps, if it rises.
    pub(super) fn kl_weight(&self) -> Option<KlWeight> {
        self.warm_up.filter(|fraction| *fraction > 0.0).map(KlWeight::WarmUp)
    }

    pub(super) fn check(&self) -> Result {
        let bad = |setting, problem: &str| Err(Error::Setting { setting, problem: problem.into() });
        if self.count == 0 {
            return bad("steps", "at least one step is needed");
        }
        if !self.average.is_none_or(|fraction| (0.0..=1.0).contains(&fraction)) {
            return bad("average", "a fraction between 0 and 1 is needed");
        }
        if !self.warm_up.is_none_or(|fraction| (0.0..=1.0).contains(&fraction)) {
            return bad("warm_up", "a fraction between 0 and 1 is needed");
        }
        if !self.schedule.is_none_or(Schedule::is_valid) {
            return bad(
                "schedule",
                "factors must be 0 or more (more than 0 for Exponential), fractions between 0 and 1",
            );
        }
        Ok(())
    }
}
