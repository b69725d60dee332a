//! A chain on its way: an ascent, a warm-up, and draws.

use super::chains::{Between, ChainRun, Chains, Stage};
use crate::error::{Error, Result};
use crate::linalg::{Covariance, Factor};
use crate::method::ROOM;
use crate::nuts::MetricKind;
use crate::nuts::step_size::DualAveraging;
use crate::nuts::warmup::{Moments, Windows};
use crate::optim::{Adam, OptimizerState, Schedule};
use crate::target::{AnyTarget, Target};
use probity_autodiff::Key;
use probity_autodiff::random::{fill_normal, uniform_at};
use std::ops::ControlFlow;

/// A chain between two steps.
#[derive(Clone)]
pub(super) struct Walk<'t> {
    at: Place<'t>,
    phase: Phase,
    key: Key,
    run: ChainRun,
}

/// What a chain does.
#[derive(Clone)]
enum Phase {
    Ascent(Ascent),
    Warmup(Warmup),
    Draws,
}

/// Adam, upwards.
#[derive(Clone)]
struct Ascent {
    adam: Adam,
    state: OptimizerState<f64>,
    steps: usize,
}

/// What the warm-up learns.
#[derive(Clone)]
struct Warmup {
    windows: Windows,
    moments: Moments,
    averaging: DualAveraging,
    transitions: usize,
}

/// Where a chain is.
#[derive(Clone)]
struct Place<'t> {
    target: AnyTarget<'t>,
    between: &'t dyn Between,
    u: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// The root of the metric's variances; 0 for coordinates that trajectories do not move.
    scale: Vec<f64>,
    gradients: usize,
    // Scratch.
    momentum: Vec<f64>,
    to: Vec<f64>,
    to_gradient: Vec<f64>,
}

impl<'t> Walk<'t> {
    /// A chain that is still to [begin](Walk::begin).
    pub(super) fn new(settings: &Chains, target: AnyTarget<'t>, between: &'t dyn Between, key: Key) -> Self {
        let d = target.dim();
        let mut scale = vec![1.0; d];
        for range in between.held() {
            scale[range].fill(0.0);
        }
        let zeros = vec![0.0; d];
        let at = Place {
            target,
            between,
            u: Vec::new(),
            value: f64::NAN,
            gradient: zeros.clone(),
            scale,
            gradients: 0,
            momentum: zeros.clone(),
            to: Vec::new(),
            to_gradient: zeros,
        };
        let run = ChainRun {
            draws: Vec::with_capacity(settings.draws.saturating_mul(d).min(ROOM)),
            log_density: Vec::with_capacity(settings.draws.min(ROOM)),
            acceptance: 0.0,
            divergences: 0,
            step_size: f64::NAN,
            gradients: 0,
        };
        Self { at, phase: Phase::Draws, key, run }
    }

    /// Puts the chain at its start.
    pub(super) fn begin(&mut self, settings: &Chains, start: impl FnOnce(Key) -> Result<Vec<f64>>) -> Result {
        let (u, d) = (start(self.key.fold_in_str("start"))?, self.at.target.dim());
        if u.len() != d {
            let problem = format!("{} numbers for a target of dimension {d}", u.len());
            return Err(Error::Setting { setting: "start", problem });
        }
        self.at.to.clone_from(&u);
        self.at.u = u;
        if settings.ascent == 0 {
            return self.settle(settings);
        }
        let adam = Adam::new(settings.rate);
        let state = OptimizerState::new(&adam, d);
        self.phase = Phase::Ascent(Ascent { adam, state, steps: 0 });
        Ok(())
    }

    /// The first look at the place where the ascent ended.
    fn settle(&mut self, settings: &Chains) -> Result {
        let Self { at, key, .. } = self;
        at.evaluate()?;
        if !(at.value.is_finite() && at.gradient.iter().all(|g| g.is_finite())) {
            let problem = format!("the log density is {} where the ascent ended", at.value);
            return Err(Error::Setting { setting: "start", problem });
        }
        at.first_metric(key.fold_in_str("metric"))?;
        let averaging = DualAveraging::new(settings.acceptance, 0.1);
        if settings.warmup == 0 {
            self.draw_with(averaging.mean());
            return Ok(());
        }
        let windows = Windows::new(settings.warmup, MetricKind::Diagonal);
        let moments = Moments::new(MetricKind::Diagonal, at.u.len());
        self.phase = Phase::Warmup(Warmup { windows, moments, averaging, transitions: 0 });
        Ok(())
    }

