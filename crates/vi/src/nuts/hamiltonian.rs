//! The dynamics: a target in whitened coordinates, with unit masses.

use crate::error::Result;
use crate::linalg::{Covariance, Factor};
use crate::target::{AnyTarget, Target};
use probity_autodiff::Key;
use probity_autodiff::random::fill_normal;

/// A place z, where the target is, at u = centre + A z, with the gradient with respect to z.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    pub z: Vec<f64>,
    pub gradient: Vec<f64>,
    pub value: f64,
    /// The energy −ln p + ½ |momentum|² when the trajectory passed.
    pub energy: f64,
}

/// A place with a momentum.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub at: Point,
    pub momentum: Vec<f64>,
}

impl Point {
    pub fn copy_from(&mut self, other: &Self) {
        self.z.clone_from(&other.z);
        self.gradient.clone_from(&other.gradient);
        (self.value, self.energy) = (other.value, other.energy);
    }
}

impl State {
    pub fn copy_from(&mut self, other: &Self) {
        self.at.copy_from(&other.at);
        self.momentum.clone_from(&other.momentum);
    }

    fn energy(&self) -> f64 {
        0.5 * self.momentum.iter().map(|p| p * p).sum::<f64>() - self.at.value
    }
}

/// A target seen through a metric: with Σ = A Aᵀ for the inverse mass matrix, z = A⁻¹ (u − centre)
/// has unit masses. The trajectories are those of u with masses Σ⁻¹, and velocity and momentum are
/// one.
#[derive(Clone, Debug)]
pub(super) struct Hamiltonian<'t> {
    target: AnyTarget<'t>,
    pub metric: Covariance,
    /// Where z is 0.
    centre: Vec<f64>,
    /// Scratch: the place in the target's coordinates.
    u: Vec<f64>,
    /// Scratch: the gradient in the target's coordinates.
    gradient: Vec<f64>,
    /// How often the gradient was computed.
    pub gradients: usize,
}

impl<'t> Hamiltonian<'t> {
    pub fn new(target: AnyTarget<'t>, metric: Covariance, start: &[f64]) -> Self {
        Self { target, metric, centre: start.to_vec(), u: start.to_vec(), gradient: Vec::new(), gradients: 0 }
    }

    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// Computes value and gradient at z.
    pub fn evaluate(&mut self, at: &mut Point) -> Result {
        self.place(&at.z);
        at.value = self.target.gradient(&self.u, &mut at.gradient)?;
        self.metric.unwhiten_transposed(&mut at.gradient);
        self.gradients += 1;
        Ok(())
    }

    fn place(&mut self, z: &[f64]) {
        self.u.copy_from_slice(z);
        self.metric.unwhiten(&mut self.u);
        self.u.iter_mut().zip(&self.centre).for_each(|(u, c)| *u += c);
    }

    /// Where z is in the target's coordinates.
    pub fn position(&mut self, z: &[f64]) -> &[f64] {
        self.place(z);
        &self.u
    }

    /// Where a point is in the target's coordinates, and the gradient there.
    pub fn position_and_gradient(&mut self, at: &Point) -> (&[f64], &[f64]) {
        self.place(&at.z);
        self.gradient.clone_from(&at.gradient);
        self.metric.whiten_transposed(&mut self.gradient);
        (&self.u, &self.gradient)
    }

    /// Another metric, and z = 0 where the point is.
    pub fn change_metric(&mut self, metric: Covariance, at: &mut Point) {
        self.place(&at.z);
        self.centre.copy_from_slice(&self.u);
        at.z.fill(0.0);
        self.metric.whiten_transposed(&mut at.gradient);
        self.metric = metric;
        self.metric.unwhiten_transposed(&mut at.gradient);
    }

    /// A fresh momentum; the energy is set.
    pub fn kick(&self, state: &mut State, key: Key) {
        state.momentum.resize(self.dim(), 0.0);
        fill_normal(key, 0, &mut state.momentum);
        state.at.energy = state.energy();
    }

    /// One leapfrog step; the energy becomes +∞ where the target is not finite.
    pub fn leapfrog(&mut self, state: &mut State, step: f64) -> Result {
        let half = |momentum: &mut [f64], gradient: &[f64]| {
            momentum.iter_mut().zip(gradient).for_each(|(p, g)| *p += 0.5 * step * g);
        };
        half(&mut state.momentum, &state.at.gradient);
        state.at.z.iter_mut().zip(&state.momentum).for_each(|(z, p)| *z += step * p);
        self.evaluate(&mut state.at)?;
        half(&mut state.momentum, &state.at.gradient);
        let energy = state.energy();
        state.at.energy = if energy.is_finite() { energy } else { f64::INFINITY };
        Ok(())
    }
}
