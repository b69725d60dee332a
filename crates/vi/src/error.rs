//! Errors of models and fits; every one names the site.

use probity_autodiff::NotPositiveDefinite;
use probity_distributions::ParameterError;

/// What can go wrong in a model run or a fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A distribution's parameter is out of its range.
    #[error("site {site:?}: {source}")]
    Parameter {
        /// The site.
        site: String,
        /// What is wrong.
        source: ParameterError,
    },
    /// A value does not have the shape that the site needs.
    #[error("site {site:?}: the value is {} × {}, but the distribution is {} × {}", got.0, got.1, want.0, want.1)]
    Shape {
        /// The site.
        site: String,
        /// Rows and columns given.
        got: (usize, usize),
        /// Rows and columns needed.
        want: (usize, usize),
    },
    /// The shapes at a site do not fit together.
    #[error("site {site:?}: {problem}")]
    SiteShape {
        /// The site.
        site: String,
        /// Which shapes, and why they do not fit.
        problem: String,
    },
    /// What stands at a site inside a plate is not one row for every row of the batch, so that it
    /// would count too often or too little.
    #[error("plate {plate:?}, site {site:?}: {problem}")]
    Plate {
        /// The plate.
        plate: String,
        /// The site.
        site: String,
        /// What is wrong, with the numbers of rows.
        problem: String,
    },
    /// A factor is not a finite number.
    #[error("site {site:?}: the factor is {value}")]
    NotFiniteFactor {
        /// The site.
        site: String,
        /// The first entry that is not finite.
        value: f64,
    },
    /// A prior reaches values with which the model does not work, such as negative ones of a scale.
    #[error(
        "site {site:?}: its prior reaches {value:.3}, where site {at:?} fails ({source}); take a prior on the numbers that are meant,          such as HalfNormal, Exponential or LogNormal for a scale"
    )]
    PriorReaches {
        /// The latent site.
        site: String,
        /// A value at the edge of its prior.
        value: f64,
        /// The site that fails then.
        at: String,
        /// How it fails.
        source: ParameterError,
    },
    /// An operation that needs a positive definite matrix met another one.
    #[error("{place}: {source}")]
    Numerical {
        /// Before or after which site.
        place: String,
        /// What is wrong.
        source: NotPositiveDefinite,
    },
    /// A value is outside the support, or not a number.
    #[error("site {site:?}: entry {index} of the value is {value}, outside the support of {family}")]
    OutsideSupport {
        /// The site.
        site: String,
        /// The family.
        family: &'static str,
        /// The position of the entry, counted column by column.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// Two sites have one name.
    #[error("site {site:?}: the name is used twice in one run of the model")]
    DuplicateSite {
        /// The name.
        site: String,
    },
    /// A run of the model did not visit the sites of the first run.
    #[error(
        "site {site:?}: {problem}; a model must visit the same sites, in the same order and shapes, in every run"
    )]
    ModelChanged {
        /// The site.
        site: String,
        /// What differs.
        problem: String,
    },
    /// The log joint density does not bend down from its mode, and a Laplace approximation has no
    /// covariance there.
    #[error(
        "site {site:?}, number {entry}: the Hessian of the log joint density is not negative definite at the mode that was found (least \
         curvature {curvature:.1e} of that along single numbers, in a direction mostly of this one); the data and the prior do not identify it, or \
         the density rises towards a limit: give it a proper prior, or take another guide"
    )]
    NotConcave {
        /// The site that the flattest direction goes along most.
        site: String,
        /// The unconstrained number of it, counted column by column.
        entry: usize,
        /// The smallest eigenvalue of the negative Hessian in units of its diagonal.
        curvature: f64,
    },
    /// A posterior was asked for whose verdict is C.
    #[error("the fit is not to be trusted\n{why}")]
    NotTrusted {
        /// The verdict, a sentence for every check.
        why: String,
    },
    /// A discrete variable is sampled, but variational inference needs a density.
    #[error(
        "site {site:?}: {family} is discrete and cannot be inferred by a Gaussian guide; sum it out or observe it"
    )]
    DiscreteLatent {
        /// The site.
        site: String,
        /// The family.
        family: &'static str,
    },
    /// A true value was to be drawn from a prior that cannot be sampled.
    #[error(
        "site {site:?}: {family} cannot be sampled here; take a prior of this library that can, or implement \
         `Distribution::try_sample_shaped`"
    )]
    NotSampled {
        /// The site.
        site: String,
        /// The family.
        family: &'static str,
    },
    /// A guide draws from a family whose draws have no gradient with respect to its parameters.
    #[error(
        "site {site:?}: draws of {family} have no pathwise gradient, so that the parameters of a guide could not be fitted; take a family that \
         has one, such as Normal, LogNormal or Gamma"
    )]
    NoPathwiseGradient {
        /// The site of the guide.
        site: String,
        /// The family.
        family: &'static str,
    },
    /// A step gave a number that is not finite; the replay of the step found where it came from.
    #[error("step {step}: {report}")]
    NonFinite {
        /// The step, from 0.
        step: usize,
        /// Where the number came from: site, operation, shape.
        report: String,
    },
    /// A setting cannot be used.
    #[error("setting {setting}: {problem}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// What a run has found was asked for before there was anything.
    #[error("there is no result yet: {what}")]
    NothingYet {
        /// What is missing.
        what: String,
    },
    /// A matrix that should be positive definite is not.
    #[error(transparent)]
    NotPositiveDefinite(#[from] NotPositiveDefinite),
    /// An error of the user's own, from inside the model.
    #[error("model: {0}")]
    Model(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps an error of the user's own.
    pub fn model(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Model(error.into())
    }
}

/// The result of a model run.
pub type Result<T = ()> = std::result::Result<T, Error>;
