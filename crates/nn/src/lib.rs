//! Bayesian neural networks: layers whose weights are sampled under any prior, networks, regression
//! and classification with honest noise models, typed predictions, and scores.
//!
//! ```
//! use probity_nn::{Activation, Mlp, Regression};
//! use probity_autodiff::nalgebra::DMatrix;
//! use probity_vi::Fit;
//!
//! let x = DMatrix::from_fn(40, 1, |i, _| i as f64 / 10.0 - 2.0);
//! let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
//! let fitted = Regression::new(Mlp::new(&[1, 16, 1], Activation::Tanh)).fit(&x, &y, Fit::default().steps(200))?;
//! let prediction = fitted.predict(&DMatrix::from_element(1, 1, 0.5), 100)?;
//! let (low, high) = prediction.interval(0.9)[0];
//! assert!(low < high);
//! # Ok::<(), probity_nn::Error>(())
//! ```
#![forbid(unsafe_code)]

mod activation;
mod classification;
mod data;
mod defaults;
mod error;
mod file;
pub mod heads;
mod layers;
mod meter;
mod network;
mod noise;
mod noise_choice;
pub mod posteriors;
pub mod prediction;
mod prior;
mod priors;
pub mod recalibration;
mod recommended;
mod regression;
mod sampling;
pub mod scores;
mod standardize;

pub use activation::Activation;
pub use classification::{Classification, ClassificationModel, FittedClassification};
pub use error::{Error, Result};
pub use layers::{
    Cell, Conv1d, Conv2d, Dropout, Embedding, Grid, Gru, GruCell, Layer, LayerNorm, Linear, Lstm, LstmCell,
    Mlp, Pool1d, Pool2d, Recurrent, Residual, Sequence, Sequential, WeightInit,
};
pub use meter::{Meter, MeterRow, SnrHistogram, pruned};
pub use network::{FittedNetwork, Network, NetworkModel, RowStream};
pub use noise::{Noise, Tails};
pub use noise_choice::{NoiseCandidate, NoiseChoice, NoiseCriterion};
pub use prediction::{ClassificationPrediction, Prediction, RegressionPrediction};
pub use prior::{Prior, PriorFamily, PriorScale, WeightPrior};
pub use priors::{LayerPrior, Pretrained, RegularizedHorseshoe, Weights};
pub use recommended::{Recommended, fit_regression};
pub use regression::{FittedRegression, Regression, RegressionModel, Scales};
pub use standardize::Standardizer;
