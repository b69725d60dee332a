//! How a log joint density is computed: all but the model, and compiled once for all models.

use super::Part;
use super::recordings::Recordings;
use crate::error::{Error, Result};
use crate::layout::{FindShaped, Layout, Site, SiteKind};
use crate::model::Model;
use crate::scope::{Discovered, Mode, Run, run};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Params, Recording, Scalar, Tape, Var, precompiled};
use std::sync::Arc;

/// What a density has besides its model.
pub(super) struct Evaluation<T: Scalar> {
    pub layout: Layout,
    tape: Tape<T>,
    prefix: String,
    /// The most points that are computed together.
    lanes: usize,
    /// The starts of the model's point parameters, by site number.
    pub starts: Starts<T>,
    /// The sites of which `u` has standardised numbers.
    pub non_centred: Vec<usize>,
    /// Points, values and gradients in the precision of the tape.
    buffers: [Vec<T>; 3],
    pub part: Part,
    key: Key,
    recordings: Recordings<T>,
}

/// The values of a model's point parameters, by site number.
pub(crate) type Starts<T> = Vec<Option<Arc<DMatrix<T>>>>;

impl<T: Scalar> Evaluation<T> {
    /// The most points on one tape, and the most numbers of one of them for which several share a
    /// tape: with more, what a node costs by itself does not count, and the numbers would not stay
    /// in the cache.
    const LANES: usize = 16;
    const SMALL: usize = 4096;

    /// Of a model whose first run has been.
    pub fn new(found: &Discovered, starts: Starts<T>) -> Self {
        let layout = found.layout.clone();
        let lanes = if found.size <= Self::SMALL { Self::LANES } else { 1 };
        let (tape, prefix, buffers) = (Tape::new(), String::new(), Default::default());
        let (non_centred, part, key) = (Vec::new(), Part::Joint, Key::new(0));
        let recordings = Recordings::of(found.size);
        Self { layout, tape, prefix, lanes, starts, non_centred, buffers, part, key, recordings }
    }

    /// Of the same density, with a tape of its own.
    pub fn anew(&self) -> Self {
        let (layout, starts, non_centred) =
            (self.layout.clone(), self.starts.clone(), self.non_centred.clone());
        let (tape, prefix, buffers) = (Tape::new(), String::new(), Default::default());
        let (lanes, part, key, recordings) = (self.lanes, self.part, self.key, self.recordings.anew());
        Self { layout, tape, prefix, lanes, starts, non_centred, buffers, part, key, recordings }
    }

    /// No recordings, as they are of another density.
    pub fn forget(&mut self) {
        self.recordings = self.recordings.anew();
    }

    /// As [`LogJoint::set_key`](super::LogJoint::set_key).
    pub fn set_key(&mut self, key: Key) {
        if key != self.key {
            self.recordings = Recordings::never();
        }
        self.key = key;
    }

    /// The number of unconstrained latent numbers.
    pub fn dim(&self) -> usize {
        self.layout.dim
    }

    /// The density at as many points as there are values, in lanes of the tape, by a run of the
    /// model.
    fn run(
        &mut self,
        model: &dyn Model<T>,
        points: &[T],
        values: &mut [T],
        gradients: Option<&mut [T]>,
    ) -> Result {
        self.tape.reset();
        self.tape.set_lanes(0, values.len());
        let u = self.tape.variable_by_lane(self.layout.dim, 1, points);
        let mode = Mode::Point { u, starts: &self.starts, non_centred: &self.non_centred };
        let how = Run::new(self.key, &mut self.prefix);
        let out = run(model, &self.tape, &mut self.layout, mode, how)?;
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
                return self.keep(model, recording, points, values, to);
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
        model: &dyn Model<T>,
        recording: Option<Recording<T>>,
        points: &[T],
        values: &mut [T],
        gradients: &mut [T],
    ) -> Result {
        let Some(mut recording) = recording else {
            self.recordings = Recordings::never();
            return self.run(model, points, values, Some(gradients));
        };
        recording.results(values, Some(gradients));
        self.recordings.keep(recording, values.len());
        Ok(())
    }
}

precompiled! {
    /// The density at as many points as there are values, in lanes of the tape.
    pub(super) fn evaluate<T>(
        of: &'a mut Evaluation<T>,
        model: &'a dyn Model<T>,
        u: &'a [T],
        values: &'a mut [T],
        gradients: Option<&'a mut [T]>,
    ) -> Result {
        let (d, lanes) = (of.dim(), values.len());
        let mut gradients = gradients;
        if u.len() != d * lanes || gradients.as_ref().is_some_and(|g| g.len() != d * lanes) {
            let length = if u.len() == d { gradients.map_or(d, |g| g.len()) } else { u.len() };
            let problem = format!("{length} entries for a model of dimension {d}");
            return Err(Error::Setting { setting: "u", problem });
        }
        if of.recordings.replay(u, values, gradients.as_deref_mut()) {
            return Ok(());
        }
        let compare = !of.recordings.wants(lanes);
        of.run(model, u, values, gradients.as_deref_mut())?;
        if let (true, Some(gradients)) = (compare, gradients) {
            of.recordings.confirm(u, values, gradients);
        }
        Ok(())
    }
}

