//! Points that move together.

use super::Hmc;
use crate::error::Result;
use crate::linalg::{Covariance, Factor};
use crate::target::{AnyTarget, Target};
use probity_autodiff::random::{fill_normal, uniform_at};
use std::ops::ControlFlow;

/// Points that move together, between two transitions.
#[derive(Clone, Debug)]
pub(super) struct Group<'t> {
    target: AnyTarget<'t>,
    first: usize,
    pub(super) points: Vec<f64>,
    pub(super) values: Vec<f64>,
    gradients: Vec<f64>,
    pub(super) acceptance: Vec<f64>,
    pub(super) accepted: Vec<usize>,
    pub(super) divergences: usize,
    pub(super) gradients_done: usize,
    /// Transitions so far.
    pub(super) transitions: usize,
}

/// What a transition needs besides; of all groups at once it would be the most of their memory.
#[derive(Default)]
pub(super) struct Scratch {
    points: Vec<f64>,
    values: Vec<f64>,
    gradients: Vec<f64>,
    momenta: Vec<f64>,
    steps: Vec<f64>,
    move_by: Vec<f64>,
}

impl Scratch {
    /// A copy of where the group is, and room for the rest.
    fn of(&mut self, group: &Group<'_>) {
        let (n, d) = (group.values.len(), group.target.dim());
        self.points.clone_from(&group.points);
        self.gradients.clone_from(&group.gradients);
        self.values.clone_from(&group.values);
        self.momenta.resize(n * d, 0.0);
        self.steps.resize(n, 0.0);
        self.move_by.resize(d, 0.0);
    }
}

impl<'t> Group<'t> {
    pub(super) fn new(first: usize, target: AnyTarget<'t>, points: &[f64]) -> Self {
        let n = points.len() / target.dim();
        Self {
            target,
            first,
            points: points.to_vec(),
            values: vec![0.0; n],
            gradients: vec![0.0; points.len()],
            acceptance: vec![0.0; n],
            accepted: vec![0; n],
            divergences: 0,
            gradients_done: 0,
            transitions: 0,
        }
    }

    /// Looks at the target where the points start.
    pub(super) fn begin(&mut self) -> Result {
        self.target.gradients(&self.points, &mut self.values, &mut self.gradients)?;
        self.gradients_done += self.values.len();
        Ok(())
    }

    /// The next transition. Momenta are whitened, p = Aᵀ of those of u: a step moves u by A p, and
    /// p by Aᵀ of the gradient.
    pub(super) fn step(
        &mut self,
        hmc: &Hmc,
        metric: &Covariance,
        scratch: &mut Scratch,
    ) -> Result<ControlFlow<()>> {
        if self.transitions >= hmc.transitions {
            return Ok(ControlFlow::Break(()));
        }
        let (d, n) = (self.target.dim(), self.values.len());
        scratch.of(self);
        let Scratch { points, values, gradients, momenta, steps, move_by } = scratch;
        let half = |p: &mut [f64], g: &[f64], step: f64, by: &mut Vec<f64>| {
            by.copy_from_slice(g);
            metric.unwhiten_transposed(by);
            p.iter_mut().zip(by).for_each(|(p, g)| *p += 0.5 * step * *g);
        };
        let key = hmc.key().fold_in(self.transitions as u64);
        let own = |i: usize| key.fold_in((self.first + i) as u64);
        for (i, p) in momenta.chunks_exact_mut(d).enumerate() {
            fill_normal(own(i), 0, p);
            let jitter: f64 = uniform_at(own(i), 0);
            steps[i] = hmc.step_size * (1.0 + hmc.jitter * (2.0 * jitter - 1.0));
        }
        let before: Vec<f64> = momenta.chunks_exact(d).map(kinetic).collect();
        for _ in 0..hmc.leapfrogs {
            for i in 0..n {
                let (p, u) = (&mut momenta[i * d..(i + 1) * d], &mut points[i * d..(i + 1) * d]);
                half(p, &gradients[i * d..(i + 1) * d], steps[i], move_by);
                move_by.copy_from_slice(p);
                metric.unwhiten(move_by);
                u.iter_mut().zip(&*move_by).for_each(|(u, m)| *u += steps[i] * m);
            }
            self.target.gradients(points, values, gradients)?;
            self.gradients_done += n;
            for (i, step) in steps.iter().enumerate() {
                let at = i * d..(i + 1) * d;
                half(&mut momenta[at.clone()], &gradients[at], *step, move_by);
            }
        }
        for i in 0..n {
            let at = i * d..(i + 1) * d;
            let after = values[i] - kinetic(&momenta[at.clone()]);
            let usable = after.is_finite() && gradients[at.clone()].iter().all(|g| g.is_finite());
            let gain = after - (self.values[i] - before[i]);
            // From where the target is not finite every finite place is a gain.
            let gain = if !usable {
                f64::NEG_INFINITY
            } else if gain.is_finite() {
                gain
            } else {
                f64::INFINITY
            };
            self.divergences += usize::from(gain < -1000.0);
            self.acceptance[i] += gain.exp().min(1.0);
            if uniform_at::<f64>(own(i), 1).ln() < gain {
                self.accepted[i] += 1;
                self.values[i] = values[i];
                self.points[at.clone()].copy_from_slice(&points[at.clone()]);
                self.gradients[at.clone()].copy_from_slice(&gradients[at]);
            }
        }
        self.transitions += 1;
        let more = self.transitions < hmc.transitions;
        Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }
}

fn kinetic(p: &[f64]) -> f64 {
    0.5 * p.iter().map(|p| p * p).sum::<f64>()
}
