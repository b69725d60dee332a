//! Predictions of a class: at every input, one vector of probabilities per posterior draw.

use super::{PredictionError, check_labels, mean};
use crate::scores::{
    CalibrationBin, Proportion, brier, calibration_bins, calibration_error, max_calibration_error,
    most_probable,
};
use probity_autodiff::Real;
use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far the probabilities of one input may be from a sum of 1: single precision in many classes
/// is not further.
const SUM_TOLERANCE: f64 = 1e-4;

/// The number of bins of the calibration error in a [summary](ClassificationPrediction::summary).
const SUMMARY_BINS: usize = 15;

/// `S` posterior draws of the class probabilities at `n` inputs, `k` classes.
///
/// The prediction is the mean of the draws. Entropies are in nats.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::prediction::ClassificationPrediction;
/// // Two draws (matrices) at two inputs (rows) of the probability of class 1 out of 0 and 1.
/// let prediction = ClassificationPrediction::new(vec![
///     DMatrix::from_row_slice(2, 1, &[0.9, 0.5]),
///     DMatrix::from_row_slice(2, 1, &[0.7, 0.5]),
/// ])?;
/// assert_eq!(prediction.class(), [1, 0]);
/// let doubt = prediction.mutual_information();
/// assert!(doubt[0] > 0.0 && doubt[1] == 0.0); // at the second input the draws agree
/// println!("{}", prediction.summary(&[1, 0])?);
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassificationPrediction {
    draws: Vec<DMatrix<f64>>,
    probs: DMatrix<f64>,
}

impl ClassificationPrediction {
    /// From one matrix of probabilities (`n` x `k`) per draw; with two classes also `n` x 1, the
    /// probability of class 1.
    ///
    /// # Errors
    /// Without draws, if the shapes differ, if an entry is no probability, or if the entries of an
    /// input do not sum to 1 (to 1e-4; they are used as they are).
    pub fn new(mut probs: Vec<DMatrix<f64>>) -> Result<Self, PredictionError> {
        let want = probs.first().ok_or(PredictionError::NoDraws)?.shape();
        for (draw, p) in probs.iter_mut().enumerate() {
            if p.shape() != want {
                return Err(PredictionError::Shape { what: "every draw", want, got: p.shape() });
            }
            if want.1 == 1 {
                *p = DMatrix::from_fn(want.0, 2, |i, k| if k == 1 { p[i] } else { 1.0 - p[i] });
            }
            let bad = |what, want, input, got| Err(PredictionError::Entry { what, want, draw, input, got });
            for (input, row) in p.row_iter().enumerate() {
                if let Some(&got) = row.iter().find(|&p| !(0.0..=1.0).contains(p)) {
                    return bad("a probability", "between 0 and 1", input, got);
                }
                if (row.sum() - 1.0).abs() > SUM_TOLERANCE {
                    return bad("the sum of an input's probabilities", "1", input, row.sum());
                }
            }
        }
        let (n, k) = probs[0].shape();
        let average = DMatrix::from_fn(n, k, |i, k| mean(probs.iter().map(|p| p[(i, k)])));
        Ok(Self { draws: probs, probs: average })
    }

    /// The draws, every one `n` x `k`.
    pub fn draws(&self) -> &[DMatrix<f64>] {
        &self.draws
    }

    /// Predictive probabilities, `n` x `k`: the mean of the draws.
    pub fn probs(&self) -> &DMatrix<f64> {
        &self.probs
    }

    /// The most probable class at every input; of equally probable ones, the first.
    pub fn class(&self) -> Vec<usize> {
        self.map(|i| most_probable(&self.probs, i))
    }

    /// Entropy of the predictive probabilities at every input, in nats: all the uncertainty.
    pub fn predictive_entropy(&self) -> Vec<f64> {
        self.map(|i| entropy(&self.probs, i))
    }

    /// Mean entropy of the draws at every input, in nats: the aleatoric part, which more data would
    /// not remove.
    pub fn expected_entropy(&self) -> Vec<f64> {
        self.map(|i| mean(self.draws.iter().map(|draw| entropy(draw, i))))
    }

    /// Mutual information of class and parameters at every input, in nats: the epistemic part.
    ///
    /// It is the predictive minus the expected entropy, formed as the mean divergence of the draws
    /// from their mean, of which every term is positive: never below 0, exactly 0 where the draws
    /// agree (so with one draw), and accurate where they almost do.
    ///
    /// Source: Houlsby, Huszár, Ghahramani, Lengyel 2011, "Bayesian active learning for
    /// classification".
    pub fn mutual_information(&self) -> Vec<f64> {
        self.map(|i| {
            let divergence = |draw: &DMatrix<f64>| -> f64 {
                draw.row(i).iter().zip(self.probs.row(i).iter()).map(|(&p, &q)| divergence_term(p, q)).sum()
            };
            mean(self.draws.iter().map(divergence))
        })
    }

