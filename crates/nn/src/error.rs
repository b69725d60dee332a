//! Errors of fitted networks.

use crate::prediction::PredictionError;

/// What can go wrong with a network and its data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network does not fit its use.
    #[error("network: {0}")]
    Network(String),
    /// The data do not fit the network, or hold a number that is not finite.
    #[error("data: {0}")]
    Data(String),
    /// A file of a fitted network cannot be read or written.
    #[error("model file: {0}")]
    File(String),
    /// The fit or a run of the model failed.
    #[error(transparent)]
    Inference(#[from] probity_vi::Error),
    /// A prediction was asked for something that does not fit it.
    #[error(transparent)]
    Prediction(#[from] PredictionError),
}

impl Error {
    /// The same, found in a file.
    pub(crate) fn in_file(self) -> Self {
        Self::File(self.to_string())
    }
}

/// The result of work with a network.
pub type Result<T = ()> = std::result::Result<T, Error>;
