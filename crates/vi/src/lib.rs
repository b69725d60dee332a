//! Variational inference of models that are written as programs.
//!
//! A model is a closure (or a struct, see [`Model`]) that visits its sites: it
//! [samples](Scope::sample) latent variables from their priors and [observes](Scope::observe) data.
//! [`fit`] finds the Gaussian distribution over the latent variables, each carried to the whole
//! real line first, that has the highest evidence lower bound (ELBO).
//!
//! ```
//! use probity_distributions::{Distribution, HalfCauchy, Normal};
//! use probity_vi::{Scope, fit};
//!
//! // The effects of coaching in eight schools, with standard errors (Rubin 1981).
//! let effect = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
//! let error = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];
//!
//! let posterior = fit(|s: &mut Scope| {
//!     let mean = s.sample("mean", Normal::new(0.0, 5.0))?;
//!     let spread = s.sample("spread", HalfCauchy::new(5.0))?;
//!     let z = s.sample("z", Normal::standard().rows(8))?;
//!     let school = s.deterministic("school", mean + spread * z)?;
//!     s.observe("effect", Normal::new(school, s.data(&error)), &effect)
//! })?;
//!
//! let draws = posterior.draws(1000)?;
//! assert!((draws["mean"].mean()[0] - 4.4).abs() < 1.0);
//! assert!(posterior.report().elbo.is_some_and(|elbo| elbo.value < -31.3));
//! # Ok::<(), probity_vi::Error>(())
//! ```
//!
//! # The parts
//! * A model: [`Model`] (borrowed: [`ByRef`]), and [`Scope`] with `sample`, `observe`, `factor`,
//!   `deterministic`, `param`, `plate`, `within`, `linear`.
//! * Its sites: [`Layout`], [`Site`]; where a guide starts: [`Init`]; names and labels of their
//!   rows and columns: [`Scope::coords`], [`Scope::dims`].
//! * A fit: [`fit()`] without settings, [`Fit`] with them; [`optim`] has optimisers and schedules,
//!   [`Steps`] what goes by their number, [`Objective`] which gradient they follow, [`Estimator`]
//!   the ways to draw a linear map; [`Settings`] is all of that as data; an
//!   [`Observer`] watches and may stop.
//! * A guide: [`MeanField`], another of [`guides`] (by this name where a family of distributions
//!   has the same: `guides::Laplace`), or any [`Guide`] (a setting, which [`BoundGuide`] is to one
//!   model).
//! * The result: [`Posterior`] with its [`Report`], [`Draws`] and [`Summary`].
//! * Whether to believe it: [`Posterior::verdict`], [`Posterior::trusted`], the checks in
//!   [`verdict`], and how the answer is found, also for a target of one's own: [`ladder`].
//! * Whether a model and its inference fit together, by simulation: [`check::sbc`].
//! * What methods work on: a [`Target`], which a model is by [`LogJoint`], its log joint density
//!   with the gradient, and a function by [`LogDensity`].
//! * Draws of a target: [`nuts::Nuts`] and [`hmc::Hmc`]; approximations on the way to its mode:
//!   [`pathfinder::Pathfinder`], [`optim::Lbfgs`]; a Gaussian whose scores match:
//!   [`batch_and_match::BatchAndMatch`]; what draws and weights are worth:
//!   [`diagnostics`]; covariances by their factors: [`linalg`].
//! * What they have in common with fits: [`method::Method`], steps that can be taken by hand and
//!   ended anywhere; of a fit as an [`OngoingFit`].
//! * What can go wrong: [`Error`], which names the site, and for a number that is not finite the
//!   step and the operation.
//!
//! # What holds always
//! * A minibatch of B rows of N counts N / B times, in [`Scope::plate`] and nowhere else, and the
//!   KL counts once. Any other weight is a setting by name, and stands in the report.
//! * The same seed gives the same bits, for any number of threads.
#![forbid(unsafe_code)]
pub mod batch_and_match;
pub mod check;
mod comparison;
mod corrected;
pub mod diagnostics;
mod dims;
mod draws;
mod elbo;
mod error;
mod fit;
mod gaussian;
mod guide;
pub mod guides;
pub mod hmc;
mod kl_weight;
pub mod ladder;
mod layout;
pub mod linalg;
mod log_joint;
pub mod method;
mod model;
pub mod nuts;
mod objective;
mod observer;
pub mod optim;
pub mod pathfinder;
mod posterior;
mod report;
mod sampled;
mod scope;
mod stopping_rule;
mod target;
pub mod verdict;

pub use comparison::{Compared, Comparison, Fitted, NutsCheck, compare};
pub use corrected::Corrected;
pub use dims::Dimension;
pub use draws::{Draws, SiteDraws, Summary, SummaryRow};
pub use elbo::Elbo;
pub use error::{Error, Result};
pub use fit::{EstimatorCost, Fit, OngoingFit, Settings, Steps, fit};
pub use gaussian::{Covariance, Gaussian};
pub use guide::{
    BoundGuide, Direct, Draw, DrawContext, Guide, GuideStart, Joint, Marginal, MarginalSite, Marginals,
    ScaleForm, Segments, Stratum,
};
pub use guides::*;
pub use kl_weight::KlWeight;
pub use layout::{Init, Layout, ScaleStart, Site, SiteKind, Start, Transform};
pub use log_joint::{LogJoint, Part, SecondOrder};
pub use model::{ByRef, Model};
pub use objective::Objective;
#[cfg(feature = "progress")]
pub use observer::Progress;
pub use observer::{Observer, StepInfo};
pub use posterior::{Posterior, Pushed, SiteDivergence};
pub use report::{Climb, Method, Narrowed, Report, Stopped};
pub use sampled::Sampled;
pub use scope::{Batch, Data, Estimator, Scope, Table};
pub use target::{AnyTarget, LogDensity, Target};
pub use verdict::{Grade, Verdict};
