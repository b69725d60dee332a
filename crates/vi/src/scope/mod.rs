//! `Scope`: what a model sees, and what `sample` and `observe` mean in each kind of run.

mod batched_draw;
mod data;
mod dims;
mod divergence;
mod guided;
mod linear;
mod plate;
mod randomness;
mod row_major;
mod rules;
mod run;
mod sign_flips;
mod simulated;
mod site;
mod start;

pub use data::{Data, Table};
pub(crate) use divergence::Measured;
pub use linear::Estimator;
pub use plate::Batch;
pub(crate) use plate::{Batcher, Minibatches};
pub(crate) use row_major::ByRow;
pub(crate) use run::{Discovered, Mode, Outcome, Run, Simulated, Total, discover, run};

use crate::dims::Dimension;
use crate::error::{Error, Result};
use crate::layout::{Init, Layout, Site, SiteKind, Start, Transform};
use batched_draw::BatchedDraw;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Indices, Key, Scalar, Tape, Var};
use probity_distributions::{Distribution, Sample, Support};
use rules::Plate;
pub(crate) use run::Plates;
pub(crate) use start::discover_start;
use std::sync::Arc;

/// The view that a model has of its run: it names sites here.
///
/// What a site does depends on the run, not on the model. [`sample`](Scope::sample) draws from the
/// prior, or from the guide (and accounts for its divergence from the prior), or reads a given
/// point (and adds the Jacobian of the constraint); [`observe`](Scope::observe) adds the
/// log-likelihood, or draws new data. Constraints are applied here, once.
///
/// Names are unique. A model visits the same sites in the same order and shapes in every run.
#[derive(Debug)]
pub struct Scope<'t, T: Scalar = f64> {
    tape: &'t Tape<T>,
    mode: Mode<'t, T>,
    /// Sites found so far (first run), or the sites that must be met again; of the caller, for the
    /// time of the run.
    layout: Layout,
    discovering: bool,
    /// The next site in the order of visits.
    cursor: usize,
    prefix: String,
    /// The key of this run; site number i draws with `key.fold_in(i)`.
    key: Key,
    /// The plate that encloses the sites, if any.
    plate: Option<Plate>,
    /// The rows of its minibatch, if it has one.
    rows: Option<Arc<[usize]>>,
    /// Of a run whose log likelihood is asked for: data in the place of the model's own, if any.
    scored: Option<Option<Arc<Simulated<T>>>>,
    /// Whether the model has plates, and whether any of them has minibatches.
    plates: Plates,
    /// The first error that a site reported.
    fault: Option<Error>,
    batcher: Option<&'t mut Batcher<T>>,
    estimator: Estimator,
    /// Whether parameters and values are checked (in the first run, and when a failed step is run
    /// again).
    checking: bool,
    /// The dimensions that have been declared, and those of the next site (in a first run).
    declared: Vec<Dimension>,
    next_dims: Vec<String>,
    /// Latent sites, where they were drawn before the run.
    batched: Option<BatchedDraw<'t, T>>,
    out: Outcome<'t, T>,
}

/// How values come from unconstrained numbers, and the shape of these if it is another.
type TransformOf<'a> = dyn Fn() -> (Transform, Option<(usize, usize)>) + 'a;

impl<'t, T: Scalar> Scope<'t, T> {
    /// A latent variable with this prior. Returns its value, of the prior's shape, in the prior's
    /// support.
    ///
    /// A prior is anything with a density; it need not be one that can be sampled
    /// ([`Flat`](probity_distributions::Flat)).
    ///
    /// The guide starts at a random place around the mode of the prior before the constraint (on a
    /// logarithmic scale for a positive variable), as far from it as the prior is wide, but not so
    /// far that the model fails there. Every seed has its own start.
    /// [`sample_from`](Scope::sample_from) sets it by hand.
    ///
    /// # Errors
    /// If the name is taken, a parameter of the prior is out of range or does not broadcast to its
    /// shape, the family is discrete, or the model has changed since its first run.
    #[track_caller]
    pub fn sample<D: Distribution<Var<'t, T>>>(&mut self, name: &str, prior: D) -> Result<Var<'t, T>> {
        let valid = || self.check_latent(name, &prior).is_ok() && !prior.support().is_discrete();
        let init = if self.discovering && valid() { self.start_of(&prior) } else { Init::default() };
        self.sample_from(name, prior, || init)
    }

