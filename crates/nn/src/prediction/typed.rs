//! Predictions of any head: at every input, one distribution per posterior draw.

use super::error::{check_length, check_level};
use super::{ClassificationPrediction, PredictionError, RegressionPrediction, mean};
use crate::heads::{Outcome, Probabilities, Ranked, Univariate};
use crate::scores::{CoverageTable, Proportion, crps_ensemble_fair};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::uniform_at;
use probity_autodiff::{Key, parallel_map};
use probity_distributions::Normal;
use probity_vi::Table;
use probity_vi::diagnostics::log_mean_exp;

/// `S` posterior draws of the predictive distribution at `n` inputs. The prediction at an input is
/// the equal mixture of its `S` distributions. Everything is in the user's units.
///
/// ```
/// use probity_autodiff::Key;
/// use probity_distributions::Poisson;
/// use probity_nn::Prediction;
/// use probity_nn::heads::Univariate;
/// // Two draws of the rate at one input.
/// let prediction = Prediction::new(vec![Univariate(Poisson::new(2.0)), Univariate(Poisson::new(4.0))], 2)?;
/// assert_eq!((prediction.mean()[0], prediction.epistemic_variance()[0]), (3.0, 1.0));
/// assert_eq!(prediction.aleatoric_variance()[0], 3.0);
/// assert_eq!(prediction.quantile(0.5), [3.0]);
/// assert_eq!(prediction.sample(Key::new(1)).len(), 2);
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction<R> {
    /// The draws at the first input, then at the second, ...
    rows: Vec<R>,
    draws: usize,
}

impl<R: Outcome> Prediction<R> {
    /// From the distributions at the first input, one per draw, then those at the second, ...
    ///
    /// # Errors
    /// Without draws, or if the inputs do not have as many.
    pub fn new(rows: Vec<R>, draws: usize) -> Result<Self, PredictionError> {
        if draws == 0 {
            return Err(PredictionError::NoDraws);
        }
        if !rows.len().is_multiple_of(draws) {
            let want = (rows.len() / draws, draws);
            return Err(PredictionError::Shape { what: "draws of all inputs", want, got: (rows.len(), 1) });
        }
        Ok(Self { rows, draws })
    }

    /// Number of draws, `S`.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// Number of inputs, `n`.
    pub fn inputs(&self) -> usize {
        self.rows.len() / self.draws
    }

    /// The distributions at input `i`, one per draw.
    ///
    /// # Panics
    /// If `i` is not below the number of inputs.
    #[track_caller]
    pub fn at(&self, i: usize) -> &[R] {
        &self.rows[i * self.draws..(i + 1) * self.draws]
    }

    /// A number of every draw at every input, `S` x `n`: a parameter, a probability, a quantile.
    pub fn functional(&self, f: impl Fn(&R) -> f64) -> DMatrix<f64> {
        DMatrix::from_iterator(self.draws, self.inputs(), self.rows.iter().map(f))
    }

    /// Predictive means, `n` x targets.
    pub fn mean(&self) -> DMatrix<f64> {
        self.each(|rows, j| mean(rows.iter().map(|r| r.mean(j))))
    }

    /// Mean of the variances of the draws, `n` x targets: the aleatoric part.
    pub fn aleatoric_variance(&self) -> DMatrix<f64> {
        self.each(|rows, j| mean(rows.iter().map(|r| r.variance(j))))
    }

    /// Variance of the means of the draws, `n` x targets: the epistemic part.
    pub fn epistemic_variance(&self) -> DMatrix<f64> {
        self.each(|rows, j| {
            let centre = mean(rows.iter().map(|r| r.mean(j)));
            mean(rows.iter().map(|r| (r.mean(j) - centre) * (r.mean(j) - centre)))
        })
    }

    /// Predictive variances, `n` x targets: aleatoric plus epistemic.
    pub fn variance(&self) -> DMatrix<f64> {
        self.aleatoric_variance() + self.epistemic_variance()
    }

