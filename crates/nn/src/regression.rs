//! Bayesian neural regression: description, fit, prediction.

use crate::activation::Activation;
use crate::data::{check, standardized};
use crate::error::{Error, Result};
use crate::file::{File, load, restore, save};
use crate::heads::GaussianHead;
use crate::layers::{Mlp, WeightInit};
use crate::network::{Network, NetworkModel, default_draws};
use crate::noise::Noise;
use crate::posteriors::{LinearAt, Method, Problem, check_at, check_point, inferred, linearised};
use crate::prediction::RegressionPrediction;
use crate::sampling::{checked_fit, sample};
use crate::standardize::Standardizer;
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::Normal;
use probity_vi::hmc::Chains;
use probity_vi::optim::Adam;
use probity_vi::verdict::Predicted;
use probity_vi::{Fit, Model, Observer, Posterior, Scope, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A network with Gaussian noise for one numeric target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The network; its outputs are those that the noise needs.
    pub net: Mlp,
    /// The noise.
    pub noise: Noise,
    /// Whether inputs and target are standardised (by the training data, inside the model).
    pub standardize: bool,
}

impl Regression {
    /// With this network and learned noise; inputs and target are standardised.
    pub fn new(net: Mlp) -> Self {
        Self { net, noise: Noise::Learned, standardize: true }
    }

    /// With this noise.
    pub fn noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
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
        let late = if self.noise == Noise::InputDependent { 1..2 } else { 0..0 };
        Ok(FittedRegression::of(sample(model, &self.net, late, chains, x, compared)?))
    }

    /// The posterior of the weights by any [`Method`]: a mode, an ensemble, a Laplace approximation,
    /// ... ([`posteriors`](crate::posteriors)).
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
    /// As [`model`](Regression::model), or if weights are without a prior, or the network is none for
    /// the method.
    pub fn infer(&self, x: &DMatrix<f64>, y: &[f64], method: &dyn Method) -> Result<FittedRegression> {
        let mut spec = self.clone();
        method.prepare(&mut spec.net);
        let model = spec.model::<f32>(x, y)?;
        let network = model.as_network();
        let (posterior, linear_at) = inferred(model, &Problem::new(&network)?, method)?;
        Ok(FittedRegression::of(posterior).linear_at(linear_at))
    }
}

/// What a verdict compares.
fn compared(
    posterior: Posterior<RegressionModel<f32>, f32>,
    linear_at: LinearAt,
    x: &DMatrix<f64>,
    draws: usize,
) -> Result<Predicted> {
    let predicted = FittedRegression::of(posterior).linear_at(linear_at).predict(x, draws)?;
    Ok(Predicted { mean: predicted.mean(), sd: predicted.sd() })
}

/// The units of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scales {
    /// Of the inputs.
    pub x: Standardizer,
    /// Of the target.
    pub y: Standardizer,
}

/// A regression with its data: a model for any inference method.
#[derive(Clone, Debug)]
pub struct RegressionModel<T: Scalar> {
    spec: Regression,
    scales: Scales,
    x: Arc<DMatrix<T>>,
    y: Arc<DMatrix<T>>,
}

impl<T: Scalar> RegressionModel<T> {
    fn new(spec: Regression, scales: Scales, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Self> {
        let (x, y) = (standardized("input", x, &scales.x)?, standardized("target", y, &scales.y)?);
        Ok(Self { spec, scales, x, y })
    }

    /// The units of the data.
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// The same as a network with a Gaussian head: the same coordinates and density.
    pub(crate) fn as_network(&self) -> NetworkModel<Mlp, GaussianHead, T> {
        let Self { spec, scales, x, y } = self;
        let mut network = Network::new(spec.net.clone(), GaussianHead::new(spec.noise));
        if !spec.standardize {
            network = network.without_standardizing();
        }
        NetworkModel::of_parts(network, scales.clone(), x.clone(), y.clone())
    }

    /// The same regression at other inputs, to predict there.
    fn at(&self, x: &DMatrix<f64>) -> Result<Self> {
        let target = DMatrix::from_element(x.nrows(), 1, self.scales.y.mean[0]);
        Self::new(self.spec.clone(), self.scales.clone(), x, &target)
    }
}

impl<T: Scalar> Model<T> for RegressionModel<T> {
    fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
        s.plate("data", self.x.nrows(), |s, batch| {
            let out = self.spec.net.forward(s, "net", batch.shared_rows(&self.x))?;
            let (mean, sd) = self.spec.noise.split(s, out, self.scales.y.sd[0])?;
            s.deterministic("mean", mean)?;
            s.deterministic("sd", sd)?;
            s.observe("y", Normal::new(mean, sd), batch.shared_rows(&self.y))
        })
    }
}

/// A fitted regression.
#[derive(Debug)]
pub struct FittedRegression {
    posterior: Posterior<RegressionModel<f32>, f32>,
    /// Where predictions take outputs as linear in the weights.
    linear_at: Option<Vec<f64>>,
    /// Whether the model has its data: not after reading it from a file.
    has_data: bool,
}

impl FittedRegression {
    /// Of a posterior of the weights that came about in another way, for example
    /// [from draws](Posterior::of_draws).
    pub fn of(posterior: Posterior<RegressionModel<f32>, f32>) -> Self {
        Self { posterior, linear_at: None, has_data: true }
    }

