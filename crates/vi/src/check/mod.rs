//! Checks of a model together with its inference, before there are data.
//!
//! [`sbc`] draws data sets from the model's prior, infers each, and asks whether posteriors have
//! the true values where they should.

mod ranks;
mod sbc;
mod uniformity;

pub use ranks::{Calibration, Ranks};
pub use sbc::{LOG_LIKELIHOOD, Sbc, sbc};