precompiled! {
    /// As [`LogJoint::gradients`](super::LogJoint::gradients).
    pub(super) fn gradients<T>(
        of: &'a mut Evaluation<T>,
        model: &'a dyn Model<T>,
        points: &'a [T],
        values: &'a mut [T],
        gradients: &'a mut [T],
    ) -> Result {
        let d = of.dim();
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
            let to = n.min(at + of.lanes);
            let (points, gradients) = (&points[d * at..d * to], &mut gradients[d * at..d * to]);
            match evaluate(of, model, points, &mut values[at..to], Some(gradients)) {
                // A model that looks at values, or fails at some point, is run point by point.
                Ok(()) if to - at > 1 && of.tape.has_read_one_lane() => of.lanes = 1,
                Ok(()) => at = to,
                Err(error) if to - at == 1 => return Err(error),
                Err(_) => {
                    for i in 0..to - at {
                        let (one, value) = (d * i..d * (i + 1), &mut values[at + i..=at + i]);
                        evaluate(of, model, &points[one.clone()], value, Some(&mut gradients[one]))?;
                    }
                    at = to;
                }
            }
        }
        Ok(())
    }
}

precompiled! {
    /// As [`LogJoint::gradients_f64`](super::LogJoint::gradients_f64).
    pub(super) fn gradients_f64<T>(
        of: &'a mut Evaluation<T>,
        model: &'a dyn Model<T>,
        points: &'a [f64],
        values: &'a mut [f64],
        to: &'a mut [f64],
    ) -> Result {
        let mut own = std::mem::take(&mut of.buffers);
        own[0].clear();
        own[0].extend(points.iter().map(|x| T::from_f64(*x)));
        own[1].resize(values.len(), T::from_f64(0.0));
        own[2].resize(to.len(), T::from_f64(0.0));
        let [from, value, gradient] = &mut own;
        let result = match gradients(of, model, from, value, gradient) {
            Err(Error::Numerical { .. }) => {
                let d = of.dim().max(1);
                let each = from.chunks_exact(d).zip(gradient.chunks_exact_mut(d));
                value.chunks_exact_mut(1).zip(each).try_for_each(|(value, (u, gradient))| {
                    match evaluate(of, model, u, value, Some(gradient)) {
                        Err(Error::Numerical { .. }) => value[0] = T::from_f64(f64::NAN),
                        done => done?,
                    }
                    Ok(())
                })
            }
            done => done,
        };
        let copy = |from: &[T], to: &mut [f64]| to.iter_mut().zip(from).for_each(|(to, x)| *to = x.to_f64());
        copy(value, values);
        copy(gradient, to);
        of.buffers = own;
        result
    }
}

precompiled! {
    /// As [`LogJoint::pointwise`](super::LogJoint::pointwise).
    pub(super) fn pointwise<T>(
        of: &'a mut Evaluation<T>,
        model: &'a dyn Model<T>,
        u: &'a [T],
        log_likelihood: &'a mut Vec<T>,
    ) -> Result<T> {
        if u.len() != of.dim() {
            let problem = format!("{} entries for a model of dimension {}", u.len(), of.dim());
            return Err(Error::Setting { setting: "u", problem });
        }
        of.tape.reset();
        let u = of.tape.column(u);
        let mode = Mode::Point { u, starts: &of.starts, non_centred: &of.non_centred };
        let mut how = Run::new(of.key, &mut of.prefix);
        how.pointwise = true;
        let out = run(model, &of.tape, &mut of.layout, mode, how)?;
        for site in out.pointwise.iter().flatten() {
            site.read(|each| log_likelihood.extend(each));
        }
        let terms = out.log_prior.terms().chain(out.log_likelihood.terms());
        Ok(Var::linear_combination(terms).item())
    }
}

precompiled! {
    /// As [`LogJoint::centre`](super::LogJoint::centre).
    pub(super) fn centre<T>(
        of: &'a mut Evaluation<T>,
        model: &'a dyn Model<T>,
        points: &'a mut [f64],
    ) -> Result {
        let d = of.dim().max(1);
        let mut u = vec![T::from_f64(0.0); d];
        let offsets: Vec<usize> = of.non_centred.iter().map(|i| of.layout.sites[*i].offset).collect();
        for point in points.chunks_exact_mut(d) {
            u.iter_mut().zip(point.iter()).for_each(|(u, x)| *u = T::from_f64(*x));
            of.tape.reset();
            let mode = Mode::Point { u: of.tape.column(&u), starts: &of.starts, non_centred: &of.non_centred };
            let mut how = Run::new(Key::new(0), &mut of.prefix);
            how.collecting = true;
            let out = run(model, &of.tape, &mut of.layout, mode, how)?;
            for (index, value) in out.collected.iter().flatten() {
                if let Some(at) = of.non_centred.iter().position(|i| i == index) {
                    let offset = offsets[at];
                    value.read(|x| point[offset..].iter_mut().zip(x).for_each(|(to, x)| *to = x.to_f64()));
                }
            }
        }
        Ok(())
    }
}

precompiled! {
    /// Where point parameters start.
    pub(super) fn starts_of<T>(layout: &'a Layout, key: Key) -> Result<Starts<T>> {
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
        Ok(starts)
    }
}

/// Where these parameters have the model's point parameters.
pub(crate) fn points_of<T: Scalar>(layout: &Layout, params: &Params<T>) -> Result<Starts<T>> {
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
