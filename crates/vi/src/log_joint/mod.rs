//! The log joint density of a model as a function of one flat unconstrained vector.

mod recordings;

use crate::error::{Error, Result};
use crate::layout::{FindShaped, Layout, Site, SiteKind};
use crate::model::Model;
use crate::scope::{Discovered, Mode, Run, discover, run};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Params, Recording, Scalar, Tape, Var};
use recordings::Recordings;
use std::fmt;
use std::sync::Arc;

/// `u ↦ ln p(x(u), data) + ln |dx/du|` and its gradient: what samplers and optimisers of point
/// estimates work with.
///
/// The entries of `u` stand in the order of the layout's latent sites, each column by column. The
/// model's point parameters stand at their start.
///
/// A model that looks at no value ([`Var::read`] and what is made of it, such as `item`) records
/// the same operations at every point. So its first run is kept and [run
/// again](probity_autodiff::Recording) at later points, which saves most of the time of a small
/// model. The second run confirms it: if another value or gradient comes out, as from a model with
/// random numbers of its own, the model is run at every point. So it is where the density is not
/// finite, for the model's errors. Once the first calls are done, a call allocates nothing.
pub struct LogJoint<M, T: Scalar = f64> {
    model: M,
    layout: Layout,
    tape: Tape<T>,
    prefix: String,
    /// The most points that are computed together.
    lanes: usize,
    /// The starts of the model's point parameters, by site number.
    starts: Vec<Option<Arc<DMatrix<T>>>>,
    /// The sites of which `u` has standardised numbers.
    non_centred: Vec<usize>,
    /// Points, values and gradients in the precision of the tape.
    buffers: [Vec<T>; 3],
    part: Part,
    key: Key,
    recordings: Recordings<T>,
}

/// Which terms of a log joint density are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All.
    #[default]
    Joint,
    /// The priors, with the Jacobians of the constraints.
    Prior,
    /// The data and factors.
    Likelihood,
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
        let (tape, prefix, buffers) = (Tape::new(), String::new(), Default::default());
        let (lanes, non_centred) = (self.lanes, self.non_centred.clone());
        let (part, key, recordings) = (self.part, self.key, self.recordings.anew());
        Self { model, layout, tape, prefix, lanes, starts, non_centred, buffers, part, key, recordings }
    }
}

impl<M: Model<T>, T: Scalar> LogJoint<M, T> {
    /// The most points on one tape, and the most numbers of one of them for which several share a
    /// tape: with more, what a node costs by itself does not count, and the numbers would not stay
    /// in the cache.
    pub(crate) const LANES: usize = 16;
    const SMALL: usize = 4096;

    /// Of this model.
    ///
    /// # Errors
    /// What the model's first run reports.
    pub fn new(model: M) -> Result<Self> {
        let key = Key::new(0);
        let found = discover(&model, key)?;
        Self::of(model, &found, key)
    }

    /// Of a model whose first run has been.
    pub(crate) fn of(model: M, found: &Discovered, key: Key) -> Result<Self> {
        let layout = found.layout.clone();
        let mut starts = Vec::with_capacity(layout.sites.len());
        for (i, site) in layout.sites.iter().enumerate() {
            starts.push(if site.kind == SiteKind::Param {
                let start = site.start(key.fold_in(i as u64))?.into_iter().map(T::from_f64);
                let (rows, cols) = site.unconstrained_shape();
                Some(Arc::new(DMatrix::from_iterator(rows, cols, start)))
            } else {
                None
            });
        }
        let lanes = if found.size <= Self::SMALL { Self::LANES } else { 1 };
        let (tape, prefix, buffers) = (Tape::new(), String::new(), Default::default());
        let (non_centred, part, key) = (Vec::new(), Part::Joint, Key::new(0));
        let recordings = Recordings::of(found.size);
        Ok(Self { model, layout, tape, prefix, lanes, starts, non_centred, buffers, part, key, recordings })
    }

    /// Of these terms only.
    pub fn part(mut self, part: Part) -> Self {
        self.part = part;
        self.recordings = self.recordings.anew();
        self
    }

    /// The key of the model's own random numbers ([`Scope::random`](crate::Scope::random)) in the
    /// next calls; without, they are the same in all. A new key for every step makes the gradient
    /// a stochastic one, as that of a net with dropout.
    pub fn set_key(&mut self, key: Key) {
        if key != self.key {
            self.recordings = Recordings::never();
        }
        self.key = key;
    }

    /// With the model's point parameters where these have them.
    pub(crate) fn at_params(mut self, params: &Params<T>) -> Result<Self> {
        self.starts = points_of(&self.layout, params)?;
        self.recordings = self.recordings.anew();
        Ok(self)
    }

