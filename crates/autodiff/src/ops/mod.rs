//! The operations on [`Var`](crate::Var), each with its forward and its backward rule in one place.

mod arithmetic;
mod elementwise;
mod forward_algorithm;
pub(crate) mod fused;
mod gather;
mod gaussian;
mod gaussian_sites;
mod linalg;
mod matmul;
mod ode;
mod reduce;
mod relu;
mod reshape;
mod running;
mod scan;
mod softmax;
mod triangle;

pub use fused::Arg;
#[doc(hidden)]
pub use fused::record_formula;
pub use gather::Indices;
#[doc(hidden)]
pub use gaussian::GaussianOp;
pub(crate) use gaussian::{gaussians_here, record_gaussian};
pub use gaussian_sites::{GaussianDraws, GaussianSite};
pub use linalg::NotPositiveDefinite;
pub use ode::{NotRising, Ode, OdeSolver};
pub use reduce::Axis;
pub use running::Running;
pub use scan::Recursion;
