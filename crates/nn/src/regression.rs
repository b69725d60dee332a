//! Bayesian neural regression: description, fit, prediction.

use crate::error::{Error, Result};
use crate::layers::Mlp;
use crate::noise::{Noise, no_target};
use crate::prediction::RegressionPrediction;
use crate::standardize::Standardizer;
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::Normal;
use probity_vi::{Fit, Model, Observer, Posterior, Scope};
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

    /// The model of this data: inputs n × k, target n × 1.
    ///
    /// # Errors
    /// If sizes do not fit, there are no rows, or a number is not finite.
    pub fn model<T: Scalar>(&self, x: &DMatrix<f64>, y: &[f64]) -> Result<RegressionModel<T>> {
        let y = DMatrix::from_column_slice(y.len(), 1, y);
        check(&self.net, self.noise.outputs(), x, Some(&y))?;
        let scaler = |x: &DMatrix<f64>| {
            if self.standardize { Standardizer::of(x) } else { Standardizer::identity(x.ncols()) }
        };
        let scales = Scales { x: scaler(x), y: scaler(&y) };
        Ok(RegressionModel::new(self.clone(), scales, x, &y))
    }

    /// Fits the network to the data: inputs n × k, target n × 1, both in the user's units.
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
        Ok(FittedRegression { posterior: fit.run_observed(self.model(x, y)?, observers)? })
    }
}

fn check(net: &Mlp, outputs: usize, x: &DMatrix<f64>, y: Option<&DMatrix<f64>>) -> Result {
    let (first, last) = match (net.layers.first(), net.layers.last()) {
        (Some(first), Some(last)) => (first.inputs, last.outputs),
        _ => return Err(Error::Network("it has no layers".into())),
    };
    if last != outputs {
        return Err(Error::Network(format!("it has {last} outputs, this head needs {outputs}")));
    }
    if x.ncols() != first {
        return Err(Error::Data(format!("the inputs have {} columns, the network takes {first}", x.ncols())));
    }
    if x.nrows() == 0 {
        return Err(Error::Data("there are no rows".into()));
    }
    if let Some(y) = y
        && y.nrows() != x.nrows()
    {
        return Err(Error::Data(format!("{} rows of inputs, {} targets", x.nrows(), y.nrows())));
    }
    for (name, m) in [("input", Some(x)), ("target", y)] {
        let Some(m) = m else { continue };
        if let Some(bad) = m.iter().position(|v| !v.is_finite()) {
            let (row, column) = (bad % m.nrows(), bad / m.nrows());
            return Err(Error::Data(format!("{name} in row {row}, column {column} is {}", m[bad])));
        }
    }
    Ok(())
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
    fn new(spec: Regression, scales: Scales, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Self {
        let shared = |m: DMatrix<f64>| Arc::new(m.map(T::from_f64));
        let (x, y) = (shared(scales.x.apply(x)), shared(scales.y.apply(y)));
        Self { spec, scales, x, y }
    }

    /// The units of the data.
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// The same regression at other inputs, to predict there.
    fn at(&self, x: &DMatrix<f64>) -> Self {
        Self::new(self.spec.clone(), self.scales.clone(), x, &no_target(x.nrows()))
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
}

impl FittedRegression {
    /// The posterior of the weights, with the record of the fit.
    pub fn posterior(&self) -> &Posterior<RegressionModel<f32>, f32> {
        &self.posterior
    }

    /// The description of the network.
    pub fn spec(&self) -> &Regression {
        &self.posterior.model().spec
    }

    /// Predictions at these inputs (n × k) by `draws` draws of the weights, in the target's units.
    ///
    /// # Errors
    /// If the columns do not fit, a number is not finite, or `draws` is 0.
    pub fn predict(&self, x: &DMatrix<f64>, draws: usize) -> Result<RegressionPrediction> {
        let model = self.posterior.model();
        check(&model.spec.net, model.spec.noise.outputs(), x, None)?;
        let found =
            self.posterior.predict_sites(&model.at(x), draws, |name| name == "mean" || name == "sd")?;
        let (mean, sd) = (model.scales.y.mean[0], model.scales.y.sd[0]);
        let table = |name: &str, shift: f64| {
            let site = &found[name];
            let columns = site.shape.0 * site.shape.1;
            DMatrix::from_row_iterator(draws, columns, site.values.iter().map(|v| shift + sd * v))
        };
        if draws == 0 {
            return Err(Error::Data("a prediction needs at least one draw".into()));
        }
        Ok(RegressionPrediction::new(table("mean", mean), table("sd", 0.0))?)
    }

    /// The posterior mean of the noise's standard deviation in the target's units, if it is the same for all inputs.
    ///
    /// # Errors
    /// If drawing fails.
    pub fn noise_sd(&self) -> Result<Option<f64>> {
        let sd = self.posterior.model().scales.y.sd[0];
        match self.spec().noise {
            Noise::Fixed(sd) => Ok(Some(sd)),
            Noise::InputDependent => Ok(None),
            Noise::Learned => {
                let found =
                    self.posterior.predict_sites(self.posterior.model(), 1000, |name| name == "noise")?;
                Ok(Some(found["noise"].mean()[0] * sd))
            }
        }
    }
}

/// What a file of a fitted regression holds.
#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    spec: Regression,
    scales: Scales,
    layout: probity_vi::Layout,
    params: probity_autodiff::Params<f32>,
    report: probity_vi::Report,
}

const FORMAT: &str = "probity regression 1";

impl FittedRegression {
    /// The fitted regression as JSON: description, units, parameters, record of the fit; without the training data.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let (p, model) = (&self.posterior, self.posterior.model());
        let file = File {
            format: FORMAT.into(),
            spec: model.spec.clone(),
            scales: model.scales.clone(),
            layout: p.layout().clone(),
            params: p.params().clone(),
            report: p.report().clone(),
        };
        serde_json::to_string(&file).map_err(|e| Error::File(e.to_string()))
    }

    /// A fitted regression from JSON. Its predictions are the same bits as before it was saved.
    ///
    /// # Errors
    /// If the text is not of this format, or its parts do not fit together.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: File = serde_json::from_str(text).map_err(|e| Error::File(e.to_string()))?;
        if file.format != FORMAT {
            return Err(Error::File(format!("the format is {:?}, not {FORMAT:?}", file.format)));
        }
        let x = DMatrix::zeros(1, file.scales.x.columns());
        check(&file.spec.net, file.spec.noise.outputs(), &x, None)?;
        let model = RegressionModel::new(file.spec, file.scales, &x, &no_target(1));
        let guide = probity_vi::MeanField::new();
        Ok(Self { posterior: Posterior::restore(model, file.layout, guide, file.params, file.report)? })
    }
}
