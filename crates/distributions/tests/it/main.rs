//! The tests of this crate in one binary: a module a file.

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
mod flat;
mod gaussian;
mod kl_quadrature;
mod laws;
mod laws_discrete;
mod laws_fail;
mod laws_more;
mod rand_draws;
mod scalar_edges;
mod scalar_families;
mod scalar_laws;
mod scalar_laws_more;
mod scalar_laws_tails;
mod scalar_limits;
mod scale_mixture;
