//! Fitted networks, their predictions and files.

use super::{Network, NetworkModel};
use crate::data::check_rows;
use crate::error::{Error, Result};
use crate::file::{File, load, restore, save};
use crate::heads::{Head, Outcome, PARAMETERS};
use crate::layers::Layer;
use crate::posteriors::{LinearAt, check_at, check_point, linearised};
use crate::prediction::Prediction;
use crate::regression::Scales;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::verdict::Predicted;
use probity_vi::{Draws, Model, Posterior, SiteKind, Verdict};

/// A fitted network.
#[derive(Debug)]
pub struct FittedNetwork<N, H> {
    posterior: Posterior<NetworkModel<N, H, f32>, f32>,
    /// Where predictions take outputs as linear in the weights.
    linear_at: Option<Vec<f64>>,
    /// Whether the model has its data: not after reading it from a file or a stream.
    has_data: bool,
}

const FORMAT: &str = "probity network 1";

impl<N: Layer<f32>, H: Head> FittedNetwork<N, H> {
    /// Of a posterior of the weights that came about in any way.
    pub fn of(posterior: Posterior<NetworkModel<N, H, f32>, f32>) -> Self {
        Self { posterior, linear_at: None, has_data: true }
    }

    /// The same, of a model that does not have the rows of the fit.
    pub(super) fn without_data(mut self) -> Self {
        self.has_data = false;
        self
    }

    /// The same, with predictions of the net linearised at this point.
    pub(crate) fn linear_at(mut self, point: LinearAt) -> Self {
        self.linear_at = point;
        self
    }

    /// Where predictions take outputs as linear in the weights, if they do.
    pub fn linearised_at(&self) -> Option<&[f64]> {
        self.linear_at.as_deref()
    }

    /// Whether predictions at these inputs (n × k, of which at most 100 rows are looked at) stay as
    /// they are when an exact kernel, Hamiltonian Monte Carlo on the density of the weights given
    /// the data, moves 64 draws of the posterior a little, and eight far away. It takes up to some
    /// twenty thousand gradients on all rows.
    ///
    /// # Errors
    /// If the data are not there, as after reading from a file or a stream, or the net has random
    /// numbers of its own (dropout), so that there is no density of its weights; or what the model
    /// reports.
    pub fn check_at(&self, x: &DMatrix<f64>) -> Result<Verdict> {
        let how = (self.has_data, self.linear_at.as_deref());
        check_at(&self.posterior, self.posterior.model(), x, how, compared)
    }

    /// How many draws of the weights predictions are to be made by: all that there are, or 300 of a
    /// Gaussian and of a net with random numbers of its own.
    pub fn default_draws(&self) -> usize {
        default_draws(&self.posterior, self.network().net().is_random())
    }

    /// The posterior of the weights, with the record of the fit.
    pub fn posterior(&self) -> &Posterior<NetworkModel<N, H, f32>, f32> {
        &self.posterior
    }

    /// The network.
    pub fn network(&self) -> &Network<N, H> {
        self.posterior.model().network()
    }

    /// Predictions at these inputs (n × k) by `draws` draws of the weights, in the user's units.
    ///
    /// # Errors
    /// If the columns do not fit, a number is not finite or out of range once it is standardised,
    /// or `draws` is 0.
    pub fn predict(&self, x: &DMatrix<f64>, draws: usize) -> Result<Prediction<H::Row>> {
        let model = self.posterior.model();
        model.network.check_sizes::<f32>(x.ncols())?;
        if x.ncols() != model.scales.x.columns() {
            let (got, want) = (x.ncols(), model.scales.x.columns());
            return Err(Error::Data(format!("the inputs have {got} columns, the network takes {want}")));
        }
        check_rows(x, None)?;
        if let (Some(at), Some(draws_of)) = (&self.linear_at, self.posterior.corrected()) {
            if draws == 0 {
                return Err(Error::Prediction(crate::prediction::PredictionError::NoDraws));
            }
            return linearised(&model.at(x)?, at, &draws_of.points, draws);
        }
        let parameters = self.parameter_names();
        let wanted = |name: &str| parameters.iter().any(|p| p == name);
        let found = self.posterior.predict_sites(&model.at(x)?, draws, wanted)?;
        let mut rows = Vec::with_capacity(draws * x.nrows());
        let mut of_row = Vec::new();
        for input in 0..x.nrows() {
            for draw in 0..draws {
                of_row.clear();
                for name in &parameters {
                    append(&found, name, (input, draw), &mut of_row);
                }
                rows.push(model.network.head.row(&of_row, &model.scales.y));
            }
        }
        Ok(Prediction::new(rows, draws)?)
    }

