//! What `sample`, `observe` and `param` do in each kind of run.

use super::batched_draw::{fixed_normal, has_scale};
use super::{Data, Mode, Scope};
use crate::error::{Error, Result};
use crate::layout::{Init, ScaleStart, SiteKind, Start, Transform};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Terms, Value, Var};
use probity_distributions::{Distribution, KlMethod, Normal, Sample, Support};

/// `ln √(2πe)`, the entropy of a standard normal number.
pub(super) const NORMAL_ENTROPY: f64 = 1.418_938_533_204_672_7;

impl<'t, T: Scalar> Scope<'t, T> {
    pub(super) fn visit_latent<D: Distribution<Var<'t, T>>>(
        &mut self,
        name: &str,
        prior: &D,
        init: impl FnOnce() -> Init,
    ) -> Result<usize> {
        let support = prior.support();
        if support.is_discrete() {
            return Err(Error::DiscreteLatent { site: self.full_name(name), family: D::NAME });
        }
        self.check_latent(name, prior)?;
        let transform = || transform(&support, prior.shape());
        let index = self.visit(name, SiteKind::Latent, D::NAME, prior.shape(), &transform, init)?;
        self.check_parameters(index, prior)?;
        Ok(index)
    }

    pub(super) fn latent<D: Distribution<Var<'t, T>>>(
        &mut self,
        index: usize,
        prior: &D,
    ) -> Result<Var<'t, T>> {
        let value = match self.mode {
            Mode::Start { .. } => {
                self.out.priors.push(fixed_normal(prior));
                if has_scale(prior) {
                    self.out.scaled.push(index);
                }
                let moved = self.moved(index, prior);
                let site = &self.layout.sites[index];
                let (rows, cols) = site.unconstrained_shape();
                let u = match moved {
                    Some(u) => u,
                    None => site.start(self.noise_key(index))?,
                };
                // A variable, so that what depends on it is known to.
                let u = self.tape.variable_with(rows, cols, |to| {
                    to.iter_mut().zip(&u).for_each(|(to, u)| *to = T::from_f64(*u));
                });
                let value = prior.support().constrain(u).unwrap_or(u);
                self.leave_moved(index, value);
                value
            }
            Mode::Point { u, non_centred, .. } => {
                let u = self.part(u, index);
                if let Some((loc, scale)) = prior.as_normal().filter(|_| non_centred.contains(&index)) {
                    // x = loc + scale u: the scale of the density and that of dx / du cancel.
                    self.out.log_prior.add(Normal::standard().log_prob_sum(u), 1.0);
                    let x = loc + scale * u;
                    self.collect(index, x);
                    return Ok(x);
                }
                let x = prior.support().constrain(u).unwrap_or(u);
                self.out.log_prior.add(prior.log_prob_unconstrained(u, Terms::Sum), 1.0);
                x
            }
            Mode::Elbo { params, draw, .. } => match self.drawn_before(index, prior) {
                Some(value) => value,
                None => match self.marginal(draw, params, index) {
                    Some(q) => self.sample_marginal(index, q, prior),
                    None => self.sample_joint(index, draw.joint.map(|j| j.u), prior)?,
                },
            },
            Mode::Guide { at, .. } => return self.drawn_by_guide(index, at, prior),
            Mode::Prior => self.drawn_from_prior(index, prior)?,
            Mode::Predict { params, draw } => {
                let u = match (self.marginal(draw, params, index), draw.joint) {
                    (Some(q), _) => self.draw(q, index),
                    (None, Some(joint)) => self.part(joint.u, index),
                    (None, None) => return Err(self.no_draw(index)),
                };
                prior.support().constrain(u).unwrap_or(u)
            }
        };
        self.collect(index, value);
        Ok(value)
    }

    /// The key of a site's noise.
    pub(super) fn noise_key(&self, index: usize) -> Key {
        self.key.fold_in(index as u64)
    }

    /// The site's numbers of the flat unconstrained vector, in the shape that they have.
    pub(super) fn part(&self, u: Var<'t, T>, index: usize) -> Var<'t, T> {
        let site = &self.layout.sites[index];
        let (rows, cols) = site.unconstrained_shape();
        u.rows(site.offset..site.offset + rows * cols).reshape(rows, cols)
    }

    pub(super) fn add_kl(&mut self, index: usize, kl: Var<'t, T>, method: KlMethod) {
        self.layout.sites[index].kl = Some(method);
        self.watch(index, kl);
        self.out.kl.add(kl, 1.0);
    }

    pub(super) fn draws(&self) -> usize {
        if let Mode::Elbo { draws, .. } = self.mode { draws } else { 1 }
    }

    pub(super) fn collect(&mut self, index: usize, value: Var<'t, T>) {
        if let Some(collected) = &mut self.out.collected {
            collected.push((index, value));
        }
    }

    pub(super) fn observed<D: Sample<Var<'t, T>>>(
        &mut self,
        name: &str,
        distribution: &D,
        value: Var<'t, T>,
    ) -> Result {
        let got = value.shape();
        self.check_observed(name, distribution, got)?;
        let index = self.visit(name, SiteKind::Observed, D::NAME, got, &not_mapped, Init::default)?;
        let value = self.simulated(index, got).unwrap_or(value);
        self.check_parameters(index, distribution)?;
        let empty = got.0 * got.1 == 0;
        if self.checking {
            self.check_data(index, D::NAME, &distribution.support(), value)?;
        }
        match self.mode {
            // A guide with data is told so before it draws.
            Mode::Guide { .. } => {}
            Mode::Start { .. } | Mode::Predict { .. } => {
                if self.out.collected.is_some() {
                    let key = self.key.fold_in(index as u64);
                    let drawn = if empty { value } else { distribution.sample_shaped(self.tape, key, got) };
                    self.collect(index, drawn);
                }
                if self.scored.is_some() && !empty {
                    self.add_log_likelihood(index, distribution.log_prob_sum(value));
                }
            }
            Mode::Prior => {
                let drawn = match empty {
                    true => value,
                    false => distribution.sample_shaped(self.tape, self.noise_key(index), got),
                };
                self.collect(index, drawn);
                if !empty {
                    self.add_log_likelihood(index, distribution.log_prob_sum(drawn));
                }
            }
            Mode::Point { .. } | Mode::Elbo { .. } if empty => {}
            Mode::Point { .. } if self.out.pointwise.is_some() => {
                let each = distribution.log_prob(value);
                self.add_log_likelihood(index, each.sum());
                self.out.pointwise.iter_mut().for_each(|all| all.push(each));
            }
            Mode::Point { .. } | Mode::Elbo { .. } => {
                self.add_log_likelihood(index, distribution.log_prob_sum(value))
            }
        }
        self.leave(index);
        Ok(())
    }

    pub(super) fn factored(&mut self, name: &str, log_density: Var<'t, T>) -> Result {
        let shape = log_density.shape();
        self.check_factor(name, shape)?;
        let index = self.visit(name, SiteKind::Observed, "factor", shape, &not_mapped, Init::default)?;
        if self.checking && !self.discovering {
            let bad = |x: &[T]| x.iter().map(|x| x.to_f64()).find(|x| !x.is_finite());
            if let Some(value) = log_density.read_lanes(bad) {
                // A backward pass from here traces the number to the operation that made it.
                drop(self.tape.backward_leaves(log_density.sum()));
                return Err(Error::NotFiniteFactor { site: self.full_name(name), value });
            }
        }
        if shape.0 * shape.1 > 0 {
            self.add_log_likelihood(index, log_density.sum());
        }
        self.leave(index);
        Ok(())
    }

    fn check_data(
        &self,
        index: usize,
        family: &'static str,
        support: &Support<Var<'t, T>>,
        value: Var<'t, T>,
    ) -> Result {
        let cols_first = value.shape().0;
        // The entry of a limit that entry `i` of the value meets by broadcasting.
        let limit = |of: Var<'t, T>, i: usize| {
            let (rows, cols) = of.shape();
            let row = if rows == 1 { 0 } else { i % cols_first };
            let col = if cols == 1 { 0 } else { i / cols_first };
            of.read(|x| x[row + col * rows].to_f64())
        };
        let inside = |i: usize, x: f64| match *support {
            Support::Interval(low, high) => limit(low, i) <= x && x <= limit(high, i),
            Support::GreaterThan(low) => limit(low, i) <= x && x < f64::INFINITY,
            Support::LessThan(high) => f64::NEG_INFINITY < x && x <= limit(high, i),
            Support::Positive => Support::<f64>::Positive.contains(x),
            Support::StrictlyPositive => Support::<f64>::StrictlyPositive.contains(x),
            Support::Boolean => Support::<f64>::Boolean.contains(x),
            Support::NonNegativeInteger => Support::<f64>::NonNegativeInteger.contains(x),
            Support::Integer => Support::<f64>::Integer.contains(x),
            Support::Category(n) => Support::<f64>::Category(n).contains(x),
            _ => x.is_finite(),
        };
        let bad = value.read(|x| match support {
            Support::Mapped(m) => {
                let x: Vec<f64> = x.iter().map(|v| v.to_f64()).collect();
                let found = m.outside(&x, value.shape(), &|k, i| limit(m.limits()[k], i));
                found.map(|i| (i, x[i]))
            }
            _ => x.iter().map(|v| v.to_f64()).enumerate().find(|(i, v)| !inside(*i, *v)),
        });
        match bad {
            None => Ok(()),
            Some((index_in, value)) => {
                let site = self.layout.sites[index].name.clone();
                Err(Error::OutsideSupport { site, family, index: index_in, value })
            }
        }
    }

    pub(super) fn visit_param(
        &mut self,
        name: &str,
        shape: (usize, usize),
        support: Support<Var<'t, T>>,
        start: impl FnOnce(&Self) -> Result<Start>,
    ) -> Result<usize> {
        if support.is_discrete() {
            return Err(Error::DiscreteLatent { site: self.full_name(name), family: "param" });
        }
        for limit in support.limits() {
            let of = limit.shape();
            if !((of.0 == 1 || of.0 == shape.0) && (of.1 == 1 || of.1 == shape.1)) {
                let problem =
                    format!("a limit is {} × {}, but the parameter {} × {}", of.0, of.1, shape.0, shape.1);
                return Err(Error::SiteShape { site: self.full_name(name), problem });
            }
        }
        if shape.0 * shape.1 == 0 {
            let problem = format!("a parameter of {} × {} has no entries", shape.0, shape.1);
            return Err(Error::SiteShape { site: self.full_name(name), problem });
        }
        if let Some(problem) = not_of(&support, shape) {
            return Err(Error::SiteShape { site: self.full_name(name), problem });
        }
        let mut at = None;
        if self.discovering {
            at = Some(start(self)?);
        }
        let init = || Init { loc: at.unwrap_or(Start::Constant(0.0)), scale: ScaleStart::Constant(0.0) };
        self.visit(name, SiteKind::Param, "", shape, &|| transform(&support, shape), init)
    }

    /// The value of a point parameter.
    pub(super) fn point(&mut self, index: usize, support: Support<Var<'t, T>>) -> Result<Var<'t, T>> {
        let site = &self.layout.sites[index];
        let u = match self.mode {
            Mode::Start { .. } | Mode::Prior => None,
            Mode::Guide { params, ids, .. } => ids[index].map(|id| self.tape.param(params, id)),
            Mode::Point { starts, .. } => starts[index].as_ref().map(|start| self.tape.share(start)),
            Mode::Elbo { params: p, .. } | Mode::Predict { params: p, .. } => {
                p.find(&site.name).map(|id| self.tape.param(p, id))
            }
        };
        let u = match u {
            Some(u) => u,
            None => {
                let (rows, cols) = site.unconstrained_shape();
                let values = site.start(self.key.fold_in(index as u64))?;
                DMatrix::from_vec(rows, cols, values).on(self.tape)
            }
        };
        let value = support.constrain(u).unwrap_or(u);
        self.collect(index, value);
        self.leave(index);
        Ok(value)
    }
}

