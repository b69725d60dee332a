//! Some draws of a step, on one tape.

use super::Elbo;
use super::importance::Weighed;
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Draw, DrawContext, Joint, Stratum};
use crate::layout::Layout;
use crate::model::Model;
use crate::objective::Objective;
use crate::scope::{Batcher, Estimator, Mode, Run, Total, run};
use probity_autodiff::{AlignedVec, GaussianSite, Key, Params, Scalar, Tape, Var};
use std::ops::Range;
use std::sync::Arc;

/// The loss of a step: `scale (kl_weight kl - log_likelihood)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub kl_weight: f64,
    pub scale: f64,
}

/// What some draws on one tape need, kept from step to step so that its memory is used again.
#[derive(Debug)]
pub(super) struct Worker<T: Scalar> {
    /// The draws: the lanes of the tape.
    pub(super) draws: Range<usize>,
    pub(super) tape: Tape<T>,
    pub(super) layout: Layout,
    batcher: Option<Batcher<T>>,
    /// The sites with fixed Normal priors that are drawn by one operation, with one draw.
    pub(super) batched: Option<Arc<[GaussianSite]>>,
    prefix: String,
    /// The sum over the draws.
    pub(super) gradient: AlignedVec<T>,
    /// The mean over the draws.
    pub(super) elbo: Elbo,
    /// `ln w` of every draw, and its share of the weights of its term, of an importance-weighted
    /// bound.
    pub(super) log_weights: Vec<f64>,
    shares: Vec<T>,
    pub(super) error: Option<Error>,
    /// How often the draw of this step was drawn anew, and how often in all steps.
    attempt: u64,
    pub(super) redrawn: usize,
    /// Why, the first time.
    pub(super) redrawn_for: Option<Error>,
    /// The site with the largest term of the ELBO, and the term (where a fault is looked for).
    pub(super) largest: Option<(usize, f64)>,
}

/// Where a step is taken: its number, the guide at its parameters, and the loss whose gradient is
/// wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a, T: Scalar> {
    pub(crate) guide: &'a dyn BoundGuide<T>,
    pub(crate) params: &'a Params<T>,
    pub(crate) step: usize,
    pub(crate) loss: Loss,
}

/// What a worker is told.
#[derive(Debug)]
pub(super) struct Task<'a, T: Scalar> {
    pub(super) at: At<'a, T>,
    pub(super) key: Key,
    pub(super) draws: usize,
    pub(super) estimator: Estimator,
    pub(super) objective: Objective,
    /// The share of every draw of the weights of its term, once they are known.
    pub(super) shares: &'a [f64],
    /// Whether only these weights are asked for.
    pub(super) weighing: bool,
    pub(super) checking: bool,
}

impl<T: Scalar> Worker<T> {
    pub(super) fn new(
        draws: Range<usize>,
        layout: Layout,
        batcher: Option<Batcher<T>>,
        batched: Option<Arc<[GaussianSite]>>,
    ) -> Self {
        let batched = batched.filter(|_| draws.len() == 1);
        Self {
            draws,
            tape: Tape::new(),
            layout,
            batcher,
            batched,
            prefix: String::new(),
            gradient: AlignedVec::default(),
            elbo: Elbo::default(),
            log_weights: Vec::new(),
            shares: Vec::new(),
            error: None,
            attempt: 0,
            redrawn: 0,
            redrawn_for: None,
            largest: None,
        }
    }

    /// The gradient, or only the weights of draws.
    pub(super) fn gradient(&mut self, model: &dyn Model<T>, task: &Task<'_, T>) -> Result {
        self.back(model, task, Tape::bind, |tape, objective| drop(tape.backward_leaves(objective))).map(drop)
    }

    /// How often a draw is drawn anew when the model fails there by its arithmetic.
    const ATTEMPTS: u64 = 100;