    /// As a function of `z` at these sites, which have Normal priors: `x = loc + scale z`. Where
    /// data say little of single entries, `z` does not depend on the scale, and `x` does.
    ///
    /// *Source*: Papaspiliopoulos, Roberts, Sköld 2007, "A general framework for the parametrization
    /// of hierarchical models".
    pub(crate) fn non_centred(mut self, sites: &[usize]) -> Self {
        self.non_centred = sites.to_vec();
        self.recordings = self.recordings.anew();
        self
    }

    /// From the coordinates of a non-centred density to those of the model: `z` becomes `x`.
    pub(crate) fn centre(&mut self, points: &mut [f64]) -> Result {
        let d = self.dim().max(1);
        let mut u = vec![T::from_f64(0.0); d];
        let offsets: Vec<usize> = self.non_centred.iter().map(|i| self.layout.sites[*i].offset).collect();
        for point in points.chunks_exact_mut(d) {
            u.iter_mut().zip(point.iter()).for_each(|(u, x)| *u = T::from_f64(*x));
            self.tape.reset();
            let mode =
                Mode::Point { u: self.tape.column(&u), starts: &self.starts, non_centred: &self.non_centred };
            let mut how = Run::new(Key::new(0), &mut self.prefix);
            how.collecting = true;
            let out = run(&self.model, &self.tape, &mut self.layout, mode, how)?;
            for (index, value) in out.collected.iter().flatten() {
                if let Some(at) = self.non_centred.iter().position(|i| i == index) {
                    let offset = offsets[at];
                    value.read(|x| point[offset..].iter_mut().zip(x).for_each(|(to, x)| *to = x.to_f64()));
                }
            }
        }
        Ok(())
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
        let mut value = [T::from_f64(0.0)];
        self.evaluate(u, &mut value, None)?;
        Ok(value[0])
    }

    /// The density at `u`; its gradient is written to `gradient`.
    ///
    /// # Errors
    /// As `value`, or if `gradient` does not have `dim` entries.
    pub fn gradient(&mut self, u: &[T], gradient: &mut [T]) -> Result<T> {
        let mut value = [T::from_f64(0.0)];
        self.evaluate(u, &mut value, Some(gradient))?;
        Ok(value[0])
    }

    /// The density at `values.len()` points, which stand one after the other in `points`, and their
    /// gradients in the same order. Points of a small model are computed several at once: what does
    /// not depend on the point is computed once for all of them.
    ///
    /// # Errors
    /// As `gradient`, for the first point that fails.
    pub fn gradients(&mut self, points: &[T], values: &mut [T], gradients: &mut [T]) -> Result {
        let d = self.dim();
        if points.len() != d * values.len() || gradients.len() != points.len() {
            let problem = format!(
                "{} and {} entries for {} points of dimension {d}",
                points.len(),
                gradients.len(),
                values.len()
            );
            return Err(Error::Setting { setting: "points", problem });
        }
        let (mut at, n) = (0, values.len());
        while at < n {
            let to = n.min(at + self.lanes);
            let (points, gradients) = (&points[d * at..d * to], &mut gradients[d * at..d * to]);
            match self.evaluate(points, &mut values[at..to], Some(gradients)) {
                // A model that looks at values, or fails at some point, is run point by point.
                Ok(()) if to - at > 1 && self.tape.has_read_one_lane() => self.lanes = 1,
                Ok(()) => at = to,
                Err(error) if to - at == 1 => return Err(error),
                Err(_) => {
                    for (i, value) in (0..to - at).zip(&mut values[at..to]) {
                        let (u, gradient) = (&points[d * i..d * (i + 1)], &mut gradients[d * i..d * (i + 1)]);
                        *value = self.gradient(u, gradient)?;
                    }
                    at = to;
                }
            }
        }
        Ok(())
    }

    /// As [`gradients`](LogJoint::gradients), on numbers in double precision. The value is NaN
    /// where the arithmetic fails, which need not be so at other points.
    pub(crate) fn gradients_f64(
        &mut self,
        points: &[f64],
        values: &mut [f64],
        gradients: &mut [f64],
    ) -> Result {
        let mut own = std::mem::take(&mut self.buffers);
        own[0].clear();
        own[0].extend(points.iter().map(|x| T::from_f64(*x)));
        own[1].resize(values.len(), T::from_f64(0.0));
        own[2].resize(gradients.len(), T::from_f64(0.0));
        let [from, value, gradient] = &mut own;
        let result = match self.gradients(from, value, gradient) {
            Err(Error::Numerical { .. }) => {
                let d = self.dim().max(1);
                let each = from.chunks_exact(d).zip(gradient.chunks_exact_mut(d));
                value.iter_mut().zip(each).try_for_each(|(value, (u, gradient))| {
                    *value = match self.gradient(u, gradient) {
                        Err(Error::Numerical { .. }) => T::from_f64(f64::NAN),
                        done => done?,
                    };
                    Ok(())
                })
            }
            done => done,
        };
        let copy = |from: &[T], to: &mut [f64]| to.iter_mut().zip(from).for_each(|(to, x)| *to = x.to_f64());
        copy(value, values);
        copy(gradient, gradients);
        self.buffers = own;
        result
    }

