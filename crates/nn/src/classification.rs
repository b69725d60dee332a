//! Bayesian neural classification: description, fit, prediction.

use crate::data::{check, standardized};
use crate::error::{Error, Result};
use crate::file::{File, load, restore, save};
use crate::layers::Mlp;
use crate::prediction::ClassificationPrediction;
use crate::sampling::{checked, sample};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::normal_at;
use probity_autodiff::{Key, Scalar, Var};
use probity_distributions::{Bernoulli, Categorical};
use probity_vi::hmc::Chains;
use probity_vi::verdict::Predicted;
use probity_vi::{Fit, Model, Observer, Posterior, Scope};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A network for one label among `classes`: with two classes one output, the log-odds of class 1
/// (Bernoulli); with more, one output per class (Categorical).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The network.
    pub net: Mlp,
    /// The number of classes.
    pub classes: usize,
    /// Whether inputs are standardised (by the training data, inside the model).
    pub standardize: bool,
    /// Whether predictions have a part that is 0 within the range of the training inputs, and
    /// unknown beyond: to every logit is added a Gaussian process whose variance is `Σⱼ eⱼ³ / 3`,
    /// where `eⱼ` is how far the input is beyond the range along column j, in the units of the
    /// network. A net of ReLU units alone is linear out there, and as sure as it likes; this is what
    /// infinitely many more units with kinks beyond the data add.
    ///
    /// *Source*: Kristiadi, Hein, Hennig 2021, "An infinite-feature extension for Bayesian ReLU
    /// nets that fixes their asymptotic overconfidence", equation 5.
    #[serde(default)]
    pub residual: bool,
}

impl Classification {
    /// With this network; inputs are standardised.
    pub fn new(net: Mlp, classes: usize) -> Self {
        Self { net, classes, standardize: true, residual: true }
    }

    /// As the network says, also far from the data.
    pub fn without_residual(mut self) -> Self {
        self.residual = false;
        self
    }

    /// The outputs that the network needs.
    pub fn outputs(&self) -> usize {
        if self.classes == 2 { 1 } else { self.classes }
    }

    /// The model of this data: inputs n × k, labels 0 .. classes.
    ///
    /// # Errors
    /// If sizes do not fit, there are no rows or fewer than two classes, a label is out of range,
    /// or a number is not finite.
    pub fn model<T: Scalar>(&self, x: &DMatrix<f64>, labels: &[usize]) -> Result<ClassificationModel<T>> {
        self.check()?;
        if let Some(row) = labels.iter().position(|l| *l >= self.classes) {
            return Err(Error::Data(format!(
                "label {} in row {row}; there are {} classes",
                labels[row], self.classes
            )));
        }
        let y = DMatrix::from_iterator(labels.len(), 1, labels.iter().map(|l| *l as f64));
        check(&self.net, self.outputs(), x, Some(&y))?;
        let scaler = if self.standardize { Standardizer::of(x) } else { Standardizer::identity(x.ncols()) };
        let scaled = scaler.apply(x);
        let (low, high) = scaled.column_iter().map(|c| (c.min(), c.max())).unzip();
        ClassificationModel::new(self.clone(), Inputs { scaler, low, high }, x, &y)
    }

    fn check(&self) -> Result {
        if self.classes < 2 {
            return Err(Error::Network(format!("{} classes; at least two are needed", self.classes)));
        }
        Ok(())
    }

    /// Fits the network to the data: inputs n × k, labels 0 .. classes.
    ///
    /// # Errors
    /// As [`model`](Classification::model), or if the fit fails.
    pub fn fit(&self, x: &DMatrix<f64>, labels: &[usize], fit: Fit<f32>) -> Result<FittedClassification> {
        self.fit_observed(x, labels, fit, &mut [])
    }

    /// As [`fit`](Classification::fit), telling the observers of every step.
    ///
    /// # Errors
    /// As `fit`.
    pub fn fit_observed(
        &self,
        x: &DMatrix<f64>,
        labels: &[usize],
        fit: Fit<f32>,
        observers: &mut [&mut dyn Observer],
    ) -> Result<FittedClassification> {
        let posterior = fit.checked(false).run_observed(self.model(x, labels)?, observers)?;
        Ok(FittedClassification { posterior: checked(posterior, x, predicted)? })
    }

