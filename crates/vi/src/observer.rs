//! Watching a fit.

use crate::elbo::Elbo;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
#[cfg(feature = "progress")]
use std::time::{Duration, Instant};

/// What happened in a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepInfo {
    /// The step, from 0.
    pub step: usize,
    /// The number of steps planned, or the most there can be.
    pub steps: usize,
    /// The estimate of the ELBO before the step.
    pub elbo: Elbo,
    /// The weight of the KL in this step's loss.
    #[serde(with = "probity_autodiff::serde_float")]
    pub kl_weight: f64,
    /// The rate of this step.
    #[serde(with = "probity_autodiff::serde_float")]
    pub rate: f64,
    /// The norm of the gradient, before clipping.
    #[serde(with = "probity_autodiff::serde_float")]
    pub gradient_norm: f64,
}

/// Something that is told of every step, and may stop the fit.
pub trait Observer {
    /// Called after every step.
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()>;

    /// Called once, after the last step.
    fn done(&mut self) {}
}

impl<F: FnMut(&StepInfo) -> ControlFlow<()>> Observer for F {
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        self(info)
    }
}

/// A progress bar on the terminal (none where there is no terminal): the step, the ELBO, and the
/// time left where the number of steps is known. A fit without observers shows it by itself once it
/// has taken two seconds.
#[cfg(feature = "progress")]
#[derive(Debug)]
pub struct Progress {
    bar: indicatif::ProgressBar,
    rows: f64,
    start: Instant,
    /// Nothing is shown before.
    delay: Duration,
    /// The next step at which the clock is read, and how many lie between: small steps cost less
    /// than a look at the clock.
    next: usize,
    stride: usize,
    last: Instant,
}

#[cfg(feature = "progress")]
impl Progress {
    /// The time between two drawings.
    const PERIOD: Duration = Duration::from_millis(50);

    /// Showing the ELBO divided by the number of rows of the data, which is easier to compare than
    /// the sum.
    pub fn per_row(rows: usize) -> Self {
        let now = Instant::now();
        Self {
            bar: indicatif::ProgressBar::hidden(),
            rows: rows.max(1) as f64,
            start: now,
            delay: Duration::ZERO,
            next: 0,
            stride: 1,
            last: now,
        }
    }

    /// Showing the ELBO.
    pub fn new() -> Self {
        Self::per_row(1)
    }

    /// Showing nothing for so long.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn show(&mut self, info: &StepInfo) {
        if self.bar.is_hidden() {
            self.bar = match info.steps {
                0 => indicatif::ProgressBar::no_length(),
                steps => indicatif::ProgressBar::new(steps as u64),
            };
            let template = match info.steps {
                0 => "fitting: step {pos}, {msg}, {elapsed} so far",
                _ => "{bar:32} {pos}/{len}  {msg}  {eta} left",
            };
            if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_position(info.step as u64 + 1);
        self.bar.set_message(format!("ELBO {:.4}", info.elbo.value() / self.rows));
    }
}

#[cfg(feature = "progress")]
impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "progress")]
impl Observer for Progress {
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        if info.step >= self.next {
            let now = Instant::now();
            let quick = now.duration_since(self.last) < Self::PERIOD;
            self.stride = if quick { (2 * self.stride).min(1 << 16) } else { (self.stride / 2).max(1) };
            (self.last, self.next) = (now, info.step + self.stride);
            if now.duration_since(self.start) >= self.delay {
                self.show(info);
            }
        }
        ControlFlow::Continue(())
    }

    fn done(&mut self) {
        self.bar.finish_and_clear();
    }
}
