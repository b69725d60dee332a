//! The tests of this crate in one binary: a module a file.

mod bijectors;
mod catalogue;
mod catalogue_page;
mod catalogue_tapes;
mod common;
mod conformance;
mod conformance_more;
mod constraints;
mod edges;
mod extreme_values;
mod extremes;
mod fields;
mod flat;
mod gaussian;
mod kl_edges;
mod kl_quadrature;
mod kl_tables;
mod laws;
mod laws_discrete;
mod laws_fail;
mod laws_more;
mod multivariate;
mod rand_draws;
mod scale_mixture;
