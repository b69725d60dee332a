//! What the sampler gives: draws, and how they came about.

use crate::diagnostics::Chains;
use crate::linalg::Covariance;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One transition of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The mean acceptance probability of the points of the trajectory.
    #[serde(with = "probity_autodiff::serde_float")]
    pub acceptance: f64,
    /// How often the trajectory doubled.
    pub depth: usize,
    /// Leapfrog steps, which are gradients.
    pub leapfrogs: usize,
    /// Whether the energy went up by more than 1000: the target bends more sharply there than the
    /// step size can follow.
    pub divergent: bool,
    /// The energy of the draw, −ln p plus the kinetic energy.
    #[serde(with = "probity_autodiff::serde_float")]
    pub energy: f64,
}

/// The draws of one chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// Draw after draw, d entries each.
    #[serde(with = "probity_autodiff::serde_float")]
    pub draws: Vec<f64>,
    /// The target's value at every draw.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_density: Vec<f64>,
    /// How every draw came about.
    pub transitions: Vec<Transition>,
    /// The step size that was learned, in units of the metric.
    #[serde(with = "probity_autodiff::serde_float")]
    pub step_size: f64,
    /// The metric that was learned.
    pub metric: Covariance,
    /// Gradients in the warm-up.
    pub warmup_gradients: usize,
    /// Gradients for the draws.
    pub gradients: usize,
}

impl Chain {
    /// The energy's Bayesian fraction of missing information. Below 0.3 momenta change the energy
    /// too little to reach all of the target.
    ///
    /// *Source*: Betancourt 2016, "Diagnosing suboptimal cotangent disintegrations in Hamiltonian
    /// Monte Carlo", equation 6.
    pub fn e_bfmi(&self) -> f64 {
        let energy: Vec<f64> = self.transitions.iter().map(|t| t.energy).collect();
        let changes: f64 = energy.windows(2).map(|e| (e[1] - e[0]).powi(2)).sum();
        changes
            / energy.len() as f64
            / (crate::diagnostics::variance(&energy) * (energy.len() as f64 - 1.0) / energy.len() as f64)
    }
}

/// The draws of all chains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The number of coordinates, d.
    pub dim: usize,
    /// Every chain.
    pub chains: Vec<Chain>,
}

impl Samples {
    /// One coordinate, for diagnostics.
    ///
    /// # Panics
    /// If there is no coordinate `i`.
    pub fn coordinate(&self, i: usize) -> Chains {
        assert!(i < self.dim, "coordinate {i} of {}", self.dim);
        Chains::of_equal(self.chains.len(), self.entries(i))
    }

    fn entries(&self, i: usize) -> Vec<f64> {
        self.chains.iter().flat_map(|c| c.draws.iter().skip(i).step_by(self.dim)).copied().collect()
    }

    /// A function of the draws, for diagnostics.
    pub fn quantity(&self, f: impl Fn(&[f64]) -> f64) -> Chains {
        let values = self.chains.iter().flat_map(|c| c.draws.chunks_exact(self.dim)).map(f).collect();
        Chains::of_equal(self.chains.len(), values)
    }

    fn per_coordinate(&self, f: impl Fn(&Chains) -> f64) -> Vec<f64> {
        (0..self.dim).map(|i| f(&self.coordinate(i))).collect()
    }

    /// All draws, chain after chain, d entries each.
    pub fn draws(&self) -> Vec<f64> {
        self.chains.iter().flat_map(|c| &c.draws).copied().collect()
    }

    /// The mean of every coordinate.
    pub fn mean(&self) -> Vec<f64> {
        self.per_coordinate(Chains::mean)
    }

    /// The standard deviation of every coordinate.
    pub fn sd(&self) -> Vec<f64> {
        self.per_coordinate(Chains::sd)
    }

    /// The rank-normalised split R̂ of every coordinate.
    pub fn r_hat(&self) -> Vec<f64> {
        self.per_coordinate(Chains::r_hat)
    }

    /// The effective sample size of the bulk of every coordinate.
    pub fn ess_bulk(&self) -> Vec<f64> {
        self.per_coordinate(Chains::ess_bulk)
    }

    /// The effective sample size of the tails of every coordinate.
    pub fn ess_tail(&self) -> Vec<f64> {
        self.per_coordinate(Chains::ess_tail)
    }

    /// How many transitions of the draws were divergent.
    pub fn divergences(&self) -> usize {
        self.transitions().filter(|t| t.divergent).count()
    }

    /// Gradients in all, with those of the warm-up.
    pub fn gradients(&self) -> usize {
        self.chains.iter().map(|c| c.warmup_gradients + c.gradients).sum()
    }

    /// The mean acceptance of the draws.
    pub fn acceptance(&self) -> f64 {
        let n = self.transitions().count();
        self.transitions().map(|t| t.acceptance).sum::<f64>() / n as f64
    }

    /// The smallest fraction of missing information of a chain; see [`Chain::e_bfmi`].
    pub fn e_bfmi(&self) -> f64 {
        self.chains.iter().map(Chain::e_bfmi).fold(f64::INFINITY, f64::min)
    }

    /// The deepest trajectory.
    pub fn deepest(&self) -> usize {
        self.transitions().map(|t| t.depth).max().unwrap_or(0)
    }

    fn transitions(&self) -> impl Iterator<Item = &Transition> {
        self.chains.iter().flat_map(|c| &c.transitions)
    }
}

/// A table of the first coordinates, and a line on the transitions.
impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ROWS: usize = 20;
        writeln!(
            f,
            "{:>6} {:>11} {:>11} {:>10} {:>7} {:>9} {:>9}",
            "", "mean", "sd", "mcse", "R̂", "ess bulk", "ess tail"
        )?;
        for i in 0..self.dim.min(ROWS) {
            let c = self.coordinate(i);
            let (mean, sd, error) = (c.mean(), c.sd(), c.mcse_mean());
            let (r_hat, bulk, tail) = (c.r_hat(), c.ess_bulk(), c.ess_tail());
            writeln!(
                f,
                "{i:>6} {mean:>11.4e} {sd:>11.4e} {error:>10.2e} {r_hat:>7.3} {bulk:>9.0} {tail:>9.0}"
            )?;
        }
        if self.dim > ROWS {
            let largest = self.r_hat().into_iter().fold(f64::NEG_INFINITY, f64::max);
            let smallest = self.ess_bulk().into_iter().fold(f64::INFINITY, f64::min);
            writeln!(
                f,
                "of {} coordinates: R̂ at most {largest:.3}, ess bulk at least {smallest:.0}",
                self.dim
            )?;
        }
        let n = self.chains.first().map_or(0, |c| c.log_density.len());
        write!(
            f,
            "{} chains of {n} draws, {} gradients, acceptance {:.2}, deepest {}, divergent {}, E-BFMI {:.2}",
            self.chains.len(),
            self.gradients(),
            self.acceptance(),
            self.deepest(),
            self.divergences(),
            self.e_bfmi(),
        )
    }
}