    /// As [`sample`](Scope::sample), with a start for the guide of this site.
    ///
    /// # Errors
    /// As `sample`.
    #[track_caller]
    pub fn sample_from<D: Distribution<Var<'t, T>>>(
        &mut self,
        name: &str,
        prior: D,
        init: impl FnOnce() -> Init,
    ) -> Result<Var<'t, T>> {
        let value = self.visit_latent(name, &prior, init).and_then(|index| {
            let value = self.latent(index, &prior)?;
            self.leave(index);
            Ok(value)
        });
        self.noted(value)
    }

    /// Data with this distribution: adds its log density, or, in a predictive run, draws new data.
    ///
    /// # Errors
    /// If the name is taken, a parameter is out of range, or the data do not have the
    /// distribution's shape or support, the length that they had in the first run, or, inside a
    /// plate, one row for every row of the batch.
    #[track_caller]
    pub fn observe<D: Sample<Var<'t, T>>>(
        &mut self,
        name: &str,
        distribution: D,
        data: impl Data<'t, T>,
    ) -> Result {
        let data = data.on(self.tape);
        let done = self.observed(name, &distribution, data);
        self.noted(done)
    }

    /// A term of the log joint density, such as a likelihood without a family; its entries are
    /// summed. Inside a [`plate`](Scope::plate) it is scaled, and in a minibatch has one row for
    /// every row of the batch.
    ///
    /// # Errors
    /// If the name is taken, or the shape is not that of the first run.
    #[track_caller]
    pub fn factor(&mut self, name: &str, log_density: Var<'t, T>) -> Result {
        let done = self.factored(name, log_density);
        self.noted(done)
    }

    /// Records a function of other sites under a name, for summaries and predictions. Returns it.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn deterministic(&mut self, name: &str, value: Var<'t, T>) -> Result<Var<'t, T>> {
        let index =
            self.visit(name, SiteKind::Deterministic, "", value.shape(), &site::not_mapped, Init::default);
        let index = self.noted(index)?;
        self.collect(index, value);
        self.leave(index);
        Ok(value)
    }

    /// A parameter without a prior, optimised with the guide: a point estimate (empirical Bayes for
    /// a prior's parameter).
    ///
    /// # Errors
    /// If the name is taken, or the support is not continuous.
    pub fn param(
        &mut self,
        name: &str,
        start: &DMatrix<f64>,
        support: Support<Var<'t, T>>,
    ) -> Result<Var<'t, T>> {
        let index = self.visit_param(name, start.shape(), support, |s| {
            let x = start.on(s.tape);
            let u: Vec<f64> =
                support.unconstrain(x).unwrap_or(x).read(|u| u.iter().map(|v| v.to_f64()).collect());
            match u.iter().position(|u| !u.is_finite()) {
                None => Ok(Start::Values(u)),
                Some(index) => {
                    let (site, value) = (s.full_name(name), start[index]);
                    Err(Error::OutsideSupport { site, family: "the parameter", index, value })
                }
            }
        });
        let value = index.and_then(|index| self.point(index, support));
        self.noted(value)
    }

    /// As [`param`](Scope::param), r × c, with the start of its unconstrained form drawn or given.
    ///
    /// # Errors
    /// As `param`.
    pub fn param_from(
        &mut self,
        name: &str,
        shape: (usize, usize),
        start: Start,
        support: Support<Var<'t, T>>,
    ) -> Result<Var<'t, T>> {
        let index = self.visit_param(name, shape, support, |_| Ok(start));
        let value = index.and_then(|index| self.point(index, support));
        self.noted(value)
    }

    /// Runs `f` with `name.` before the names of its sites.
    ///
    /// # Errors
    /// What `f` reports.
    pub fn within<O>(&mut self, name: &str, f: impl FnOnce(&mut Self) -> Result<O>) -> Result<O> {
        let length = self.prefix.len();
        self.prefix.push_str(name);
        self.prefix.push('.');
        let result = f(self);
        self.prefix.truncate(length);
        result
    }

    /// A matrix as a constant of this run. An `Arc<DMatrix<T>>` is not copied.
    pub fn data(&self, data: impl Data<'t, T>) -> Var<'t, T> {
        data.on(self.tape)
    }

    /// The rows of a value by their numbers: the row of its group for every observation. `index`
    /// has the group of each of n observations, counted from 0; `value` is k × c, with a row for
    /// every group; the result is n × c. An `Arc` index is not copied.
    ///
    /// ```
    /// use probity_distributions::{Distribution, Normal};
    /// use probity_vi::{Fit, Scope};
    ///
    /// let (county, radon) = (vec![0, 0, 1, 2, 2], vec![1.2, 0.9, 0.3, 0.8, 1.1]);
    /// let fit = Fit::new().steps(10).run(|s: &mut Scope| {
    ///     let alpha = s.sample("alpha", Normal::new(0.0, 1.0).rows(3))?;
    ///     let mean = s.gather(alpha, &county)?;
    ///     s.observe("radon", Normal::new(mean, 0.5), &radon)
    /// });
    /// assert!(fit.is_ok());
    /// ```
    ///
    /// # Errors
    /// If an index is not below k.
    pub fn gather(&mut self, value: Var<'t, T>, index: impl Indices) -> Result<Var<'t, T>> {
        let (index, rows) = (index.indices(), value.nrows());
        let found = match index.iter().enumerate().find(|(_, i)| **i >= rows) {
            Some((entry, i)) => Err(Error::Setting {
                setting: "index",
                problem: format!(
                    "entry {entry} is {i}, but the value that is gathered from has {rows} rows, which are counted from 0"
                ),
            }),
            None if value.tape().is_none() => Ok(value + self.tape.constant_with(index.len(), 1, |_| ())),
            None => Ok(value.gather_rows(index)),
        };
        self.noted(found)
    }

    /// The tape of this run, for operations without arguments.
    pub fn tape(&self) -> &'t Tape<T> {
        self.tape
    }

    /// The full name of a site here.
    fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Meets a site: adds it to the table in the first run, else finds it there. Its number.
    #[track_caller]
    fn visit(
        &mut self,
        name: &str,
        kind: SiteKind,
        family: &str,
        shape: (usize, usize),
        transform: &TransformOf<'_>,
        init: impl FnOnce() -> Init,
    ) -> Result<usize> {
        let mut init = Some(init);
        let mut init = || init.take().map_or_else(Init::default, |init| init());
        self.met(name, kind, (family, shape, transform), &mut init)
    }

    /// Not compiled for every `init`.
    #[track_caller]
    fn met(
        &mut self,
        name: &str,
        kind: SiteKind,
        (family, shape, transform): (&str, (usize, usize), &TransformOf<'_>),
        init: &mut dyn FnMut() -> Init,
    ) -> Result<usize> {
        let index = self.cursor;
        self.cursor += 1;
        self.tape.set_tag(2 * index as u32 + 1);
        if self.discovering {
            let name = self.full_name(name);
            if self.layout.site(&name).is_some() {
                return Err(Error::DuplicateSite { site: name });
            }
            let dims = self.take_dims(&name, shape)?;
            let (family, init, (transform, unconstrained)) = (family.to_string(), init(), transform());
            let site = Site {
                name,
                kind,
                family,
                shape,
                dims,
                transform,
                offset: self.layout.dim,
                unconstrained,
                init,
                kl: None,
                weights_drawn: false,
            };
            if kind == SiteKind::Latent {
                self.layout.dim += site.dim();
            }
            self.layout.sites.push(site);
            return Ok(index);
        }
        let Some(site) = self.layout.sites.get(index) else {
            return Err(self.changed(name, "it was not there in the first run".into()));
        };
        // Compared in parts, so that nothing is allocated.
        let same = site.name.strip_prefix(self.prefix.as_str()) == Some(name);
        if !same || site.kind != kind {
            return Err(
                self.changed(name, format!("the first run had {:?} ({:?}) here", site.name, site.kind))
            );
        }
        // Predictions are made for other data.
        let latent = matches!(kind, SiteKind::Latent | SiteKind::Param);
        let other_data = matches!(self.mode, Mode::Predict { .. } | Mode::Prior);
        if latent || kind == SiteKind::Observed && !other_data {
            self.check_again(index, name, latent, shape)?;
        }
        Ok(index)
    }

    /// Marks what is recorded after the site.
    fn leave(&mut self, index: usize) {
        self.tape.set_tag(2 * index as u32 + 2);
    }

    /// Where the model is, between two sites.
    fn place(&self) -> String {
        match self.cursor.checked_sub(1).and_then(|last| self.layout.sites.get(last)) {
            Some(site) => format!("after site {:?}", site.name),
            None => "before the first site".into(),
        }
    }

    fn changed(&self, name: &str, problem: String) -> Error {
        Error::ModelChanged { site: self.full_name(name), problem }
    }

    fn check_parameters<D: Distribution<Var<'t, T>>>(&self, index: usize, d: &D) -> Result {
        if self.checking {
            let site = || self.layout.sites[index].name.clone();
            d.check().map_err(|source| Error::Parameter { site: site(), source })?;
        }
        Ok(())
    }

    fn add_log_likelihood(&mut self, index: usize, term: Var<'t, T>) {
        self.watch(index, term);
        self.out.log_likelihood.add(term, self.plate.map_or(1.0, Plate::weight));
    }

    /// Keeps the largest term of all, where a fault is looked for.
    fn watch(&mut self, index: usize, term: Var<'t, T>) {
        if !self.checking || self.discovering {
            return;
        }
        let size =
            term.read_lanes(|x| x.iter().map(|x| x.to_f64()).max_by(|a, b| a.abs().total_cmp(&b.abs())));
        if let Some(size) = size
            && self.out.largest.is_none_or(|(_, largest)| size.abs() > largest.abs())
        {
            self.out.largest = Some((index, size));
        }
    }
}
