//! Fitted networks, their predictions and files.

use super::{Network, NetworkModel};
use crate::data::check_rows;
use crate::error::{Error, Result};
use crate::file::{File, load, restore, save};
use crate::heads::{Head, PARAMETERS};
use crate::layers::Layer;
use crate::prediction::Prediction;
use crate::regression::Scales;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::{Draws, Posterior, SiteKind};

/// A fitted network.
#[derive(Debug)]
pub struct FittedNetwork<N, H> {
    posterior: Posterior<NetworkModel<N, H, f32>, f32>,
}

const FORMAT: &str = "probity network 1";

impl<N: Layer<f32>, H: Head> FittedNetwork<N, H> {
    /// Of a posterior of the weights that came about in any way.
    pub fn of(posterior: Posterior<NetworkModel<N, H, f32>, f32>) -> Self {
        Self { posterior }
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
        save(FORMAT, &(), self.posterior.model().scales(), &self.posterior)
    }

    /// A fitted network from JSON and the same network that was fitted. Its predictions are the same
    /// bits as before it was saved.
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
        let File { scales, layout, params, report, corrected, .. } = file;
        let restored = NetworkModel::new(network.clone(), scales, &x, &y)
            .and_then(|model| restore(model, (layout, params, report), corrected));
        Ok(Self { posterior: restored.map_err(Error::in_file)? })
    }
}

/// Adds the entries of a row of a site, which may have one row for all.
fn append(found: &Draws, name: &str, (input, draw): (usize, usize), to: &mut Vec<f64>) {
    let site = &found[name];
    let (rows, cols) = site.shape;
    let row = if rows == 1 { 0 } else { input };
    let values = &site.values[draw * rows * cols..(draw + 1) * rows * cols];
    to.extend((0..cols).map(|j| values[row + j * rows]));
}
