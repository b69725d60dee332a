//! R̂: whether chains agree with each other and with themselves.

use super::{Chains, mean, variance};

impl Chains {
    /// The rank-normalised split R̂: the larger one of the draws and of their distances from the
    /// median. It is 1 for chains that agree; above 1.01 they should run longer.
    ///
    /// *Source*: Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, "Rank-normalization, folding,
    /// and localization: an improved R̂", section 4.
    pub fn r_hat(&self) -> f64 {
        if !self.says_something() {
            return f64::NAN;
        }
        let split = self.split();
        let median = split.quantile(0.5);
        let folded = split.map(|x| (x - median).abs());
        let (bulk, tail) = (split.rank_normalised().potential(), folded.rank_normalised().potential());
        // Distances of two values from their median are all equal, and then say nothing.
        if tail.is_nan() { bulk } else { bulk.max(tail) }
    }

    /// The split R̂ of the draws themselves.
    ///
    /// *Source*: Gelman, Carlin, Stern, Dunson, Vehtari, Rubin 2013, "Bayesian data analysis",
    /// section 11.4.
    pub fn r_hat_split(&self) -> f64 {
        if self.says_something() { self.split().potential() } else { f64::NAN }
    }

    /// The root of the ratio of the variance of all chains to that within chains; +∞ if every chain
    /// stands still at a place of its own.
    ///
    /// NaN if all draws are equal. Both are asked of the draws themselves: means of equal numbers
    /// are rounded, and variances then are not 0.
    fn potential(&self) -> f64 {
        let still = |draws: &[f64]| draws.iter().all(|x| *x == draws[0]);
        if still(self.draws()) {
            return f64::NAN;
        }
        if self.each().all(still) {
            return f64::INFINITY;
        }
        let n = self.draws_per_chain() as f64;
        let means: Vec<f64> = self.each().map(mean).collect();
        let variances: Vec<f64> = self.each().map(variance).collect();
        let (between, within) = (variance(&means), mean(&variances));
        (between / within + (n - 1.0) / n).sqrt()
    }
}
