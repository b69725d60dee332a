//! Mending predictions on held-out rows, which the net has not learned from: quantiles, class
//! probabilities, and intervals and sets with a guarantee.
//!
//! None of it repairs a prediction input by input: on average over inputs like the held-out ones,
//! levels become what they say.

mod conformal;
mod quantiles;
mod temperature;

pub use conformal::{ConformalClasses, ConformalIntervals, SetScore};
pub use quantiles::QuantileMap;
pub use temperature::Temperature;
