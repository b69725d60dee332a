//! The guides, one file each.

mod full_rank;
mod mean_field;

pub use full_rank::FullRank;
pub use mean_field::MeanField;
