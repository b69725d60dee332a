//! Settings that cannot be used, told before the first step.

use super::Fit;
use crate::error::{Error, Result};
use crate::kl_weight::KlWeight;
use crate::optim::Schedule;
use crate::posterior::gradients_of_a_draw;
use crate::scope::{Discovered, Plates};
use probity_autodiff::Scalar;

impl<T: Scalar> Fit<T> {
    /// Whether a minibatch would be all rows.
    pub(super) fn check_minibatch(&self, plates: Plates) -> Result<bool> {
        let Some(rows) = self.minibatch else { return Ok(true) };
        if plates.largest == 0 {
            let problem = "the model has no plate, so there are no rows to take a part of: put the sites of the data into \
                           `s.plate(name, n, |s, batch| ..)`";
            return Err(Error::Setting { setting: "minibatch", problem: problem.into() });
        }
        Ok(rows >= plates.largest)
    }

    /// By how many draws the guide of a fit by stochastic gradients is checked, if the objective
    /// was the true one and the check costs no more than half of the fit's gradients, or some
    /// seconds.
    pub(super) fn draws_to_check(&self, found: &Discovered, gradients: usize) -> Option<usize> {
        const FEWEST: f64 = 64.0;
        const MOST: f64 = 1024.0;
        /// Numbers on the tape, in all gradients of a check, that any fit may have.
        const NUMBERS: f64 = 2e8;
        const ENTRIES: usize = 20_000;
        let d = found.layout.dim();
        let true_objective = !matches!(self.kl_weight, KlWeight::Tempered(_));
        if !self.checked || !true_objective || !(1..=ENTRIES).contains(&d) {
            return None;
        }
        // Of all data.
        let rows = found.plates.largest.max(1) as f64;
        let share = self.minibatch.map_or(1.0, |batch| (batch as f64 / rows).min(1.0));
        let allowed = (0.5 * gradients as f64 * share).max(NUMBERS / found.size.max(1) as f64);
        let draws = (allowed / gradients_of_a_draw(d) as f64).min(MOST);
        (draws >= FEWEST).then_some(draws as usize)
    }

    pub(super) fn check(&self) -> Result {
        let bad = |setting, problem: &str| Err(Error::Setting { setting, problem: problem.into() });
        if self.draws == 0 {
            return bad("draws", "at least one draw per step is needed");
        }
        if self.steps == Some(0) {
            return bad("steps", "at least one step is needed");
        }
        if self.minibatch == Some(0) {
            return bad("minibatch", "at least one row per step is needed");
        }
        if !(0.0..=1.0).contains(&self.average) {
            return bad("average", "a fraction between 0 and 1 is needed");
        }
        if self.history_every == 0 {
            return bad("history_every", "at least 1 is needed");
        }
        let positive = |x: f64| x > 0.0 && x < f64::INFINITY;
        if !self.kl_weight.is_valid() {
            return bad(
                "kl_weight",
                "a warm-up needs a fraction between 0 and 1, tempering a finite weight of 0 or more",
            );
        }
        self.optimizer.check()?;
        let rate = self.optimizer.rate();
        if !(0.0..f64::INFINITY).contains(&rate) {
            return bad("optimizer", &format!("a finite rate of 0 or more is needed, not {rate}"));
        }
        if !self.schedule.is_valid() {
            return bad(
                "schedule",
                "factors must be 0 or more (more than 0 for Exponential), fractions between 0 and 1",
            );
        }
        if !positive(self.scale_rate) {
            return bad("scale_rate", "a finite number greater than 0 is needed");
        }
        if !positive(self.loss_scale) {
            return bad("loss_scale", "a finite number greater than 0 is needed");
        }
        if self.clip.is_some_and(|norm| !positive(norm)) {
            return bad("clip_norm", "a finite number greater than 0 is needed");
        }
        if self.steps.is_none() {
            let needs_steps = "it is a fraction of the steps, whose number must be given (Fit::steps)";
            if matches!(self.kl_weight, KlWeight::WarmUp(_)) {
                return bad("kl_weight", needs_steps);
            }
            if self.schedule != Schedule::Constant {
                return bad("schedule", needs_steps);
            }
            if self.average > 0.0 {
                return bad("average", needs_steps);
            }
        }
        Ok(())
    }
}
