//! Files of fitted networks: JSON with description, units, parameters and the record of the fit.

use crate::error::{Error, Result};
use probity_autodiff::Params;
use probity_vi::{Layout, Model, Posterior, Report};
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
}

/// As JSON.
pub(crate) fn save<S: Clone + Serialize, U: Clone + Serialize, M: Model<f32> + Sync>(
    format: &str,
    spec: &S,
    scales: &U,
    posterior: &Posterior<M, f32>,
) -> Result<String> {
    let file = File {
        format: format.into(),
        spec: spec.clone(),
        scales: scales.clone(),
        layout: posterior.layout().clone(),
        params: posterior.params().clone(),
        report: posterior.report().clone(),
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
