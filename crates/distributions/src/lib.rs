//! Probability distributions.
pub mod bijectors;
mod distribution;
mod error;
mod families;
mod gaussian;
mod kl;
pub mod laws;
pub mod quadrature;
mod shaped;
mod special;
mod support;

pub use distribution::{Cdf, Distribution, Draws, Entropy, Event, Moments, Reparameterized, Sample};
pub use error::ParameterError;
pub use families::*;
pub use gaussian::{GaussianPosterior, GaussianPrior};
pub use kl::{Estimate, KlDivergence, KlMethod, kl_monte_carlo};
pub use probity_autodiff::{Key, Terms, Value};
pub use shaped::Shaped;
pub use support::Support;
