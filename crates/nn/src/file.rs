//! Files of fitted networks: JSON with description, units, parameters and the record of the fit.

use crate::data::check_network;
use crate::error::{Error, Result};
use crate::layers::Mlp;
use crate::standardize::Standardizer;
use probity_autodiff::Params;
use probity_vi::{Corrected, Layout, MeanField, Model, Posterior, Report};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a file holds. `S` describes the network, `U` the units of the data.
#[derive(Serialize, Deserialize)]
pub(crate) struct File<S, U> {
    format: String,
    pub spec: S,
    pub scales: U,
    pub layout: Layout,
    pub params: Params<f32>,
    pub report: Report,
    /// The draws of chains, where these stand for the posterior.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<Corrected>,
    /// Where predictions take outputs as linear in the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear_at: Option<Vec<f64>>,
}

impl<S, U> File<S, U> {
    /// Checks the network of the description, before anything of its size is made. Its number of
    /// inputs.
    pub(crate) fn check(&self, net: &Mlp, outputs: usize) -> Result<usize> {
        let inputs = check_network(net, outputs).map_err(Error::in_file)?;
        let weights = net.layers.iter().try_fold(0_usize, |sum, layer| {
            layer.inputs.checked_add(1)?.checked_mul(layer.outputs)?.checked_add(sum)
        });
        // A weight has at least one parameter.
        match weights {
            Some(weights) if weights <= self.params.len() => Ok(inputs),
            _ => Err(Error::File(format!(
                "the network has more weights than there are parameters, {}",
                self.params.len()
            ))),
        }
    }

    /// Checks the units of so many columns; those of data that are not standardised are 1.
    pub(crate) fn check_scales(
        &self,
        what: &str,
        scaler: &Standardizer,
        columns: usize,
        standardize: bool,
    ) -> Result {
        scaler.check(columns).map_err(|e| Error::File(format!("units of the {what}: {e}")))?;
        if !standardize && *scaler != Standardizer::identity(columns) {
            let problem = "the data are said not to be standardised, but their units are not 1";
            return Err(Error::File(format!("units of the {what}: {problem}")));
        }
        Ok(())
    }
}

/// The posterior of a file, with the model made anew.
pub(crate) fn restore<M: Model<f32> + Sync>(
    model: M,
    (layout, params, report): (Layout, Params<f32>, Report),
    corrected: Option<Corrected>,
) -> Result<Posterior<M, f32>> {
    let posterior = Posterior::restore(model, layout, MeanField::new(), params, report)?;
    Ok(match corrected {
        Some(corrected) => posterior.with_corrected(corrected)?,
        None => posterior,
    })
}

/// As JSON.
pub(crate) fn save<S: Clone + Serialize, U: Clone + Serialize, M: Model<f32> + Sync>(
    format: &str,
    spec: &S,
    scales: &U,
    posterior: &Posterior<M, f32>,
    linear_at: Option<&[f64]>,
) -> Result<String> {
    let file = File {
        format: format.into(),
        spec: spec.clone(),
        scales: scales.clone(),
        layout: posterior.layout().clone(),
        params: posterior.params().clone(),
        report: posterior.report().clone(),
        corrected: posterior.corrected().cloned(),
        linear_at: linear_at.map(<[f64]>::to_vec),
    };
    serde_json::to_string(&file).map_err(|e| Error::File(e.to_string()))
}

/// From JSON of this format.
pub(crate) fn load<S: DeserializeOwned, U: DeserializeOwned>(format: &str, text: &str) -> Result<File<S, U>> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    // The format first: a file of another one fails with its name, not with a missing field.
    let head: Head = serde_json::from_str(text).map_err(|e| Error::File(e.to_string()))?;
    if head.format != format {
        return Err(Error::File(format!("the format is {:?}, not {format:?}", head.format)));
    }
    serde_json::from_str(text).map_err(|e| Error::File(e.to_string()))
}
