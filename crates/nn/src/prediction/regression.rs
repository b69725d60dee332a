//! Predictions of a real-valued target: at every input, one Gaussian (or Student-t) per posterior
//! draw.

use super::error::{check_length, check_level};
use super::mixture::Mixture;
use super::{PredictionError, mean, root_mean_square};
use crate::scores::{Proportion, interval_score};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::parallel_map;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `S` posterior draws of the predictive distribution at `n` inputs, every one a Gaussian, or a
/// [Student-t](Self::student_t).
///
/// The prediction at an input is the equal mixture of its `S` Gaussians. Inputs and outcomes are in
/// the user's units; so are means, standard deviations, quantiles and the CRPS, and variances in
/// their square. Everything below is exact for that mixture: nothing is sampled, and a prediction
/// from one draw is that Gaussian.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::prediction::RegressionPrediction;
/// // Two draws (rows) at two inputs (columns); one noise level per draw.
/// let prediction = RegressionPrediction::new(
///     DMatrix::from_row_slice(2, 2, &[0.0, 5.0, 2.0, 5.0]),
///     DMatrix::from_row_slice(2, 1, &[0.5, 0.5]),
/// )?;
/// assert_eq!(prediction.mean(), [1.0, 5.0]);
/// assert_eq!(prediction.aleatoric_variance(), [0.25, 0.25]);
/// assert_eq!(prediction.epistemic_variance(), [1.0, 0.0]);
/// println!("{}", prediction.summary(&[1.5, 4.0])?);
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RegressionPrediction {
    means: DMatrix<f64>,
    sds: DMatrix<f64>,
    /// Of Student-t components, for each draw.
    degrees: Option<Vec<f64>>,
}

impl RegressionPrediction {
    /// From the means (`S` x `n`) and standard deviations (`S` x `n`, or `S` x 1 for one per draw)
    /// of the Gaussians.
    ///
    /// # Errors
    /// Without draws, if the shapes do not match, if a mean is not finite, or if a standard
    /// deviation is not greater than 0 and finite.
    pub fn new(means: DMatrix<f64>, sds: DMatrix<f64>) -> Result<Self, PredictionError> {
        if means.nrows() == 0 {
            return Err(PredictionError::NoDraws);
        }
        let (want, got) = (means.shape(), sds.shape());
        if got != want && got != (want.0, 1) {
            return Err(PredictionError::Shape { what: "standard deviations", want, got });
        }
        check_entries(&means, "a mean", "finite", f64::is_finite)?;
        let positive = |sd: f64| sd > 0.0 && sd < f64::INFINITY;
        check_entries(&sds, "a standard deviation", "greater than 0 and finite", positive)?;
        Ok(Self { means, sds, degrees: None })
    }

    /// The same means and standard deviations, with Student-t distributions of these degrees of
    /// freedom, one number for each draw, in the place of the Gaussians: tails are heavier, and the
    /// middle is narrower.
    ///
    /// Quantiles and the log score are as exact as those of Gaussians; the CRPS is to some eight
    /// digits, and costs more.
    ///
    /// # Errors
    /// Unless there is one number for each draw, greater than 2 and finite: with 2 and less there
    /// is no standard deviation.
    pub fn student_t(mut self, degrees: Vec<f64>) -> Result<Self, PredictionError> {
        let degrees = DMatrix::from_vec(degrees.len(), 1, degrees);
        if degrees.nrows() != self.draws() {
            let (want, got) = ((self.draws(), 1), degrees.shape());
            return Err(PredictionError::Shape { what: "degrees of freedom", want, got });
        }
        let more = |df: f64| df > 2.0 && df < f64::INFINITY;
        check_entries(&degrees, "a number of degrees of freedom", "greater than 2 and finite", more)?;
        self.degrees = Some(degrees.as_slice().to_vec());
        Ok(self)
    }

    /// Number of draws, `S`.
    pub fn draws(&self) -> usize {
        self.means.nrows()
    }

    /// Number of inputs, `n`.
    pub fn inputs(&self) -> usize {
        self.means.ncols()
    }

    /// The means of the Gaussians, `S` x `n`.
    pub fn draw_means(&self) -> &DMatrix<f64> {
        &self.means
    }

    /// The standard deviations of the Gaussians, `S` x `n` or `S` x 1.
    pub fn draw_sds(&self) -> &DMatrix<f64> {
        &self.sds
    }

    /// The degrees of freedom of every draw, if its distributions are Student-t.
    pub fn draw_degrees(&self) -> Option<&[f64]> {
        self.degrees.as_deref()
    }

    /// Predictive mean at every input.
    pub fn mean(&self) -> Vec<f64> {
        self.map(|at| mean(at.means.iter().copied()))
    }

    /// Predictive variance at every input: aleatoric plus epistemic, by the law of total variance.
    pub fn variance(&self) -> Vec<f64> {
        self.aleatoric_variance().into_iter().zip(self.epistemic_variance()).map(|(a, e)| a + e).collect()
    }

