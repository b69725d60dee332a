//! Hamiltonian Monte Carlo of fixed length: from many starts at once, to see what an exact kernel
//! does to the draws of a guide ([`Hmc`]), and as chains from the ascent on, with updates of another
//! kind between the transitions ([`Chains`]).

mod chains;

pub use chains::{Between, ChainRun, Chains, Runs, Stage};

use crate::error::{Error, Result};
use crate::linalg::{Covariance, Factor};
use crate::target::{AnyTarget, Target};
use probity_autodiff::random::{fill_normal, uniform_at};
use probity_autodiff::{Key, parallel_map_mut};
use serde::{Deserialize, Serialize};

/// Points that move together: their gradients are computed in one call. Not a setting, because a
/// target may round differently in calls of different length, and bits must not depend on the
/// number of threads.
const TOGETHER: usize = 64;

/// The settings of a short run of Hamiltonian Monte Carlo from many starts.
///
/// The kernel leaves the target as it is. So exact draws stay exact draws, and a statistic of draws
/// of a guide that moves is one that the guide has wrong.
///
/// ```
/// use probity_autodiff::{Key, random::fill_normal};
/// use probity_vi::{LogDensity, hmc::Hmc, linalg::Covariance};
///
/// let normal = LogDensity::new(1, |u: &[f64], gradient: &mut [f64]| {
///     gradient[0] = -u[0];
///     -0.5 * u[0] * u[0]
/// });
/// // Draws of a guide that is half as wide as the target.
/// let mut draws = vec![0.0; 1000];
/// fill_normal(Key::new(1), 0, &mut draws);
/// draws.iter_mut().for_each(|u| *u *= 0.5);
/// let moved = Hmc::new().transitions(3).run(&normal, &draws, &Covariance::identity(1))?;
/// let variance = moved.points.iter().map(|u| u * u).sum::<f64>() / 1000.0;
/// assert!(variance > 0.8);
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// *Source*: Neal 2011, "MCMC using Hamiltonian dynamics", section 3.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hmc {
    step_size: f64,
    leapfrogs: usize,
    transitions: usize,
    jitter: f64,
    seed: u64,
}

impl Default for Hmc {
    fn default() -> Self {
        Self { step_size: 0.25, leapfrogs: 6, transitions: 1, jitter: 0.2, seed: 0 }
    }
}

/// Where the points are after the transitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// d entries for every start, in their order.
    #[serde(with = "probity_autodiff::serde_float")]
    pub points: Vec<f64>,
    /// The target's value there.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_density: Vec<f64>,
    /// The mean acceptance probability of every start's transitions.
    #[serde(with = "probity_autodiff::serde_float")]
    pub acceptance: Vec<f64>,
    /// How many proposals of every start were accepted.
    pub accepted: Vec<usize>,
    /// Proposals with a log density that is not finite, or an energy higher by more than 1000.
    pub divergences: usize,
    /// Gradients in all.
    pub gradients: usize,
}

impl Moved {
    /// The mean acceptance probability of all starts.
    pub fn mean_acceptance(&self) -> f64 {
        crate::diagnostics::mean(&self.acceptance)
    }
}

impl Hmc {
    /// One transition of six leapfrog steps of 0.25 in units of the metric, which for a Gaussian
    /// target is a quarter of a period: a fresh draw.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length of a leapfrog step, in units of the metric.
    pub fn step_size(mut self, step: f64) -> Self {
        self.step_size = step;
        self
    }

    /// Leapfrog steps of a transition.
    pub fn leapfrogs(mut self, leapfrogs: usize) -> Self {
        self.leapfrogs = leapfrogs;
        self
    }

    /// Transitions.
    pub fn transitions(mut self, transitions: usize) -> Self {
        self.transitions = transitions;
        self
    }

    /// Every transition of every point has a step of its own, up to this part larger or smaller, so
    /// that no period of the target repeats itself.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The seed of all random numbers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Moves all points: `starts` has d entries for each. A start where the target is not finite
    /// moves as soon as a proposal is finite.
    ///
    /// # Errors
    /// If a setting or a size cannot be used, and for errors of the target.
    pub fn run<T: Target>(&self, target: &T, starts: &[f64], metric: &Covariance) -> Result<Moved> {
        self.run_any(AnyTarget::new(target.clone()), starts, metric)
    }

