//! A fit of many coordinates by chains.

use super::Fit;
use super::course::Output;
use super::parameterisations::{Best, best_of_both, standardised_start};
use super::run::State;
use super::solved::quantities;
use crate::corrected::Corrected;
use crate::error::Result;
use crate::guide::Segments;
use crate::guides::MeanField;
use crate::ladder::{CHAINS, Evaluator, Ladder, Stands, Tell, wide};
use crate::log_joint::LogJoint;
use crate::model::{ByRef, Model};
use crate::observer::{Observer, stage};
use crate::report::{Method, Stopped};
use crate::sampled::moments;
use crate::scope::Discovered;
use probity_autodiff::{Key, Scalar};
use std::cell::RefCell;
use std::time::Instant;

impl<T: Scalar> Fit<T> {
    /// Runs the chains; the guide becomes the mean field with their means and standard deviations.
    /// None if the time was over before the first ones were done.
    pub(super) fn sampled(
        &mut self,
        model: &(dyn Model<T> + Sync),
        found: &Discovered,
        state: &mut State<T>,
        observers: &mut [&mut dyn Observer],
        key: Key,
    ) -> Result<Option<Output>> {
        let joint = LogJoint::of(ByRef(model), found, key)?;
        let deadline = self.settings.time_limit.map(|limit| Instant::now() + limit);
        let ladder = Ladder::new().budget(self.settings.budget).deadline(deadline);
        let (key, quantities) = (key.fold_in_str("ladder"), quantities(&found.layout));
        let observers = RefCell::new(observers);
        let tell = |what: &str| stage(&mut observers.borrow_mut(), what);
        let run = |evaluator: &mut Evaluator<'_>, ladder: &Ladder, non_centred: bool| {
            let start = |key: Key| {
                let start = found.layout.start_moments(key)?;
                Ok(if non_centred { standardised_start(found, start) } else { start })
            };
            wide(ladder, evaluator, &start, &quantities, key)
        };
        let best = best_of_both(&joint, found, &ladder, run, |chained| chained.verdict.grade(), Tell(&tell))?;
        let Some(Best { answer: chained, non_centred, gradients }) = best else { return Ok(None) };
        let (dim, points) = (found.layout.dim(), chained.points);
        let (mean, sd) = moments(&points, dim);
        let guide = MeanField::new().bound(&found.layout, &mut Segments::of_saved(&state.params))?;
        guide.assign_moments(&mean, &sd, &mut state.params);
        let corrected = Corrected { dim, points, stands: Stands::Chains };
        let steps = (corrected.len(), Stopped::AllSteps);
        let output = Output::new(Method::Sampled, steps, CHAINS, gradients);
        let (verdict, corrected) = (Some(chained.verdict), Some(corrected));
        Ok(Some(Output { verdict, corrected, non_centred, ..output }))
    }
}
