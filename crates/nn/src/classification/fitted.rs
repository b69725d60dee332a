//! Fitted classifications, their predictions and files.

use super::label_head::LOGITS;
use super::{Classification, ClassificationModel, Inputs};
use crate::data::check;
use crate::error::{Error, Result};
use crate::file::{File, load, restore, save};
use crate::network::default_draws;
use crate::posteriors::{LinearAt, check_at, check_point, linearised_sites};
use crate::prediction::ClassificationPrediction;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::normal_at;
use probity_vi::verdict::Predicted;
use probity_vi::{Posterior, Verdict};

/// What a verdict compares.
pub(super) fn compared(
    posterior: Posterior<ClassificationModel<f32>, f32>,
    linear_at: LinearAt,
    x: &DMatrix<f64>,
    draws: usize,
) -> Result<Predicted> {
    let prediction = FittedClassification::of(posterior).linear_at(linear_at).predict(x, draws)?;
    let mean = prediction.probs();
    // Of a label that is nearly certain the deviation is nearly 0, and says nothing.
    let sd = mean.iter().map(|p| (p * (1.0 - p)).sqrt().max(0.1)).collect();
    Ok(Predicted { mean: mean.as_slice().to_vec(), sd })
}

/// A fitted classification.
#[derive(Debug)]
pub struct FittedClassification {
    posterior: Posterior<ClassificationModel<f32>, f32>,
    /// Where predictions take logits as linear in the weights.
    linear_at: Option<Vec<f64>>,
    /// Whether the model has its data: not after reading it from a file.
    has_data: bool,
}

const FORMAT: &str = "probity classification 1";

impl FittedClassification {
    /// Of a posterior of the weights that came about in another way, for example
    /// [from draws](Posterior::of_draws).
    pub fn of(posterior: Posterior<ClassificationModel<f32>, f32>) -> Self {
        Self { posterior, linear_at: None, has_data: true }
    }

    /// The same, with predictions of the net linearised at this point.
    pub(super) fn linear_at(mut self, point: LinearAt) -> Self {
        self.linear_at = point;
        self
    }

    /// Where predictions take logits as linear in the weights, if they do.
    pub fn linearised_at(&self) -> Option<&[f64]> {
        self.linear_at.as_deref()
    }

    /// How many draws of the weights predictions are to be made by: all that there are, or 300 of a
    /// Gaussian and of a net with dropout.
    pub fn default_draws(&self) -> usize {
        default_draws(&self.posterior, self.spec().net.dropout > 0.0)
    }

    /// Whether predictions at these inputs (n × k, of which at most 100 rows are looked at) stay as
    /// they are when an exact kernel, Hamiltonian Monte Carlo on the density of the weights given
    /// the data, moves draws of the posterior
    /// ([`FittedRegression::check_at`](crate::FittedRegression::check_at)).
    ///
    /// # Errors
    /// If the data are not there, as after reading from a file, or the net has random numbers of
    /// its own (dropout), so that there is no density of its weights; or what the model reports.
    pub fn check_at(&self, x: &DMatrix<f64>) -> Result<Verdict> {
        let how = (self.has_data, self.linear_at.as_deref());
        check_at(&self.posterior, &self.posterior.model().as_network(), x, how, compared)
    }

    /// The posterior of the weights, with the record of the fit.
    pub fn posterior(&self) -> &Posterior<ClassificationModel<f32>, f32> {
        &self.posterior
    }

    /// The description of the network.
    pub fn spec(&self) -> &Classification {
        &self.posterior.model().spec
    }

    /// Predictions at these inputs (n × k) by `draws` draws of the weights.
    ///
    /// # Errors
    /// If the columns do not fit, a number is not finite or out of range once it is standardised,
    /// or `draws` is 0.
    pub fn predict(&self, x: &DMatrix<f64>, draws: usize) -> Result<ClassificationPrediction> {
        let model = self.posterior.model();
        check(&model.spec.net, model.spec.outputs(), x, None)?;
        if draws == 0 {
            return Err(Error::Data("a prediction needs at least one draw".into()));
        }
        let at = model.at(x)?;
        let (found, name) = match (&self.linear_at, self.posterior.corrected()) {
            (Some(point), Some(all)) => {
                (linearised_sites(&at.as_network(), point, &all.points, draws)?.0, LOGITS)
            }
            _ => (self.posterior.predict_sites(&at, draws, |name| name == "logits")?, "logits"),
        };
        let logits = &found[name];
        let residual = model.spec.residual.then(|| model.inputs.residual_sd(x));
        let key = Key::new(self.posterior.report().seed).fold_in_str("residual");
        let of_draw = |i: usize| {
            let mut logits = logits.draw(i);
            if let Some(sds) = &residual {
                add_residual(&mut logits, sds, key.fold_in(i as u64));
            }
            probabilities(logits)
        };
        Ok(ClassificationPrediction::new((0..draws).map(of_draw).collect())?)
    }

    /// The fitted classification as JSON: description, units, parameters, record of the fit;
    /// without the training data.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let model = self.posterior.model();
        save(FORMAT, &model.spec, &model.inputs, &self.posterior, self.linear_at.as_deref())
    }

    /// A fitted classification from JSON. Its predictions are the same bits as before it was saved.
    ///
    /// # Errors
    /// If the text is not of this format, or its parts do not fit together.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: File<Classification, Inputs> = load(FORMAT, text)?;
        file.spec.check().map_err(Error::in_file)?;
        let inputs = file.check(&file.spec.net, file.spec.outputs())?;
        file.check_scales("inputs", &file.scales.scaler, inputs, file.spec.standardize)?;
        let (low, high) = (&file.scales.low, &file.scales.high);
        if low.len() != high.len() || !(low.is_empty() || low.len() == inputs) {
            let (low, high) = (low.len(), high.len());
            let problem = format!("range of the inputs: {low} and {high} limits for {inputs} columns");
            return Err(Error::File(problem));
        }
        let x = DMatrix::from_row_slice(1, inputs, &file.scales.scaler.mean);
        let File { spec, scales, layout, params, report, corrected, linear_at, .. } = file;
        check_point(linear_at.as_deref(), layout.dim()).map_err(Error::in_file)?;
        let restored = ClassificationModel::new(spec, scales, &x, &DMatrix::zeros(1, 1))
            .and_then(|model| restore(model, (layout, params, report), corrected));
        Ok(Self { posterior: restored.map_err(Error::in_file)?, linear_at, has_data: false })
    }
}

/// Adds a draw of the residual process to every logit.
fn add_residual(logits: &mut DMatrix<f64>, sds: &[f64], key: Key) {
    for (at, logit) in logits.iter_mut().enumerate() {
        let sd = sds[at % sds.len()];
        if sd > 0.0 {
            *logit += sd * normal_at::<f64>(key, at as u64);
        }
    }
}

/// Probabilities of one draw: n × classes, or n × 1 (of class 1) for two classes.
fn probabilities(logits: DMatrix<f64>) -> DMatrix<f64> {
    if logits.ncols() == 1 {
        return logits.map(probity_autodiff::Real::sigmoid);
    }
    let mut p = logits;
    for mut row in p.row_iter_mut() {
        let top = row.max();
        row.apply(|v| *v = (*v - top).exp());
        let sum = row.sum();
        row /= sum;
    }
    p
}
