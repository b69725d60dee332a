//! Bayesian neural regression: description, fit, prediction.

mod fitted;
mod head;
mod model;

pub use fitted::FittedRegression;
pub use model::{RegressionModel, Scales};

use crate::activation::Activation;
use crate::data::check;
use crate::error::Result;
use crate::layers::{Mlp, WeightInit};
use crate::noise::{Noise, Tails};
use crate::posteriors::{Method, Problem, inferred};
use crate::sampling::{checked_fit, sample};
use crate::standardize::Standardizer;
use fitted::compared;
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::hmc::Chains;
use probity_vi::optim::Adam;
use probity_vi::{Fit, Observer};
use serde::{Deserialize, Serialize};

/// A network with noise around its output for one numeric target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The network; its outputs are those that the noise needs.
    pub net: Mlp,
    /// The spread of the noise.
    pub noise: Noise,
    /// The shape of the noise.
    #[serde(default)]
    pub tails: Tails,
    /// Whether inputs and target are standardised (by the training data, inside the model).
    pub standardize: bool,
}

impl Regression {
    /// With this network and learned Gaussian noise; inputs and target are standardised.
    pub fn new(net: Mlp) -> Self {
        Self { net, noise: Noise::Learned, tails: Tails::Gaussian, standardize: true }
    }

    /// With this noise; the last layer of the network gets as many outputs as it needs.
    pub fn noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
        if let Some(last) = self.net.layers.last_mut() {
            last.outputs = noise.outputs();
        }
        self
    }

    /// With noise of this shape.
    pub fn tails(mut self, tails: Tails) -> Self {
        self.tails = tails;
        self
    }

    /// On the data as they are.
    pub fn without_standardizing(mut self) -> Self {
        self.standardize = false;
        self
    }

    /// The network of popular Bayes-by-Backprop code: ReLU, standard Normal priors, means in ±0.2
    /// and rho in (-5, -4).
    pub fn seed_recipe(inputs: usize, hidden: &[usize]) -> Self {
        let net = Mlp::new(&[&[inputs], hidden, &[1]].concat(), Activation::Relu);
        Self::new(net.init(WeightInit::seed_recipe()))
    }

    /// The fit of the same code: one draw of the weights per step, Adam with rate 0.01, the KL at
    /// full weight from the start.
    pub fn recipe_fit(steps: usize) -> Fit<f32> {
        Fit::default().steps(steps).draws(1).optimizer(Adam::new(0.01)).elbo_draws(100)
    }

    /// The model of this data: inputs n × k, target n × 1.
    ///
    /// # Errors
    /// If sizes do not fit, there are no rows, or a number is not finite (without standardising: in
    /// the precision of the model).
    pub fn model<T: Scalar>(&self, x: &DMatrix<f64>, y: &[f64]) -> Result<RegressionModel<T>> {
        let y = DMatrix::from_column_slice(y.len(), 1, y);
        check(&self.net, self.noise.outputs(), x, Some(&y))?;
        let scaler = |x: &DMatrix<f64>| {
            if self.standardize { Standardizer::of(x) } else { Standardizer::identity(x.ncols()) }
        };
        let scales = Scales { x: scaler(x), y: scaler(&y) };
        RegressionModel::new(self.clone(), scales, x, &y)
    }

    /// Fits the network to the data: inputs n × k, target n × 1, both in the user's units.
    ///
    /// The verdict is on predictions at inputs of the data, not on weights: whether an exact kernel
    /// that moves the guide's draws moves what they predict. It is left out where it would take
    /// longer than the fit.
    ///
    /// # Errors
    /// If sizes do not fit, a number is not finite, or the fit fails.
    pub fn fit(&self, x: &DMatrix<f64>, y: &[f64], fit: Fit<f32>) -> Result<FittedRegression> {
        self.fit_observed(x, y, fit, &mut [])
    }

    /// As [`fit`](Regression::fit), telling the observers of every step.
    ///
    /// # Errors
    /// As `fit`.
    pub fn fit_observed(
        &self,
        x: &DMatrix<f64>,
        y: &[f64],
        fit: Fit<f32>,
        observers: &mut [&mut dyn Observer],
    ) -> Result<FittedRegression> {
        Ok(FittedRegression::of(checked_fit(fit, self.model(x, y)?, x, observers, compared)?))
    }

    /// Draws the weights from their posterior by Hamiltonian chains, each from a mode of its own,
    /// and the [unknown scales](crate::PriorScale::Hyper) of the priors given the weights between
    /// the transitions. No Gaussian stands for the posterior, so the net is as unsure as its prior
    /// wherever there are no data. [Learned](crate::PriorScale::Learned) scales and weights without
    /// a prior stay at their start.
    ///
    /// All rows are used in every step: a step of a network with w weights on n rows takes some 6 n
    /// w operations. With noise that depends on the inputs, the weights of the noise are 0 in the
    /// first half of the ascent, so that what the mean can explain is not taken for noise.
    ///
    /// # Errors
    /// If sizes do not fit, a number is not finite, or a chain does not find a place of finite
    /// density.
    pub fn sample(&self, x: &DMatrix<f64>, y: &[f64], chains: &Chains) -> Result<FittedRegression> {
        let model = self.model::<f32>(x, y)?;
        let late = self.noise.late_outputs();
        Ok(FittedRegression::of(sample(model, &self.net, late, chains, x, compared)?))
    }

    /// The posterior of the weights by any [`Method`]: a mode, an ensemble, a Laplace
    /// approximation, ... ([`posteriors`](crate::posteriors)).
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::Regression;
    /// use probity_nn::posteriors::Map;
    ///
    /// let x = DMatrix::from_fn(30, 1, |i, _| i as f64 / 10.0);
    /// let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    /// let fitted = Regression::sampled_for(1, &[10]).infer(&x, &y, &Map::default())?;
    /// assert_eq!(fitted.default_draws(), 1);
    /// # Ok::<(), probity_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`model`](Regression::model), or if weights are without a prior, or the network is none
    /// for the method.
    pub fn infer(&self, x: &DMatrix<f64>, y: &[f64], method: &dyn Method) -> Result<FittedRegression> {
        let mut spec = self.clone();
        method.prepare(&mut spec.net);
        let model = spec.model::<f32>(x, y)?;
        let network = model.as_network();
        let (posterior, linear_at) = inferred(model, &Problem::new(&network)?, method)?;
        Ok(FittedRegression::of(posterior).linear_at(linear_at))
    }
}
