//! Convolution of sequences.

use super::WeightInit;
use super::grid::{Sequence, Window};
use super::layer::Layer;
use super::patches::Convolution;
use super::weights::with_priors;
use crate::prior::Prior;
use crate::priors::LayerPrior;
use probity_autodiff::{Scalar, Var};
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};

/// Convolution of sequences with kernels (as cross-correlation). x: n × [`input`](Conv1d::input),
/// y: n × [`output`](Conv1d::output). Sites `weight` ((channels · kernel) × outputs, the position
/// in the kernel running fastest) and `bias` (1 × outputs).
///
/// Weights are drawn once for all rows and places, as in [`Conv2d`](crate::Conv2d).
///
/// ```
/// use probity_nn::{Conv1d, Gru, Layer, Sequence, Sequential};
/// let conv = Conv1d::new(Sequence { channels: 2, steps: 20 }, 4, 5).stride(2);
/// let net: Sequential<f32> = Sequential::new().then(conv.clone()).then(Gru::new(conv.output(), 8));
/// assert_eq!((conv.output().steps, net.outputs(40)?), (8, 8));
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv1d<P = Prior, B = Prior> {
    /// What the columns of x are.
    pub input: Sequence,
    /// Channels of y.
    pub outputs: usize,
    /// Steps that a kernel covers.
    pub kernel: usize,
    /// Steps by which it moves.
    pub stride: usize,
    /// Zeros before and after the sequences.
    pub padding: usize,
    /// The prior of the kernels; none for point estimates.
    pub weight_prior: Option<P>,
    /// The prior of the biases; none for point estimates.
    pub bias_prior: Option<B>,
    /// Where the guide starts.
    pub init: WeightInit,
}

impl Conv1d {
    /// With kernels of this size, stride 1 and no padding, and standard Normal priors. The guide
    /// starts for ReLU units after it.
    pub fn new(input: Sequence, outputs: usize, kernel: usize) -> Self {
        Self {
            input,
            outputs,
            kernel,
            stride: 1,
            padding: 0,
            weight_prior: Some(Prior::default()),
            bias_prior: Some(Prior::default()),
            init: WeightInit::FanIn { gain: std::f64::consts::SQRT_2, bias: 1.0, scale: 0.02 },
        }
    }

    /// With these priors.
    pub fn priors(mut self, weight: Prior, bias: Prior) -> Self {
        (self.weight_prior, self.bias_prior) = (Some(weight), Some(bias));
        self
    }
}

with_priors!(Conv1d { input, outputs, kernel, stride, padding, init });

impl<P, B> Conv1d<P, B> {
    /// Moving by so many steps.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// With so many zeros before and after.
    pub fn padding(mut self, zeros: usize) -> Self {
        self.padding = zeros;
        self
    }

    fn window(&self) -> Window {
        Window {
            grid: self.input.grid(),
            size: (1, self.kernel),
            stride: (1, self.stride),
            padding: (0, self.padding),
        }
    }

    fn convolution(&self) -> Convolution<'_, P, B> {
        let priors = (self.weight_prior.as_ref(), self.bias_prior.as_ref());
        Convolution { window: self.window(), outputs: self.outputs, priors, init: self.init }
    }

    /// What the columns of y are.
    pub fn output(&self) -> Sequence {
        Sequence { channels: self.outputs, steps: self.window().places().1 }
    }
}

impl<T: Scalar, P: LayerPrior, B: LayerPrior> Layer<T> for Conv1d<P, B> {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        self.convolution().outputs(inputs)
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        self.convolution().forward(s, name, x)
    }
}