    /// Aleatoric variance at every input, the mean of the draws' variances: noise that more data
    /// would not remove.
    pub fn aleatoric_variance(&self) -> Vec<f64> {
        self.aleatoric_sd().into_iter().map(|sd| sd * sd).collect()
    }

    /// Epistemic variance at every input, the variance of the draws' means: doubt that more data
    /// would remove.
    ///
    /// The divisor is `S`, not `S - 1`: it is the variance of the mixture, for which the law of
    /// total variance holds exactly. With one draw it is 0.
    pub fn epistemic_variance(&self) -> Vec<f64> {
        self.epistemic_sd().into_iter().map(|sd| sd * sd).collect()
    }

    /// Predictive standard deviation at every input.
    pub fn sd(&self) -> Vec<f64> {
        self.aleatoric_sd().into_iter().zip(self.epistemic_sd()).map(|(a, e)| a.hypot(e)).collect()
    }

    /// Square root of the [aleatoric variance](Self::aleatoric_variance) at every input.
    pub fn aleatoric_sd(&self) -> Vec<f64> {
        self.map(|at| root_mean_square(at.sds.iter().copied()))
    }

    /// Square root of the [epistemic variance](Self::epistemic_variance) at every input.
    pub fn epistemic_sd(&self) -> Vec<f64> {
        self.map(|at| {
            let centre = mean(at.means.iter().copied());
            root_mean_square(at.means.iter().map(|m| m - centre))
        })
    }

    /// `P(Y <= y)` at input `i`.
    ///
    /// # Panics
    /// If `i` is not below the number of inputs.
    #[track_caller]
    pub fn cdf(&self, i: usize, y: f64) -> f64 {
        assert!(i < self.inputs(), "cdf: input {i} of {}", self.inputs());
        self.at(i).cdf(y)
    }

    /// The `p`-quantile at every input; infinite at 0 and 1, NaN beyond.
    ///
    /// It is the root of the mixture's cdf, to rounding. In a gap between components, where the cdf
    /// is flat to rounding, any point of the gap is one.
    pub fn quantile(&self, p: f64) -> Vec<f64> {
        self.map(|at| at.quantile(p))
    }

    /// The central interval that holds the target with probability `level`, at every input.
    ///
    /// Infinite at level 1; NaN unless `0 <= level <= 1`.
    pub fn interval(&self, level: f64) -> Vec<(f64, f64)> {
        let tail = (1.0 - level) / 2.0;
        if !(0.0..=0.5).contains(&tail) {
            return vec![(f64::NAN, f64::NAN); self.inputs()];
        }
        self.map(|at| (at.tail_quantile(tail, 1.0), at.tail_quantile(tail, -1.0)))
    }

    /// Log predictive density at every outcome, in nats (it depends on the units of the target).
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn log_density(&self, y: &[f64]) -> Result<Vec<f64>, PredictionError> {
        self.zip(y, |at, y| at.log_density(y))
    }

