//! Elementary and special functions on plain floats, and the generic forms built from them.
//!
//! The hot ones (`exp`, `ln` and what follows from them) are straight-line code: a loop over them
//! vectorises, and the same operations in the same order give the same bits at every vector width.

pub mod beta_inc;
pub(crate) mod called;
pub mod circle;
pub mod double;
pub mod erf;
pub mod gamma;
pub mod gamma_inc;
mod half_step;
mod lgamma;
pub mod logistic;
pub mod single;
mod stirling;
pub mod student_t;
mod tails;

pub(crate) use half_step::half_step_slope;
pub(crate) use stirling::ln_1p_minus_plain;
pub use stirling::{ln_1p_minus, ln_beta, stirling};
pub use tails::Tails;

/// The functions that are in double precision for any number, as [`F32`](crate::F32) and
/// [`F64`](crate::F64) have them: those of the gamma family but `polygamma` are inlined into loops,
/// the others are calls.
pub(crate) mod wide {
    pub(crate) use super::erf::{erf, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri};
    pub(crate) use super::gamma::{digamma, lgamma, polygamma};
    pub(crate) use super::half_step::half_step;
    pub(crate) use super::lgamma::{digamma_positive, lgamma_positive};
}
