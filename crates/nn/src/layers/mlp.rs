//! A multi-layer perceptron.

use super::{Linear, WeightInit};
use crate::activation::Activation;
use crate::prior::Prior;
use probity_autodiff::{Scalar, Var};
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};

/// Linear layers with an activation between them. Sites `0.weight`, `0.bias`, `1.weight`, ...
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// The layers, from the input on.
    pub layers: Vec<Linear>,
    /// Between two layers.
    pub activation: Activation,
}

impl Mlp {
    /// Of these widths, from the inputs to the outputs: `[1, 50, 50, 1]` has three layers. Standard
    /// Normal priors; the guide starts at small standard deviations with means that keep the size
    /// of signals.
    ///
    /// # Panics
    /// If there are fewer than two widths.
    pub fn new(widths: &[usize], activation: Activation) -> Self {
        assert!(
            widths.len() >= 2,
            "Mlp::new: at least the inputs and the outputs are needed, got {widths:?}"
        );
        let last = widths.len() - 2;
        let layer = |(i, w): (usize, &[usize])| {
            let gain = if i == last { 1.0 } else { activation.gain() };
            Linear::new(w[0], w[1]).init(WeightInit::FanIn { gain, bias: 1.0, scale: 0.02 })
        };
        Self { layers: widths.windows(2).enumerate().map(layer).collect(), activation }
    }

    /// With the same priors in every layer.
    pub fn priors(mut self, weight: Prior, bias: Prior) -> Self {
        self.layers = self.layers.into_iter().map(|l| l.priors(weight, bias)).collect();
        self
    }

    /// With the same start in every layer.
    pub fn init(mut self, init: WeightInit) -> Self {
        self.layers = self.layers.into_iter().map(|l| l.init(init)).collect();
        self
    }

    /// With point estimates instead of a posterior.
    pub fn point(mut self) -> Self {
        self.layers = self.layers.into_iter().map(Linear::point).collect();
        self
    }

    /// The network, under `name` in the scope. x: n × inputs, result n × outputs.
    ///
    /// # Errors
    /// If the name is taken.
    ///
    /// # Panics
    /// If x does not have as many columns as the network has inputs.
    #[track_caller]
    pub fn forward<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        x: Var<'t, T>,
    ) -> Result<Var<'t, T>> {
        const NAMES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
        s.within(name, |s| {
            let mut h = x;
            for (i, layer) in self.layers.iter().enumerate() {
                let last = i + 1 == self.layers.len();
                let activation = if last { Activation::Identity } else { self.activation };
                h = match NAMES.get(i) {
                    Some(name) => layer.forward_to(s, name, h, activation)?,
                    None => layer.forward_to(s, &i.to_string(), h, activation)?,
                };
            }
            Ok(h)
        })
    }

    /// The number of weights and biases.
    pub fn len(&self) -> usize {
        self.layers.iter().map(Linear::len).sum()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}