    /// The same, with predictions of the net linearised at this point.
    fn linear_at(mut self, point: LinearAt) -> Self {
        self.linear_at = point;
        self
    }

    /// Where predictions take outputs as linear in the weights, if they do.
    pub fn linearised_at(&self) -> Option<&[f64]> {
        self.linear_at.as_deref()
    }

    /// How many draws of the weights predictions are to be made by: all that there are, or 300 of a
    /// Gaussian and of a net with dropout.
    pub fn default_draws(&self) -> usize {
        default_draws(&self.posterior, self.spec().net.dropout > 0.0)
    }

    /// The posterior of the weights, with the record of the fit.
    pub fn posterior(&self) -> &Posterior<RegressionModel<f32>, f32> {
        &self.posterior
    }

    /// Whether predictions at these inputs (n × k, of which at most 100 rows are looked at) stay as
    /// they are when an exact kernel, Hamiltonian Monte Carlo on the density of the weights given the
    /// data, moves 64 draws of the posterior a little, and eight far away. It takes up to some twenty
    /// thousand gradients on all rows.
    ///
    /// # Errors
    /// If the data are not there, as after reading from a file, or the net has random numbers of its
    /// own (dropout), so that there is no density of its weights; or what the model reports.
    pub fn check_at(&self, x: &DMatrix<f64>) -> Result<Verdict> {
        let how = (self.has_data, self.linear_at.as_deref());
        check_at(&self.posterior, &self.posterior.model().as_network(), x, how, compared)
    }

    /// The description of the network.
    pub fn spec(&self) -> &Regression {
        &self.posterior.model().spec
    }

    /// Predictions at these inputs (n × k) by `draws` draws of the weights, in the target's units.
    ///
    /// # Errors
    /// If the columns do not fit, a number is not finite or out of range once it is standardised,
    /// `draws` is 0, or a prediction is out of the range of `f64`.
    pub fn predict(&self, x: &DMatrix<f64>, draws: usize) -> Result<RegressionPrediction> {
        let model = self.posterior.model();
        check(&model.spec.net, model.spec.noise.outputs(), x, None)?;
        if draws == 0 {
            return Err(Error::Data("a prediction needs at least one draw".into()));
        }
        if let (Some(at), Some(all)) = (&self.linear_at, self.posterior.corrected()) {
            let predicted = linearised(&model.at(x)?.as_network(), at, &all.points, draws)?;
            return Ok(predicted.to_regression()?);
        }
        let found =
            self.posterior.predict_sites(&model.at(x)?, draws, |name| name == "mean" || name == "sd")?;
        let (mean, sd) = (model.scales.y.mean[0], model.scales.y.sd[0]);
        let table = |name: &str, shift: f64| {
            let site = &found[name];
            let columns = site.shape.0 * site.shape.1;
            DMatrix::from_row_iterator(draws, columns, site.values.iter().map(|v| shift + sd * v))
        };
        Ok(RegressionPrediction::new(table("mean", mean), table("sd", 0.0))?)
    }

    /// The posterior mean of the noise's standard deviation in the target's units, if it is the
    /// same for all inputs.
    ///
    /// # Errors
    /// If drawing fails.
    pub fn noise_sd(&self) -> Result<Option<f64>> {
        let sd = self.posterior.model().scales.y.sd[0];
        match self.spec().noise {
            Noise::Fixed(sd) => Ok(Some(sd)),
            Noise::FixedShare(share) => Ok(Some(share * sd)),
            Noise::InputDependent => Ok(None),
            Noise::Learned => {
                let found =
                    self.posterior.predict_sites(self.posterior.model(), 1000, |name| name == "noise")?;
                Ok(Some(found["noise"].mean()[0] * sd))
            }
        }
    }
}

const FORMAT: &str = "probity regression 1";

impl FittedRegression {
    /// The fitted regression as JSON: description, units, parameters, record of the fit; without
    /// the training data.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let model = self.posterior.model();
        save(FORMAT, &model.spec, &model.scales, &self.posterior, self.linear_at.as_deref())
    }

    /// A fitted regression from JSON. Its predictions are the same bits as before it was saved.
    ///
    /// # Errors
    /// If the text is not of this format, or its parts do not fit together.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: File<Regression, Scales> = load(FORMAT, text)?;
        let inputs = file.check(&file.spec.net, file.spec.noise.outputs())?;
        file.check_scales("inputs", &file.scales.x, inputs, file.spec.standardize)?;
        file.check_scales("target", &file.scales.y, 1, file.spec.standardize)?;
        let mean = |scaler: &Standardizer| DMatrix::from_row_slice(1, scaler.columns(), &scaler.mean);
        let (x, y) = (mean(&file.scales.x), mean(&file.scales.y));
        let File { spec, scales, layout, params, report, corrected, linear_at, .. } = file;
        check_point(linear_at.as_deref(), layout.dim()).map_err(Error::in_file)?;
        let restored = RegressionModel::new(spec, scales, &x, &y)
            .and_then(|model| restore(model, (layout, params, report), corrected));
        Ok(Self { posterior: restored.map_err(Error::in_file)?, linear_at, has_data: false })
    }
}
