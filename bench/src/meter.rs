//! Times blocks of equal steps; the result is the median block.

use crate::line::{Line, Side};
use probity_vi::{Observer, StepInfo};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// A clock that counts steps. The first block warms up (memory, caches, branch predictors) and is
/// not counted.
#[derive(Debug)]
pub struct Meter {
    /// Steps in a block.
    steps: usize,
    /// No new block is begun when this time has been measured, and at least `least` blocks.
    enough: Duration,
    least: usize,
    taken: usize,
    warm: bool,
    since: Instant,
    blocks: Vec<Duration>,
}

impl Meter {
    /// Blocks of this many steps, for about this many seconds, three blocks at least.
    pub fn new(steps: usize, seconds: f64) -> Self {
        Self {
            steps,
            enough: Duration::from_secs_f64(seconds),
            least: 3,
            taken: 0,
            warm: false,
            since: Instant::now(),
            blocks: Vec::with_capacity(1024),
        }
    }

    /// Two blocks of one step, to see that a workload runs.
    #[cfg(test)]
    pub fn quick() -> Self {
        Self { least: 2, ..Self::new(1, 0.0) }
    }

    /// Counts a step. Whether that was enough.
    fn tick(&mut self) -> bool {
        self.taken += 1;
        if self.taken < self.steps {
            return false;
        }
        if self.warm {
            self.blocks.push(self.since.elapsed());
        }
        (self.taken, self.warm) = (0, true);
        let enough = self.blocks.len() >= self.least && self.blocks.iter().sum::<Duration>() >= self.enough;
        self.since = Instant::now();
        enough
    }

    /// Times calls.
    ///
    /// # Errors
    /// What a call reports.
    pub fn calls<E>(&mut self, mut call: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        loop {
            call()?;
            if self.tick() {
                return Ok(());
            }
        }
    }

    /// The blocks, in microseconds per step, sorted.
    fn sorted(&self) -> Vec<f64> {
        let each = |block: &Duration| block.as_secs_f64() * 1e6 / self.steps as f64;
        let mut all: Vec<f64> = self.blocks.iter().map(each).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// What was measured.
    pub fn line(&self, workload: &str, cores: usize) -> Line {
        let all = self.sorted();
        Line {
            side: Side::Ours,
            variant: String::new(),
            workload: workload.into(),
            cores,
            us_per_step: median(&all),
            fastest_us: all.first().copied().unwrap_or(f64::NAN),
            repeats: all.len(),
            steps_per_repeat: self.steps,
            round: 0,
            detail: String::new(),
        }
    }
}

/// A fit is timed from inside, so that its setup does not count, and stopped when that is enough.
impl Observer for Meter {
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        if self.tick() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The median of sorted numbers; NaN if there are none.
pub fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_few_numbers() {
        assert!(median(&[]).is_nan());
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[1.0, 2.0, 10.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 10.0]), 3.0);
    }

    #[test]
    fn the_first_block_is_not_counted() {
        let mut meter = Meter::new(2, 0.0);
        let mut calls = 0;
        let pause = |n: u64| std::thread::sleep(Duration::from_millis(n));
        let run = meter.calls(|| -> Result<(), ()> {
            calls += 1;
            pause(if calls <= 2 { 50 } else { 1 });
            Ok(())
        });
        assert_eq!((run, calls, meter.blocks.len()), (Ok(()), 8, 3));
        let line = meter.line("a", 1);
        assert!(line.fastest_us >= 1000.0 && line.fastest_us <= line.us_per_step);
        assert_eq!((line.repeats, line.steps_per_repeat), (3, 2));
        // A block holds 50 ms steps only if the warm-up is counted.
        assert!(line.fastest_us < 50_000.0, "{line:?}");
    }
}
