//! Watching a fit.

use crate::elbo::Elbo;
use serde::{Deserialize, Serialize};
#[cfg(feature = "progress")]
use std::io::IsTerminal;
use std::ops::ControlFlow;
#[cfg(feature = "progress")]
use std::sync::mpsc;
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

    /// Called when the fit begins something that is not a step and may take long, such as chains or
    /// a check: what it is, in words for a person who waits.
    fn stage(&mut self, what: &str) {
        let _ = what;
    }

    /// Called once, when the fit is done or has failed.
    fn done(&mut self) {}
}

impl<F: FnMut(&StepInfo) -> ControlFlow<()>> Observer for F {
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        self(info)
    }
}

/// A progress bar on the terminal (none where there is no terminal): the step, the ELBO, and the
/// time left where the number of steps is known; or what the fit is doing, and for how long, where
/// there are no steps. A fit without observers shows it by itself once it has taken two seconds.
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
    /// What the fit is doing, if there are no steps.
    stage: Option<Shown>,
}

/// A line that appears after a while, also while nobody calls, until it is dropped.
#[cfg(feature = "progress")]
#[derive(Debug)]
struct Shown {
    over: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[cfg(feature = "progress")]
impl Shown {
    /// In so much time. None if there is no terminal, or no thread to be had.
    fn after(delay: Duration, start: Instant, what: &str) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let (over, told) = mpsc::channel();
        let what = what.to_owned();
        let wait = move || {
            // Ends at once when the sender is gone.
            if told.recv_timeout(delay) != Err(mpsc::RecvTimeoutError::Timeout) {
                return;
            }
            let bar = indicatif::ProgressBar::new_spinner().with_elapsed(start.elapsed());
            if let Ok(style) = indicatif::ProgressStyle::with_template("fitting: {msg}, {elapsed} so far") {
                bar.set_style(style);
            }
            bar.set_message(what);
            while told.recv_timeout(Duration::from_millis(500)) == Err(mpsc::RecvTimeoutError::Timeout) {
                bar.tick();
            }
            bar.finish_and_clear();
        };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(wait).ok()?;
        Some(Self { over: Some(over), thread: Some(thread) })
    }
}

#[cfg(feature = "progress")]
impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.over.take());
        // What it shows is gone before anything else is written.
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
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
            stage: None,
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
        if info.step == 0 {
            (self.stage, self.next) = (None, 0);
        }
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

    fn stage(&mut self, what: &str) {
        self.stage = None;
        self.bar.finish_and_clear();
        self.bar = indicatif::ProgressBar::hidden();
        self.stage = Shown::after(self.delay.saturating_sub(self.start.elapsed()), self.start, what);
    }

    fn done(&mut self) {
        self.stage = None;
        self.bar.finish_and_clear();
    }
}

/// Tells every observer what is done next.
pub(crate) fn stage(observers: &mut [&mut dyn Observer], what: &str) {
    observers.iter_mut().for_each(|o| o.stage(what));
}

/// Tells every observer of the step; whether one of them wants to end the fit.
pub(crate) fn told(observers: &mut [&mut dyn Observer], info: &StepInfo) -> ControlFlow<()> {
    // All are told, also after one has had enough.
    let mut ended = false;
    for observer in observers {
        ended |= observer.step(info).is_break();
    }
    if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
