//! The log joint density of a model as a function of one flat unconstrained vector.

use crate::error::{Error, Result};
use crate::layout::{Layout, SiteKind};
use crate::model::Model;
use crate::scope::{Mode, Run, discover, run};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, ParamId, Params, Scalar, Tape, Var};
use std::fmt;
use std::sync::Arc;

/// `u ↦ ln p(x(u), data) + ln |dx/du|` and its gradient: what samplers and optimisers of point estimates work with.
///
/// The entries of `u` stand in the order of the layout's latent sites, each column by column. The model's point parameters stand at
/// their start. Once the first call is done, a call allocates nothing.
pub struct LogJoint<M, T: Scalar = f64> {
    model: M,
    layout: Layout,
    tape: Tape<T>,
    prefix: String,
    /// The flat vector, as the tape reads it.
    point: Params<T>,
    u: ParamId,
    /// The starts of the model's point parameters, by site number.
    starts: Vec<Option<Arc<DMatrix<T>>>>,
}

// Closures are models and have no Debug form.
impl<M, T: Scalar> fmt::Debug for LogJoint<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogJoint").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// With a tape of its own.
impl<M: Clone, T: Scalar> Clone for LogJoint<M, T> {
    fn clone(&self) -> Self {
        let (model, layout, starts) = (self.model.clone(), self.layout.clone(), self.starts.clone());
        let (tape, prefix) = (Tape::new(), String::new());
        Self { model, layout, tape, prefix, point: self.point.clone(), u: self.u, starts }
    }
}

impl<M: Model<T>, T: Scalar> LogJoint<M, T> {
    /// Of this model.
    ///
    /// # Errors
    /// What the model's first run reports.
    pub fn new(model: M) -> Result<Self> {
        let key = Key::new(0);
        let layout = discover(&model, key)?.layout;
        let mut point = Params::new();
        let u = point.add("u", &DMatrix::from_element(layout.dim, 1, T::from_f64(0.0)));
        let mut starts = Vec::with_capacity(layout.sites.len());
        for (i, site) in layout.sites.iter().enumerate() {
            starts.push(if site.kind == SiteKind::Param {
                let start = site.start(key.fold_in(i as u64))?.into_iter().map(T::from_f64);
                Some(Arc::new(DMatrix::from_iterator(site.shape.0, site.shape.1, start)))
            } else {
                None
            });
        }
        Ok(Self { model, layout, tape: Tape::new(), prefix: String::new(), point, u, starts })
    }

    /// The site table.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The number of unconstrained latent numbers.
    pub fn dim(&self) -> usize {
        self.layout.dim
    }

    /// The density at `u`.
    ///
    /// # Errors
    /// What the model reports, or if `u` does not have `dim` entries.
    pub fn value(&mut self, u: &[T]) -> Result<T> {
        self.evaluate(u, None)
    }

    /// The density at `u`; its gradient is written to `gradient`.
    ///
    /// # Errors
    /// As `value`, or if `gradient` does not have `dim` entries.
    pub fn gradient(&mut self, u: &[T], gradient: &mut [T]) -> Result<T> {
        self.evaluate(u, Some(gradient))
    }

    fn evaluate(&mut self, u: &[T], gradient: Option<&mut [T]>) -> Result<T> {
        let d = self.dim();
        if u.len() != d || gradient.as_ref().is_some_and(|g| g.len() != d) {
            let length = if u.len() == d { gradient.map_or(d, |g| g.len()) } else { u.len() };
            let problem = format!("{length} entries for a model of dimension {d}");
            return Err(Error::Setting { setting: "u", problem });
        }
        self.tape.reset();
        // After the reset the tape shares the vector no more, so that it changes in place.
        self.point.as_mut_slice().copy_from_slice(u);
        self.tape.bind(&self.point);
        let u = self.tape.param(&self.point, self.u);
        let mode = Mode::Point { u, starts: &self.starts };
        let how = Run::new(Key::new(0), &mut self.prefix);
        let out = run(&self.model, &self.tape, &mut self.layout, mode, how)?;
        let density = Var::linear_combination(out.log_prior.terms().chain(out.log_likelihood.terms()));
        if let Some(gradient) = gradient {
            gradient.copy_from_slice(self.tape.backward_leaves(density).params());
        }
        Ok(density.item())
    }
}
