//! The operations on [`Var`](crate::Var), each with its forward and its backward rule in one place.

mod arithmetic;
mod elementwise;
pub(crate) mod fused;
mod gather;
mod gaussian;
mod gaussian_sites;
mod linalg;
mod matmul;
mod reduce;
mod relu;
mod reshape;
mod softmax;

pub use fused::Arg;
pub use gather::Indices;
pub use gaussian_sites::{GaussianDraws, GaussianSite};
pub use linalg::NotPositiveDefinite;
pub use reduce::Axis;
