//! A linear map.

use super::layer::{Layer, check_columns, takes};
use super::weights::with_priors;
use crate::activation::Activation;
use crate::prior::Prior;
use crate::priors::LayerPrior;
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

    pub(super) fn weight(self, inputs: usize) -> Init {
        match self {
            WeightInit::FanIn { gain, scale, .. } => Init {
                loc: Start::Normal(0.0, gain / (inputs.max(1) as f64).sqrt()),
                scale: ScaleStart::Constant(scale),
            },
            WeightInit::Uniform { .. } => self.bias(inputs),
        }
    }

    pub(super) fn bias(self, inputs: usize) -> Init {
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
/// With priors the layer is Bayesian; without, its weights are parameters (point estimates). Priors
/// are [`Prior`]s, or of any other type that is a [`LayerPrior`]
/// ([`with_priors`](Linear::with_priors)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear<P = Prior, B = Prior> {
    /// Columns of x.
    pub inputs: usize,
    /// Columns of y.
    pub outputs: usize,
    /// The prior of the weights; none for point estimates.
    pub weight_prior: Option<P>,
    /// The prior of the biases; none for point estimates.
    pub bias_prior: Option<B>,
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
}

with_priors!(Linear { inputs, outputs, init });

impl<P: LayerPrior, B: LayerPrior> Linear<P, B> {
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
    #[inline]
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
            let mut x = x;
            let weight = match &self.weight_prior {
                Some(prior) => {
                    let drawn = prior.weights(s, "weight_prior", shape)?;
                    // Rows of the weights are columns of x.
                    if let Some(factor) = drawn.factor {
                        x = x * if factor.shape() == (1, 1) { factor } else { factor.transpose() };
                    }
                    Some(drawn.family.shaped(inputs, outputs))
                }
                None => None,
            };
            let mut bias_factor = None;
            let bias = match &self.bias_prior {
                // A bias has one input, the constant 1.
                Some(prior) => {
                    let drawn = prior.weights(s, "bias_prior", (1, outputs))?;
                    bias_factor = drawn.factor;
                    Some(drawn.family.shaped(1, outputs))
                }
                None => None,
            };
            let weight_init = || {
                let own = self.weight_prior.as_ref().and_then(|p| p.start(shape));
                own.unwrap_or_else(|| init.weight(inputs))
            };
            let bias_init = || {
                let own = self.bias_prior.as_ref().and_then(|p| p.start((1, outputs)));
                own.unwrap_or_else(|| init.bias(inputs))
            };
            let certain = |s: &mut Scope<'t, T>| {
                s.param_from("bias", (1, outputs), init.bias(inputs).loc, Support::Real)
            };
            let y = match (weight, bias) {
                (Some(weight), Some(bias)) if bias_factor.is_none() => {
                    let weight = ("weight", weight, weight_init);
                    let bias = Some(("bias", bias, bias_init));
                    return match activation {
                        Activation::Relu => s.linear_relu(x, weight, bias),
                        other => Ok(other.apply(s.linear(x, weight, bias)?)),
                    };
                }
                (Some(weight), bias) => {
                    let weight = ("weight", weight, weight_init);
                    // Of the type that a bias with a prior would have.
                    let none = bias.filter(|_| false).map(|prior| ("bias", prior, bias_init));
                    let y = s.linear(x, weight, none)?;
                    match bias {
                        None => y + certain(s)?,
                        Some(prior) => {
                            let b = s.sample_from("bias", prior, bias_init)?;
                            y + bias_factor.map_or(b, |factor| b * factor)
                        }
                    }
                }
                (None, bias) => {
                    let weight = s.param_from("weight", shape, init.weight(inputs).loc, Support::Real)?;
                    let bias = match bias {
                        Some(prior) => {
                            let b = s.sample_from("bias", prior, bias_init)?;
                            bias_factor.map_or(b, |factor| b * factor)
                        }
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
}

impl<P, B> Linear<P, B> {
    /// The number of weights and biases.
    pub fn len(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Scalar, P: LayerPrior, B: LayerPrior> Layer<T> for Linear<P, B> {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        takes("a linear layer", self.inputs, inputs).map(|()| self.outputs)
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        check_columns("a linear layer", self.inputs, x.ncols())?;
        self.forward_to(s, name, x, Activation::Identity)
    }

    fn perceptron(&self) -> Option<Activation> {
        Some(Activation::Identity)
    }
}
