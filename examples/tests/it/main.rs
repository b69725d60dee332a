//! The tests of this crate in one binary: a module a file.

mod bridgestan;
mod conformance;
mod course;
mod mnist;
mod output;
mod posteriordb;
mod program;
mod table;
mod uci;
mod verdict;
