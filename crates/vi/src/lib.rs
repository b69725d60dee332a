//! Variational inference of user-written models: a [`Model`] visits its sites in a [`Scope`], [`fit()`] finds a [`Posterior`].
#![forbid(unsafe_code)]
mod auto;
mod density;
mod draws;
mod elbo;
mod error;
mod fit;
mod guide;
mod guides;
mod layout;
mod model;
mod observer;
pub mod optim;
mod posterior;
mod report;
mod scope;
mod weight;

pub use density::LogJoint;
pub use draws::{Draws, SiteDraws, Summary, SummaryRow};
pub use elbo::Elbo;
pub use error::{Error, Result};
pub use fit::{Fit, fit};
pub use guide::{Guide, Joint, Marginal, ScaleForm};
pub use guides::*;
pub use layout::{Init, Layout, ScaleStart, Site, SiteKind, Start, Transform};
pub use model::Model;
#[cfg(feature = "progress")]
pub use observer::Progress;
pub use observer::{Observer, StepInfo};
pub use posterior::Posterior;
pub use report::{Report, Stopped};
pub use scope::{Batch, Data, Estimator, Scope};
pub use weight::KlWeight;
