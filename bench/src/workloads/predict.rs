//! Predictions of a network by draws of its weights.

use super::Outcome;
use super::net::sine;
use crate::meter::Meter;
use probity_autodiff::nalgebra::DMatrix;
use probity_nn::{Activation, Mlp, Noise, Regression, WeightInit};
use serde::Deserialize;
use std::hint::black_box;

/// All draws at all inputs, in one call.
#[derive(Clone, Debug, Deserialize)]
pub struct Predict {
    /// From the inputs to the outputs.
    pub widths: Vec<usize>,
    /// Rows at which to predict.
    pub inputs: usize,
    /// Draws of the weights.
    pub draws: usize,
}

impl Predict {
    pub(super) fn run(&self, meter: &mut Meter) -> Outcome {
        let (x, y) = sine(100);
        let net = Mlp::new(&self.widths, Activation::Relu).init(WeightInit::seed_recipe());
        let regression = Regression::new(net).noise(Noise::Fixed(0.1)).without_standardizing();
        let fitted = regression.fit(&x, &y, Regression::recipe_fit(10))?;
        let at = DMatrix::from_fn(self.inputs, 1, |i, _| -6.0 + 12.0 * i as f64 / self.inputs as f64);
        meter.calls(|| {
            black_box(fitted.predict(&at, self.draws)?);
            Ok(())
        })
    }
}
