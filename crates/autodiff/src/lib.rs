//! Scalars, formulas, matrices and the tape.
mod check;
mod formula;
mod kernel;
pub mod math;
mod ops;
mod params;
pub mod random;
pub mod real;
pub mod simd;
mod tape;
mod value;

pub use check::{GradientCheck, check_gradient};
pub use formula::{Formula, FormulaPair, partials};
pub use nalgebra;
pub use ops::{Arg, Axis, NotPositiveDefinite};
pub use params::{ParamId, Params, Segment};
pub use random::{Key, Noise};
pub use real::{Dual, F32, Real, Scalar};
pub use tape::{Adjoints, Gradients, Inputs, NonFinite, Op, Tape, Var};
pub use value::{Draw, Terms, Value};