    /// Not compiled for every target.
    fn run_any(&self, target: AnyTarget<'_>, starts: &[f64], metric: &Covariance) -> Result<Moved> {
        let d = target.dim();
        let no = |setting, problem: String| Err(Error::Setting { setting, problem });
        if d == 0 || !starts.len().is_multiple_of(d) {
            return no("starts", format!("{} numbers for a target of dimension {d}", starts.len()));
        }
        if metric.dim() != d {
            return no("metric", format!("of dimension {}, but the target has {d}", metric.dim()));
        }
        if !(self.step_size > 0.0 && self.step_size.is_finite() && (0.0..1.0).contains(&self.jitter)) {
            return no("step_size", format!("{} with jitter {}", self.step_size, self.jitter));
        }
        if starts.iter().any(|x| !x.is_finite()) {
            return no("starts", "a number is not finite".to_owned());
        }
        let key = Key::new(self.seed).fold_in_str("hmc");
        let groups = starts.chunks(TOGETHER * d).enumerate();
        let mut groups: Vec<_> = groups.map(|(g, points)| (g * TOGETHER, target.clone(), points)).collect();
        let groups = parallel_map_mut(&mut groups, |(first, target, points)| {
            let mut group = Group::new(*first, d, points);
            group.run(self, target, metric, key)?;
            Ok::<Group, Error>(group)
        });
        let mut moved = Moved {
            points: Vec::with_capacity(starts.len()),
            log_density: Vec::new(),
            acceptance: Vec::new(),
            accepted: Vec::new(),
            divergences: 0,
            gradients: 0,
        };
        for group in groups {
            let group = group?;
            moved.points.extend(group.points);
            moved.log_density.extend(group.values);
            let n = self.transitions as f64;
            moved.acceptance.extend(group.acceptance.iter().map(|a| a / n));
            moved.accepted.extend(group.accepted);
            moved.divergences += group.divergences;
            moved.gradients += group.gradients_done;
        }
        Ok(moved)
    }
}

/// Points that move together.
struct Group {
    first: usize,
    dim: usize,
    points: Vec<f64>,
    values: Vec<f64>,
    gradients: Vec<f64>,
    acceptance: Vec<f64>,
    accepted: Vec<usize>,
    divergences: usize,
    gradients_done: usize,
}

impl Group {
    fn new(first: usize, dim: usize, points: &[f64]) -> Self {
        let n = points.len() / dim;
        Self {
            first,
            dim,
            points: points.to_vec(),
            values: vec![0.0; n],
            gradients: vec![0.0; points.len()],
            acceptance: vec![0.0; n],
            accepted: vec![0; n],
            divergences: 0,
            gradients_done: 0,
        }
    }

    /// Momenta are whitened, p = Aᵀ of those of u: a step moves u by A p, and p by Aᵀ of the
    /// gradient.
    fn run(&mut self, hmc: &Hmc, target: &mut AnyTarget<'_>, metric: &Covariance, key: Key) -> Result {
        let (d, n) = (self.dim, self.values.len());
        target.gradients(&self.points, &mut self.values, &mut self.gradients)?;
        self.gradients_done += n;
        let (mut points, mut values) = (self.points.clone(), self.values.clone());
        let (mut gradients, mut momenta) = (self.gradients.clone(), self.points.clone());
        let (mut steps, mut move_by) = (vec![0.0; n], vec![0.0; d]);
        let half = |p: &mut [f64], g: &[f64], step: f64, by: &mut Vec<f64>| {
            by.copy_from_slice(g);
            metric.unwhiten_transposed(by);
            p.iter_mut().zip(by).for_each(|(p, g)| *p += 0.5 * step * *g);
        };
        for transition in 0..hmc.transitions {
            let key = key.fold_in(transition as u64);
            let own = |i: usize| key.fold_in((self.first + i) as u64);
            points.copy_from_slice(&self.points);
            gradients.copy_from_slice(&self.gradients);
            for (i, p) in momenta.chunks_exact_mut(d).enumerate() {
                fill_normal(own(i), 0, p);
                let jitter: f64 = uniform_at(own(i), 0);
                steps[i] = hmc.step_size * (1.0 + hmc.jitter * (2.0 * jitter - 1.0));
            }
            let before: Vec<f64> = momenta.chunks_exact(d).map(kinetic).collect();
            for _ in 0..hmc.leapfrogs {
                for i in 0..n {
                    let (p, u) = (&mut momenta[i * d..(i + 1) * d], &mut points[i * d..(i + 1) * d]);
                    half(p, &gradients[i * d..(i + 1) * d], steps[i], &mut move_by);
                    move_by.copy_from_slice(p);
                    metric.unwhiten(&mut move_by);
                    u.iter_mut().zip(&move_by).for_each(|(u, m)| *u += steps[i] * m);
                }
                target.gradients(&points, &mut values, &mut gradients)?;
                self.gradients_done += n;
                for i in 0..n {
                    half(
                        &mut momenta[i * d..(i + 1) * d],
                        &gradients[i * d..(i + 1) * d],
                        steps[i],
                        &mut move_by,
                    );
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
        }
        Ok(())
    }
}

fn kinetic(p: &[f64]) -> f64 {
    0.5 * p.iter().map(|p| p * p).sum::<f64>()
}
