//! Watching a fit.

use crate::elbo::Elbo;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

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

/// A progress bar on the terminal (none where there is no terminal).
#[cfg(feature = "progress")]
#[derive(Debug)]
pub struct Progress {
    bar: indicatif::ProgressBar,
    rows: f64,
}

#[cfg(feature = "progress")]
impl Progress {
    /// Showing the ELBO divided by the number of rows of the data, which is easier to compare than the sum.
    pub fn per_row(rows: usize) -> Self {
        let bar = indicatif::ProgressBar::no_length();
        if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:32} {pos}/{len}  {msg}  {eta}") {
            bar.set_style(style);
        }
        Self { bar, rows: rows.max(1) as f64 }
    }

    /// Showing the ELBO.
    pub fn new() -> Self {
        Self::per_row(1)
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
        // Drawing costs more than a small step.
        if info.step.is_multiple_of(50) || info.step + 1 == info.steps {
            self.bar.set_length(info.steps as u64);
            self.bar.set_position(info.step as u64 + 1);
            self.bar.set_message(format!("ELBO {:.4}", info.elbo.value() / self.rows));
        }
        ControlFlow::Continue(())
    }

    fn done(&mut self) {
        self.bar.finish_and_clear();
    }
}