    /// The names of the sites that hold the parameters of the rows.
    fn parameter_names(&self) -> Vec<String> {
        let own = |name: &str| {
            let rest = name.strip_prefix(PARAMETERS);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let sites = self.posterior.layout().sites().iter();
        let own = sites.filter(|s| s.kind == SiteKind::Deterministic && own(&s.name));
        own.map(|s| s.name.clone()).collect()
    }

    /// The fitted network as JSON: units, parameters, record of the fit; without the training data
    /// and without the layers, which are the program's.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        save(FORMAT, &(), self.posterior.model().scales(), &self.posterior, self.linear_at.as_deref())
    }

    /// A fitted network from JSON and the same network that was fitted. Its predictions are the
    /// same bits as before it was saved.
    ///
    /// # Errors
    /// If the text is not of this format, or was not written by such a network.
    pub fn from_json(network: &Network<N, H>, text: &str) -> Result<Self> {
        let file: File<(), Scales> = load(FORMAT, text)?;
        let inputs = file.scales.x.columns();
        file.check_scales("inputs", &file.scales.x, inputs, network.standardize)?;
        file.check_scales("target", &file.scales.y, file.scales.y.columns(), true)?;
        network.check_sizes::<f32>(inputs).map_err(Error::in_file)?;
        let x = DMatrix::from_row_slice(1, inputs, &file.scales.x.mean);
        let y = DMatrix::from_element(1, network.head.targets(), 1.0);
        let File { scales, layout, params, report, corrected, linear_at, .. } = file;
        check_point(linear_at.as_deref(), layout.dim()).map_err(Error::in_file)?;
        let restored = NetworkModel::new(network.clone(), scales, &x, &y)
            .and_then(|model| restore(model, (layout, params, report), corrected));
        Ok(Self { posterior: restored.map_err(Error::in_file)?, linear_at, has_data: false })
    }
}

/// What a verdict compares.
pub(super) fn compared<N: Layer<f32>, H: Head>(
    posterior: Posterior<NetworkModel<N, H, f32>, f32>,
    linear_at: LinearAt,
    x: &DMatrix<f64>,
    draws: usize,
) -> Result<Predicted> {
    Ok(predicted(&FittedNetwork::of(posterior).linear_at(linear_at).predict(x, draws)?))
}

/// Means and standard deviations of all targets, or probabilities of all classes.
fn predicted<R: Outcome>(prediction: &Prediction<R>) -> Predicted {
    let first = prediction.at(0).first().and_then(Outcome::probabilities);
    let Some(classes) = first.map(<[f64]>::len) else {
        let (mean, sd) = (prediction.mean(), prediction.variance().map(f64::sqrt));
        return Predicted { mean: mean.as_slice().to_vec(), sd: sd.as_slice().to_vec() };
    };
    let class = |k: usize| {
        let p = prediction.functional(|r| r.probabilities().map_or(0.0, |p| p[k]));
        p.row_mean().iter().copied().collect::<Vec<f64>>()
    };
    let mean: Vec<f64> = (0..classes).flat_map(class).collect();
    // Of a label that is nearly certain the deviation is nearly 0, and says nothing.
    let sd = mean.iter().map(|p| (p * (1.0 - p)).sqrt().max(0.1)).collect();
    Predicted { mean, sd }
}

/// How many draws of the weights predictions are to be made by.
pub(crate) fn default_draws<M: Model<f32> + Sync>(posterior: &Posterior<M, f32>, is_random: bool) -> usize {
    const OF_A_GUIDE: usize = 300;
    match posterior.corrected().map(|c| c.len()) {
        Some(n) if !is_random => n,
        _ => OF_A_GUIDE,
    }
}

/// Adds the entries of a row of a site, which may have one row for all.
pub(crate) fn append(found: &Draws, name: &str, (input, draw): (usize, usize), to: &mut Vec<f64>) {
    let site = &found[name];
    let (rows, cols) = site.shape;
    let row = if rows == 1 { 0 } else { input };
    let values = &site.values[draw * rows * cols..(draw + 1) * rows * cols];
    to.extend((0..cols).map(|j| values[row + j * rows]));
}
