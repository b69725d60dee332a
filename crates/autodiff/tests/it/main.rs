//! The tests of this crate in one binary: a module a file.

mod affine;
mod common;
mod conformance;
mod conformance_gamma;
mod deferred;
mod derivatives;
mod donated;
mod fused_update;
mod gaussian;
mod golden_gamma;
mod lanes;
mod ops;
mod product_cycles;
mod products;
mod recording;
mod sequences;
mod softmax;
mod ulp;
