//! The guides, one file each.

mod mean_field;

pub use mean_field::MeanField;
