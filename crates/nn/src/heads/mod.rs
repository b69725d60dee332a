//! Heads: what the outputs of a net say of a row's target.

mod bernoulli;
mod categorical;
mod gaussian;
mod head;
mod log_normal_survival;
mod mixture_density;
mod multivariate_gaussian;
mod negative_binomial;
mod ordinal;
mod outcome;
mod poisson;
mod quantile;
mod student_t;
mod survival;
mod weibull_survival;

pub use bernoulli::BernoulliHead;
pub(crate) use bernoulli::check_classes;
pub use categorical::CategoricalHead;
pub use gaussian::GaussianHead;
pub(crate) use head::PARAMETERS;
pub use head::{Head, Parameters};
pub use log_normal_survival::LogNormalSurvivalHead;
pub use mixture_density::{MixtureDensityHead, NormalMixture};
pub use multivariate_gaussian::{GaussianVector, MultivariateGaussianHead};
pub use negative_binomial::NegativeBinomialHead;
pub use ordinal::OrdinalHead;
pub use outcome::{Outcome, Probabilities, Ranked, Univariate};
pub use poisson::PoissonHead;
pub use quantile::QuantileHead;
pub use student_t::StudentTHead;
pub use survival::Survival;
pub use weibull_survival::WeibullSurvivalHead;
