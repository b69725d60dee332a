//! Where a guide's parameters lie: added to those of a fit, or found among those of a saved one.

use crate::error::{Error, Result};
use crate::layout::{FindShaped, Layout, Site};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, ParamId, Params, Scalar};
use std::collections::HashSet;

/// Where guides start.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    key: Key,
    /// The standard deviation of what is added to the mean of every number.
    dispersion: f64,
}

impl Start {
    /// The key of the start, for parameters that are neither means nor scales.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The mean of every unconstrained number of all latent sites, d.
    ///
    /// # Errors
    /// If the start of a site does not fit its shape.
    pub fn means(&self, layout: &Layout) -> Result<Vec<f64>> {
        let latent = layout.latent_by_index();
        let means = latent.map(|(i, site)| self.means_of(i, site)).collect::<Result<Vec<_>>>()?;
        Ok(means.concat())
    }

    /// The standard deviation of every unconstrained number of all latent sites, d.
    pub fn sds(&self, layout: &Layout) -> Vec<f64> {
        layout.latent_by_index().flat_map(|(i, site)| self.sds_of(i, site)).collect()
    }

    /// The means of the site with this number in the layout.
    ///
    /// # Errors
    /// As [`means`](Start::means).
    pub fn means_of(&self, index: usize, site: &Site) -> Result<Vec<f64>> {
        let key = self.key.fold_in(index as u64);
        let mut means = site.start(key.fold_in(0))?;
        if self.dispersion > 0.0 {
            let mut noise = vec![0.0; means.len()];
            fill_normal(key.fold_in(2), 0, &mut noise);
            means.iter_mut().zip(noise).for_each(|(m, z)| *m += self.dispersion * z);
        }
        Ok(means)
    }

    /// The standard deviations of the site with this number in the layout.
    pub fn sds_of(&self, index: usize, site: &Site) -> Vec<f64> {
        site.start_scale(self.key.fold_in(index as u64).fold_in(1))
    }
}

/// The parameters of a fit.
#[derive(Debug)]
enum Of<'a, T> {
    /// To which a guide adds its own.
    New(&'a mut Params<T>),
    /// Among which a guide finds its own.
    Saved(&'a Params<T>),
}

/// The named parameters of a guide: [`add`](Segments::add) adds them to those of a new fit at their
/// start, and finds them among those of a saved one. So a guide says once what it has.
#[derive(Debug)]
pub struct Segments<'a, T: Scalar> {
    params: Of<'a, T>,
    start: Start,
    prefix: String,
    found: HashSet<usize>,
}

impl<'a, T: Scalar> Segments<'a, T> {
    /// Adds to these parameters, at a start that this key tells.
    pub fn of_a_fit(params: &'a mut Params<T>, key: Key) -> Self {
        Self::new(Of::New(params), key)
    }

    /// Finds among these.
    pub fn of_saved(params: &'a Params<T>) -> Self {
        Self::new(Of::Saved(params), Key::new(0))
    }

    fn new(params: Of<'a, T>, key: Key) -> Self {
        let start = Start { key, dispersion: 0.0 };
        Self { params, start, prefix: String::new(), found: HashSet::new() }
    }

    /// All parameters so far.
    pub fn params(&self) -> &Params<T> {
        match &self.params {
            Of::New(params) => params,
            Of::Saved(params) => params,
        }
    }

    /// Where guides start.
    pub fn start(&self) -> Start {
        self.start
    }

    /// A segment of this name and shape. `start` gives its numbers, column by column; it is not
    /// called for a saved fit.
    ///
    /// # Errors
    /// If the name is taken, a saved fit has no such segment, or the start has another length, and
    /// what `start` reports.
    pub fn add(
        &mut self,
        name: impl AsRef<str>,
        shape: (usize, usize),
        start: impl FnOnce() -> Result<Vec<f64>>,
    ) -> Result<ParamId> {
        let name = format!("{}{}", self.prefix, name.as_ref());
        let id = match &mut self.params {
            Of::Saved(params) => params.find_shaped(&name, shape)?,
            Of::New(params) => {
                let start = start()?;
                if start.len() != shape.0 * shape.1 {
                    let problem =
                        format!("segment {name:?} is {shape:?}, its start has {} numbers", start.len());
                    return Err(Error::Setting { setting: "guide", problem });
                }
                if params.find(&name).is_some() {
                    return Err(Error::DuplicateSite { site: name });
                }
                params
                    .add(name, &DMatrix::from_iterator(shape.0, shape.1, start.into_iter().map(T::from_f64)))
            }
        };
        self.found.insert(id.index());
        Ok(id)
    }

    /// As [`add`](Segments::add), a column of `n` equal numbers.
    ///
    /// # Errors
    /// As `add`.
    pub fn fill(&mut self, name: impl AsRef<str>, n: usize, value: f64) -> Result<ParamId> {
        self.add(name, (n, 1), || Ok(vec![value; n]))
    }

    /// Runs `f` with `name.` before the names of its segments, and a start of its own: as far as
    /// `dispersion` from that of the others.
    ///
    /// # Errors
    /// What `f` reports.
    pub fn within<O>(
        &mut self,
        name: &str,
        dispersion: f64,
        f: impl FnOnce(&mut Self) -> Result<O>,
    ) -> Result<O> {
        let (length, start) = (self.prefix.len(), self.start);
        self.prefix.push_str(name);
        self.prefix.push('.');
        self.start = Start { key: start.key.fold_in_str(name), dispersion: start.dispersion + dispersion };
        let result = f(self);
        self.prefix.truncate(length);
        self.start = start;
        result
    }

    /// The number of segments that were added or found.
    pub fn count(&self) -> usize {
        self.found.len()
    }
}
