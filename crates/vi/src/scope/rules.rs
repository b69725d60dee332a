//! What the shapes at a site must be, so that nothing is counted too often, and errors that a model
//! does not pass on.

use super::site::not_of;
use super::{Mode, Scope};
use crate::error::{Error, Result};
use probity_autodiff::{Scalar, Var};
use probity_distributions::{Distribution, Event};

/// The plate that a site stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plate {
    /// The rows of the whole data, N.
    pub(super) total: usize,
    /// The rows of this run, B.
    pub(super) rows: usize,
    /// Whether the model has no more than these rows at hand.
    pub(super) block: bool,
}

impl Plate {
    /// Whether this run has a minibatch.
    pub(super) fn is_subsampled(self) -> bool {
        self.rows < self.total || self.block
    }

    /// N / B.
    pub(super) fn weight(self) -> f64 {
        self.total as f64 / self.rows as f64
    }
}

fn text((rows, cols): (usize, usize)) -> String {
    format!("{rows} × {cols}")
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// Keeps a copy of an error, so that the run fails with it even if the model does not pass it
    /// on.
    pub(super) fn noted<O>(&mut self, result: Result<O>) -> Result<O> {
        if let Err(error) = &result {
            self.note(error.of_a_site());
        }
        result
    }

    /// Keeps the first error.
    pub(super) fn note(&mut self, error: Option<Error>) {
        if self.fault.is_none() {
            self.fault = error;
        }
    }

    /// The shape of a latent variable: there are entries, and the parameters broadcast to it.
    pub(super) fn check_latent<D: Distribution<Var<'t, T>>>(&self, name: &str, prior: &D) -> Result {
        let (shape, parameters) = (prior.shape(), prior.parameter_shape());
        let problem = if parameters == (0, 0) {
            format!("the parameters do not broadcast with each other in {prior:?}")
        } else if !prior.fits(shape) {
            let (parameters, shape) = (text(parameters), text(shape));
            format!("the parameters of {} are {parameters}, which does not broadcast to {shape}", D::NAME)
        } else if shape.0 * shape.1 == 0 {
            format!("a latent variable of {} has no entries", text(shape))
        } else if let Some(problem) = not_of(&prior.support(), shape) {
            problem
        } else {
            return Ok(());
        };
        Err(Error::SiteShape { site: self.full_name(name), problem })
    }

    /// The shape of data: the parameters broadcast to it, and there is one row for every row of the
    /// plate.
    pub(super) fn check_observed<D: Distribution<Var<'t, T>>>(
        &self,
        name: &str,
        distribution: &D,
        got: (usize, usize),
    ) -> Result {
        let site = || self.full_name(name);
        if distribution.parameter_shape() == (0, 0) {
            let problem = format!("the parameters do not broadcast with each other in {distribution:?}");
            return Err(Error::SiteShape { site: site(), problem });
        }
        let want = distribution.shape();
        if let Some(plate @ Plate { total, rows, .. }) = self.plate {
            let these = if plate.is_subsampled() { "those of the minibatch" } else { "all there are" };
            let problem = if got.0 != rows {
                format!(
                    "the data have {} rows, but this run has {rows} of the {total} rows of the plate, {these}: \
                     take the data's through the plate's Batch, as in `s.plate(.., |s, batch| .. batch.rows(&data))`",
                    got.0
                )
            } else if want.0 != 1 && want.0 != rows {
                format!(
                    "the parameters have {} rows, but the data have {rows}, {these}: take the rows of latent variables and of \
                     what is made of them by `batch.select(value)`",
                    want.0
                )
            } else if plate.is_subsampled() && distribution.event() == Event::Matrix {
                "all rows are one event of this family, of which a minibatch is no part".to_string()
            } else {
                String::new()
            };
            if !problem.is_empty() {
                return Err(Error::Plate { plate: String::new(), site: site(), problem });
            }
        }
        if !distribution.fits(got) {
            return Err(Error::Shape { site: site(), got, want });
        }
        Ok(())
    }

    /// In a minibatch, a factor has one row for every row.
    pub(super) fn check_factor(&self, name: &str, got: (usize, usize)) -> Result {
        let Some(plate @ Plate { total, rows, .. }) = self.plate else { return Ok(()) };
        if !plate.is_subsampled() || got.0 == rows {
            return Ok(());
        }
        let problem = format!(
            "a factor inside a plate has one row for every row of the batch, here {rows} of {total}, but this one has {}: do not \
             sum over rows, and put terms that do not belong to single rows outside of the plate",
            got.0
        );
        Err(Error::Plate { plate: String::new(), site: self.full_name(name), problem })
    }

    /// A site that is met again: data and factors have the rows that they had, or those of the
    /// minibatch; everything else has the shape that it had.
    #[inline]
    pub(super) fn check_again(
        &self,
        index: usize,
        name: &str,
        latent: bool,
        shape: (usize, usize),
    ) -> Result {
        let was = self.layout.sites[index].shape;
        let site = || self.full_name(name);
        match self.plate {
            // Blocks may differ in their rows, and in nothing else.
            Some(plate) if plate.block && !latent && was.1 == shape.1 => Ok(()),
            Some(plate) if plate.is_subsampled() && !plate.block => {
                let Plate { total, rows, .. } = plate;
                let problem = if latent && shape != was {
                    format!(
                        "it is {} in a minibatch of {rows} rows, and {} where all {total} rows are used: sample it for all rows, outside of the \
                         plate, and take those of the batch by `batch.select(value)`",
                        text(shape),
                        text(was)
                    )
                } else if !latent && was.0 != total {
                    format!(
                        "it has {} rows in a minibatch of {rows}, but {} and not {total} where all rows are used: it does not go \
                         through the plate's Batch",
                        shape.0, was.0
                    )
                } else if !latent && was.1 != shape.1 {
                    format!("it is {}, in the first run {}", text(shape), text(was))
                } else {
                    return Ok(());
                };
                Err(Error::Plate { plate: String::new(), site: site(), problem })
            }
            _ if shape != was => {
                let mut problem = format!("it is {}, in the first run {}", text(shape), text(was));
                if matches!(self.mode, Mode::Predict { .. }) {
                    problem.push_str(
                        " (for groups without data, give the model that is fitted rows for them too: their posterior is then their prior, and \
                         exactly so where effects are written as `mean + scale * z` with a standard normal `z`)",
                    );
                }
                Err(Error::ModelChanged { site: site(), problem })
            }
            _ => Ok(()),
        }
    }
}

