//! Posteriors of the weights of a network: methods behind one interface.
//!
//! A [`Method`] is data: settings that can be printed, compared, saved. [`Regression::infer`],
//! [`Classification::infer`] and [`Network::infer`](crate::Network::infer) take any of them, and
//! give the fitted types that every other fit gives, with the same predictions and files. A method
//! sees a [`Problem`]: densities with gradients, outputs with their derivatives, the linear maps
//! among the layers. What it finds are draws of the weights, and for a linearised net the point of
//! expansion ([`Inferred`]).
//!
//! Steps of a method take all rows of a small table and minibatches of a large one
//! ([`Problem::by_minibatches`]); those of [`MeanFieldVi`] and [`VariationalMixture`] as
//! [`Regression::default_fit`](crate::Regression::default_fit) has them. Chains, [`NutsChains`] and
//! [`DeterministicVi`] take all rows of any table.
//!
//! [`Regression::infer`]: crate::Regression::infer
//! [`Classification::infer`]: crate::Classification::infer

mod ascent;
mod bayesian_last_layer;
mod chains;
mod check;
mod compare;
mod curvature;
mod deep_ensemble;
mod deterministic_vi;
mod dropout;
mod gaussian;
mod head_only;
mod ivon;
mod laplace;
mod linearised;
mod map;
mod mean_field;
mod method;
mod minibatch;
mod named;
mod net;
mod probe;
mod problem;
mod scales;
mod svgd;

pub use ascent::{Ascent, Climbed};
pub use bayesian_last_layer::BayesianLastLayer;
pub use chains::NutsChains;
pub(crate) use check::check_at;
pub use compare::{Candidate, ComparisonTable, Entry, compare};
pub use deep_ensemble::DeepEnsemble;
pub use deterministic_vi::DeterministicVi;
pub use dropout::McDropout;
pub use gaussian::{GaussianSettings, LastLayerFullVi, LowRankVi, MatrixNormalVi};
pub use ivon::Ivon;
pub use laplace::{FullLaplace, KroneckerLaplace, LaplaceSettings, LastLayerLaplace};
pub(crate) use linearised::{linearised, linearised_sites};
pub use map::Map;
pub use mean_field::{MeanFieldVi, VariationalMixture};
pub use method::{Inferred, Method};
pub(crate) use method::{LinearAt, check_point, inferred};
pub use named::{NAMES, named};
pub use probe::Jacobians;
pub use problem::{LinearMap, Problem};
pub use scales::NetScales;
pub use svgd::Svgd;
