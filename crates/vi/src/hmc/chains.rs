//! Chains that climb to a mode first and then walk, with other updates between the transitions.

use crate::error::{Error, Result};
use crate::linalg::{Covariance, Factor};
use crate::nuts::MetricKind;
use crate::nuts::step_size::DualAveraging;
use crate::nuts::warmup::{Moments, Windows};
use crate::optim::{Adam, OptimizerState, Schedule};
use crate::target::{AnyTarget, Target};
use probity_autodiff::random::{fill_normal, uniform_at};
use probity_autodiff::{Key, parallel_map_mut};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where a chain is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// On its way to a mode, with this part of the steps done, between 0 and 1.
    Ascent(f64),
    /// Walking.
    Walk,
}

/// What else happens to the coordinates: draws of some of them given all others (Gibbs steps), which
/// trajectories do not move.
///
/// Scales of hierarchical priors are such coordinates: along a trajectory they would make the
/// stiffness of all weights below them change, and the steps small; given the weights they are
/// numbers with a simple density each.
///
/// *Source*: Neal 1996, "Bayesian learning for neural networks", section 3.1.
pub trait Between: Sync {
    /// The coordinates that only [`update`](Between::update) changes.
    fn held(&self) -> Vec<Range<usize>>;

    /// Changes coordinates so that the distribution of all of them is left as it is. In the ascent,
    /// which is no chain, it may do more.
    fn update(&self, u: &mut [f64], stage: Stage, key: Key);
}

/// Nothing between the transitions.
impl Between for () {
    fn held(&self) -> Vec<Range<usize>> {
        Vec::new()
    }
    fn update(&self, _: &mut [f64], _: Stage, _: Key) {}
}

/// The settings of chains for targets of hundreds or thousands of coordinates with many modes, such
/// as the weights of a network.
///
/// Every chain climbs from its own start by Adam, learns a diagonal metric and a step size, and then
/// walks by Hamiltonian transitions of a given length. The metric begins as the size of the rows of
/// the Hessian at the end of the ascent, by differences of gradients along random directions, and
/// then comes from draws and gradients of the warm-up.
///
/// The same seed gives the same bits for any number of threads; chains run on all of them.
///
/// *Source*: Neal 2011, "MCMC using Hamiltonian dynamics"; of the metric: Seyboldt et al. 2024.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chains {
    /// How many chains.
    pub chains: usize,
    /// Steps of the ascent.
    pub ascent: usize,
    /// The rate of Adam in its first half; in the second it falls to nothing as a cosine does.
    pub rate: f64,
    /// Transitions before the draws.
    pub warmup: usize,
    /// Draws of every chain, one a transition.
    pub draws: usize,
    /// The most leapfrog steps of a transition, on average.
    pub leapfrogs: usize,
    /// The length of a trajectory in units of the metric, on average, if that takes fewer steps.
    pub length: f64,
    /// The mean acceptance to which the step size is adapted.
    pub acceptance: f64,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Default for Chains {
    fn default() -> Self {
        Self {
            chains: 4,
            ascent: 1000,
            rate: 0.02,
            warmup: 60,
            draws: 60,
            leapfrogs: 40,
            length: 1.5,
            acceptance: 0.8,
            seed: 0,
        }
    }
}

/// All chains of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs {
    /// The number of coordinates, d.
    pub dim: usize,
    /// The chains.
    pub chains: Vec<ChainRun>,
}

/// One chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainRun {
    /// d numbers for every draw.
    pub draws: Vec<f64>,
    /// The log density at every draw.
    pub log_density: Vec<f64>,
    /// The mean acceptance of the draws.
    pub acceptance: f64,
    /// Draws whose trajectory ended where the energy was higher by more than 1000, or not finite.
    pub divergences: usize,
    /// The step size, in units of the metric.
    pub step_size: f64,
    /// Gradients in all.
    pub gradients: usize,
}

impl Runs {
    /// All draws, one chain after the other, d numbers each.
    pub fn draws(&self) -> Vec<f64> {
        self.chains.iter().flat_map(|c| &c.draws).copied().collect()
    }

    /// Gradients of all chains.
    pub fn gradients(&self) -> usize {
        self.chains.iter().map(|c| c.gradients).sum()
    }
}

impl Chains {
    /// Runs all chains, the i-th from `start(key)` with a key of its own.
    ///
    /// # Errors
    /// If a setting cannot be used, if the target is not finite where an ascent ends, and for
    /// errors of the target.
    pub fn run<T: Target>(
        &self,
        target: &T,
        start: impl Fn(Key) -> Result<Vec<f64>> + Sync,
        between: &dyn Between,
    ) -> Result<Runs> {
        self.run_any(AnyTarget::new(target.clone()), &start, between)
    }

