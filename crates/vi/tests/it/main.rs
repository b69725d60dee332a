//! The tests of this crate in one binary: a module a file.

mod allocations;
mod automatic;
mod chains;
mod common;
mod conjugate;
mod constraints;
mod density;
mod diagnostics;
mod errors;
mod estimators;
mod fits;
mod large;
mod linalg;
mod numbers;
mod optimizers;
mod pathfinder;
mod posterior;
mod reference;
mod same_bits;
mod samplers;
mod scope;
mod simulation;
mod site_data;
mod sites;
mod verdict;
mod wide;
