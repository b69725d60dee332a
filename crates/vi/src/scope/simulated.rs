//! Runs for simulation: true values from the prior, and data that were drawn in the place of the
//! model's own.

use super::plate::gather;
use super::{Scope, Simulated};
use crate::error::{Error, Result};
use probity_autodiff::{Scalar, Var};
use probity_distributions::Distribution;
use std::sync::Arc;

impl<'t, T: Scalar> Scope<'t, T> {
    /// Asks for the log likelihood, of these data if they are given.
    pub(crate) fn score(&mut self, data: Option<Arc<Simulated<T>>>) {
        self.scored = Some(data);
    }

    /// The log likelihood of the sites so far.
    pub(crate) fn log_likelihood(&self) -> Var<'t, T> {
        self.out.log_likelihood.value()
    }

    /// The data of a site, if others than the model's own are given: the rows of the minibatch, if
    /// there is one.
    pub(super) fn simulated(&self, index: usize, shape: (usize, usize)) -> Option<Var<'t, T>> {
        let data = self.scored.as_ref()?.as_ref()?.get(index)?.as_ref()?;
        Some(match &self.rows {
            Some(rows) => self.tape.constant_with(shape.0, shape.1, |to| {
                gather(data.as_slice(), data.nrows(), rows, to, |x| x);
            }),
            None => self.tape.share(data),
        })
    }

    /// A true value.
    pub(super) fn drawn_from_prior<D: Distribution<Var<'t, T>>>(
        &self,
        index: usize,
        prior: &D,
    ) -> Result<Var<'t, T>> {
        let drawn = prior.try_sample_shaped(self.tape, self.noise_key(index), prior.shape());
        drawn
            .ok_or_else(|| Error::NotSampled { site: self.layout.sites[index].name.clone(), family: D::NAME })
    }
}
