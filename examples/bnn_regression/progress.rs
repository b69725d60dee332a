//! A line of progress every hundred epochs.

use probity_examples::say;
use probity_vi::{Observer, StepInfo};
use std::ops::ControlFlow;

/// Prints the ELBO per row.
pub struct Lines {
    pub quiet: bool,
    pub rows: usize,
    pub steps_per_epoch: usize,
    pub every: usize,
    /// Sums since the last line: one step's ELBO is one draw's.
    sum: f64,
    count: usize,
}

impl Lines {
    pub fn new(quiet: bool, rows: usize, steps_per_epoch: usize, epochs: usize) -> Self {
        // Every 100 epochs; a short run still shows ten lines.
        let every = if epochs >= 1000 { 100 } else { (epochs / 10).max(1) };
        Self { quiet, rows, steps_per_epoch, every, sum: 0.0, count: 0 }
    }
}

impl Observer for Lines {
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        if self.quiet {
            return ControlFlow::Continue(());
        }
        self.sum += info.elbo.value();
        self.count += 1;
        let done = info.step + 1;
        let epoch = done / self.steps_per_epoch;
        if done.is_multiple_of(self.steps_per_epoch) && epoch.is_multiple_of(self.every) {
            let (rows, n) = (self.rows as f64, self.count as f64);
            say!(
                "epoch {epoch:>6} of {}   ELBO/N {:>9.4}   KL/N {:>7.4} (weight {:.2})   rate {:.5}",
                info.steps / self.steps_per_epoch,
                self.sum / n / rows,
                info.elbo.kl / rows,
                info.kl_weight,
                info.rate,
            );
            (self.sum, self.count) = (0.0, 0);
        }
        ControlFlow::Continue(())
    }
}