/// How a value of this shape is made of unconstrained numbers, and their shape, if it is another.
fn transform<V: Value>(support: &Support<V>, shape: (usize, usize)) -> (Transform, Option<(usize, usize)>) {
    let transform = match support {
        Support::Real => Transform::Identity,
        Support::Positive | Support::StrictlyPositive => Transform::Exp,
        Support::Interval(..) => Transform::Interval,
        Support::GreaterThan(..) => Transform::Above,
        Support::LessThan(..) => Transform::Below,
        Support::Mapped(map) => Transform::Mapped(map.name.to_string()),
        _ => Transform::None,
    };
    (transform, support.unconstrained_shape(shape).filter(|unconstrained| *unconstrained != shape))
}

/// The transform of what is no variable.
pub(super) fn not_mapped() -> (Transform, Option<(usize, usize)>) {
    (Transform::None, None)
}

/// Why a support has no values of this shape; none if it has.
#[inline]
pub(super) fn not_of<V: Value>(support: &Support<V>, (rows, cols): (usize, usize)) -> Option<String> {
    match support {
        Support::Mapped(map) if map.unconstrained_shape((rows, cols)).is_none() => {
            Some(format!("no {rows} × {cols} matrix belongs to the support {:?}", map.name))
        }
        _ => None,
    }
}
