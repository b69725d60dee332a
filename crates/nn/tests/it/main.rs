//! The tests of this crate in one binary: a module a file.

mod allocations;
mod files;
mod heads;
mod layer_fits;
mod layers;
mod networks;
mod posteriors;
mod posteriors_interface;
mod posteriors_of_classes;
mod posteriors_verdict;
mod prediction;
mod recalibration;
mod robust;
mod sampling;
mod scores;
mod streams;
