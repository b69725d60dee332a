//! Mixtures: several guides of one kind, each with a share of the mass.

use super::part::Part;
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Draw, DrawContext, Guide, Segments, Stratum};
use crate::layout::Layout;
use probity_autodiff::random::uniform_at;
use probity_autodiff::{Key, ParamId, Params, Scalar, Tape, Var};
use serde::{Deserialize, Serialize};

/// `q(u) = Σₖ wₖ qₖ(u)` with `w = softmax(logits)`, for posteriors of several modes or with heavy
/// tails.
///
/// In a step of a fit draws are stratified: draw j is one of component `j mod K` and counts
/// `wₖ draws / nₖ`, so that gradients with respect to the shares come from all components at once
/// and not from which of them was drawn. Take at least as many [draws](crate::Fit::draws) as
/// components. A component goes to the mode that its start leads to; starts differ by
/// [`dispersion`](Mixture::dispersion).
///
/// *Source*: Morningstar et al. 2021, "Automatic differentiation variational inference with
/// mixtures", section 3 (stratified draws).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixture<G> {
    guide: G,
    components: usize,
    dispersion: f64,
}

impl<G> Mixture<G> {
    /// Of so many guides of this kind, with equal shares at the start.
    pub fn new(guide: G, components: usize) -> Self {
        Self { guide, components, dispersion: 1.0 }
    }

    /// The standard deviation of what is added to the start of every mean of every component, in
    /// unconstrained numbers. Default 1.
    pub fn dispersion(mut self, sd: f64) -> Self {
        self.dispersion = sd;
        self
    }
}

impl<T: Scalar, G: Guide<T>> Guide<T> for Mixture<G> {
    fn name(&self) -> String {
        format!("mixture of {}: {}", self.components, self.guide.name())
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        let bad = |problem: &str| Err(Error::Setting { setting: "mixture", problem: problem.into() });
        if self.components == 0 {
            return bad("at least one component is needed");
        }
        if !(self.dispersion >= 0.0 && self.dispersion.is_finite()) {
            return bad("the dispersion is a finite number of 0 or more");
        }
        let logits =
            segments.add("mixture.logits", (1, self.components), || Ok(vec![0.0; self.components]))?;
        let mut parts = Vec::with_capacity(self.components);
        for k in 0..self.components {
            let bind = |s: &mut Segments<'_, T>| Part::bind(&self.guide, layout, s);
            parts.push(segments.within(&format!("component {k}"), self.dispersion, bind)?);
        }
        if parts.iter().any(|part| !part.evaluable) {
            return bad(
                "the density of its components must be known at every point, as that of a Gaussian is",
            );
        }
        Ok(Box::new(BoundMixture { logits, parts }))
    }
}

#[derive(Debug)]
struct BoundMixture<T: Scalar> {
    logits: ParamId,
    parts: Vec<Part<T>>,
}

impl<T: Scalar> BoundMixture<T> {
    /// `ln Σₖ exp(ln wₖ + ln qₖ(u))`.
    fn log_density<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Var<'t, T>> {
        let log_w = tape.param(params, self.logits).log_softmax();
        let each: Result<Vec<_>> = self.parts.iter().map(|part| part.log_prob(tape, params, u)).collect();
        Ok((Var::concat_cols(&each?) + log_w).logsumexp())
    }

    /// The component of a draw by itself: one by the shares.
    fn chosen(&self, params: &Params<T>, key: Key) -> usize {
        let logits: Vec<f64> = params.get(self.logits).iter().map(|x| x.to_f64()).collect();
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = logits.iter().map(|l| (l - most).exp()).collect();
        let mut left = uniform_at::<f64>(key, 0) * shares.iter().sum::<f64>();
        for (k, share) in shares.iter().enumerate() {
            left -= share;
            if left < 0.0 {
                return k;
            }
        }
        shares.len() - 1
    }
}

impl<T: Scalar> BoundGuide<T> for BoundMixture<T> {
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        let point = |k: usize| {
            let at = DrawContext { key: at.key.fold_in(k as u64), stratum: None, ..at };
            Ok(self.parts[k].guide.draw(at)?.into_joint(at)?.u)
        };
        let Some(stratum) = at.stratum else {
            let u = point(self.chosen(at.params, at.key.fold_in_str("component")))?;
            return Ok(Draw::joint(u, self.log_density(at.tape, at.params, u)?));
        };
        let all: Result<Vec<_>> = (0..self.parts.len()).map(point).collect();
        let strata = Strata::new(stratum, self.parts.len(), at.key);
        let u = Var::concat_cols(&all?).matmul_tr(strata.on(at.tape, |_| 1.0));
        let shares = at.tape.param(at.params, self.logits).softmax();
        let weight = shares.matmul_tr(strata.on(at.tape, |k| strata.scale(k)));
        Ok(Draw::joint(u, self.log_density(at.tape, at.params, u)?).weighted(weight))
    }

    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        self.log_density(tape, params, u).map(Some)
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        self.parts.iter().for_each(|part| part.guide.units(params, units));
    }

    fn fixed_units(&self) -> Vec<ParamId> {
        self.parts.iter().flat_map(|part| part.guide.fixed_units()).collect()
    }

    fn scale_params(&self) -> Vec<ParamId> {
        self.parts.iter().flat_map(|part| part.guide.scale_params()).collect()
    }
}

/// Which component each draw of a step is from.
struct Strata {
    draws: Stratum,
    components: usize,
    /// With fewer draws than components, the first of them changes from step to step.
    first: usize,
}

impl Strata {
    fn new(draws: Stratum, components: usize, key: Key) -> Self {
        let chosen = (uniform_at::<f64>(key.fold_in_str("first"), 0) * components as f64) as usize;
        let first = if draws.total < components { chosen.min(components - 1) } else { 0 };
        Self { draws, components, first }
    }

    fn of(&self, draw: usize) -> usize {
        (draw + self.first) % self.components
    }

    /// By how much the share of a component is multiplied in the weight of each of its draws, so
    /// that the mean over all draws counts it by its share (in expectation, with fewer draws than
    /// components).
    fn scale(&self, component: usize) -> f64 {
        let total = self.draws.total;
        if total < self.components {
            return self.components as f64;
        }
        total as f64 / (0..total).filter(|j| self.of(*j) == component).count() as f64
    }

    /// For every lane a row with a number in the column of its component, and 0 elsewhere.
    fn on<'t, T: Scalar>(&self, tape: &'t Tape<T>, number: impl Fn(usize) -> f64) -> Var<'t, T> {
        let n = self.components;
        let mut rows = vec![T::from_f64(0.0); self.draws.count * n];
        for (lane, row) in rows.chunks_exact_mut(n).enumerate() {
            let k = self.of(self.draws.first + lane);
            row[k] = T::from_f64(number(k));
        }
        tape.variable_by_lane(1, n, &rows)
    }
}
