//! What simulation-based calibration found: ranks of true values, entry by entry.

use super::uniformity::Uniform;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The ranks of one entry's true values among the draws of their posteriors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranks {
    /// The site, with the position of the entry.
    pub name: String,
    /// For every data set the number of draws below the true value, 0 to the number of draws.
    pub ranks: Vec<usize>,
    /// The number of draws of each posterior.
    pub draws: usize,
    /// The probability that the ranks of right posteriors lie as far from uniform somewhere.
    pub p_value: f64,
}

impl Ranks {
    /// The most bins in which ranks are compared.
    const BINS: usize = 20;

    /// Of these ranks, among so many draws.
    pub(super) fn new(name: String, ranks: Vec<usize>, draws: usize) -> Self {
        let mut own = Self { name, ranks, draws, p_value: 1.0 };
        let bins = Self::bins(draws);
        own.p_value = Uniform::new(own.ranks.len(), bins).p_value(&own.counts(bins));
        own
    }

    /// The largest number of bins, of at most [`BINS`](Self::BINS), that the ranks fill evenly.
    pub(super) fn bins(draws: usize) -> usize {
        (1..=Self::BINS).rev().find(|bins| (draws + 1).is_multiple_of(*bins)).unwrap_or(1)
    }

    /// How many ranks are in each of `bins` parts of 0 to `draws`. They are of equal width if
    /// `draws` + 1 is a multiple of their number.
    pub fn counts(&self, bins: usize) -> Vec<usize> {
        let mut counts = vec![0; bins];
        for rank in &self.ranks {
            counts[rank * bins / (self.draws + 1)] += 1;
        }
        counts
    }

    /// The share of true values in the left half of their posteriors. Above ½, posteriors are too
    /// far to the right.
    ///
    /// Source: Yao, Vehtari, Simpson, Gelman 2018, "Yes, but did it work?" (VSBC).
    pub fn left_half(&self) -> f64 {
        let twice = |rank: usize| (2 * rank).cmp(&self.draws);
        let below = self.ranks.iter().filter(|r| twice(**r).is_lt()).count() as f64;
        let equal = self.ranks.iter().filter(|r| twice(**r).is_eq()).count() as f64;
        (below + 0.5 * equal) / self.ranks.len() as f64
    }

    /// What is wrong with the posteriors of this entry, in words, if its p-value is below `level`.
    pub fn says(&self, level: f64) -> &'static str {
        if self.p_value >= level {
            return "";
        }
        let n = self.ranks.len() as f64;
        let place = |rank: &usize| (*rank as f64 + 0.5) / (self.draws + 1) as f64 - 0.5;
        // In standard errors: the variance of a uniform number is 1/12, that of its square 1/180.
        let shift = self.ranks.iter().map(place).sum::<f64>() / n / (1.0 / (12.0 * n)).sqrt();
        let squares = self.ranks.iter().map(|r| place(r).powi(2)).sum::<f64>() / n;
        let spread = (squares - 1.0 / 12.0) / (1.0 / (180.0 * n)).sqrt();
        match (shift, spread) {
            (shift, spread) if shift.abs().max(spread.abs()) < 2.0 => "posteriors have another shape",
            (shift, spread) if shift.abs() > spread.abs() => {
                if shift > 0.0 {
                    "posteriors are too low"
                } else {
                    "posteriors are too high"
                }
            }
            (_, spread) if spread > 0.0 => "posteriors are too narrow",
            _ => "posteriors are too wide",
        }
    }
}

/// The result of [`sbc`](super::sbc): whether posteriors have the true values where they should.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub(super) entries: Vec<Ranks>,
    pub(super) replications: usize,
    pub(super) draws: usize,
    pub(super) grades: [usize; 3],
    pub(super) failed: usize,
    pub(super) failure: Option<String>,
}

impl Calibration {
    /// The level below which a p-value says that something is wrong: of right programs, one in a
    /// hundred has one.
    pub const LEVEL: f64 = 0.01;

    /// The ranks of every entry of the latent and deterministic sites, and last of
    /// [`LOG_LIKELIHOOD`](super::LOG_LIKELIHOOD).
    pub fn entries(&self) -> &[Ranks] {
        &self.entries
    }

    /// The ranks of an entry; none if there is no such entry.
    pub fn of(&self, entry: &str) -> Option<&Ranks> {
        self.entries.iter().find(|e| e.name == entry)
    }

    /// The data sets that were drawn.
    pub fn replications(&self) -> usize {
        self.replications
    }

    /// The number of draws of each posterior.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// The fits with verdict A, B and C.
    pub fn grades(&self) -> [usize; 3] {
        self.grades
    }

    /// The data sets that could not be drawn or fitted, which have no ranks.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Why the first of them could not.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The p-value of all entries: the smallest one, times their number (Bonferroni).
    pub fn p_value(&self) -> f64 {
        let smallest = self.entries.iter().map(|e| e.p_value).fold(1.0, f64::min);
        (smallest * self.entries.len() as f64).min(1.0)
    }

    /// Whether nothing was found: no data set failed, and the p-value is at least
    /// [`LEVEL`](Self::LEVEL).
    pub fn passed(&self) -> bool {
        self.failed == 0 && self.p_value() >= Self::LEVEL
    }

    /// For each of `bins` - 1 borders between bins of ranks (as in [`Ranks::counts`]), between
    /// which counts of ranks below the border lie, for right posteriors, at all borders with at
    /// least the probability 1 - `level`.
    pub fn band(&self, bins: usize, level: f64) -> Vec<(usize, usize)> {
        Uniform::new(self.replications - self.failed, bins).band(level)
    }

    /// The number of bins in which ranks were compared.
    pub fn bins(&self) -> usize {
        Ranks::bins(self.draws)
    }
}

impl fmt::Display for Calibration {
    /// A row an entry, those with the smallest p-values if there are many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 30;
        let Self { entries, replications, draws, grades: [a, b, c], failed, failure } = self;
        let word = if self.passed() { "passed" } else { "FAILED" };
        writeln!(
            f,
            "simulation-based calibration {word}: p = {:.2e} of {} entries",
            self.p_value(),
            entries.len()
        )?;
        write!(
            f,
            "{replications} data sets, {draws} draws of each posterior; verdicts A: {a}, B: {b}, C: {c}"
        )?;
        if let Some(failure) = failure {
            write!(f, "; {failed} failed, the first one by: {failure}")?;
        }
        writeln!(f)?;
        let mut order: Vec<usize> = (0..entries.len()).collect();
        if entries.len() > SHOWN {
            order.sort_by(|i, j| entries[*i].p_value.total_cmp(&entries[*j].p_value));
            order.truncate(SHOWN);
        }
        let longest = order.iter().map(|i| entries[*i].name.chars().count()).max().unwrap_or(0).max(5);
        let bins = self.bins();
        writeln!(f, "{:longest$}         p  left half  {:bins$}", "entry", "ranks")?;
        for entry in order.iter().map(|i| &entries[*i]) {
            let counts = entry.counts(bins);
            let most = counts.iter().copied().max().unwrap_or(0).max(1);
            let bars: String = counts.iter().map(|n| BARS[n * (BARS.len() - 1) / most]).collect();
            let Ranks { name, p_value, .. } = entry;
            let says = entry.says(Self::LEVEL / entries.len() as f64);
            let line =
                format!("{name:longest$}  {p_value:>8.2e}  {:>9.2}  {bars:bins$}  {says}", entry.left_half());
            writeln!(f, "{}", line.trim_end())?;
        }
        if entries.len() > SHOWN {
            writeln!(f, "... and {} entries with larger p", entries.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// A count, from none to the largest.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
