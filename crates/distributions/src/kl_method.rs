//! How a KL divergence was computed, for reports.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a KL divergence was computed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KlMethod {
    /// A formula.
    Closed,
    /// One-dimensional quadrature, exact to about the precision of the numbers.
    Quadrature,
    /// A sum over the counts, likewise.
    Sum,
    /// The mean of `ln q - ln p` over draws from `q`.
    MonteCarlo {
        /// The number of draws.
        draws: usize,
    },
    /// Within the log joint density, averaged over draws that are held fixed.
    FixedDraws {
        /// The number of draws.
        draws: usize,
    },
}

impl fmt::Display for KlMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KlMethod::Closed => write!(f, "closed form"),
            KlMethod::Quadrature => write!(f, "quadrature"),
            KlMethod::Sum => write!(f, "sum over the counts"),
            KlMethod::MonteCarlo { draws } => write!(f, "Monte Carlo ({draws} draws)"),
            KlMethod::FixedDraws { draws } => write!(f, "fixed draws ({draws})"),
        }
    }
}
