//! Fitted regressions, their predictions and files.

use super::head::predicted_noise;
use super::{Regression, RegressionModel, Scales};
use crate::data::check;
use crate::error::{Error, Result};
use crate::file::{File, load, restore, save};
use crate::network::default_draws;
use crate::noise::{Noise, Tails};
use crate::noise_choice::NoiseChoice;
use crate::posteriors::{LinearAt, check_at, check_point, linearised};
use crate::prediction::RegressionPrediction;
use crate::sampling::checked;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::verdict::Predicted;
use probity_vi::{Posterior, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a verdict compares.
pub(super) fn compared(
    posterior: Posterior<RegressionModel<f32>, f32>,
    linear_at: LinearAt,
    x: &DMatrix<f64>,
    draws: usize,
) -> Result<Predicted> {
    let predicted = FittedRegression::of(posterior).linear_at(linear_at).predict(x, draws)?;
    Ok(Predicted { mean: predicted.mean(), sd: predicted.sd() })
}

/// A fitted regression.
#[derive(Debug)]
pub struct FittedRegression {
    posterior: Posterior<RegressionModel<f32>, f32>,
    /// Where predictions take outputs as linear in the weights.
    linear_at: Option<Vec<f64>>,
    /// Whether the model has its data: not after reading it from a file.
    has_data: bool,
    /// Why the noise is what it is.
    noise_choice: Option<NoiseChoice>,
}

impl FittedRegression {
    /// Of a posterior of the weights that came about in another way, for example
    /// [from draws](Posterior::of_draws).
    pub fn of(posterior: Posterior<RegressionModel<f32>, f32>) -> Self {
        Self { posterior, linear_at: None, has_data: true, noise_choice: None }
    }

    /// The same, with predictions of the net linearised at this point.
    pub(super) fn linear_at(mut self, point: LinearAt) -> Self {
        self.linear_at = point;
        self
    }

    /// The same, with a verdict, unless that would take longer than the fit.
    pub(crate) fn checked(mut self, x: &DMatrix<f64>) -> Result<Self> {
        self.posterior = checked(self.posterior, x, compared)?;
        Ok(self)
    }

    /// The same, with a record of how the noise was chosen.
    pub(crate) fn with_noise_choice(mut self, choice: NoiseChoice) -> Self {
        self.noise_choice = Some(choice);
        self
    }

    /// Which noise was chosen, and why, if it was not given: what
    /// [`Recommended`](crate::Recommended) fits has such a record.
    pub fn noise_choice(&self) -> Option<&NoiseChoice> {
        self.noise_choice.as_ref()
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
    /// they are when an exact kernel, Hamiltonian Monte Carlo on the density of the weights given
    /// the data, moves 64 draws of the posterior a little, and eight far away. It takes up to some
    /// twenty thousand gradients on all rows.
    ///
    /// # Errors
    /// If the data are not there, as after reading from a file, or the net has random numbers of
    /// its own (dropout), so that there is no density of its weights; or what the model reports.
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
            return predicted_noise(&predicted);
        }
        let wanted = |name: &str| name == "mean" || name == "sd" || name == "df";
        let found = self.posterior.predict_sites(&model.at(x)?, draws, wanted)?;
        let (mean, sd) = (model.scales.y.mean[0], model.scales.y.sd[0]);
        let table = |name: &str, shift: f64| {
            let site = &found[name];
            let columns = site.shape.0 * site.shape.1;
            DMatrix::from_row_iterator(draws, columns, site.values.iter().map(|v| shift + sd * v))
        };
        let predicted = RegressionPrediction::new(table("mean", mean), table("sd", 0.0))?;
        match model.spec.tails {
            Tails::Gaussian => Ok(predicted),
            Tails::StudentT => Ok(predicted.student_t(found["df"].values.clone())?),
        }
    }

    /// The posterior mean of the noise's standard deviation in the target's units, if it is the
    /// same for all inputs.
    ///
    /// # Errors
    /// If drawing fails.
    pub fn noise_sd(&self) -> Result<Option<f64>> {
        let unit = self.posterior.model().scales.y.sd[0];
        let &Regression { noise, tails, .. } = self.spec();
        let site = match (noise, tails) {
            (Noise::InputDependent, _) => return Ok(None),
            (Noise::Fixed(sd), Tails::Gaussian) => return Ok(Some(sd)),
            (Noise::FixedShare(share), Tails::Gaussian) => return Ok(Some(share * unit)),
            (Noise::Learned, Tails::Gaussian) => "noise",
            (_, Tails::StudentT) => "sd",
        };
        let found = self.posterior.predict_sites(self.posterior.model(), 1000, |name| name == site)?;
        Ok(Some(found[site].mean()[0] * unit))
    }
}

const FORMAT: &str = "probity regression 1";

/// What a file says of the regression.
#[derive(Clone, Serialize, Deserialize)]
struct Described {
    #[serde(flatten)]
    regression: Regression,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise_choice: Option<NoiseChoice>,
}

impl FittedRegression {
    /// The fitted regression as JSON: description, units, parameters, record of the fit; without
    /// the training data.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let model = self.posterior.model();
        let (regression, noise_choice) = (model.spec.clone(), self.noise_choice.clone());
        let described = Described { regression, noise_choice };
        save(FORMAT, &described, &model.scales, &self.posterior, self.linear_at.as_deref())
    }

    /// A fitted regression from JSON. Its predictions are the same bits as before it was saved.
    ///
    /// # Errors
    /// If the text is not of this format, or its parts do not fit together.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: File<Described, Scales> = load(FORMAT, text)?;
        let spec = &file.spec.regression;
        let inputs = file.check(&spec.net, spec.noise.outputs())?;
        file.check_scales("inputs", &file.scales.x, inputs, spec.standardize)?;
        file.check_scales("target", &file.scales.y, 1, spec.standardize)?;
        let mean = |scaler: &Standardizer| DMatrix::from_row_slice(1, scaler.columns(), &scaler.mean);
        let (x, y) = (mean(&file.scales.x), mean(&file.scales.y));
        let File { spec, scales, layout, params, report, corrected, linear_at, .. } = file;
        check_point(linear_at.as_deref(), layout.dim()).map_err(Error::in_file)?;
        let Described { regression, noise_choice } = spec;
        let restored = RegressionModel::new(regression, scales, &x, &y)
            .and_then(|model| restore(model, (layout, params, report), corrected));
        Ok(Self { posterior: restored.map_err(Error::in_file)?, linear_at, has_data: false, noise_choice })
    }
}

/// The record of the fit, and how the noise was chosen.
impl fmt::Display for FittedRegression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.posterior.report())?;
        match &self.noise_choice {
            Some(choice) => writeln!(f, "{choice}"),
            None => Ok(()),
        }
    }
}
