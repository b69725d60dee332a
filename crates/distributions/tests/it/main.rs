//! The tests of this crate in one binary: a module a file.

// The list of all families is gone through by macros, one after the other.
#![recursion_limit = "256"]

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
mod flows;
mod gaussian;
mod kl_bounded;
mod kl_edges;
mod kl_quadrature;
mod kl_tables;
mod kl_values;
mod kl_values_more;
mod laws;
mod laws_discrete;
mod laws_fail;
mod laws_more;
mod members;
mod multivariate;
mod rand_draws;
mod scalar_edges;
mod scalar_families;
mod scalar_laws;
mod scalar_laws_more;
mod scalar_laws_tails;
mod scalar_limits;
mod scale_mixture;
mod traps;
