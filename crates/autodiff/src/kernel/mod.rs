//! The loops: fused formula passes over memory and matrix products. The only module with `unsafe`
//! code.

pub(crate) mod adam;
mod blocks;
mod entries;
mod fast_path;
pub(crate) mod fused_update;
pub(crate) mod gaussian;
pub(crate) mod gemm;
mod loops;
pub(crate) mod map;
mod one_entry;
mod parallel;
pub(crate) mod rows;
mod scratch;
mod short_columns;
pub(crate) mod spin_wait;
pub(crate) mod squares;
pub(crate) mod tasks;

pub(crate) use entries::{Dest, Input};
pub(crate) use loops::{Body, Compiled, Loops, MAX_ARGS, with_arrays_for};
pub(crate) use parallel::{SharedMut, for_each_chunk, in_chunks, in_parts};
