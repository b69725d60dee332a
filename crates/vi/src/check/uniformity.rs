//! Whether ranks are uniform: a simultaneous band around their distribution function.
//!
//! Source: Säilynoja, Bürkner, Vehtari 2022, "Graphical test for discrete uniformity and its
//! applications in goodness-of-fit evaluation and multiple sample comparison"; here with the exact
//! probability in the place of simulated ones.

/// How many of `n` uniform ranks fall into the first k of `bins` bins of equal probability, for k
/// from 1 to `bins` - 1: each count is binomial, and all together are a Markov chain.
#[derive(Debug)]
pub(super) struct Uniform {
    n: usize,
    bins: usize,
    /// `ln k!` for k from 0 to n.
    ln_factorials: Vec<f64>,
}

impl Uniform {
    pub(super) fn new(n: usize, bins: usize) -> Self {
        let mut ln_factorials = vec![0.0; n + 1];
        for k in 1..=n {
            ln_factorials[k] = ln_factorials[k - 1] + (k as f64).ln();
        }
        Self { n, bins, ln_factorials }
    }

    /// The probabilities of 0 to `trials` successes, each with probability `p` strictly between 0
    /// and 1.
    fn binomial(&self, trials: usize, p: f64) -> impl Iterator<Item = f64> + '_ {
        let (log, log_not) = (p.ln(), (-p).ln_1p());
        (0..=trials).map(move |k| {
            let ways = self.ln_factorials[trials] - self.ln_factorials[k] - self.ln_factorials[trials - k];
            (ways + k as f64 * log + (trials - k) as f64 * log_not).exp()
        })
    }

    /// Twice the smaller tail of every count after the first `k` bins, the count included.
    fn tails(&self, k: usize) -> Vec<f64> {
        let all: Vec<f64> = self.binomial(self.n, k as f64 / self.bins as f64).collect();
        let sums = |all: &mut dyn Iterator<Item = &f64>| {
            all.scan(0.0, |sum, p| {
                *sum += p;
                Some(*sum)
            })
            .collect::<Vec<f64>>()
        };
        let below = sums(&mut all.iter());
        let mut above = sums(&mut all.iter().rev());
        above.reverse();
        below.iter().zip(above).map(|(below, above)| (2.0 * below.min(above)).min(1.0)).collect()
    }

    /// The smallest tail that the counts of these bins reach.
    fn smallest(&self, counts: &[usize]) -> f64 {
        let mut sum = 0;
        let each = (1..self.bins).map(|k| {
            sum += counts[k - 1];
            self.tails(k)[sum]
        });
        each.fold(1.0, f64::min)
    }

    /// The probability that uniform ranks somewhere have a tail of `gamma` or less.
    fn escape(&self, gamma: f64) -> f64 {
        // Equal tails differ by their rounding.
        let gamma = gamma * (1.0 + 1e-9);
        let (mut inside, mut escaped) = (vec![0.0; self.n + 1], 0.0);
        inside[0] = 1.0;
        for k in 1..self.bins {
            let mut next = vec![0.0; self.n + 1];
            let p = 1.0 / (self.bins - k + 1) as f64;
            for (x, mass) in inside.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
                for (more, step) in self.binomial(self.n - x, p).enumerate() {
                    next[x + more] += mass * step;
                }
            }
            for (mass, tail) in next.iter_mut().zip(self.tails(k)) {
                if tail <= gamma {
                    escaped += *mass;
                    *mass = 0.0;
                }
            }
            inside = next;
        }
        escaped.min(1.0)
    }

    /// The probability that uniform ranks lie somewhere as far off as these counts of the bins, or
    /// farther.
    pub(super) fn p_value(&self, counts: &[usize]) -> f64 {
        self.escape(self.smallest(counts))
    }

    /// For every k from 1 to `bins` - 1 the smallest and the largest count within the band that
    /// uniform ranks leave anywhere with at most this probability.
    pub(super) fn band(&self, level: f64) -> Vec<(usize, usize)> {
        // ln of the tail at which the band begins.
        let (mut low, mut high) = (1e-12_f64.ln(), 0.0);
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if self.escape(f64::exp(middle)) > level { high = middle } else { low = middle }
        }
        let gamma = low.exp();
        let within = |k: usize| {
            let tails = self.tails(k);
            let first = tails.iter().position(|tail| *tail > gamma);
            let last = tails.iter().rposition(|tail| *tail > gamma);
            (first.unwrap_or(0), last.unwrap_or(self.n))
        };
        (1..self.bins).map(within).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Uniform;

    /// Of two bins there is one count, and the test is that of a sign: p = 2 P(X <= x).
    #[test]
    fn of_two_bins_it_is_a_sign_test() {
        let uniform = Uniform::new(10, 2);
        let tail = |x: usize| {
            let ways = [1.0, 10.0, 45.0, 120.0, 210.0, 252.0];
            2.0 * ways[..=x].iter().sum::<f64>() / 1024.0
        };
        for x in 0..5 {
            assert!((uniform.p_value(&[x, 10 - x]) - tail(x)).abs() < 1e-12);
            assert!((uniform.p_value(&[10 - x, x]) - tail(x)).abs() < 1e-12);
        }
        assert!((uniform.p_value(&[5, 5]) - 1.0).abs() < 1e-12);
    }

    /// By all 4⁵ ways to put five ranks into four bins.
    #[test]
    fn p_values_are_those_of_counting_all_outcomes() {
        let (n, bins) = (5, 4);
        let uniform = Uniform::new(n, bins);
        let all: Vec<Vec<usize>> = (0..bins.pow(n as u32))
            .map(|mut code| {
                let mut counts = vec![0; bins];
                for _ in 0..n {
                    counts[code % bins] += 1;
                    code /= bins;
                }
                counts
            })
            .collect();
        let smallest: Vec<f64> = all.iter().map(|counts| uniform.smallest(counts)).collect();
        for (counts, own) in all.iter().zip(&smallest) {
            let as_far = smallest.iter().filter(|s| **s <= own * (1.0 + 1e-9)).count();
            let want = as_far as f64 / all.len() as f64;
            assert!((uniform.p_value(counts) - want).abs() < 1e-12, "{counts:?}");
        }
        // A band holds the counts whose p-value is above its level.
        let band = uniform.band(0.1);
        for (counts, own) in all.iter().zip(&smallest) {
            let mut sum = 0;
            let inside = band.iter().zip(counts).all(|((low, high), c)| {
                sum += c;
                (*low..=*high).contains(&sum)
            });
            assert_eq!(inside, uniform.escape(*own) > 0.1, "{counts:?}");
        }
    }

    #[test]
    fn far_off_ranks_have_tiny_p_values() {
        let uniform = Uniform::new(200, 20);
        let mut counts = vec![0; 20];
        counts[0] = 200;
        let p = uniform.p_value(&counts);
        assert!(p > 0.0 && p < 1e-200, "{p}");
        assert!(uniform.p_value(&[10; 20]) > 0.99);
    }
}