impl Error {
    /// A copy of an error that sites report; none of those that a user makes.
    pub(super) fn of_a_site(&self) -> Option<Error> {
        use Error::*;
        Some(match self {
            Parameter { site, source } => Parameter { site: site.clone(), source: source.clone() },
            Shape { site, got, want } => Shape { site: site.clone(), got: *got, want: *want },
            SiteShape { site, problem } => SiteShape { site: site.clone(), problem: problem.clone() },
            Plate { plate, site, problem } => {
                Plate { plate: plate.clone(), site: site.clone(), problem: problem.clone() }
            }
            OutsideSupport { site, family, index, value } => {
                OutsideSupport { site: site.clone(), family, index: *index, value: *value }
            }
            DuplicateSite { site } => DuplicateSite { site: site.clone() },
            ModelChanged { site, problem } => ModelChanged { site: site.clone(), problem: problem.clone() },
            DiscreteLatent { site, family } => DiscreteLatent { site: site.clone(), family },
            NotSampled { site, family } => NotSampled { site: site.clone(), family },
            Setting { setting, problem } => Setting { setting, problem: problem.clone() },
            NotFiniteFactor { site, value } => NotFiniteFactor { site: site.clone(), value: *value },
            _ => return None,
        })
    }

    /// Names the plate, in an error that its sites report.
    pub(super) fn in_plate(&mut self, name: impl FnOnce() -> String) {
        if let Error::Plate { plate, .. } = self
            && plate.is_empty()
        {
            *plate = name();
        }
    }
}
