//! The log joint density of a model as a function of one flat unconstrained vector.

use crate::error::{Error, Result};
use crate::layout::{FindShaped, Layout, Site, SiteKind};
use crate::model::Model;
use crate::scope::{Discovered, Mode, Run, discover, run};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Params, Scalar, Tape, Var};
use std::fmt;
use std::sync::Arc;

/// `u ↦ ln p(x(u), data) + ln |dx/du|` and its gradient: what samplers and optimisers of point
/// estimates work with.
///
/// The entries of `u` stand in the order of the layout's latent sites, each column by column. The
/// model's point parameters stand at their start. Once the first call is done, a call allocates
/// nothing.
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
        let (part, key) = (self.part, self.key);
        Self { model, layout, tape, prefix, lanes, starts, non_centred, buffers, part, key }
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
        Ok(Self { model, layout, tape, prefix, lanes, starts, non_centred, buffers, part, key })
    }

    /// Of these terms only.
    pub fn part(mut self, part: Part) -> Self {
        self.part = part;
        self
    }

    /// The key of the model's own random numbers ([`Scope::random`](crate::Scope::random)) in the
    /// next calls; without, they are the same in all. A new key for every step makes the gradient
    /// a stochastic one, as that of a net with dropout.
    pub fn set_key(&mut self, key: Key) {
        self.key = key;
    }

    /// With the model's point parameters where these have them.
    pub(crate) fn at_params(mut self, params: &Params<T>) -> Result<Self> {
        self.starts = points_of(&self.layout, params)?;
        Ok(self)
    }

    /// As a function of `z` at these sites, which have Normal priors: `x = loc + scale z`. Where
    /// data say little of single entries, `z` does not depend on the scale, and `x` does.
    ///
    /// *Source*: Papaspiliopoulos, Roberts, Sköld 2007, "A general framework for the parametrization
    /// of hierarchical models".
    pub(crate) fn non_centred(mut self, sites: &[usize]) -> Self {
        self.non_centred = sites.to_vec();
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
    fn evaluate(&mut self, u: &[T], values: &mut [T], gradients: Option<&mut [T]>) -> Result {
        let (d, lanes) = (self.dim(), values.len());
        if u.len() != d * lanes || gradients.as_ref().is_some_and(|g| g.len() != d * lanes) {
            let length = if u.len() == d { gradients.map_or(d, |g| g.len()) } else { u.len() };
            let problem = format!("{length} entries for a model of dimension {d}");
            return Err(Error::Setting { setting: "u", problem });
        }
        self.tape.reset();
        self.tape.set_lanes(0, lanes);
        let u = self.tape.variable_by_lane(d, 1, u);
        let mode = Mode::Point { u, starts: &self.starts, non_centred: &self.non_centred };
        let how = Run::new(self.key, &mut self.prefix);
        let out = run(&self.model, &self.tape, &mut self.layout, mode, how)?;
        let (prior, likelihood) = (out.log_prior.terms(), out.log_likelihood.terms());
        let prior = prior.filter(|_| self.part != Part::Likelihood);
        let likelihood = likelihood.filter(|_| self.part != Part::Prior);
        let density = Var::linear_combination(prior.chain(likelihood));
        // The backward pass computes what it needs of the value too, so that comes first.
        if let Some(to) = gradients {
            self.tape.backward_leaves(density).of_lanes(u, to);
        }
        density.read_lanes(|x| match x {
            [same] => values.fill(*same),
            each => values.copy_from_slice(each),
        });
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
mod tests {
    use super::*;
    use crate::scope::Scope;
    use probity_distributions::{Distribution, HalfNormal, Normal};

    /// `ln p(z) = ln p(x) + n ln scale` where `x = loc + scale z`; the site has a fixed neighbour, and
    /// one whose scale is data.
    #[test]
    fn a_non_centred_density_is_that_of_the_standardised_numbers() {
        let sds = [0.5, 2.0];
        let model = |s: &mut Scope<'_>| {
            let loc = s.sample("loc", Normal::new(0.0, 3.0))?;
            let scale = s.sample("scale", HalfNormal::new(1.0))?;
            let x = s.sample("x", Normal::new(loc, scale).shaped(2, 3))?;
            let known = s.sample("known", Normal::new(0.0, s.data(&sds)))?;
            s.observe("y", Normal::new(x + known, 0.5), &DMatrix::from_element(2, 3, 0.7))
        };
        let found = discover(&model, Key::new(0)).unwrap();
        assert_eq!(found.scaled, [2]);
        let mut centred = LogJoint::new(model).unwrap();
        let mut other = centred.clone().non_centred(&found.scaled);
        let z = [0.4, -0.8, 1.0, -0.5, 0.3, 2.0, -1.2, 0.1, 0.2, -0.6];
        let mut x = z;
        other.centre(&mut x).unwrap();
        let scale = (-0.8_f64).exp();
        assert_eq!((x[0], x[1], x[8], x[9]), (z[0], z[1], z[8], z[9]));
        (2..8).for_each(|i| assert!((x[i] - (0.4 + scale * z[i])).abs() < 1e-15));
        let (of_z, of_x) = (other.value(&z).unwrap(), centred.value(&x).unwrap());
        assert!((of_z - (of_x + 6.0 * scale.ln())).abs() < 1e-12, "{of_z} {of_x}");
        // And its gradient, by differences.
        let mut gradient = [0.0; 10];
        other.gradient(&z, &mut gradient).unwrap();
        for i in 0..10 {
            let at = |h: f64| {
                let mut z = z;
                z[i] += h;
                z
            };
            let (up, down) = (other.value(&at(1e-5)).unwrap(), other.value(&at(-1e-5)).unwrap());
            assert!((gradient[i] - (up - down) / 2e-5).abs() < 1e-7, "{i}");
        }
    }
}