    /// Log predictive density (mass) at every row of targets (`n` rows), in nats.
    ///
    /// # Errors
    /// Unless there is one row per input.
    pub fn log_density(&self, y: &(impl Table + ?Sized)) -> Result<Vec<f64>, PredictionError> {
        let y = matrix(y);
        check_length(self.inputs(), y.nrows())?;
        let of = |i: usize| {
            let target: Vec<f64> = y.row(i).iter().copied().collect();
            let terms: Vec<f64> = self.at(i).iter().map(|r| r.log_prob(&target)).collect();
            log_mean_exp(terms.iter().copied())
        };
        Ok(parallel_map(self.inputs(), of))
    }

    /// The logarithmic score, the mean of [`log_density`](Self::log_density): *larger* is better.
    ///
    /// # Errors
    /// Unless there is one row per input.
    pub fn log_score(&self, y: &(impl Table + ?Sized)) -> Result<f64, PredictionError> {
        Ok(mean(self.log_density(y)?.into_iter()))
    }

    /// One draw of the target from every posterior draw: `S` matrices of `n` rows.
    pub fn sample(&self, key: Key) -> Vec<DMatrix<f64>> {
        let one = |draw: usize| {
            let key = key.fold_in(draw as u64);
            let row = |i: usize| self.at(i)[draw].sample(key.fold_in(i as u64));
            let rows: Vec<Vec<f64>> = (0..self.inputs()).map(row).collect();
            DMatrix::from_fn(rows.len(), rows.first().map_or(0, Vec::len), |i, j| rows[i][j])
        };
        parallel_map(self.draws, one)
    }

    fn each(&self, f: impl Fn(&[R], usize) -> f64) -> DMatrix<f64> {
        let targets = self.rows.first().map_or(0, Outcome::targets);
        DMatrix::from_fn(self.inputs(), targets, |i, j| f(self.at(i), j))
    }
}

impl<R: Ranked> Prediction<R> {
    /// `P(Y <= y)` at input `i`.
    ///
    /// # Panics
    /// If `i` is not below the number of inputs.
    #[track_caller]
    pub fn cdf(&self, i: usize, y: f64) -> f64 {
        mean(self.at(i).iter().map(|r| r.cdf(y)))
    }

    /// The `p`-quantile at every input: the smallest y (whole, for counts) with `P(Y <= y) >= p`.
    pub fn quantile(&self, p: f64) -> Vec<f64> {
        parallel_map(self.inputs(), |i| self.quantile_at(i, p))
    }

    fn quantile_at(&self, i: usize, p: f64) -> f64 {
        let rows = self.at(i);
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        let ends = rows.iter().map(|r| r.quantile(p));
        let low = ends.clone().fold(f64::INFINITY, f64::min);
        let high = ends.fold(f64::NEG_INFINITY, f64::max);
        let reached = |y: f64| {
            if p <= 0.5 {
                mean(rows.iter().map(|r| r.cdf(y))) >= p
            } else {
                mean(rows.iter().map(|r| r.sf(y))) <= 1.0 - p
            }
        };
        if rows[0].is_discrete() { bisect_whole((low, high), reached) } else { bisect((low, high), reached) }
    }

    /// The central interval that holds the target with probability `level` (for counts at least
    /// that), at every input.
    pub fn interval(&self, level: f64) -> Vec<(f64, f64)> {
        let tail = (1.0 - level) / 2.0;
        self.quantile(tail).into_iter().zip(self.quantile(1.0 - tail)).collect()
    }

    /// How many outcomes lie in the central interval of probability `level`.
    ///
    /// # Errors
    /// Unless there is one outcome per input, and the level is between 0 and 1.
    pub fn coverage(&self, y: &[f64], level: f64) -> Result<Proportion, PredictionError> {
        check_length(self.inputs(), y.len())?;
        check_level(level)?;
        Ok(crate::scores::coverage(y, &self.interval(level)))
    }

