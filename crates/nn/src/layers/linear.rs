//! A linear map.

use crate::activation::Activation;
use crate::prior::Prior;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{Distribution, Support};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// Where the guide of a layer's weights starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WeightInit {
    /// Means Normal with standard deviation `gain / √inputs`, those of biases uniform within
    /// ±`bias / √inputs`; standard deviations `scale`. Small ones let the fit find a function
    /// before it finds its uncertainty. Source of the gain: He et al. 2015.
    FanIn {
        /// The gain.
        gain: f64,
        /// The largest mean of a bias, times √inputs. Above 0 it spreads the kinks of ReLU units
        /// over the inputs.
        bias: f64,
        /// The standard deviation of every weight.
        scale: f64,
    },
    /// Means uniform between -`loc` and `loc`, `rho` uniform between two limits, standard
    /// deviations `softplus(rho)`.
    Uniform {
        /// The largest mean.
        loc: f64,
        /// The smallest rho.
        rho_low: f64,
        /// The largest rho.
        rho_high: f64,
    },
}

impl WeightInit {
    /// The start of popular Bayes-by-Backprop code: means in ±0.2, rho in (-5, -4).
    pub fn seed_recipe() -> Self {
        WeightInit::Uniform { loc: 0.2, rho_low: -5.0, rho_high: -4.0 }
    }

    fn weight(self, inputs: usize) -> Init {
        match self {
            WeightInit::FanIn { gain, scale, .. } => Init {
                loc: Start::Normal(0.0, gain / (inputs.max(1) as f64).sqrt()),
                scale: ScaleStart::Constant(scale),
            },
            WeightInit::Uniform { .. } => self.bias(inputs),
        }
    }

    fn bias(self, inputs: usize) -> Init {
        match self {
            WeightInit::FanIn { bias, scale, .. } => {
                let most = bias / (inputs.max(1) as f64).sqrt();
                Init { loc: Start::Uniform(-most, most), scale: ScaleStart::Constant(scale) }
            }
            WeightInit::Uniform { loc, rho_low, rho_high } => {
                Init { loc: Start::Uniform(-loc, loc), scale: ScaleStart::SoftplusUniform(rho_low, rho_high) }
            }
        }
    }
}

/// `y = x W + b`. x: n × inputs, y: n × outputs. Sites `weight` (inputs × outputs) and `bias` (1 ×
/// outputs).
///
/// With priors the layer is Bayesian; without, its weights are parameters (point estimates).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Columns of x.
    pub inputs: usize,
    /// Columns of y.
    pub outputs: usize,
    /// The prior of the weights; none for point estimates.
    pub weight_prior: Option<Prior>,
    /// The prior of the biases; none for point estimates.
    pub bias_prior: Option<Prior>,
    /// Where the guide starts.
    pub init: WeightInit,
}

impl Linear {
    /// With standard Normal priors.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            weight_prior: Some(Prior::default()),
            bias_prior: Some(Prior::default()),
            init: WeightInit::FanIn { gain: 1.0, bias: 1.0, scale: 0.02 },
        }
    }

    /// With these priors.
    pub fn priors(mut self, weight: Prior, bias: Prior) -> Self {
        (self.weight_prior, self.bias_prior) = (Some(weight), Some(bias));
        self
    }

    /// With point estimates instead of a posterior.
    pub fn point(mut self) -> Self {
        (self.weight_prior, self.bias_prior) = (None, None);
        self
    }

    /// With this start.
    pub fn init(mut self, init: WeightInit) -> Self {
        self.init = init;
        self
    }

    /// The map, under `name` in the scope.
    ///
    /// # Errors
    /// If the name is taken.
    ///
    /// # Panics
    /// If x does not have `inputs` columns.
    #[track_caller]
    pub fn forward<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        x: Var<'t, T>,
    ) -> Result<Var<'t, T>> {
        self.forward_to(s, name, x, Activation::Identity)
    }

    /// The map and then an activation, which may share passes over the outputs with it.
    ///
    /// # Errors
    /// As [`forward`](Linear::forward).
    ///
    /// # Panics
    /// As `forward`.
    #[track_caller]
    pub fn forward_to<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        x: Var<'t, T>,
        activation: Activation,
    ) -> Result<Var<'t, T>> {
        let (inputs, outputs, init) = (self.inputs, self.outputs, self.init);
        s.within(name, |s| {
            let shape = (inputs, outputs);
            let weight = match &self.weight_prior {
                Some(prior) => Some(prior.resolve(s, "weight_prior_scale", shape)?.shaped(inputs, outputs)),
                None => None,
            };
            let bias = match &self.bias_prior {
                // A bias has one input, the constant 1.
                Some(prior) => Some(prior.resolve(s, "bias_prior_scale", (1, outputs))?.shaped(1, outputs)),
                None => None,
            };
            let certain = |s: &mut Scope<'t, T>| {
                s.param_from("bias", (1, outputs), init.bias(inputs).loc, Support::Real)
            };
            let y = match (weight, bias) {
                (Some(weight), Some(bias)) => {
                    let weight = ("weight", weight, || init.weight(inputs));
                    let bias = Some(("bias", bias, || init.bias(inputs)));
                    return match activation {
                        Activation::Relu => s.linear_relu(x, weight, bias),
                        other => Ok(other.apply(s.linear(x, weight, bias)?)),
                    };
                }
                (Some(weight), None) => {
                    let weight = ("weight", weight, || init.weight(inputs));
                    // Of the type that a bias with a prior would have.
                    let none = bias.map(|prior| ("bias", prior, || init.bias(inputs)));
                    s.linear(x, weight, none)? + certain(s)?
                }
                (None, bias) => {
                    let weight = s.param_from("weight", shape, init.weight(inputs).loc, Support::Real)?;
                    let bias = match bias {
                        Some(prior) => s.sample_from("bias", prior, || init.bias(inputs))?,
                        None => certain(s)?,
                    };
                    if activation == Activation::Relu {
                        return Ok(x.affine_relu(weight, bias));
                    }
                    x.affine(weight, bias)
                }
            };
            Ok(activation.apply(y))
        })
    }

    /// The number of weights and biases.
    pub fn len(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
