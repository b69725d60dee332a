//! The tests of this crate in one binary: a module a file.

mod allocations;
mod automatic;
mod common;
mod conjugate;
mod density;
mod errors;
mod estimators;
mod fits;
mod large;
mod numbers;
mod optimizers;
mod posterior;
mod reference;
mod same_bits;
mod scope;
mod sites;
