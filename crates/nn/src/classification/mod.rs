//! Bayesian neural classification: description, fit, prediction.

mod fitted;
mod label_head;

pub use fitted::FittedClassification;

use crate::data::{check, standardized};
use crate::error::{Error, Result};
use crate::heads::{Head, Parameters};
use crate::layers::Mlp;
use crate::network::{Network, NetworkModel};
use crate::posteriors::{Method, Problem, inferred};
use crate::regression::Scales;
use crate::sampling::{checked_fit, sample};
use crate::standardize::Standardizer;
use fitted::compared;
use label_head::LabelHead;
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::hmc::Chains;
use probity_vi::{Fit, Model, Observer, Scope};
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
    /// unknown beyond: to every logit is added a Gaussian process whose variance is `Σⱼ eⱼ³`, where
    /// `eⱼ` is how far the input is beyond the range along column j, in the units of the network. A
    /// net of ReLU units alone is linear out there, and as sure as it likes; this is what
    /// infinitely many more units with kinks beyond the data add.
    ///
    /// *Source*: Kristiadi, Hein, Hennig 2021, "An infinite-feature extension for Bayesian ReLU
    /// nets that fixes their asymptotic overconfidence", equation 5 with σ² = 3 (`docs/bnn.md`).
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
        Ok(FittedClassification::of(checked_fit(fit, self.model(x, labels)?, x, observers, compared)?))
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
        Ok(FittedClassification::of(sample(model, &self.net, 0..0, chains, x, compared)?))
    }

    /// The posterior of the weights by any [`Method`]: a mode, an ensemble, a Laplace
    /// approximation, ... ([`posteriors`](crate::posteriors)), as
    /// [`Regression::infer`](crate::Regression::infer) does it. Predictions have the
    /// [residual](Classification::residual) process whatever the method is.
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::Classification;
    /// use probity_nn::posteriors::KroneckerLaplace;
    ///
    /// let x = DMatrix::from_fn(40, 1, |i, _| i as f64 / 10.0 - 2.0);
    /// let labels: Vec<usize> = x.iter().map(|x| usize::from(*x > 0.0)).collect();
    /// let fitted = Classification::sampled_for(1, 2).infer(&x, &labels, &KroneckerLaplace::default())?;
    /// let prediction = fitted.predict(&x, fitted.default_draws())?;
    /// assert!(prediction.accuracy(&labels)?.rate() > 0.9);
    /// # Ok::<(), probity_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`model`](Classification::model), or if weights are without a prior, or the network is
    /// none for the method (some need a Gaussian head).
    pub fn infer(
        &self,
        x: &DMatrix<f64>,
        labels: &[usize],
        method: &dyn Method,
    ) -> Result<FittedClassification> {
        let mut spec = self.clone();
        method.prepare(&mut spec.net);
        let model = spec.model::<f32>(x, labels)?;
        let (posterior, linear_at) = inferred(model.clone(), &Problem::new(&model.as_network())?, method)?;
        Ok(FittedClassification::of(posterior).linear_at(linear_at))
    }
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
            beyond.powi(3)
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

    /// The same as a network with a head: the same coordinates and density.
    fn as_network(&self) -> NetworkModel<Mlp, LabelHead, T> {
        let Self { spec, inputs, x, y } = self;
        let mut network = Network::new(spec.net.clone(), LabelHead::of(spec.classes));
        if !spec.standardize {
            network = network.without_standardizing();
        }
        let scales = Scales { x: inputs.scaler.clone(), y: Standardizer::identity(1) };
        NetworkModel::of_parts(network, scales, x.clone(), y.clone())
    }

    /// The same classification at other inputs, to predict there.
    fn at(&self, x: &DMatrix<f64>) -> Result<Self> {
        Self::new(self.spec.clone(), self.inputs.clone(), x, &DMatrix::zeros(x.nrows(), 1))
    }
}

impl<T: Scalar> Model<T> for ClassificationModel<T> {
    fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
        s.plate("data", self.x.nrows(), |s, batch| {
            let logits = self.spec.net.forward(s, "net", batch.shared_rows(&self.x))?;
            s.deterministic("logits", logits)?;
            let head = LabelHead::of(self.spec.classes);
            head.observe(s, &Parameters::of([("logits", logits)]), batch.shared_rows(&self.y))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use probity_autodiff::Key;
    use probity_autodiff::random::fill_normal;
    use probity_vi::LogJoint;

    #[test]
    fn a_classification_has_the_density_of_its_network() {
        let x = DMatrix::from_fn(12, 2, |i, j| (i as f64 * 0.7 + j as f64).sin());
        for classes in [2, 3] {
            let labels: Vec<usize> = (0..12).map(|i| i % classes).collect();
            let outputs = if classes == 2 { 1 } else { 3 };
            for standardize in [true, false] {
                let mut spec = Classification::new(Mlp::new(&[2, 4, outputs], Activation::Tanh), classes);
                spec.standardize = standardize;
                let model = spec.model::<f64>(&x, &labels).unwrap();
                let mut own = LogJoint::<_, f64>::new(model.clone()).unwrap();
                let mut network = LogJoint::<_, f64>::new(model.as_network()).unwrap();
                let d = own.dim();
                assert_eq!(network.dim(), d);
                let (mut u, mut a, mut b) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
                fill_normal(Key::new(1), 0, &mut u);
                let values = (own.gradient(&u, &mut a).unwrap(), network.gradient(&u, &mut b).unwrap());
                assert_eq!((values.0, a), (values.1, b));
            }
        }
    }
}
