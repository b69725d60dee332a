//! Automatic differentiation for statistics: numbers ([`Real`]), formulas that are written once ([`Formula`]), matrices on a
//! reverse-mode tape ([`Tape`], [`Var`]), random keys ([`Key`]), and flat parameters ([`Params`]).
//!
//! ```
//! use probity_autodiff::{Tape, formula, nalgebra::dmatrix};
//!
//! let tape = Tape::<f64>::new();
//! let w = tape.variable(&dmatrix![1.0, -2.0]);
//! // One fused node; its derivative is not written by anybody.
//! let loss = probity_autodiff::Var::map_sum(formula!(|w| (w * w + 1.0).ln()), [w]);
//! assert!((tape.backward(loss).wrt(w) - dmatrix![1.0, -0.8]).amax() < 1e-15);
//! ```

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