    /// Draws the weights from their posterior by Hamiltonian chains, as
    /// [`Regression::sample`](crate::Regression::sample) does.
    ///
    /// # Errors
    /// As [`model`](Classification::model), or if a chain does not find a place of finite density.
    pub fn sample(
        &self,
        x: &DMatrix<f64>,
        labels: &[usize],
        chains: &Chains,
    ) -> Result<FittedClassification> {
        let model = self.model::<f32>(x, labels)?;
        Ok(FittedClassification { posterior: sample(model, &self.net, 0..0, chains, x, predicted)? })
    }
}

/// What a verdict compares.
fn predicted(
    posterior: Posterior<ClassificationModel<f32>, f32>,
    x: &DMatrix<f64>,
    draws: usize,
) -> Result<Predicted> {
    let mean = FittedClassification { posterior }.predict(x, draws)?.probs().clone();
    // Of a label that is nearly certain the deviation is nearly 0, and says nothing.
    let sd = mean.iter().map(|p| (p * (1.0 - p)).sqrt().max(0.1)).collect();
    Ok(Predicted { mean: mean.as_slice().to_vec(), sd })
}

/// The units and the range of the inputs that were learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inputs {
    #[serde(flatten)]
    scaler: Standardizer,
    /// The smallest and the largest number of every column, standardised.
    #[serde(default)]
    low: Vec<f64>,
    #[serde(default)]
    high: Vec<f64>,
}

impl Inputs {
    /// The standard deviation of the residual process at every row.
    fn residual_sd(&self, x: &DMatrix<f64>) -> Vec<f64> {
        let x = self.scaler.apply(x);
        let cube = |row: usize, j: usize| {
            let beyond = (x[(row, j)] - self.high[j]).max(self.low[j] - x[(row, j)]).max(0.0);
            beyond.powi(3) / 3.0
        };
        let columns = self.low.len();
        (0..x.nrows()).map(|row| (0..columns).map(|j| cube(row, j)).sum::<f64>().sqrt()).collect()
    }
}

/// A classification with its data: a model for any inference method.
#[derive(Clone, Debug)]
pub struct ClassificationModel<T: Scalar> {
    spec: Classification,
    inputs: Inputs,
    x: Arc<DMatrix<T>>,
    y: Arc<DMatrix<T>>,
}

impl<T: Scalar> ClassificationModel<T> {
    fn new(spec: Classification, inputs: Inputs, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Self> {
        let x = standardized("input", x, &inputs.scaler)?;
        Ok(Self { spec, inputs, x, y: Arc::new(y.map(T::from_f64)) })
    }
}

impl<T: Scalar> Model<T> for ClassificationModel<T> {
    fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
        s.plate("data", self.x.nrows(), |s, batch| {
            let logits = self.spec.net.forward(s, "net", batch.shared_rows(&self.x))?;
            s.deterministic("logits", logits)?;
            let y = batch.shared_rows(&self.y);
            if self.spec.classes == 2 {
                s.observe("y", Bernoulli::<Var<'_, T>>::from_logits(logits), y)
            } else {
                s.observe("y", Categorical::new(logits), y)
            }
        })
    }
}

/// A fitted classification.
#[derive(Debug)]
pub struct FittedClassification {
    posterior: Posterior<ClassificationModel<f32>, f32>,
}

const FORMAT: &str = "probity classification 1";

impl FittedClassification {
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
        let at = ClassificationModel::new(
            model.spec.clone(),
            model.inputs.clone(),
            x,
            &DMatrix::zeros(x.nrows(), 1),
        )?;
        let found = self.posterior.predict_sites(&at, draws, |name| name == "logits")?;
        let logits = &found["logits"];
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
        save(FORMAT, &model.spec, &model.inputs, &self.posterior, None)
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
        let File { spec, scales, layout, params, report, corrected, .. } = file;
        let restored = ClassificationModel::new(spec, scales, &x, &DMatrix::zeros(1, 1))
            .and_then(|model| restore(model, (layout, params, report), corrected));
        Ok(Self { posterior: restored.map_err(Error::in_file)? })
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
