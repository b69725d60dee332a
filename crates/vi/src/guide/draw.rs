//! What a guide draws, and what with.

use super::Marginals;
use crate::error::{Error, Result};
use probity_autodiff::{Key, Params, Scalar, Tape, Var};

/// The numbers of the draws of a training step that share a tape, among all draws of the step.
///
/// A tape has one lane for each of them: lane `i` is draw `first + i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stratum {
    /// The number of the first draw.
    pub first: usize,
    /// How many draws there are on the tape.
    pub count: usize,
    /// How many draws the step has on all tapes.
    pub total: usize,
}

/// What a guide draws with.
#[derive(Clone, Copy, Debug)]
pub struct DrawContext<'t, T: Scalar> {
    /// The tape, to which the parameters are bound.
    pub tape: &'t Tape<T>,
    /// The parameters of the fit.
    pub params: &'t Params<T>,
    /// The key of the noise; the tape tells its lanes apart.
    pub key: Key,
    /// In a step of a fit, which of its draws these are; none for a draw by itself, which must be
    /// an honest draw of the guide with weight 1.
    pub stratum: Option<Stratum>,
}

impl<'t, T: Scalar> DrawContext<'t, T> {
    /// A draw by itself.
    pub fn new(tape: &'t Tape<T>, params: &'t Params<T>, key: Key) -> Self {
        Self { tape, params, key, stratum: None }
    }

    /// The same with another key.
    pub fn with_key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    /// Standard normal noise, n × 1, without gradient.
    pub fn standard_normal(&self, n: usize, key: Key) -> Var<'t, T> {
        let constant = |x: f64| self.tape.constant_with(n, 1, |z| z.fill(T::from_f64(x)));
        let (zero, one) = (constant(0.0), constant(1.0));
        self.tape.scaled_noise(zero, one, key)
    }
}

/// A draw of latent variables at once.
#[derive(Clone, Copy, Debug)]
pub struct Joint<'t, T: Scalar> {
    /// The flat unconstrained vector, d × 1, in the order of the layout.
    pub u: Var<'t, T>,
    /// The log density of the guide at `u`, 1 × 1; of a [partial](Draw::with_marginals) draw that
    /// of its own sites.
    pub log_q: Var<'t, T>,
    /// How much this draw counts in the mean over the draws of a step, 1 × 1, if not 1: drawn by
    /// strata, whose shares depend on parameters. Only with a [stratum](DrawContext::stratum).
    pub weight: Option<Var<'t, T>>,
}

/// What a guide gives: independent Gaussians by site, a joint draw of all sites, or a joint draw of
/// some sites beside independent Gaussians of the others.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'t, T: Scalar> {
    pub(crate) marginals: Option<&'t Marginals>,
    pub(crate) joint: Option<Joint<'t, T>>,
}

impl<'t, T: Scalar> Draw<'t, T> {
    /// Independent Gaussians by site. Each is drawn where the model meets its site.
    pub fn marginals(marginals: &'t Marginals) -> Self {
        Self { marginals: Some(marginals), joint: None }
    }

    /// A point, d × 1, with its log density, 1 × 1.
    pub fn joint(u: Var<'t, T>, log_q: Var<'t, T>) -> Self {
        Self { marginals: None, joint: Some(Joint { u, log_q, weight: None }) }
    }

    /// A point of all sites with its log density, whichever the guide gives.
    ///
    /// # Errors
    /// If there is neither.
    pub fn into_joint(self, at: DrawContext<'t, T>) -> Result<Joint<'t, T>> {
        match (self.joint, self.marginals) {
            (Some(joint), None) => Ok(joint),
            (None, Some(marginals)) => Ok(marginals.joint(at)),
            (Some(some), Some(marginals)) => {
                let rest = marginals.joint(at.with_key(at.key.fold_in_str("marginals")));
                Ok(Joint { u: some.u + rest.u, log_q: some.log_q + rest.log_q, ..some })
            }
            (None, None) => {
                let problem = "it has neither marginals nor a joint draw".to_owned();
                Err(Error::Setting { setting: "guide", problem })
            }
        }
    }

    /// This joint draw with a weight in the mean over the draws of a step.
    pub fn weighted(mut self, weight: Var<'t, T>) -> Self {
        if let Some(joint) = &mut self.joint {
            joint.weight = Some(weight);
        }
        self
    }

    /// This joint draw of some sites, with 0 in the places of others, beside independent Gaussians
    /// of these.
    pub fn with_marginals(self, marginals: &'t Marginals) -> Self {
        Self { marginals: Some(marginals), ..self }
    }
}