    /// What is left are draws.
    fn draw_with(&mut self, step_size: f64) {
        self.run.step_size = step_size;
        self.phase = Phase::Draws;
    }

    /// The next step.
    pub(super) fn step(&mut self, settings: &Chains) -> Result<ControlFlow<()>> {
        let Self { at, phase, key, run } = self;
        match phase {
            Phase::Ascent(ascent) => {
                ascent.step(settings, at, key.fold_in_str("ascent"))?;
                if ascent.steps == settings.ascent {
                    self.settle(settings)?;
                }
            }
            Phase::Warmup(warmup) => {
                warmup.step(settings, at, key.fold_in_str("walk"))?;
                if warmup.transitions == settings.warmup {
                    let step_size = warmup.averaging.mean();
                    self.draw_with(step_size);
                }
            }
            Phase::Draws if run.log_density.len() < settings.draws => {
                let transition = (settings.warmup + run.log_density.len()) as u64;
                let key = key.fold_in_str("walk").fold_in(transition);
                let accepted = at.transition(settings, run.step_size, key)?;
                run.acceptance += accepted / settings.draws as f64;
                run.divergences += usize::from(accepted < 1e-300);
                run.draws.extend_from_slice(&at.u);
                run.log_density.push(at.value);
            }
            Phase::Draws => {}
        }
        let done = matches!(self.phase, Phase::Draws) && self.draws() >= settings.draws;
        Ok(if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    pub(super) fn draws(&self) -> usize {
        self.run.log_density.len()
    }

    /// The first so many draws; there are at least as many.
    pub(super) fn output(mut self, settings: &Chains, draws: usize) -> ChainRun {
        if self.draws() < settings.draws {
            // The mean over those that there are.
            self.run.acceptance *= settings.draws as f64 / self.draws() as f64;
        }
        self.run.draws.truncate(draws * self.at.u.len());
        self.run.log_density.truncate(draws);
        self.run.gradients = self.at.gradients;
        self.run
    }
}

impl Ascent {
    fn step(&mut self, settings: &Chains, at: &mut Place<'_>, key: Key) -> Result {
        let Self { adam, state, steps } = self;
        let (d, step) = (at.u.len(), *steps);
        let schedule = Schedule::HoldThenCosine { hold: 0.5, end: 0.005 };
        let done = step as f64 / settings.ascent as f64;
        *steps += 1;
        at.between.update(&mut at.u, Stage::Ascent(done), key.fold_in(step as u64));
        at.evaluate()?;
        if !(at.value.is_finite() && at.gradient.iter().all(|g| g.is_finite())) {
            // Half of the way back.
            at.u.iter_mut().zip(&at.to).for_each(|(u, before)| *u = 0.5 * (*u + before));
            return Ok(());
        }
        at.to.copy_from_slice(&at.u);
        // A loss falls where the density rises; what is held has no slope.
        let slopes = at.gradient.iter_mut().zip(&at.scale);
        slopes.for_each(|(g, scale)| *g = if *scale > 0.0 { -*g } else { 0.0 });
        state.step(adam, &mut at.u, &at.gradient, &[(0..d, settings.rate * schedule.factor(done))]);
        Ok(())
    }
}

impl Warmup {
    fn step(&mut self, settings: &Chains, at: &mut Place<'_>, key: Key) -> Result {
        let Self { windows, moments, averaging, transitions } = self;
        let i = *transitions;
        let done = at.transition(settings, averaging.step(), key.fold_in(i as u64))?;
        averaging.learn(done.min(1.0));
        if i >= windows.first && windows.ends.last().is_some_and(|end| i < *end) {
            moments.add(&at.u, &at.gradient);
        }
        if windows.ends.contains(&(i + 1)) {
            at.learn_metric(moments);
            moments.clear();
            *averaging = DualAveraging::new(settings.acceptance, 0.5 * averaging.mean());
        }
        *transitions += 1;
        Ok(())
    }
}

impl Place<'_> {
    fn evaluate(&mut self) -> Result {
        self.value = self.target.gradient(&self.u, &mut self.gradient)?;
        self.gradients += 1;
        Ok(())
    }

    /// The metric from the lengths of the rows of the Hessian H: `E (H z)ᵢ² = Σⱼ Hᵢⱼ²` for random
    /// signs z.
    fn first_metric(&mut self, key: Key) -> Result {
        const PROBES: u64 = 16;
        let d = self.u.len();
        let mut squares = vec![0.0; d];
        let mut signs = vec![0.0; d];
        let size = self.u.iter().map(|u| u * u).sum::<f64>() / d as f64;
        let step = 1e-3 * size.sqrt().max(1e-3);
        for probe in 0..PROBES {
            fill_normal(key.fold_in(probe), 0, &mut signs);
            for (i, s) in signs.iter_mut().enumerate() {
                *s = if self.scale[i] > 0.0 { 1.0_f64.copysign(*s) } else { 0.0 };
                self.to[i] = self.u[i] + step * *s;
            }
            self.target.gradient(&self.to, &mut self.to_gradient)?;
            self.gradients += 1;
            let both = self.to_gradient.iter().zip(&self.gradient);
            squares.iter_mut().zip(both).for_each(|(s, (a, b))| *s += ((a - b) / step).powi(2));
        }
        let lengths: Vec<f64> = squares.iter().map(|s| (s / PROBES as f64).sqrt()).collect();
        let largest = lengths.iter().copied().filter(|x| x.is_finite()).fold(0.0, f64::max).max(1e-300);
        for (scale, length) in self.scale.iter_mut().zip(lengths).filter(|(s, _)| **s > 0.0) {
            let length = if length.is_finite() { length.max(1e-8 * largest) } else { largest };
            *scale = length.recip().sqrt();
        }
        Ok(())
    }

    fn learn_metric(&mut self, moments: &Moments) {
        // Coordinates that do not move have any variance here, and none afterwards.
        let before: Vec<f64> = self.scale.iter().map(|s| if *s > 0.0 { s * s } else { 1.0 }).collect();
        // A chain that did not move says nothing: the metric stays.
        let Ok(metric) = Covariance::diagonal(&before).and_then(|before| moments.metric(&before)) else {
            return;
        };
        for (scale, variance) in self.scale.iter_mut().zip(metric.variances()).filter(|(s, _)| **s > 0.0) {
            *scale = variance.sqrt();
        }
    }

    /// One transition, and what is between it and the next; its acceptance probability.
    fn transition(&mut self, settings: &Chains, step_size: f64, key: Key) -> Result<f64> {
        let Chains { leapfrogs, length, .. } = *settings;
        let jitter = |at: u64, width: f64| 1.0 + width * (2.0 * uniform_at::<f64>(key, at) - 1.0);
        let step = step_size * jitter(0, 0.1);
        let steps = (leapfrogs as f64).min(length / step) * jitter(1, 0.5);
        fill_normal(key.fold_in(0), 0, &mut self.momentum);
        let kinetic = |p: &[f64], scale: &[f64]| -> f64 {
            p.iter().zip(scale).filter(|(_, s)| **s > 0.0).map(|(p, _)| 0.5 * p * p).sum()
        };
        let before = self.value - kinetic(&self.momentum, &self.scale);
        self.to.clone_from(&self.u);
        self.to_gradient.clone_from(&self.gradient);
        let mut value = self.value;
        for _ in 0..(steps.round() as usize).max(1) {
            for i in 0..self.u.len() {
                self.momentum[i] += 0.5 * step * self.scale[i] * self.to_gradient[i];
                self.to[i] += step * self.scale[i] * self.momentum[i];
            }
            value = self.target.gradient(&self.to, &mut self.to_gradient)?;
            self.gradients += 1;
            let momenta = self.momentum.iter_mut().zip(&self.scale).zip(&self.to_gradient);
            momenta.for_each(|((p, s), g)| *p += 0.5 * step * s * g);
            if !(value - before > -1000.0) {
                break;
            }
        }
        let gain = value - kinetic(&self.momentum, &self.scale) - before;
        let usable = gain.is_finite() && self.to_gradient.iter().all(|g| g.is_finite());
        let acceptance = if usable { gain.exp().min(1.0) } else { 0.0 };
        if uniform_at::<f64>(key, 2) < acceptance {
            std::mem::swap(&mut self.u, &mut self.to);
        }
        self.between.update(&mut self.u, Stage::Walk, key.fold_in(1));
        self.evaluate()?;
        Ok(acceptance)
    }
}
