//! When to lower the rate and when to stop, from the progress of the ELBO alone.

/// Lowers the rate by half a decade whenever the ELBO has stopped rising beyond its own noise, and stops when the lowest
/// rate has come to rest, averaging the parameters from then on.
///
/// Steps are taken in windows. The means of the last two windows are compared with those of the two before by their
/// standard errors.
#[derive(Debug)]
pub(crate) struct Auto {
    stage: usize,
    windows: Vec<(f64, f64)>,
    sum: f64,
    squares: f64,
    count: usize,
}

impl Auto {
    /// The most steps that a fit without a given number takes.
    pub(crate) const MOST: usize = 50_000;
    const WINDOW: usize = 100;
    /// Rates relative to the first.
    const FACTORS: [f64; 4] = [1.0, 0.3, 0.1, 0.03];
    /// Windows at the last rate over which the parameters are averaged.
    const AVERAGED: usize = 8;

    pub(crate) fn new() -> Self {
        Self { stage: 0, windows: Vec::new(), sum: 0.0, squares: 0.0, count: 0 }
    }

    /// The factor on the rate.
    pub(crate) fn factor(&self) -> f64 {
        Self::FACTORS[self.stage.min(Self::FACTORS.len() - 1)]
    }

    /// Whether the parameters of this step count for the average.
    pub(crate) fn averaging(&self) -> bool {
        self.stage == Self::FACTORS.len()
    }

    /// Takes note of a step's ELBO; whether this was the last step.
    pub(crate) fn finished_after(&mut self, elbo: f64) -> bool {
        self.count += 1;
        // Around the first value of the window, so that squares do not cancel.
        self.sum += elbo;
        self.squares += elbo * elbo;
        if self.count < Self::WINDOW {
            return false;
        }
        let n = self.count as f64;
        let mean = self.sum / n;
        let variance = (self.squares / n - mean * mean).max(0.0);
        self.windows.push((mean, variance / n));
        (self.sum, self.squares, self.count) = (0.0, 0.0, 0);
        if self.averaging() {
            return self.windows.len() >= Self::AVERAGED;
        }
        if self.at_rest() {
            self.stage += 1;
            self.windows.clear();
        }
        false
    }

    /// Whether the last two windows are not better than the two before by more than one standard error.
    fn at_rest(&self) -> bool {
        let [.., a, b, c, d] = self.windows[..] else { return false };
        let gain = (c.0 + d.0 - a.0 - b.0) / 2.0;
        let error = (a.1 + b.1 + c.1 + d.1).sqrt() / 2.0;
        gain < error
    }
}

#[cfg(test)]
mod tests {
    use super::Auto;

    #[test]
    fn a_rising_elbo_keeps_the_rate_and_a_flat_one_ends_the_fit() {
        let mut auto = Auto::new();
        for step in 0..2000 {
            assert!(!auto.finished_after(step as f64));
        }
        assert_eq!(auto.factor(), 1.0);
        let end = (0..20_000).position(|i| auto.finished_after(if i % 2 == 0 { 2000.0 } else { 2001.0 }));
        assert!(end.is_some_and(|steps| steps > 2000 && steps < 4000), "{end:?}");
    }
}
