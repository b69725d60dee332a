//! Scalars, formulas, matrices and the tape.
pub mod math;
pub mod random;
pub mod real;
pub mod simd;
pub use real::{Dual, F32, Real, Scalar};
