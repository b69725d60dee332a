//! Variational inference with honest uncertainty: write a model, fit a posterior, read what was
//! done.
//!
//! A model is a program that visits its sites. This one is Rubin's eight schools (1981): eight
//! estimated effects with known standard errors, whose common mean and spread are unknown.
//!
//! ```
//! use probity::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let effect = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
//! let error = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];
//!
//! let posterior = fit(|s: &mut Scope| {
//!     let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
//!     let tau = s.sample("tau", HalfCauchy::new(5.0))?;
//!     let z = s.sample("z", Normal::standard().rows(8))?;
//!     let theta = s.deterministic("theta", mu + tau * z)?;
//!     s.observe("effect", Normal::new(theta, s.data(&error)), &effect)
//! })?;
//!
//! println!("{posterior}"); // what was fitted and how, the ELBO, the table of sites
//! let draws = posterior.draws(1000)?; // of all sites, and of new data
//! assert_eq!(draws["theta"].shape, (8, 1));
//! # // By quadrature: an ELBO above it would be a wrong one.
//! # let elbo = posterior.elbo(4000)?;
//! # assert!(elbo.value < -31.3113 + 4.0 * elbo.standard_error && elbo.value > -33.0, "{elbo}");
//! # Ok(())
//! # }
//! ```
//!
//! The house has four floors, and each uses only those below it:
//!
//! * [`nn`]: layers, networks, regression and classification, typed predictions, scores;
//! * [`vi`]: models, guides, the ELBO, optimisers, fits, posteriors;
//! * [`distributions`]: families, supports, Kullback-Leibler divergences, and the
//!   [laws](distributions::laws) they obey;
//! * [`autodiff`]: numbers, [formulas](autodiff::Formula), the [tape](autodiff::Tape), random
//!   [keys](autodiff::Key).
//!
//! This crate only shows them under one name; [`prelude`] has what most programs use.
//!
//! The feature `progress` (default) shows a bar for long fits; `default-features = false` leaves
//! out the crates that draw it.
#![forbid(unsafe_code)]

pub use probity_autodiff as autodiff;
pub use probity_distributions as distributions;
pub use probity_nn as nn;
pub use probity_vi as vi;

pub use probity_vi::fit;

/// What most programs use: `use probity::prelude::*`.
///
/// It has no `Result` and no `Error`, which differ between the crates: [`vi::Result`] is that of a
/// model.
pub mod prelude {
    pub use probity_autodiff::nalgebra::{self, DMatrix};
    pub use probity_autodiff::{
        Dual, Formula, Key, Ode, OdeSolver, Real, Recursion, Scalar, Tape, Var, check_gradient, dmatrix,
        formula, partials,
    };
    pub use probity_distributions::families::*;
    pub use probity_distributions::{
        Cdf, Constraint, Distribution, Draws, Entropy, Estimate, Graph, KlDivergence, KlMethod, Moments,
        Reparameterized, Sample, Support, Transformed, family, kernels, kl_monte_carlo, kl_quadrature, laws,
    };
    pub use probity_nn::{
        Activation, Classification, ClassificationPrediction, Conv1d, Conv2d, Dropout, Embedding,
        FittedClassification, FittedNetwork, FittedRegression, Grid, Gru, Layer, LayerNorm, LayerPrior,
        Linear, Lstm, Meter, Mlp, Network, Noise, NoiseChoice, Pool1d, Pool2d, Prior, PriorFamily,
        PriorScale, Recommended, Regression, RegressionPrediction, RegularizedHorseshoe, Residual, RowStream,
        Sequence, Sequential, Tails, WeightInit, Weights, fit_regression, heads,
    };
    #[cfg(feature = "progress")]
    pub use probity_vi::Progress;
    pub use probity_vi::optim::{Adam, Schedule, Sgd};
    pub use probity_vi::{
        ByRef, Estimator, Fit, FullRank, Grade, KlWeight, LogJoint, MeanField, Model, Posterior, Scope,
        Steps, Verdict, compare, fit, guides,
    };
}

/// The programs of the README are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