    /// How many outcomes the central intervals of 50, 80, 90 and 95 % hold. Intervals of counts
    /// hold more than their level.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn coverage_table(&self, y: &[f64]) -> Result<CoverageTable, PredictionError> {
        check_length(self.inputs(), y.len())?;
        Ok(CoverageTable::new(&CoverageTable::LEVELS, |level| {
            let intervals = self.interval(level);
            let inside = y.iter().zip(&intervals).map(|(y, (low, high))| low <= y && y <= high);
            (inside.collect(), intervals.iter().map(|(low, high)| high - low).collect())
        }))
    }

    /// The probability integral transform at every outcome: uniform if the prediction is
    /// calibrated. Of counts it is drawn between the probabilities below and up to the outcome.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    ///
    /// Source for counts: Smith 1985, "Diagnostic checks of non-standard time series models".
    pub fn pit(&self, y: &[f64], key: Key) -> Result<Vec<f64>, PredictionError> {
        check_length(self.inputs(), y.len())?;
        let of = |i: usize| {
            let to = self.cdf(i, y[i]);
            if !self.at(i)[0].is_discrete() {
                return to;
            }
            let from = self.cdf(i, y[i] - 1.0);
            from + uniform_at::<f64>(key, i as u64) * (to - from)
        };
        Ok(parallel_map(y.len(), of))
    }

    /// The continuous ranked probability score at every outcome, by a draw of the target from every
    /// posterior draw; unbiased, and the same for the same key. NaN by fewer than two draws.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn crps(&self, y: &[f64], key: Key) -> Result<Vec<f64>, PredictionError> {
        check_length(self.inputs(), y.len())?;
        let of = |i: usize| {
            let key = key.fold_in(i as u64);
            let draw = |(s, r): (usize, &R)| r.sample(key.fold_in(s as u64))[0];
            let draws: Vec<f64> = self.at(i).iter().enumerate().map(draw).collect();
            crps_ensemble_fair(&draws, y[i])
        };
        Ok(parallel_map(y.len(), of))
    }
}

impl Prediction<Univariate<Normal>> {
    /// As a prediction of Gaussians, with exact scores.
    ///
    /// # Errors
    /// If a mean or standard deviation is out of range.
    pub fn to_regression(&self) -> Result<RegressionPrediction, PredictionError> {
        RegressionPrediction::new(self.functional(|r| r.0.loc), self.functional(|r| r.0.scale))
    }
}

impl Prediction<Probabilities> {
    /// As a prediction of classes, with their scores.
    ///
    /// # Errors
    /// If an entry is no probability.
    pub fn to_classification(&self) -> Result<ClassificationPrediction, PredictionError> {
        let classes = self.rows.first().map_or(0, |r| r.0.len());
        let draw = |s: usize| DMatrix::from_fn(self.inputs(), classes, |i, k| self.at(i)[s].0[k]);
        ClassificationPrediction::new((0..self.draws).map(draw).collect())
    }
}

/// A table as a matrix of plain numbers.
pub(crate) fn matrix(y: &(impl Table + ?Sized)) -> DMatrix<f64> {
    let (rows, cols) = y.size();
    let entries = y.entries().iter().map(|y| probity_autodiff::Number::to_number(*y));
    DMatrix::from_iterator(rows, cols, entries)
}

/// The place between two at which `reached` becomes true, to rounding.
pub(crate) fn bisect((mut low, mut high): (f64, f64), reached: impl Fn(f64) -> bool) -> f64 {
    let width = high - low;
    while low < high {
        let middle = low / 2.0 + high / 2.0;
        if !middle.is_finite() || middle <= low || middle >= high {
            break;
        }
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
        if high - low <= 1e-15 * low.abs().max(high.abs()).max(width) {
            break;
        }
    }
    high
}

/// As [`bisect`], among whole numbers.
fn bisect_whole((low, high): (f64, f64), reached: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (low - 1.0, high);
    while high - low > 1.0 {
        let middle = ((low + high) / 2.0).floor();
        if middle <= low || middle >= high {
            break;
        }
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}
