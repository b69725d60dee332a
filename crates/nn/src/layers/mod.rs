//! Layers: plain descriptions whose weights are sampled, so that any prior makes them Bayesian.

mod linear;
mod mlp;

pub use linear::{Linear, WeightInit};
pub use mlp::Mlp;