    /// The logarithmic score, the mean of [`log_density`](Self::log_density): *larger* is better.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn log_score(&self, y: &[f64]) -> Result<f64, PredictionError> {
        Ok(mean(self.log_density(y)?.into_iter()))
    }

    /// The continuous ranked probability score at every outcome: smaller is better; a Gaussian that
    /// is certain would score the absolute error.
    ///
    /// Exact for the mixture, in the closed form over all pairs of draws; with many overlapping
    /// draws, where pairs would be many, their part is a trapezoidal rule that is as exact there
    /// (1e-17) and linear in `S`.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    ///
    /// Source: Grimit, Gneiting, Berrocal, Johnson 2006, equation 5.
    pub fn crps(&self, y: &[f64]) -> Result<Vec<f64>, PredictionError> {
        self.zip(y, |at, y| at.crps(y))
    }

    /// The probability integral transform, the predictive cdf at every outcome: uniform if the
    /// prediction is calibrated.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn pit(&self, y: &[f64]) -> Result<Vec<f64>, PredictionError> {
        self.zip(y, |at, y| at.cdf(y))
    }

    /// How many outcomes lie in the central interval of probability `level`; a NaN lies in none.
    ///
    /// # Errors
    /// Unless there is one outcome per input, and the level is between 0 and 1.
    pub fn coverage(&self, y: &[f64], level: f64) -> Result<Proportion, PredictionError> {
        check_level(level)?;
        // An outcome is inside if neither tail beyond it is smaller than the interval leaves out:
        // no quantiles needed.
        let tail = (1.0 - level) / 2.0;
        let inside = self.zip(y, |at, y| at.cdf(y) >= tail && at.sf(y) >= tail)?;
        Ok(Proportion { hits: inside.iter().filter(|&&inside| inside).count(), of: inside.len() })
    }

    /// The nominal and the observed coverage of central intervals, for every level.
    ///
    /// # Errors
    /// Unless there is one outcome per input, and the level is between 0 and 1.
    pub fn calibration(&self, y: &[f64], levels: &[f64]) -> Result<Vec<(f64, f64)>, PredictionError> {
        levels.iter().map(|&level| Ok((level, self.coverage(y, level)?.rate()))).collect()
    }

    /// The mean interval score of the central intervals of probability `level`: smaller is better.
    ///
    /// # Errors
    /// Unless there is one outcome per input, and the level is between 0 and 1.
    pub fn interval_score(&self, y: &[f64], level: f64) -> Result<f64, PredictionError> {
        check_length(self.inputs(), y.len())?;
        check_level(level)?;
        let intervals = self.interval(level);
        Ok(mean(y.iter().zip(intervals).map(|(&y, interval)| interval_score(y, interval, level))))
    }

    /// Root mean square error of the predictive mean.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn rmse(&self, y: &[f64]) -> Result<f64, PredictionError> {
        check_length(self.inputs(), y.len())?;
        let errors: Vec<f64> = self.mean().iter().zip(y).map(|(mean, y)| y - mean).collect();
        Ok(root_mean_square(errors.iter().copied()))
    }

    /// All the scores that a report needs.
    ///
    /// # Errors
    /// Unless there is one outcome per input.
    pub fn summary(&self, y: &[f64]) -> Result<RegressionScores, PredictionError> {
        Ok(RegressionScores {
            inputs: self.inputs(),
            draws: self.draws(),
            rmse: self.rmse(y)?,
            log_score: self.log_score(y)?,
            crps: mean(self.crps(y)?.into_iter()),
            coverage_50: self.coverage(y, 0.5)?,
            coverage_90: self.coverage(y, 0.9)?,
            coverage_95: self.coverage(y, 0.95)?,
            interval_score_90: self.interval_score(y, 0.9)?,
            aleatoric_sd: root_mean_square(self.aleatoric_sd().iter().copied()),
            epistemic_sd: root_mean_square(self.epistemic_sd().iter().copied()),
        })
    }

    fn at(&self, i: usize) -> Mixture<'_> {
        let draws = self.draws();
        let column = if self.sds.ncols() == 1 { 0 } else { i };
        Mixture {
            means: &self.means.as_slice()[i * draws..][..draws],
            sds: &self.sds.as_slice()[column * draws..][..draws],
            degrees: self.degrees.as_deref(),
        }
    }

    /// Every input on its own, so that the result does not depend on the number of threads.
    fn map<T: Send>(&self, f: impl Fn(Mixture<'_>) -> T + Sync) -> Vec<T> {
        parallel_map(self.inputs(), |i| f(self.at(i)))
    }

    fn zip<T: Send>(
        &self,
        y: &[f64],
        f: impl Fn(Mixture<'_>, f64) -> T + Sync,
    ) -> Result<Vec<T>, PredictionError> {
        check_length(self.inputs(), y.len())?;
        Ok(parallel_map(y.len(), |i| f(self.at(i), y[i])))
    }
}

/// Every entry of a matrix of draws (rows) at inputs (columns) meets the condition.
fn check_entries(
    x: &DMatrix<f64>,
    what: &'static str,
    want: &'static str,
    condition: impl Fn(f64) -> bool,
) -> Result<(), PredictionError> {
    match x.iter().position(|&x| !condition(x)) {
        Some(at) => {
            let (input, draw) = (at / x.nrows(), at % x.nrows());
            Err(PredictionError::Entry { what, want, draw, input, got: x[at] })
        }
        None => Ok(()),
    }
}

/// The scores of a regression; prints as a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegressionScores {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of posterior draws.
    pub draws: usize,
    /// Root mean square error of the predictive mean.
    #[serde(with = "probity_autodiff::serde_float")]
    pub rmse: f64,
    /// Mean log predictive density in nats; larger is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_score: f64,
    /// Mean continuous ranked probability score; smaller is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub crps: f64,
    /// Outcomes inside the central 50% interval.
    pub coverage_50: Proportion,
    /// Outcomes inside the central 90% interval.
    pub coverage_90: Proportion,
    /// Outcomes inside the central 95% interval.
    pub coverage_95: Proportion,
    /// Mean interval score of the central 90% interval; smaller is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub interval_score_90: f64,
    /// Root of the mean aleatoric variance.
    #[serde(with = "probity_autodiff::serde_float")]
    pub aleatoric_sd: f64,
    /// Root of the mean epistemic variance.
    #[serde(with = "probity_autodiff::serde_float")]
    pub epistemic_sd: f64,
}

impl fmt::Display for RegressionScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} inputs, {} posterior draws", self.inputs, self.draws)?;
        writeln!(f, "rmse                  {:>12.5}", self.rmse)?;
        writeln!(f, "log score (nats)      {:>12.5}", self.log_score)?;
        writeln!(f, "crps                  {:>12.5}", self.crps)?;
        writeln!(f, "90% interval score    {:>12.5}", self.interval_score_90)?;
        writeln!(f, "aleatoric sd          {:>12.5}", self.aleatoric_sd)?;
        writeln!(f, "epistemic sd          {:>12.5}", self.epistemic_sd)?;
        writeln!(f, "inside 50% intervals  {}", self.coverage_50)?;
        writeln!(f, "inside 90% intervals  {}", self.coverage_90)?;
        write!(f, "inside 95% intervals  {}", self.coverage_95)
    }
}
