//! Whether intervals hold as many outcomes as they say, with the sampling error.

use super::Proportion;
use super::pit::binomial_band;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many outcomes the central intervals of some levels hold; prints as a table.
///
/// ```
/// use probity_nn::scores::CoverageTable;
/// // At ten inputs the interval of level .5 holds 9 outcomes, that of .9 holds all.
/// let table = CoverageTable::new(&[0.5, 0.9], |level| {
///     let inside = |i: usize| level > 0.6 || i > 0;
///     ((0..10).map(inside).collect(), vec![4.0 * level; 10])
/// });
/// assert_eq!(table.rows[0].covered.hits, 9);
/// assert!(table.rows[0].is_too_wide() && !table.rows[1].is_too_wide());
/// println!("{table}");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageTable {
    /// A row for every level.
    pub rows: Vec<CoverageRow>,
}

/// The intervals of one level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// The probability with which an interval should hold its outcome.
    pub level: f64,
    /// The outcomes that they hold.
    pub covered: Proportion,
    /// The smallest and the largest number that intervals of this level hold with a probability of
    /// 95 % or more, if outcomes are independent: quantiles of the binomial distribution.
    pub band: (usize, usize),
    /// The mean width, in the units of the outcome.
    #[serde(with = "probity_autodiff::serde_float")]
    pub width: f64,
}

impl CoverageRow {
    /// Whether more outcomes lie in the intervals than the sampling error explains.
    pub fn is_too_wide(&self) -> bool {
        self.covered.hits > self.band.1
    }

    /// Whether fewer outcomes lie in the intervals than the sampling error explains.
    pub fn is_too_narrow(&self) -> bool {
        self.covered.hits < self.band.0
    }
}

impl CoverageTable {
    /// The levels of a report.
    pub const LEVELS: [f64; 4] = [0.5, 0.8, 0.9, 0.95];

    /// Of these levels; `at` says of a level whether every outcome lies in its interval, and how
    /// wide the intervals are.
    pub fn new(levels: &[f64], at: impl Fn(f64) -> (Vec<bool>, Vec<f64>)) -> Self {
        let row = |&level: &f64| {
            let (inside, widths) = at(level);
            let covered = Proportion { hits: inside.iter().filter(|i| **i).count(), of: inside.len() };
            let band = binomial_band(covered.of, level, 0.95);
            let width = widths.iter().sum::<f64>() / widths.len() as f64;
            CoverageRow { level, covered, band, width }
        };
        Self { rows: levels.iter().map(row).collect() }
    }

    /// Whether every level holds as many outcomes as it says, up to the sampling error.
    pub fn is_calibrated(&self) -> bool {
        !self.rows.iter().any(|r| r.is_too_wide() || r.is_too_narrow())
    }
}

impl fmt::Display for CoverageTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level   holds  should hold (95 %)  mean width")?;
        for row in &self.rows {
            let of = (row.covered.of as f64).max(1.0);
            let (low, high) = (row.band.0 as f64 / of, row.band.1 as f64 / of);
            let says = match (row.is_too_wide(), row.is_too_narrow()) {
                (true, _) => "  too wide",
                (_, true) => "  too narrow",
                _ => "",
            };
            let (level, rate) = (100.0 * row.level, 100.0 * row.covered.rate());
            write!(
                f,
                "\n{level:>3.0} % {rate:>6.1} %   {:>5.1} to {:>5.1} %  {:>10.4}{says}",
                100.0 * low,
                100.0 * high,
                row.width
            )?;
        }
        Ok(())
    }
}
