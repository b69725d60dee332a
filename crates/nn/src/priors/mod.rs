//! What a prior of a layer's weights is, and those that are more than a family and a scale.

mod horseshoe;
mod layer_prior;
mod pretrained;

pub use horseshoe::RegularizedHorseshoe;
pub use layer_prior::{LayerPrior, Weights};
pub use pretrained::Pretrained;