    /// Runs the model, with parameters that `bind` binds, and lets `back` run the backward pass
    /// from the loss, unless only weights are asked for. What that leaves as the gradient of
    /// the parameters is kept.
    ///
    /// A single draw at which a matrix is not positive definite is drawn anew: the posterior has no
    /// mass where the model is not defined.
    pub(super) fn back<O>(
        &mut self,
        model: &dyn Model<T>,
        task: &Task<'_, T>,
        bind: impl FnOnce(&Tape<T>, &Params<T>) + Copy,
        mut back: impl FnMut(&Tape<T>, Var<'_, T>) -> O,
    ) -> Result<Option<O>> {
        if task.checking {
            return self.attempted(model, task, bind, &mut back);
        }
        self.attempt = 0;
        loop {
            match self.attempted(model, task, bind, &mut back) {
                Err(error @ Error::Numerical { .. })
                    if self.draws.len() == 1 && self.attempt < Self::ATTEMPTS =>
                {
                    self.attempt += 1;
                    // The draws that are weighed are drawn again.
                    self.redrawn += usize::from(!task.weighing);
                    self.redrawn_for.get_or_insert(error);
                }
                done => return done,
            }
        }
    }

    fn attempted<O>(
        &mut self,
        model: &dyn Model<T>,
        task: &Task<'_, T>,
        bind: impl FnOnce(&Tape<T>, &Params<T>) + Copy,
        back: &mut impl FnMut(&Tape<T>, Var<'_, T>) -> O,
    ) -> Result<Option<O>> {
        let Task { at: At { guide, params, step, loss }, key, draws, objective, .. } = *task;
        let key = match self.attempt {
            0 => key,
            attempt => key.fold_in_str("again").fold_in(attempt),
        };
        self.tape.reset();
        self.tape.set_lanes(self.draws.start, self.draws.len());
        bind(&self.tape, params);
        if let Some(batcher) = &mut self.batcher {
            batcher.set_step(step);
        }
        let how = Run {
            key,
            batcher: self.batcher.as_mut(),
            estimator: task.estimator,
            checking: task.checking,
            collecting: false,
            pointwise: false,
            measuring: false,
            batched: self.batched.as_ref(),
            prefix: &mut self.prefix,
        };
        let (group, lanes) = (objective.group(), self.draws.len());
        let stratum = Stratum { first: self.draws.start, count: lanes, total: draws };
        let at = DrawContext { tape: &self.tape, params, key: key.split().1, stratum: Some(stratum) };
        self.shares.clear();
        if task.weighing {
            // The same operations as with shares, so that the tape uses its memory again.
            self.shares.resize(lanes, T::from_f64(1.0));
        }
        let shares = task.shares.get(self.draws.clone()).unwrap_or_default();
        self.shares.extend(shares.iter().map(|share| T::from_f64(*share)));
        let (mut draw, mut score, mut weighed) = (guide.draw(at)?, None, None);
        if objective.is_joint() {
            let mut joint = draw.into_joint(at)?;
            if let Objective::ImportanceWeighted { .. } = objective {
                let draw = Weighed::new(guide, at, joint, (&self.shares, group, loss.kl_weight))?;
                joint = draw.joint();
                weighed = Some(draw);
            } else {
                score = Some(log_q_at_fixed(guide, at, joint)?);
            }
            draw = Draw { joint: Some(joint), marginals: None };
        }
        let mode = Mode::Elbo { params, draw, draws };
        let out = run(model, &self.tape, &mut self.layout, mode, how)?;
        if out.priors_moved {
            self.batched = None;
            return self.attempted(model, task, bind, back);
        }
        self.largest = out.largest;
        if let Some(weighed) = weighed {
            if task.weighing {
                weighed.log_weights(&out, lanes, &mut self.log_weights);
                self.tape.unbind();
                return Ok(None);
            }
            let loss_node;
            (loss_node, self.elbo) = weighed.loss(&self.tape, &out, loss.scale);
            // A node that does not depend on noise has one value, not one for each lane.
            let times = (lanes / loss_node.lanes()) as f64;
            let result = back(&self.tape, if times > 1.0 { loss_node * times } else { loss_node });
            self.tape.swap_params_gradient(&mut self.gradient);
            self.tape.unbind();
            return Ok(Some(result));
        }
        let times = |total: &Total<'_, T>| total.terms().map(|(x, _)| x.lanes()).max();
        // The backward pass adds up the lanes. A node that does not depend on noise has one value,
        // not one for each lane.
        let there = times(&out.kl).max(times(&out.log_likelihood)).unwrap_or(1);
        let scale = loss.scale * (lanes / there) as f64;
        let kl = out.kl.terms().map(|(x, w)| (x, w * loss.kl_weight * scale));
        let data = out.log_likelihood.terms().map(|(x, w)| (x, -w * scale));
        // Of the gradient of ln q, what does not go through the draw is taken out.
        let score = score.map(|log_q| (log_q, -loss.kl_weight * scale));
        let result = back(&self.tape, Var::linear_combination(kl.chain(data).chain(score)));
        // Terms are computed by the backward pass.
        self.elbo = Elbo { log_likelihood: out.log_likelihood.mean(), kl: out.kl.mean() };
        self.tape.swap_params_gradient(&mut self.gradient);
        // Lets go of the parameters, so that the optimiser can change them in place.
        self.tape.unbind();
        Ok(Some(result))
    }
}

/// `ln q` at the draw as a function of the guide's parameters alone, with the weight of the draw.
fn log_q_at_fixed<'t, T: Scalar>(
    guide: &'t dyn BoundGuide<T>,
    at: DrawContext<'t, T>,
    joint: Joint<'t, T>,
) -> Result<Var<'t, T>> {
    let Some(log_q) = guide.log_prob(at.tape, at.params, joint.u.detach())? else {
        let problem = "the path derivative needs a guide that knows its density at any point".to_owned();
        return Err(Error::Setting { setting: "objective", problem });
    };
    Ok(joint.weight.map_or(log_q, |weight| log_q * weight.detach()))
}
