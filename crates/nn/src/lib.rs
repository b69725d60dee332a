//! tbd

pub mod prediction;
pub mod scores;