    /// Not compiled for every target.
    fn run_any(
        &self,
        target: AnyTarget<'_>,
        start: &(dyn Fn(Key) -> Result<Vec<f64>> + Sync),
        between: &dyn Between,
    ) -> Result<Runs> {
        let no = |setting, problem: &str| Err(Error::Setting { setting, problem: problem.to_owned() });
        if self.chains == 0 || self.draws == 0 {
            return no("chains", "at least one chain and one draw are needed");
        }
        if !(self.acceptance > 0.0 && self.acceptance < 1.0) {
            return no("acceptance", "it is not between 0 and 1");
        }
        if self.leapfrogs == 0 || !(self.length > 0.0 && self.rate > 0.0) {
            return no("length", "steps, length and rate are positive");
        }
        let key = Key::new(self.seed).fold_in_str("chains");
        let dim = target.dim();
        let mut chains: Vec<_> = (0..self.chains as u64).map(|c| (c, target.clone())).collect();
        let chains = parallel_map_mut(&mut chains, |(c, target)| {
            let key = key.fold_in(*c);
            let u = start(key.fold_in_str("start"))?;
            Chain::new(self, target, u, between)?.run(key)
        });
        Ok(Runs { dim, chains: chains.into_iter().collect::<Result<_>>()? })
    }
}

/// A chain on its way.
struct Chain<'a, 't> {
    settings: &'a Chains,
    target: &'a mut AnyTarget<'t>,
    between: &'a dyn Between,
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

impl<'a, 't> Chain<'a, 't> {
    fn new(
        settings: &'a Chains,
        target: &'a mut AnyTarget<'t>,
        u: Vec<f64>,
        between: &'a dyn Between,
    ) -> Result<Self> {
        let d = target.dim();
        if u.len() != d {
            let problem = format!("{} numbers for a target of dimension {d}", u.len());
            return Err(Error::Setting { setting: "start", problem });
        }
        let mut scale = vec![1.0; d];
        for range in between.held() {
            scale[range].fill(0.0);
        }
        let zeros = vec![0.0; d];
        let (gradient, momentum, to, to_gradient) = (zeros.clone(), zeros.clone(), u.clone(), zeros);
        Ok(Self {
            settings,
            target,
            between,
            u,
            value: f64::NAN,
            gradient,
            scale,
            gradients: 0,
            momentum,
            to,
            to_gradient,
        })
    }

    fn evaluate(&mut self) -> Result {
        self.value = self.target.gradient(&self.u, &mut self.gradient)?;
        self.gradients += 1;
        Ok(())
    }

    fn run(mut self, key: Key) -> Result<ChainRun> {
        let Chains { warmup, draws, acceptance, .. } = *self.settings;
        self.ascend(key.fold_in_str("ascent"))?;
        self.evaluate()?;
        if !(self.value.is_finite() && self.gradient.iter().all(|g| g.is_finite())) {
            let problem = format!("the log density is {} where the ascent ended", self.value);
            return Err(Error::Setting { setting: "start", problem });
        }
        self.first_metric(key.fold_in_str("metric"))?;
        let windows = Windows::new(warmup, MetricKind::Diagonal);
        let mut moments = Moments::new(MetricKind::Diagonal, self.u.len());
        let mut averaging = DualAveraging::new(acceptance, 0.1);
        let walk = key.fold_in_str("walk");
        for i in 0..warmup {
            let done = self.transition(averaging.step(), walk.fold_in(i as u64))?;
            averaging.learn(done.min(1.0));
            if i >= windows.first && windows.ends.last().is_some_and(|end| i < *end) {
                moments.add(&self.u, &self.gradient);
            }
            if windows.ends.contains(&(i + 1)) {
                self.learn_metric(&moments);
                moments.clear();
                averaging = DualAveraging::new(acceptance, 0.5 * averaging.mean());
            }
        }
        let step_size = averaging.mean();
        let mut run = ChainRun {
            draws: Vec::with_capacity(draws * self.u.len()),
            log_density: Vec::with_capacity(draws),
            acceptance: 0.0,
            divergences: 0,
            step_size,
            gradients: 0,
        };
        for i in warmup..warmup + draws {
            let accepted = self.transition(step_size, walk.fold_in(i as u64))?;
            run.acceptance += accepted / draws as f64;
            run.divergences += usize::from(accepted < 1e-300);
            run.draws.extend_from_slice(&self.u);
            run.log_density.push(self.value);
        }
        run.gradients = self.gradients;
        Ok(run)
    }

    /// Adam, upwards.
    fn ascend(&mut self, key: Key) -> Result {
        let Chains { ascent, rate, .. } = *self.settings;
        let d = self.u.len();
        let mut adam = Adam::new(rate);
        let mut state = OptimizerState::new(&adam, d);
        let schedule = Schedule::HoldThenCosine { hold: 0.5, end: 0.005 };
        for step in 0..ascent {
            let done = step as f64 / ascent as f64;
            self.between.update(&mut self.u, Stage::Ascent(done), key.fold_in(step as u64));
            self.evaluate()?;
            if !(self.value.is_finite() && self.gradient.iter().all(|g| g.is_finite())) {
                // Half of the way back.
                self.u.iter_mut().zip(&self.to).for_each(|(u, before)| *u = 0.5 * (*u + before));
                continue;
            }
            self.to.copy_from_slice(&self.u);
            // A loss falls where the density rises; what is held has no slope.
            let slopes = self.gradient.iter_mut().zip(&self.scale);
            slopes.for_each(|(g, scale)| *g = if *scale > 0.0 { -*g } else { 0.0 });
            state.step(&mut adam, &mut self.u, &self.gradient, &[(0..d, rate * schedule.factor(done))]);
        }
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
    fn transition(&mut self, step_size: f64, key: Key) -> Result<f64> {
        let Chains { leapfrogs, length, .. } = *self.settings;
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
