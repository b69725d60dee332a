//! Probability distributions on numbers and on autodiff matrices: families with their capabilities,
//! supports with their bijectors, Kullback-Leibler divergences, and the laws that all of them obey.
//!
//! ```
//! use probity_distributions::{Cdf, KlDivergence, KlMethod, Laplace, Normal};
//! let q = Normal::new(0.0, 1.0);
//! assert_eq!(q.cdf(0.0), 0.5);
//! assert!(q.kl(&Laplace::new(0.0, 1.0)) > 0.0);
//! assert_eq!(<Normal as KlDivergence<Laplace>>::METHOD, KlMethod::Closed);
//! ```
#![forbid(unsafe_code)]

mod bessel;
pub mod bijectors;
mod by_functions;
mod by_quantiles;
pub mod constraints;
mod counts;
mod distribution;
mod divergences;
mod error;
mod expint;
pub mod families;
pub mod functions;
mod gaussian;
mod graph;
pub mod kernels;
mod kl;
mod kl_method;
mod kl_numeric;
pub mod laws;
mod lift;
pub mod quadrature;
mod random;
mod root_of_cdf;
mod shaped;
mod special;
mod support;
mod transformed;
mod within;

pub use constraints::Constraint;
pub use distribution::{Cdf, Distribution, Draws, Entropy, Event, Moments, Reparameterized, Sample};
pub use error::ParameterError;
pub use families::*;
pub use gaussian::{GaussianPosterior, GaussianPrior};
pub use graph::Graph;
pub use kl::{Estimate, KlDivergence, KlMethod, kl_monte_carlo};
pub use kl_numeric::{Integral, cross_entropy_quadrature, entropy_quadrature, kl_quadrature};
pub use probity_autodiff::{Key, Terms, Value};
pub use rand_distr;
pub use shaped::Shaped;
pub use support::Support;
pub use transformed::Transformed;
pub use within::Within;
