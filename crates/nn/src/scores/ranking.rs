//! What an uncertainty is worth for telling inputs apart: which to reject, which are of another
//! kind.

use crate::prediction::PredictionError;

/// The area under the receiver operating characteristic of a score that should be larger for
/// `outside` than for `inside`: the probability that a random one of `outside` has the larger
/// score, ties counting half.
///
/// With an uncertainty (entropy, mutual information, predictive variance) of inputs like those that
/// were learned from, and of others, it says whether the net knows what it has not seen: 1/2 is
/// chance, 1 perfect. NaN if either is empty or there is a NaN.
///
/// ```
/// use probity_nn::scores::auroc;
/// assert_eq!(auroc(&[0.1, 0.2, 0.3], &[0.25, 0.9]), 5.0 / 6.0);
/// ```
///
/// Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
/// characteristic (ROC) curve"; for out-of-distribution inputs: Hendrycks, Gimpel 2017.
pub fn auroc(inside: &[f64], outside: &[f64]) -> f64 {
    if inside.is_empty() || outside.is_empty() || inside.iter().chain(outside).any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = inside.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // Half units: 2 for every one below, 1 for every equal one.
    let wins = |x: &f64| sorted.partition_point(|i| i < x) + sorted.partition_point(|i| i <= x);
    let total: usize = outside.iter().map(wins).sum();
    total as f64 / (2.0 * inside.len() as f64 * outside.len() as f64)
}

/// The mean loss of the inputs that are left when the most uncertain ones are rejected.
///
/// ```
/// use probity_nn::scores::RejectionCurve;
/// // The most uncertain of four predictions is the wrong one.
/// let curve = RejectionCurve::of_classes(&[0.1, 0.9, 0.2, 0.3], &[0, 1, 1, 0], &[0, 0, 1, 0])?;
/// assert_eq!((curve.loss(0.0), curve.loss(0.25), curve.gain()), (0.25, 0.0, 1.0));
/// # Ok::<(), probity_nn::prediction::PredictionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RejectionCurve {
    /// The mean loss of the `i + 1` most certain inputs.
    kept: Vec<f64>,
    /// The same with the losses themselves for uncertainties: what no uncertainty can better.
    ideal: Vec<f64>,
}

impl RejectionCurve {
    /// Of the uncertainty and the loss of every input. With loss 0 for a label that was predicted
    /// and 1 for another, one minus the curve is the accuracy-rejection curve; with squared errors
    /// it is that of a regression.
    ///
    /// Inputs of the same uncertainty have their losses averaged, so that their order says nothing.
    ///
    /// # Errors
    /// If the lengths differ, or there are no inputs.
    ///
    /// Source: Nadeem, Zucker, Hanczar 2009, "Accuracy-rejection curves (ARCs) for comparing
    /// classification methods with a reject option".
    pub fn new(uncertainty: &[f64], loss: &[f64]) -> Result<Self, PredictionError> {
        if uncertainty.len() != loss.len() || loss.is_empty() {
            return Err(PredictionError::Length { want: uncertainty.len(), got: loss.len() });
        }
        Ok(Self { kept: kept(uncertainty, loss), ideal: kept(loss, loss) })
    }

    /// Of class probabilities: the loss is 1 where the label is not the most probable class.
    ///
    /// # Errors
    /// If the lengths differ, or there are no inputs.
    pub fn of_classes(
        uncertainty: &[f64],
        predicted: &[usize],
        labels: &[usize],
    ) -> Result<Self, PredictionError> {
        if predicted.len() != labels.len() {
            return Err(PredictionError::Length { want: predicted.len(), got: labels.len() });
        }
        let loss = predicted.iter().zip(labels).map(|(p, l)| if p == l { 0.0 } else { 1.0 });
        Self::new(uncertainty, &loss.collect::<Vec<f64>>())
    }

    /// The mean loss of the inputs left when this share of them, the most uncertain, is rejected;
    /// at least one is left.
    pub fn loss(&self, rejected: f64) -> f64 {
        let n = self.kept.len();
        let left = ((1.0 - rejected.clamp(0.0, 1.0)) * n as f64).round() as usize;
        self.kept[left.clamp(1, n) - 1]
    }

    /// The mean loss over all shares that may be rejected: smaller is better.
    pub fn area(&self) -> f64 {
        area(&self.kept)
    }

    /// How much of the way from a random order to the ideal one the uncertainty goes: 1 is ideal, 0
    /// chance, negative worse than chance; NaN if all losses are equal.
    ///
    /// Source: Malinin, Mlodozeniec, Gales 2020, "Ensemble distribution distillation", appendix
    /// (prediction rejection ratio).
    pub fn gain(&self) -> f64 {
        let random = self.kept[self.kept.len() - 1];
        (random - self.area()) / (random - area(&self.ideal))
    }
}

fn area(curve: &[f64]) -> f64 {
    curve.iter().sum::<f64>() / curve.len() as f64
}

/// The running mean of the losses, from the most certain input on.
fn kept(uncertainty: &[f64], loss: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..loss.len()).collect();
    order.sort_by(|a, b| uncertainty[*a].total_cmp(&uncertainty[*b]));
    let mut curve = Vec::with_capacity(loss.len());
    let mut sum = 0.0;
    for tied in order.chunk_by(|a, b| uncertainty[*a] == uncertainty[*b]) {
        let each = tied.iter().map(|i| loss[*i]).sum::<f64>() / tied.len() as f64;
        for _ in tied {
            sum += each;
            curve.push(sum / (curve.len() + 1) as f64);
        }
    }
    curve
}
