//! Bayesian neural networks.
#![forbid(unsafe_code)]
mod activation;
mod defaults;
mod error;
mod layers;
mod noise;
pub mod prediction;
mod prior;
mod regression;
mod standardize;

pub use activation::Activation;
pub use error::{Error, Result};
pub use layers::{Linear, Mlp, WeightInit};
pub use noise::Noise;
pub use prior::{Prior, PriorFamily, PriorScale, WeightPrior};
pub use regression::{FittedRegression, Regression, RegressionModel, Scales};
pub use standardize::Standardizer;
