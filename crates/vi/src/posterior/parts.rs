//! What a fit leaves, and the checks and the ELBO that it ends with: compiled once for all models.

use super::fitted::{Fitted, elbo_terms};
use super::witness::by_drift;
use crate::corrected::Corrected;
use crate::diagnostics::psis;
use crate::elbo::{largest_influence, tail_shape};
use crate::error::{Error, Result};
use crate::guide::BoundGuide;
use crate::layout::Layout;
use crate::model::Model;
use crate::observer::{Observer, StepInfo, stage};
use crate::report::Report;
use crate::verdict::Verdict;
use probity_autodiff::{Key, Params, Scalar};
use probity_distributions::Estimate;

/// All of a posterior but its model.
pub(crate) struct Parts<T: Scalar> {
    pub(crate) layout: Layout,
    pub(crate) guide: Box<dyn BoundGuide<T>>,
    pub(crate) params: Params<T>,
    pub(crate) corrected: Option<Corrected>,
    pub(crate) history: Vec<StepInfo>,
    pub(crate) report: Report,
    pub(crate) key: Key,
}

/// How the last numbers of a report are made.
pub(crate) struct Closing {
    /// By how many draws the guide is to be checked.
    pub(crate) checks: Option<usize>,
    /// The terms of the ELBO, if there are any yet.
    pub(crate) elbo_terms: Option<Vec<f64>>,
    /// By how many draws it is estimated if there are none.
    pub(crate) elbo_draws: usize,
}

impl<T: Scalar> Parts<T> {
    pub(super) fn fitted(&self) -> Fitted<'_, T> {
        let Self { layout, guide, params, corrected, key, .. } = self;
        Fitted { layout, guide: guide.as_ref(), params, corrected: corrected.as_ref(), key: *key }
    }

    /// See [`Posterior::check_by_drift`](super::Posterior::check_by_drift).
    pub(super) fn check_by_drift(&self, model: &(dyn Model<T> + Sync), draws: usize) -> Result<Verdict> {
        self.can_be_pushed(draws)?;
        by_drift(self.fitted(), model, draws)
    }

    /// Fails where [`by_drift`] has too few draws, or nothing to move.
    pub(super) fn can_be_pushed(&self, draws: usize) -> Result {
        if draws >= 16 && self.layout.dim > 0 {
            return Ok(());
        }
        let problem = format!("{draws} of a posterior of {} numbers", self.layout.dim);
        Err(Error::Setting { setting: "draws", problem })
    }

    /// The ELBO by these terms, one a draw.
    fn set_elbo(&mut self, terms: Vec<f64>) -> Result {
        // Of a joint draw the term of the ELBO is the logarithm of its importance weight.
        if self.report.k_hat.is_none() && self.fitted().draws_jointly()? {
            self.report.k_hat = Some(psis(&terms, 1.0).k_hat);
        }
        self.report.elbo_tail = tail_shape(&terms);
        self.report.elbo_influence = largest_influence(&terms);
        self.report.elbo = Some(Estimate::of(terms));
        Ok(())
    }
}

probity_autodiff::precompiled! {
    /// Checks the guide and estimates the ELBO.
    pub(crate) fn close<T>(
        parts: &'a mut Parts<T>,
        closing: Closing,
        model: &'a (dyn Model<T> + Sync),
        observers: &'a mut [&'b mut (dyn Observer + 'b)],
    ) -> Result {
        parts.corrected = parts.corrected.take().filter(|c| c.dim > 0 && c.points.len() >= c.dim);
        if let Some(draws) = closing.checks {
            stage(observers, &format!("checking the guide by {draws} of its draws"));
            parts.report.verdict = Some(parts.check_by_drift(model, draws)?);
        }
        let n = closing.elbo_draws;
        if let Some(terms) = closing.elbo_terms {
            parts.set_elbo(terms)?;
        } else if !parts.report.point {
            stage(observers, &format!("the ELBO by {n} draws"));
            if n > 0 {
                let terms = elbo_terms(parts.fitted(), model, n, false)?;
                parts.set_elbo(terms)?;
            }
        }
        Ok(())
    }
}
