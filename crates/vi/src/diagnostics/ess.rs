//! Effective sample sizes of chains.

use super::{Chains, mean, variance};

/// *Source of all*: Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, "Rank-normalization,
/// folding, and localization", sections 3.2 and 4.3.
impl Chains {
    /// Of the bulk: the effective sample size of the rank-normalised split chains.
    pub fn ess_bulk(&self) -> f64 {
        if self.says_something() { self.split().rank_normalised().ess() } else { f64::NAN }
    }

    /// Of the tails: the smaller one of those of the 5 % and the 95 % quantile.
    pub fn ess_tail(&self) -> f64 {
        self.ess_quantile(0.05).min(self.ess_quantile(0.95))
    }

    /// For the mean.
    pub fn ess_mean(&self) -> f64 {
        if self.says_something() { self.split().ess() } else { f64::NAN }
    }

    /// For the standard deviation: that of the squared distances from the mean.
    pub fn ess_sd(&self) -> f64 {
        let mean = self.mean();
        if self.says_something() { self.map(|x| (x - mean).powi(2)).split().ess() } else { f64::NAN }
    }

    /// For the median.
    pub fn ess_median(&self) -> f64 {
        self.ess_quantile(0.5)
    }

    /// For the quantile of 0 ≤ p ≤ 1: that of the indicator of a draw at or below it. The number of
    /// draws, if all are.
    pub fn ess_quantile(&self, p: f64) -> f64 {
        if !self.says_something() || p.is_nan() {
            return f64::NAN;
        }
        let quantile = self.quantile(p);
        self.map(|x| f64::from(u8::from(x <= quantile))).split().ess()
    }

    /// The effective sample size of these chains: S / τ, where τ is 1 + 2 Σ ρ over the initial
    /// monotone sequence of pairs of autocorrelations, whose between-chain part makes it small for
    /// chains that disagree. At most S log₁₀ S.
    ///
    /// *Source*: Geyer 1992, "Practical Markov chain Monte Carlo", section 3.3, in the form of
    /// Stan's reference manual.
    fn ess(&self) -> f64 {
        let (n, size) = (self.draws_per_chain(), self.draws().len() as f64);
        let first = self.draws().first();
        if self.draws().iter().all(|x| Some(x) == first) {
            return size;
        }
        if n < 2 {
            return f64::NAN;
        }
        let means: Vec<f64> = self.each().map(mean).collect();
        // The mean over chains of the autocovariance at a lag. Lags are asked for until
        // correlations have died out, so sums are cheaper than a Fourier transform of the whole.
        let autocovariance = |lag: usize| {
            let chain = |(c, m): (&[f64], &f64)| {
                c.iter().zip(c.get(lag..).unwrap_or(&[])).map(|(a, b)| (a - m) * (b - m)).sum::<f64>()
                    / n as f64
            };
            self.each().zip(&means).map(chain).sum::<f64>() / self.chains() as f64
        };
        let ratio = n as f64 / (n as f64 - 1.0);
        let within = autocovariance(0) * ratio;
        let mut total = within / ratio;
        if self.chains() > 1 {
            total += variance(&means);
        }
        let rho = |lag: usize| 1.0 - (within - autocovariance(lag)) / total;

        // The initial positive sequence of pairs (2 t, 2 t + 1).
        let mut pair = (1.0, rho(1));
        let mut pairs = vec![pair];
        let mut t = 1;
        while t + 3 < n && pair.0 + pair.1 > 0.0 {
            pair = (rho(t + 1), rho(t + 2));
            // A negative pair ends the sequence and does not count; the even one of it may.
            pairs.push(if pair.0 + pair.1 >= 0.0 { pair } else { (0.0, 0.0) });
            t += 2;
        }
        // What stands after the last pair that counts: its even half, if positive.
        let counted = pairs.len() - 1;
        let rest = if pair.0 > 0.0 { pair.0 } else { pairs[counted].0 };
        // The initial monotone sequence: no pair is larger than the one before.
        for i in 1..counted {
            let before = pairs[i - 1].0 + pairs[i - 1].1;
            if pairs[i].0 + pairs[i].1 > before {
                pairs[i] = (before / 2.0, before / 2.0);
            }
        }
        let sum: f64 = pairs[..counted].iter().map(|p| p.0 + p.1).sum();
        let tau = (2.0 * sum - 1.0 + rest).max(1.0 / size.log10());
        size / tau
    }
}
