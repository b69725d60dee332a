//! Independent Gaussians, one fit or a mixture of several.

use super::ascent::setting;
use super::{Inferred, Method, Problem};
use crate::error::Result;
use crate::regression::Regression;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, parallel_map};
use probity_vi::ByRef;
use serde::{Deserialize, Serialize};

/// An independent Gaussian for every weight, by stochastic gradients of the ELBO: what
/// [`Regression::fit`] does with [`Regression::default_fit`], as a method of this interface. What
/// stands are draws of the Gaussians.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MeanFieldVi {
    /// Steps; none for those of [`Regression::default_fit`].
    pub steps: Option<usize>,
    /// Draws.
    pub draws: usize,
    /// The seed of the fit.
    pub seed: u64,
}

impl Default for MeanFieldVi {
    fn default() -> Self {
        Self { steps: None, draws: 300, seed: 0 }
    }
}

impl Method for MeanFieldVi {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        mixture(problem, (1, self.draws), self.steps, self.seed)
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

/// A mixture of mean fields, each fitted from a start of its own: an ensemble of posteriors.
/// Members are fitted in parallel on all cores; the same seed gives the same bits for any number of
/// threads.
///
/// Members have equal weights. Weights by the ELBO would be those of a bound on one mixture: but
/// ELBOs of a net's fits differ by tens of nats, mostly by how well the steps went, so that one
/// member would stand alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VariationalMixture {
    /// The number of fits.
    pub members: usize,
    /// Steps of each; none for those of [`Regression::default_fit`].
    pub steps: Option<usize>,
    /// Draws of each.
    pub draws: usize,
    /// The seed of the fits.
    pub seed: u64,
}

impl Default for VariationalMixture {
    fn default() -> Self {
        Self { members: 5, steps: None, draws: 60, seed: 0 }
    }
}

impl Method for VariationalMixture {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        mixture(problem, (self.members, self.draws), self.steps, self.seed)
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

fn mixture(
    problem: &Problem<'_>,
    (members, draws): (usize, usize),
    steps: Option<usize>,
    seed: u64,
) -> Result<Inferred> {
    if members == 0 || draws == 0 {
        return Err(setting("members", "at least one member and one draw are needed".into()));
    }
    if problem.is_streamed() {
        return Err(setting("stream", "a mean field of a stream is `Network::fit_stream`".into()));
    }
    let member = |member: usize| -> Result<(Vec<f64>, usize)> {
        let key = Key::new(seed).fold_in_str("mixture").fold_in(member as u64);
        let fit = Regression::default_fit(problem.rows()).elbo_draws(0).checked(false);
        let fit = fit.seed(seed.wrapping_add((member as u64).wrapping_mul(0x9e37_79b9)));
        let fit = match steps {
            Some(steps) => fit.steps(steps),
            None => fit,
        };
        let posterior = fit.run(ByRef(problem.model()))?;
        let (mut mean, mut sd) = (vec![0.0; problem.dim()], vec![0.0; problem.dim()]);
        for site in posterior.divergences(1)? {
            let Some(own) = problem.layout().site(&site.name) else { continue };
            mean[own.offset..own.offset + own.dim()].copy_from_slice(&site.loc);
            sd[own.offset..own.offset + own.dim()].copy_from_slice(&site.scale);
        }
        let mut points = vec![0.0; draws * problem.dim()];
        fill_normal(key, 0, &mut points);
        for point in points.chunks_exact_mut(problem.dim()) {
            point.iter_mut().zip(mean.iter().zip(&sd)).for_each(|(u, (m, s))| *u = m + s * *u);
        }
        Ok((points, posterior.report().gradients))
    };
    let (mut points, mut gradients) = (Vec::new(), 0);
    for found in parallel_map(members, member) {
        let (more, steps) = found?;
        points.extend(more);
        gradients += steps;
    }
    Ok(Inferred::of_draws(points).chains(members).gradients(gradients))
}
