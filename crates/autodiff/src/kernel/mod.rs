//! The loops: fused formula passes over memory and matrix products. The only module with `unsafe` code.

pub(crate) mod adam;
pub(crate) mod awake;
mod blocks;
mod entries;
pub(crate) mod gaussian;
pub(crate) mod gemm;
mod loops;
pub(crate) mod map;
mod parallel;
mod room;
pub(crate) mod rows;
pub(crate) mod squares;
pub(crate) mod update;

pub(crate) use entries::{Dest, Input};
pub(crate) use loops::Body;
pub(crate) use parallel::{SharedMut, for_each_chunk, in_chunks, in_parts};
