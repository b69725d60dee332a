//! Settings that cannot be used, told before the first step.

use super::Fit;
use crate::error::{Error, Result};
use crate::kl_weight::KlWeight;
use crate::objective::Objective;
use crate::posterior::gradients_of_a_draw;
use crate::scope::{Discovered, Estimator, Plates};
use probity_autodiff::Scalar;

/// The most draws in a term of an importance-weighted bound.
const MOST_IN_A_TERM: usize = 1 << 16;

impl<T: Scalar> Fit<T> {
    /// Whether a minibatch would be all rows.
    pub(super) fn check_minibatch(&self, plates: Plates) -> Result<bool> {
        let Some(rows) = self.settings.minibatch else { return Ok(true) };
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
        // A tempered posterior is another one, and a bound of several draws has its optimum at a
        // good proposal, which may be wider than the posterior.
        let tempered = matches!(self.settings.kl_weight, KlWeight::Tempered(_));
        let true_objective = !tempered && self.settings.objective.group() == 1;
        if !self.settings.checked || !true_objective || !(1..=ENTRIES).contains(&d) {
            return None;
        }
        // Of all data.
        let rows = found.plates.largest.max(1) as f64;
        let share = self.settings.minibatch.map_or(1.0, |batch| (batch as f64 / rows).min(1.0));
        let allowed = (0.5 * gradients as f64 * share).max(NUMBERS / found.size.max(1) as f64);
        let draws = (allowed / gradients_of_a_draw(d) as f64).min(MOST);
        (draws >= FEWEST).then_some(draws as usize)
    }

    pub(super) fn check(&self) -> Result {
        let bad = |setting, problem: &str| Err(Error::Setting { setting, problem: problem.into() });
        if self.settings.draws == 0 {
            return bad("draws", "at least one draw per step is needed");
        }
        if let Some(steps) = &self.settings.steps {
            steps.check()?;
            if steps.kl_weight().is_some() && self.settings.kl_weight != KlWeight::Full {
                return bad("tempered", "a warm-up ends at weight 1, and not at another");
            }
        }
        if self.settings.objective.is_joint() && self.settings.estimator != Estimator::WeightSpace {
            return bad("objective", "this one draws all sites jointly, and no outputs of maps");
        }
        if let Objective::ImportanceWeighted { draws } = self.settings.objective
            && !(1..=MOST_IN_A_TERM).contains(&draws)
        {
            return bad("objective", "a term of the bound has between 1 and 65536 draws");
        }
        if self.settings.starts == Some(0) {
            return bad("starts", "at least one start is needed");
        }
        if self.settings.minibatch == Some(0) {
            return bad("minibatch", "at least one row per step is needed");
        }
        if self.settings.history_every == 0 {
            return bad("history_every", "at least 1 is needed");
        }
        let positive = |x: f64| x > 0.0 && x < f64::INFINITY;
        if !self.settings.kl_weight.is_valid() {
            return bad("tempered", "a finite weight of 0 or more is needed");
        }
        self.optimizer.check()?;
        let rate = self.optimizer.rate();
        if !(0.0..f64::INFINITY).contains(&rate) {
            return bad("optimizer", &format!("a finite rate of 0 or more is needed, not {rate}"));
        }
        if !positive(self.settings.scale_rate) {
            return bad("scale_rate", "a finite number greater than 0 is needed");
        }
        if !positive(self.settings.loss_scale) {
            return bad("loss_scale", "a finite number greater than 0 is needed");
        }
        if self.settings.clip.is_some_and(|norm| !positive(norm)) {
            return bad("clip_norm", "a finite number greater than 0 is needed");
        }
        Ok(())
    }
}