    /// The density at `u`; the log likelihood of every observation there is appended to
    /// `log_likelihood`: site after site in the order of the layout, an entry (of a family of
    /// vectors a row) a number, column by column. Entries of [factors](crate::Scope::factor) are
    /// not observations, and not among them.
    ///
    /// # Errors
    /// As [`value`](LogJoint::value).
    pub fn pointwise(&mut self, u: &[T], log_likelihood: &mut Vec<T>) -> Result<T> {
        if u.len() != self.dim() {
            let problem = format!("{} entries for a model of dimension {}", u.len(), self.dim());
            return Err(Error::Setting { setting: "u", problem });
        }
        self.tape.reset();
        let u = self.tape.column(u);
        let mode = Mode::Point { u, starts: &self.starts, non_centred: &self.non_centred };
        let mut how = Run::new(self.key, &mut self.prefix);
        how.pointwise = true;
        let out = run(&self.model, &self.tape, &mut self.layout, mode, how)?;
        for site in out.pointwise.iter().flatten() {
            site.read(|each| log_likelihood.extend(each));
        }
        let terms = out.log_prior.terms().chain(out.log_likelihood.terms());
        Ok(Var::linear_combination(terms).item())
    }

    /// The density at as many points as there are values, in lanes of the tape.
    fn evaluate(&mut self, u: &[T], values: &mut [T], mut gradients: Option<&mut [T]>) -> Result {
        let (d, lanes) = (self.dim(), values.len());
        if u.len() != d * lanes || gradients.as_ref().is_some_and(|g| g.len() != d * lanes) {
            let length = if u.len() == d { gradients.map_or(d, |g| g.len()) } else { u.len() };
            let problem = format!("{length} entries for a model of dimension {d}");
            return Err(Error::Setting { setting: "u", problem });
        }
        if self.recordings.replay(u, values, gradients.as_deref_mut()) {
            return Ok(());
        }
        let compare = !self.recordings.wants(lanes);
        self.run(u, values, gradients.as_deref_mut())?;
        if let (true, Some(gradients)) = (compare, gradients) {
            self.recordings.confirm(u, values, gradients);
        }
        Ok(())
    }

    /// As [`evaluate`](LogJoint::evaluate), by a run of the model.
    fn run(&mut self, points: &[T], values: &mut [T], gradients: Option<&mut [T]>) -> Result {
        self.tape.reset();
        self.tape.set_lanes(0, values.len());
        let u = self.tape.variable_by_lane(self.layout.dim, 1, points);
        let mode = Mode::Point { u, starts: &self.starts, non_centred: &self.non_centred };
        let how = Run::new(self.key, &mut self.prefix);
        let out = run(&self.model, &self.tape, &mut self.layout, mode, how)?;
        let (prior, likelihood) = (out.log_prior.terms(), out.log_likelihood.terms());
        let prior = prior.filter(|_| self.part != Part::Likelihood);
        let likelihood = likelihood.filter(|_| self.part != Part::Prior);
        let density = Var::linear_combination(prior.chain(likelihood));
        // The backward pass computes what it needs of the value too, so that comes first.
        if let Some(to) = gradients {
            let keeps = self.recordings.wants(values.len()) && self.tape.is_replayable();
            if let (true, Some(input), Some(output)) = (keeps, u.id(), density.id()) {
                drop(out);
                let recording = Recording::new(std::mem::take(&mut self.tape), input, output);
                return self.keep(recording, points, values, to);
            }
            self.tape.backward_leaves(density).of_lanes(u, to);
        }
        density.read_lanes(|x| match x {
            [same] => values.fill(*same),
            each => values.copy_from_slice(each),
        });
        Ok(())
    }

    /// The results of a run that has been recorded, which is kept.
    fn keep(
        &mut self,
        recording: Option<Recording<T>>,
        points: &[T],
        values: &mut [T],
        gradients: &mut [T],
    ) -> Result {
        let Some(mut recording) = recording else {
            self.recordings = Recordings::never();
            return self.run(points, values, Some(gradients));
        };
        recording.results(values, Some(gradients));
        self.recordings.keep(recording, values.len());
        Ok(())
    }
}

/// The values of a model's point parameters, by site number.
pub(crate) fn points_of<T: Scalar>(
    layout: &Layout,
    params: &Params<T>,
) -> Result<Vec<Option<Arc<DMatrix<T>>>>> {
    let of = |site: &Site| {
        if site.kind != SiteKind::Param {
            return Ok(None);
        }
        let (rows, cols) = site.unconstrained_shape();
        let id = params.find_shaped(&site.name, (rows, cols))?;
        let values = &params.as_slice()[params.segment(id).range()];
        Ok(Some(Arc::new(DMatrix::from_column_slice(rows, cols, values))))
    };
    layout.sites().iter().map(of).collect()
}

#[cfg(test)]
mod tests;
