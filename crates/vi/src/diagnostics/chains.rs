//! Chains of draws of one quantity, and their ranks.

use crate::error::{Error, Result};
use probity_autodiff::math::erf::erfinv;

/// Draws of one quantity by one or several chains of equal length.
///
/// What cannot be said is NaN: with a draw that is not finite, with fewer than four draws a chain,
/// or if all draws are equal (a chain that never moved says nothing of its own error).
///
/// ```
/// use probity_vi::diagnostics::Chains;
///
/// let chains = Chains::new(&[vec![0.3, -1.0, 0.9, 0.1, -0.4], vec![1.1, -0.2, 0.0, -0.8, 0.6]])?;
/// assert!(chains.r_hat() < 1.5 && chains.ess_bulk() > 1.0);
/// # Ok::<(), probity_vi::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Chains {
    /// Chain after chain.
    draws: Vec<f64>,
    chains: usize,
}

impl Chains {
    /// From the draws of every chain, in their order.
    ///
    /// # Errors
    /// If there is no chain, or if chains differ in length.
    pub fn new(chains: &[impl AsRef<[f64]>]) -> Result<Self> {
        let problem = |problem: String| Error::Setting { setting: "chains", problem };
        let Some(first) = chains.first() else { return Err(problem("there is none".to_owned())) };
        let n = first.as_ref().len();
        if let Some((i, other)) = chains.iter().enumerate().find(|(_, c)| c.as_ref().len() != n) {
            let text = format!("chain 0 has {n} draws, but chain {i} has {}", other.as_ref().len());
            return Err(problem(text));
        }
        let draws = chains.iter().flat_map(|c| c.as_ref()).copied().collect();
        Ok(Self { draws, chains: chains.len() })
    }

    /// From the draws of chains of equal length, one after the other.
    pub(crate) fn of_equal(chains: usize, draws: Vec<f64>) -> Self {
        Self { draws, chains }
    }

    /// The number of chains.
    pub fn chains(&self) -> usize {
        self.chains
    }

    /// The number of draws of every chain.
    pub fn draws_per_chain(&self) -> usize {
        self.draws.len() / self.chains
    }

    /// All draws, chain after chain.
    pub fn draws(&self) -> &[f64] {
        &self.draws
    }

    /// The mean of all draws.
    pub fn mean(&self) -> f64 {
        super::mean(&self.draws)
    }

    /// The standard deviation of all draws (n − 1).
    pub fn sd(&self) -> f64 {
        super::variance(&self.draws).sqrt()
    }

    /// The quantile of all draws, interpolated between order statistics (type 7 of Hyndman, Fan
    /// 1996). NaN if a draw is.
    pub fn quantile(&self, p: f64) -> f64 {
        if self.draws.iter().any(|x| x.is_nan()) {
            return f64::NAN;
        }
        crate::draws::quantile_of_sorted(&self.sorted(), p)
    }

    pub(super) fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.draws.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// Whether diagnostics can be computed.
    pub(super) fn says_something(&self) -> bool {
        let first = self.draws.first();
        self.draws_per_chain() >= 4
            && self.draws.iter().all(|x| x.is_finite())
            && self.draws.iter().any(|x| Some(x) != first)
    }

    /// One chain.
    pub(super) fn each(&self) -> impl Iterator<Item = &[f64]> {
        self.draws.chunks_exact(self.draws_per_chain().max(1))
    }

    /// The same chains of another quantity.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { draws: self.draws.iter().map(|&x| f(x)).collect(), chains: self.chains }
    }

    /// Every chain as two, its first and its second half; of an odd number the draw in the middle
    /// is left out.
    pub(super) fn split(&self) -> Self {
        let half = self.draws_per_chain() / 2;
        let halves = |c| {
            let chain: &[f64] = c;
            [&chain[..half], &chain[chain.len() - half..]].concat()
        };
        Self { draws: self.each().flat_map(halves).collect(), chains: 2 * self.chains }
    }

    /// Normal scores of the ranks among all draws, equal draws with their mean rank.
    ///
    /// *Source*: Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, "Rank-normalization, folding,
    /// and localization", equation 14.
    pub(super) fn rank_normalised(&self) -> Self {
        let n = self.draws.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| self.draws[a].total_cmp(&self.draws[b]));
        let mut draws = vec![0.0; n];
        let mut before = 0;
        for equal in order.chunk_by(|&a, &b| self.draws[a] == self.draws[b]) {
            let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
            before += equal.len();
            let p = (rank - 0.375) / (n as f64 + 0.25);
            let z = std::f64::consts::SQRT_2 * erfinv(2.0 * p - 1.0);
            equal.iter().for_each(|&i| draws[i] = z);
        }
        Self { draws, chains: self.chains }
    }
}
