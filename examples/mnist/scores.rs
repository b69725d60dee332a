//! What is printed of a net: how good its predictions are, and what its doubt is worth.

use super::nets::Fitted;
use super::{Images, Others};
use probity_nn::scores::{RejectionCurve, auroc};
use probity_nn::{ClassificationPrediction, Result};
use std::error::Error;

/// Shares of the images that are not decided.
pub const REJECTED: [f64; 3] = [0.05, 0.1, 0.2];

/// Of digits that the net has not seen, and of images of other kinds.
#[derive(Clone, Debug)]
pub struct Scores {
    pub accuracy: f64,
    pub nll: f64,
    pub ece: f64,
    /// The accuracy on what is left when the most doubtful [`REJECTED`] are not decided.
    pub decided: [f64; 3],
    /// How much of the way from chance to the ideal order of rejections the doubt goes.
    pub gain: f64,
    /// For every other kind, the probability that one of its images is doubted more than a digit.
    pub told_apart: Vec<f64>,
    /// The same, by mutual information: the part of the doubt that more data would remove.
    pub by_information: Vec<f64>,
    pub seconds: f64,
}

/// What a net predicts.
pub struct Predicted {
    pub digits: ClassificationPrediction,
    pub others: Vec<ClassificationPrediction>,
}

impl Predicted {
    pub fn of(net: &Fitted, digits: &Images, others: &Others) -> Result<Self> {
        let others = others.iter().map(|(_, images)| net.predict(images)).collect::<Result<_>>()?;
        Ok(Self { digits: net.predict(digits)?, others })
    }

    pub fn scores(&self, labels: &[usize], seconds: f64) -> std::result::Result<Scores, Box<dyn Error>> {
        let p = &self.digits;
        let doubt = p.predictive_entropy();
        let curve = RejectionCurve::of_classes(&doubt, &p.class(), labels)?;
        let apart = |of: fn(&ClassificationPrediction) -> Vec<f64>| -> Vec<f64> {
            self.others.iter().map(|other| auroc(&of(p), &of(other))).collect()
        };
        Ok(Scores {
            accuracy: p.accuracy(labels)?.rate(),
            nll: -p.log_score(labels)?,
            ece: p.ece(labels, 15)?,
            decided: REJECTED.map(|share| 1.0 - curve.loss(share)),
            gain: curve.gain(),
            told_apart: apart(ClassificationPrediction::predictive_entropy),
            by_information: apart(ClassificationPrediction::mutual_information),
            seconds,
        })
    }
}

/// A line for every score, a column for every net.
pub fn table(nets: &[(&str, &Scores)], others: &Others) -> String {
    let mut text = format!("{:<44}", "");
    nets.iter().for_each(|(name, _)| text += &format!("{name:>16}"));
    let mut line = |name: &str, digits: usize, of: &dyn Fn(&Scores) -> f64| {
        text += &format!("\n{name:<44}");
        nets.iter().for_each(|(_, scores)| text += &format!("{:>16.digits$}", of(scores)));
    };
    line("accuracy", 3, &|s| s.accuracy);
    line("NLL, nats an image", 3, &|s| s.nll);
    line("expected calibration error, 15 bins", 3, &|s| s.ece);
    for (i, share) in REJECTED.iter().enumerate() {
        line(&format!("accuracy without the {:.0} % most doubtful", 100.0 * share), 3, &|s| s.decided[i]);
    }
    line("gain of rejection, 1 is ideal", 2, &|s| s.gain);
    for (i, (kind, _)) in others.iter().enumerate() {
        line(&format!("AUROC of {kind}, by entropy"), 3, &|s| s.told_apart[i]);
        line("    by mutual information", 3, &|s| s.by_information[i]);
    }
    line("seconds to learn", 1, &|s| s.seconds);
    text
}
