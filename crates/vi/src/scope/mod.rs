//! `Scope`: what a model sees, and what `sample` and `observe` mean in each kind of run.

mod batched_draw;
mod data;
mod linear;
mod plate;
mod row_major;
mod run;
mod site;

pub use data::Data;
pub use linear::Estimator;
pub use plate::Batch;
pub(crate) use plate::{Batcher, Minibatches};
pub(crate) use row_major::ByRow;
pub(crate) use run::{Discovered, Mode, Outcome, PointParam, Run, Total, discover, run};

use crate::error::{Error, Result};
use crate::layout::{Init, Layout, Site, SiteKind, Start, Transform};
use batched_draw::{Together, fixed_normal};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Tape, Var};
use probity_distributions::{Distribution, Sample, Support};

/// The view that a model has of its run: it names sites here.
///
/// What a site does depends on the run, not on the model. [`sample`](Scope::sample) draws from the prior, or from the guide (and
/// accounts for its divergence from the prior), or reads a given point (and adds the Jacobian of the constraint);
/// [`observe`](Scope::observe) adds the log-likelihood, or draws new data. Constraints are applied here, once.
///
/// Names are unique. A model visits the same sites in the same order and shapes in every run.
#[derive(Debug)]
pub struct Scope<'t, T: Scalar = f64> {
    tape: &'t Tape<T>,
    mode: Mode<'t, T>,
    /// Sites found so far (first run), or the sites that must be met again.
    layout: &'t mut Layout,
    discovering: bool,
    /// The next site in the order of visits.
    cursor: usize,
    prefix: &'t mut String,
    /// The key of this run; site number i draws with `key.fold_in(i)`.
    key: Key,
    /// N / B inside a minibatch, else 1.
    weight: f64,
    batcher: Option<&'t mut Batcher<T>>,
    estimator: Estimator,
    /// Whether parameters and values are checked (first run and replay).
    checking: bool,
    /// Latent sites, where they were drawn before the run.
    together: Option<Together<'t, T>>,
    out: Outcome<'t, T>,
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// A latent variable with this prior. Returns its value, of the prior's shape, in the prior's support.
    ///
    /// The guide starts near the mean of a Normal prior with constant parameters, and else near 0 before the constraint (1 for
    /// a positive variable, the middle of an interval).
    ///
    /// # Errors
    /// If the name is taken, a parameter of the prior is out of range, the family is discrete, or the model has changed
    /// since its first run.
    #[track_caller]
    pub fn sample<D: Sample<Var<'t, T>>>(&mut self, name: &str, prior: D) -> Result<Var<'t, T>> {
        let start = || match fixed_normal(&prior) {
            Some((loc, scale)) => Init { loc: Start::Normal(loc, 0.1 * scale.min(1.0)), ..Init::default() },
            None => Init::default(),
        };
        self.sample_from(name, prior, start)
    }

    /// As [`sample`](Scope::sample), with a start for the guide of this site.
    ///
    /// # Errors
    /// As `sample`.
    #[track_caller]
    pub fn sample_from<D: Sample<Var<'t, T>>>(
        &mut self,
        name: &str,
        prior: D,
        init: impl FnOnce() -> Init,
    ) -> Result<Var<'t, T>> {
        let index = self.visit_latent(name, &prior, init)?;
        let value = self.latent(index, &prior)?;
        self.leave(index);
        Ok(value)
    }

    /// Data with this distribution: adds its log density, or, in a predictive run, draws new data.
    ///
    /// # Errors
    /// If the name is taken, a parameter is out of range, or the data do not have the distribution's shape or support.
    #[track_caller]
    pub fn observe<D: Sample<Var<'t, T>>>(
        &mut self,
        name: &str,
        distribution: D,
        data: impl Data<'t, T>,
    ) -> Result {
        let data = data.on(self.tape);
        let index =
            self.visit(name, SiteKind::Observed, D::NAME, data.shape(), Transform::None, Init::default)?;
        self.check_parameters(index, &distribution)?;
        self.observed(index, &distribution, data)?;
        self.leave(index);
        Ok(())
    }

    /// A term of the log joint density, such as a likelihood without a family. Scaled inside a [`plate`](Scope::plate).
    ///
    /// # Errors
    /// If the name is taken.
    #[track_caller]
    pub fn factor(&mut self, name: &str, log_density: Var<'t, T>) -> Result {
        let index = self.visit(
            name,
            SiteKind::Observed,
            "factor",
            log_density.shape(),
            Transform::None,
            Init::default,
        )?;
        self.add_log_likelihood(log_density.sum());
        self.leave(index);
        Ok(())
    }

    /// Records a function of other sites under a name, for summaries and predictions. Returns it.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn deterministic(&mut self, name: &str, value: Var<'t, T>) -> Result<Var<'t, T>> {
        let index =
            self.visit(name, SiteKind::Deterministic, "", value.shape(), Transform::None, Init::default)?;
        self.collect(index, value);
        self.leave(index);
        Ok(value)
    }

    /// A parameter without a prior, optimised with the guide: a point estimate (empirical Bayes for a prior's parameter).
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
        })?;
        let value = self.point(index, support)?;
        self.leave(index);
        Ok(value)
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
        let index = self.visit_param(name, shape, support, |_| Ok(start))?;
        let value = self.point(index, support)?;
        self.leave(index);
        Ok(value)
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
        transform: Transform,
        init: impl FnOnce() -> Init,
    ) -> Result<usize> {
        let index = self.cursor;
        self.cursor += 1;
        self.tape.set_tag(2 * index as u32 + 1);
        if self.discovering {
            let name = self.full_name(name);
            if self.layout.site(&name).is_some() {
                return Err(Error::DuplicateSite { site: name });
            }
            let offset = self.layout.dim;
            if kind == SiteKind::Latent {
                self.layout.dim += shape.0 * shape.1;
            }
            let (family, init) = (family.to_string(), init());
            let (kl, weights_drawn) = (None, false);
            self.layout.sites.push(Site {
                name,
                kind,
                family,
                shape,
                transform,
                offset,
                init,
                kl,
                weights_drawn,
            });
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
        if matches!(kind, SiteKind::Latent | SiteKind::Param) && site.shape != shape {
            let was = site.shape;
            let problem = format!("it is {} × {}, in the first run {} × {}", shape.0, shape.1, was.0, was.1);
            return Err(self.changed(name, problem));
        }
        Ok(index)
    }

    /// Marks what is recorded after the site.
    fn leave(&mut self, index: usize) {
        self.tape.set_tag(2 * index as u32 + 2);
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

    fn add_log_likelihood(&mut self, term: Var<'t, T>) {
        self.out.log_likelihood.add(term, self.weight);
    }
}
