//! The weight of the KL in the loss. Anything but 1 is a named setting, and stands in the report.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How much the KL counts in the loss of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KlWeight {
    /// 1 throughout: the ELBO.
    #[default]
    Full,
    /// Rises linearly from 0 to 1 over this first fraction of the steps. The result is an ELBO fit;
    /// the start avoids solutions in which most weights keep their prior.
    WarmUp(f64),
    /// This weight throughout: a tempered posterior, not the Bayesian one. Below 1 it is too
    /// narrow.
    Tempered(f64),
}

impl KlWeight {
    /// The weight when the fraction `done` of the steps is done.
    pub fn at(self, done: f64) -> f64 {
        match self {
            KlWeight::Full => 1.0,
            KlWeight::WarmUp(fraction) if done < fraction => done / fraction,
            KlWeight::WarmUp(_) => 1.0,
            KlWeight::Tempered(weight) => weight,
        }
    }

    /// Whether the fraction or weight can be used.
    pub(crate) fn is_valid(self) -> bool {
        match self {
            KlWeight::Full => true,
            KlWeight::WarmUp(fraction) => (0.0..=1.0).contains(&fraction),
            KlWeight::Tempered(weight) => (0.0..f64::INFINITY).contains(&weight),
        }
    }

    /// The weight at the end.
    pub fn last(self) -> f64 {
        self.at(1.0)
    }
}

impl fmt::Display for KlWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KlWeight::Full => write!(f, "KL weight 1"),
            KlWeight::WarmUp(fraction) => write!(f, "KL warm-up over {:.0} % of the steps", fraction * 100.0),
            KlWeight::Tempered(weight) => {
                write!(f, "TEMPERED: KL weight {weight}, NOT the Bayesian posterior")
            }
        }
    }
}
