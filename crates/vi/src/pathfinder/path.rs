//! One path: Gaussians along the way to a mode, and the one with the highest ELBO.

use super::inverse_hessian::InverseHessian;
use super::{PathFit, Pathfinder};
use crate::error::Result;
use crate::linalg::{Factor, LowRank};
use crate::optim::OptimPath;
use crate::target::{AnyTarget, Target};
use probity_autodiff::Key;
use probity_autodiff::random::fill_normal;

/// Why a path gave no Gaussian.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum PathFailure {
    /// The target is not finite at the start.
    #[error("the target is not finite at the start")]
    Start,
    /// The density was not concave along any step, or there was none.
    #[error(
        "no curvature after {iterations} iterations of L-BFGS: the density is not concave along any step"
    )]
    NoCurvature {
        /// Steps of L-BFGS.
        iterations: usize,
    },
    /// The ELBO was not finite for any of the Gaussians: their draws leave the support.
    #[error("none of {gaussians} Gaussians along the path has a finite ELBO")]
    NoFiniteElbo {
        /// How many there were.
        gaussians: usize,
    },
}

/// A Gaussian from a path, by its mean and covariance.
struct Candidate {
    at: usize,
    mean: Vec<f64>,
    covariance: LowRank,
}

impl Pathfinder {
    /// The best Gaussian on the way from `start`, and how many gradients it took. The outer error
    /// is one of the target, which ends all.
    pub(super) fn path(
        &self,
        target: &mut AnyTarget<'_>,
        start: &[f64],
        key: Key,
    ) -> Result<(std::result::Result<PathFit, PathFailure>, usize)> {
        let d = start.len();
        let mut gradient = vec![0.0; d];
        let value = target.gradient(start, &mut gradient)?;
        if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            return Ok((Err(PathFailure::Start), 1));
        }
        let path = self.lbfgs.run(target, start)?;
        let mut gradients = 1 + path.evaluations;
        let candidates = self.candidates(&path);
        if candidates.is_empty() {
            return Ok((Err(PathFailure::NoCurvature { iterations: path.len() - 1 }), gradients));
        }

        // The same standard normal numbers for all Gaussians: their ELBOs differ by what differs
        // between them.
        let mut noise = vec![0.0; self.elbo_draws * d];
        fill_normal(key.fold_in_str("elbo"), 0, &mut noise);
        let (mut points, mut out) = (noise.clone(), noise.clone());
        let mut values = vec![0.0; self.elbo_draws];
        let mut best: Option<(f64, Candidate)> = None;
        let count = candidates.len();
        for candidate in candidates {
            points.copy_from_slice(&noise);
            let mut log_q = Vec::with_capacity(self.elbo_draws);
            points.chunks_exact_mut(d).for_each(|x| log_q.push(candidate.draw(x)));
            target.gradients(&points, &mut values, &mut out)?;
            gradients += self.elbo_draws;
            let elbo = values.iter().zip(&log_q).map(|(p, q)| p - q).sum::<f64>() / self.elbo_draws as f64;
            if elbo.is_finite() && best.as_ref().is_none_or(|b| elbo > b.0) {
                best = Some((elbo, candidate));
            }
        }
        let Some((elbo, Candidate { at, mean, covariance })) = best else {
            return Ok((Err(PathFailure::NoFiniteElbo { gaussians: count }), gradients));
        };
        let fit =
            PathFit { mean, covariance, elbo, iteration: at, iterations: path.len() - 1, ended: path.ended };
        Ok((Ok(fit), gradients))
    }

    /// A Gaussian for every point after a step that was learned from.
    fn candidates(&self, path: &OptimPath) -> Vec<Candidate> {
        let mut hessian = InverseHessian::new(path.dim, self.lbfgs.history_len());
        let mut candidates = Vec::new();
        for at in 1..path.len() {
            let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
            let step = difference(path.point(at), path.point(at - 1));
            // The gradient of −ln p.
            if !hessian.learn(step, difference(path.gradient(at - 1), path.gradient(at))) {
                continue;
            }
            let Ok(covariance) = hessian.covariance() else { continue };
            let mut mean = path.gradient(at).to_vec();
            covariance.multiply(&mut mean);
            mean.iter_mut().zip(path.point(at)).for_each(|(m, u)| *m += u);
            if mean.iter().all(|m| m.is_finite()) {
                candidates.push(Candidate { at, mean, covariance });
            }
        }
        candidates
    }
}

impl Candidate {
    fn draw(&self, x: &mut [f64]) -> f64 {
        draw(&self.mean, &self.covariance, x)
    }
}

/// Standard normal numbers become a draw; its log density is returned.
pub(super) fn draw(mean: &[f64], covariance: &LowRank, x: &mut [f64]) -> f64 {
    let squares: f64 = x.iter().map(|x| x * x).sum();
    covariance.unwhiten(x);
    x.iter_mut().zip(mean).for_each(|(x, m)| *x += m);
    -0.5 * (squares + covariance.log_det() + x.len() as f64 * std::f64::consts::TAU.ln())
}