    /// The logarithmic score, the mean log predictive probability of the labels in nats: *larger*
    /// is better, at most 0.
    ///
    /// It is minus infinity if a label had probability 0.
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes.
    pub fn log_score(&self, labels: &[usize]) -> Result<f64, PredictionError> {
        check_labels(&self.probs, labels)?;
        let log_probs = labels.iter().enumerate().map(|(i, &label)| self.probs[(i, label)].ln());
        Ok(log_probs.sum::<f64>() / labels.len() as f64)
    }

    /// How many inputs have their label as the most probable class.
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes.
    pub fn accuracy(&self, labels: &[usize]) -> Result<Proportion, PredictionError> {
        check_labels(&self.probs, labels)?;
        let hits = self.class().iter().zip(labels).filter(|(class, label)| class == label).count();
        Ok(Proportion { hits, of: labels.len() })
    }

    /// Brier's score, 0 to 2: smaller is better; see [`brier`].
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes.
    pub fn brier(&self, labels: &[usize]) -> Result<f64, PredictionError> {
        brier(&self.probs, labels)
    }

    /// The reliability diagram in `bins` bins of equal width; see [`calibration_bins`].
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes; without bins.
    pub fn calibration(&self, labels: &[usize], bins: usize) -> Result<Vec<CalibrationBin>, PredictionError> {
        calibration_bins(&self.probs, labels, bins)
    }

    /// Expected calibration error in `bins` bins of equal width: smaller is better; see
    /// [`calibration_error`].
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes; without bins.
    pub fn ece(&self, labels: &[usize], bins: usize) -> Result<f64, PredictionError> {
        Ok(calibration_error(&self.calibration(labels, bins)?))
    }

    /// All the scores that a report needs.
    ///
    /// # Errors
    /// Unless there is one label per input, below the number of classes.
    pub fn summary(&self, labels: &[usize]) -> Result<ClassificationScores, PredictionError> {
        let bins = self.calibration(labels, SUMMARY_BINS)?;
        Ok(ClassificationScores {
            inputs: labels.len(),
            draws: self.draws.len(),
            accuracy: self.accuracy(labels)?,
            log_score: self.log_score(labels)?,
            brier: self.brier(labels)?,
            ece: calibration_error(&bins),
            mce: max_calibration_error(&bins),
            predictive_entropy: mean(self.predictive_entropy().into_iter()),
            expected_entropy: mean(self.expected_entropy().into_iter()),
            mutual_information: mean(self.mutual_information().into_iter()),
        })
    }

    fn map<T>(&self, f: impl Fn(usize) -> T) -> Vec<T> {
        (0..self.probs.nrows()).map(f).collect()
    }
}

/// Entropy of row `i`, in nats.
fn entropy(probs: &DMatrix<f64>, i: usize) -> f64 {
    probs.row(i).iter().map(|&p| -p.xlogy(p)).sum()
}

/// `p ln(p / q) - p + q`, which is never negative; near `p = q` it is formed from their difference.
fn divergence_term(p: f64, q: f64) -> f64 {
    if p == 0.0 {
        return q;
    }
    (p * ((p - q) / q).ln_1p() - (p - q)).max(0.0)
}

/// The scores of a classification; prints as a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassificationScores {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of posterior draws.
    pub draws: usize,
    /// Inputs whose label was the most probable class.
    pub accuracy: Proportion,
    /// Mean log predictive probability of the labels in nats; larger is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_score: f64,
    /// Brier's score, 0 to 2; smaller is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub brier: f64,
    /// Expected calibration error in 15 bins of equal width.
    #[serde(with = "probity_autodiff::serde_float")]
    pub ece: f64,
    /// Largest calibration error of these bins.
    #[serde(with = "probity_autodiff::serde_float")]
    pub mce: f64,
    /// Mean predictive entropy in nats: all the uncertainty.
    #[serde(with = "probity_autodiff::serde_float")]
    pub predictive_entropy: f64,
    /// Mean expected entropy in nats: the aleatoric part.
    #[serde(with = "probity_autodiff::serde_float")]
    pub expected_entropy: f64,
    /// Mean mutual information in nats: the epistemic part.
    #[serde(with = "probity_autodiff::serde_float")]
    pub mutual_information: f64,
}

impl fmt::Display for ClassificationScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} inputs, {} posterior draws", self.inputs, self.draws)?;
        writeln!(f, "accuracy                      {}", self.accuracy)?;
        writeln!(f, "log score (nats)              {:>9.5}", self.log_score)?;
        writeln!(f, "Brier score                   {:>9.5}", self.brier)?;
        writeln!(f, "expected calibration error    {:>9.5}", self.ece)?;
        writeln!(f, "maximum calibration error     {:>9.5}", self.mce)?;
        writeln!(f, "predictive entropy (nats)     {:>9.5}", self.predictive_entropy)?;
        writeln!(f, "  aleatoric                   {:>9.5}", self.expected_entropy)?;
        write!(f, "  epistemic                   {:>9.5}", self.mutual_information)
    }
}
