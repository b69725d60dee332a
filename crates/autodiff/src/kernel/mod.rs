//! The loops: fused formula passes over memory and matrix products. The only module with `unsafe` code.

mod blocks;
pub(crate) mod gemm;
pub(crate) mod map;
mod parallel;

pub(crate) use parallel::{SharedMut, for_each_chunk, in_chunks};
