//! What importance samples are drawn from: Gaussians, each with a share of heavier tails.

use crate::diagnostics::log_sum_exp;
use crate::error::Result;
use crate::gaussian::{Gaussian, fixed_draws};
use crate::linalg::{Dense, Factor};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Real};

/// The share of every component's draws that come from a Student t of the same location and scale.
/// It bounds the weights where the target's tails are heavier than a Gaussian's, at the price of
/// this share of the draws.
///
/// Source: Hesterberg 1995, "Weighted average importance sampling and defensive mixture
/// distributions".
const HEAVY: f64 = 0.2;
/// Its degrees of freedom.
const DEGREES: usize = 5;

/// A mixture of Gaussians with heavier tails.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    components: Vec<Component>,
}

#[derive(Clone, Debug)]
struct Component {
    weight: f64,
    mean: Vec<f64>,
    factor: Dense,
}

/// Draws, d numbers each, with the log density of the proposal.
#[derive(Clone, Debug, Default)]
pub(super) struct Draws {
    pub(super) points: Vec<f64>,
    pub(super) log_q: Vec<f64>,
    /// The component that every draw came from.
    pub(super) component: Vec<usize>,
}

impl Proposal {
    /// Of Gaussians with these weights, which need not sum to 1.
    ///
    /// # Errors
    /// If a Gaussian is singular.
    pub(super) fn new(gaussians: &[Gaussian], weights: &[f64]) -> Result<Self> {
        let total: f64 = weights.iter().sum();
        let each = gaussians.iter().zip(weights).map(|(g, weight)| {
            let (mean, factor) = (g.mean.as_slice().to_vec(), g.cholesky()?);
            Ok(Component { weight: weight / total, mean, factor })
        });
        Ok(Self { components: each.collect::<Result<_>>()? })
    }

    /// About `n` draws: every component has its share of them, and its draws are antithetic and
    /// stratified.
    pub(super) fn draw(&self, n: usize, key: Key) -> Draws {
        let mut draws = Draws::default();
        for (k, component) in self.components.iter().enumerate() {
            let key = key.fold_in(k as u64);
            let pairs = |share: f64| ((n as f64 * component.weight * share / 2.0).round() as usize).max(1);
            let d = component.mean.len();
            let light = fixed_draws(d, pairs(1.0 - HEAVY), key.fold_in(0));
            let mut heavy = fixed_draws(d, pairs(HEAVY), key.fold_in(1));
            let mut normals = [0.0; DEGREES];
            for (i, mut z) in heavy.column_iter_mut().enumerate() {
                fill_normal(key.fold_in(2).fold_in(i as u64), 0, &mut normals);
                let chi2: f64 = normals.iter().map(|z| z * z).sum();
                z *= (DEGREES as f64 / chi2).sqrt();
            }
            let mut add = |z: &DMatrix<f64>| {
                for z in z.column_iter() {
                    let at = draws.points.len();
                    draws.points.extend(z.iter());
                    component.factor.unwhiten(&mut draws.points[at..]);
                    draws.points[at..].iter_mut().zip(&component.mean).for_each(|(u, m)| *u += m);
                    draws.component.push(k);
                }
            };
            add(&light);
            add(&heavy);
        }
        draws.log_q = self.log_density(&draws.points);
        draws
    }

    /// The log density at points.
    fn log_density(&self, points: &[f64]) -> Vec<f64> {
        let d = self.components[0].mean.len();
        let mut scratch = vec![0.0; d];
        let mut terms = vec![0.0; self.components.len()];
        let constant = StudentConstant::new(d);
        let at = |u: &[f64]| {
            for (term, Component { weight, mean, factor }) in terms.iter_mut().zip(&self.components) {
                scratch.iter_mut().zip(u.iter().zip(mean)).for_each(|(x, (u, m))| *x = u - m);
                factor.whiten(&mut scratch);
                let squares: f64 = scratch.iter().map(|x| x * x).sum();
                let gaussian = -0.5 * squares - constant.gaussian;
                let student = constant.student - constant.power * (squares / DEGREES as f64).ln_1p();
                let (light, heavy) = ((1.0 - HEAVY).ln() + gaussian, HEAVY.ln() + student);
                let max = light.max(heavy);
                let mixed = max + (-(light - heavy).abs()).exp().ln_1p();
                *term = weight.ln() + mixed - 0.5 * factor.log_det();
            }
            log_sum_exp(terms.iter().copied())
        };
        points.chunks_exact(d).map(at).collect()
    }
}

/// Constants of log densities with unit scale.
struct StudentConstant {
    gaussian: f64,
    student: f64,
    power: f64,
}

impl StudentConstant {
    fn new(d: usize) -> Self {
        let (d, df) = (d as f64, DEGREES as f64);
        let power = 0.5 * (df + d);
        let student = power.lgamma() - (0.5 * df).lgamma() - 0.5 * d * (df * std::f64::consts::PI).ln();
        Self { gaussian: 0.5 * d * std::f64::consts::TAU.ln(), student, power }
    }
}
