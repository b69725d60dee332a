//! Reverse-mode differentiation of matrix programs, and the scalars, formulas and random keys under
//! it.
//!
//! ```
//! use probity_autodiff::{Tape, formula, Var, nalgebra::DMatrix};
//!
//! let tape = Tape::<f64>::new();
//! let x = tape.variable(&DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 3.0, 4.0]));
//! // A formula is one node: a fused pass over the entries, with exact derivatives.
//! let y = Var::map_sum(formula!(|x| x * x + x.exp()), [x]);
//! let gradient = tape.backward(y).wrt(x);
//! assert!((gradient[(0, 0)] - (2.0 + 1f64.exp())).abs() < 1e-14);
//! ```
//!
//! * Scalars: [`Real`] and [`Scalar`], `f32`, `f64` and [`Dual`] numbers, which nest; special
//!   functions in [`math`].
//! * Formulas: [`Formula`] and [`formula!`], written once and run on numbers, dual numbers and
//!   tapes.
//! * The [`Tape`], its copyable handles [`Var`], and [`Op`] for a user's own operations;
//!   [`check_gradient`] tests them.
//! * [`Params`]: named matrices in one flat buffer.
//! * [`random`]: keys in the place of generators, so that noise is a pure function of a [`Key`].
mod aligned;
mod check;
mod formula;
mod kernel;
pub mod math;
#[doc(hidden)]
pub mod matrix;
mod ops;
mod params;
pub mod random;
pub mod real;
mod scale;
pub mod serde_float;
pub mod simd;
mod tape;
mod value;

pub use aligned::AlignedVec;
pub use check::{FastPathCheck, GradientCheck, check_fast_path, check_gradient};
pub use formula::{Formula, FormulaPair, partials};
pub use kernel::adam::AdamStep;
pub use kernel::fused_update::{Update, update};
#[doc(hidden)] // For the tests and timings of products.
pub use kernel::gemm::{Mat, affine, gemm};
#[doc(hidden)]
pub use kernel::rows::copy_rows;
pub use kernel::spin_wait::Threads;
pub use kernel::squares::norm;
pub use kernel::tasks::{parallel_map, parallel_map_mut};
pub use nalgebra;
#[doc(hidden)]
pub use ops::record_formula;
pub use ops::{
    Arg, Axis, GaussianDraws, GaussianSite, Indices, NotPositiveDefinite, NotRising, Ode, OdeSolver,
    Recursion, Running,
};
pub use params::{ParamId, Params, Segment};
pub use random::{Key, Noise};
#[doc(hidden)]
pub use real::map_each;
pub use real::{Dual, F32, F64, Number, Real, Scalar};
pub use scale::{ExpScale, ScaleMap, SoftplusScale};
pub use tape::{Adjoints, FastOp, Gradients, Inputs, NodeId, NonFinite, Op, Recording, Tape, Var};
pub use value::{Draw, Terms, Value};
