//! Probability integral transforms: their histogram, and how far from uniform they are.

use crate::prediction::PredictionError;
use probity_distributions::{Binomial, Cdf};
use std::fmt;

/// How many probability integral transforms lie in each of so many bins of equal width. They are
/// uniform if the predictions are calibrated; a hump in the middle means that predictions are too
/// wide, a valley that they are too narrow, a slope that they are biased.
///
/// ```
/// use probity_nn::scores::PitHistogram;
/// let histogram = PitHistogram::new(&[0.05, 0.5, 0.55, 0.9], 5)?;
/// assert_eq!(histogram.counts, [1, 0, 2, 0, 1]);
/// println!("{histogram}");
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
///
/// Source: Dawid 1984, "Statistical theory: the prequential approach"; Gneiting, Balabdaoui,
/// Raftery 2007, "Probabilistic forecasts, calibration and sharpness", section 3.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PitHistogram {
    /// The number in each bin.
    pub counts: Vec<usize>,
}

impl PitHistogram {
    /// Of transforms in `bins` bins; NaNs are left out.
    ///
    /// # Errors
    /// Without bins.
    pub fn new(pit: &[f64], bins: usize) -> Result<Self, PredictionError> {
        super::calibration::check_bins(bins)?;
        let mut counts = vec![0; bins];
        for u in pit.iter().filter(|u| !u.is_nan()) {
            counts[((u * bins as f64) as usize).min(bins - 1)] += 1;
        }
        Ok(Self { counts })
    }

    /// All transforms.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The smallest and the largest count that a bin has with at least this probability, if the
    /// predictions are calibrated: quantiles of the binomial distribution. For one bin; of 20 bins
    /// at .95, one is expected outside.
    pub fn band(&self, probability: f64) -> (usize, usize) {
        binomial_band(self.total(), 1.0 / self.counts.len() as f64, probability)
    }
}

/// The smallest and the largest number of hits that `n` trials have with at least this probability.
pub(super) fn binomial_band(n: usize, rate: f64, probability: f64) -> (usize, usize) {
    let tail = (1.0 - probability) / 2.0;
    let hits = Binomial::<f64>::new(n as f64, rate);
    let (low, high) = (hits.quantile(tail), hits.quantile(1.0 - tail));
    (low.max(0.0) as usize, high.min(n as f64) as usize)
}

impl fmt::Display for PitHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.band(0.95);
        let (n, bins) = (self.total(), self.counts.len());
        write!(f, "{n} probability integral transforms; 95 % of bins hold {low} to {high}")?;
        let longest = self.counts.iter().copied().max().unwrap_or(0).max(1);
        for (i, count) in self.counts.iter().enumerate() {
            let (from, to) = (i as f64 / bins as f64, (i + 1) as f64 / bins as f64);
            let bar = "#".repeat((40 * count).div_ceil(longest));
            let mark = if (low..=high).contains(count) { ' ' } else { '!' };
            write!(f, "\n{from:.2} to {to:.2} {count:>7} {mark} {bar}")?;
        }
        Ok(())
    }
}

/// How far the quantiles of predictions are from what they say, over levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantileCalibration {
    /// The sum of the squared differences between a level and the share of outcomes below that
    /// quantile. Source: Kuleshov, Fenner, Ermon 2018, "Accurate uncertainties for deep learning
    /// using calibrated regression", equation 9, with weights 1.
    pub sum_of_squares: f64,
    /// The mean absolute difference. Source: Chung, Neiswanger, Char, Schneider 2021, "Beyond
    /// pinball loss", section 3.
    pub mean_absolute: f64,
    /// The largest absolute difference.
    pub largest: f64,
}

impl QuantileCalibration {
    /// Of the probability integral transforms of predictions, at these levels (such as .1, .2, ...
    /// .9); NaN without transforms or levels.
    pub fn new(pit: &[f64], levels: &[f64]) -> Self {
        let n = pit.len() as f64;
        let gap = |level: &f64| (pit.iter().filter(|u| *u <= level).count() as f64 / n - level).abs();
        let gaps: Vec<f64> = levels.iter().map(gap).collect();
        Self {
            sum_of_squares: gaps.iter().map(|g| g * g).sum::<f64>()
                + if levels.is_empty() { f64::NAN } else { 0.0 },
            mean_absolute: gaps.iter().sum::<f64>() / gaps.len() as f64,
            largest: gaps.iter().copied().fold(f64::NAN, f64::max),
        }
    }
}
