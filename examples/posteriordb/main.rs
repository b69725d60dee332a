//! Published posteriors as models of this library, fitted with default settings and compared with
//! reference draws.
//!
//! `posteriordb --data DIR` prints a line for every posterior; `--help` lists the options. The
//! models read `data.json` and nothing else; `reference.json` is read when a fit is done.

pub mod data;
pub mod models;
pub mod reference;

fn main() {}
