//! The tests of this crate in one binary: a module a file.

mod bridgestan;
mod conformance;
mod course;
mod mnist;
mod posteriordb;
mod program;
mod uci;
mod verdict;
