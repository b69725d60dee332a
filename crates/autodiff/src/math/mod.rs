//! Elementary and special functions on plain floats, and the generic forms built from them.
//!
//! The hot ones (`exp`, `ln` and what follows from them) are straight-line code: a loop over them vectorises,
//! and the same operations in the same order give the same bits at every vector width.

pub mod beta_inc;
pub mod circle;
pub mod double;
pub mod erf;
pub mod gamma;
pub mod gamma_inc;
pub mod logistic;
pub mod single;
mod stirling;
pub mod student_t;
mod tails;

pub use stirling::ln_beta;
pub use tails::Tails;
