//! Convolution of images.

use super::WeightInit;
use super::grid::{Grid, Window};
use super::layer::Layer;
use super::patches::Convolution;
use super::weights::with_priors;
use crate::prior::Prior;
use crate::priors::LayerPrior;
use probity_autodiff::{Scalar, Var};
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};

/// Convolution of images with kernels (as cross-correlation, without turning them round). x: n ×
/// [`input`](Conv2d::input), y: n × [`output`](Conv2d::output). Sites `weight` ((channels · height
/// · width of the kernel) × outputs, the width running fastest) and `bias` (1 × outputs).
///
/// Weights are drawn once for all rows and places: their outputs are not independent between
/// places, so that drawing them would be another posterior.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_distributions::Normal;
/// use probity_nn::{Conv2d, Grid, Layer};
/// use probity_vi::{Fit, Scope};
///
/// // In a model of your own: the sum of a convolution of images of 5 × 5 pixels.
/// let conv = Conv2d::new(Grid { channels: 1, height: 5, width: 5 }, 1, 3);
/// let (images, sums) = (DMatrix::from_fn(10, 25, |i, j| ((i + j) % 3) as f64), vec![1.0; 10]);
/// let posterior = Fit::new().steps(20).run(|s: &mut Scope| {
///     let image = s.data(&images);
///     let places = conv.forward(s, "conv", image)?; // 10 × 9
///     let sum = places.sum_axis(probity_autodiff::Axis::Cols);
///     s.observe("sum", Normal::new(sum, 0.1), &sums)
/// })?;
/// assert_eq!(posterior.draws(1)?["conv.weight"].shape, (9, 1));
/// # Ok::<(), probity_vi::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2d<P = Prior, B = Prior> {
    /// What the columns of x are.
    pub input: Grid,
    /// Channels of y.
    pub outputs: usize,
    /// Height and width of the kernels.
    pub kernel: (usize, usize),
    /// By how much a kernel moves, down and to the right.
    pub stride: (usize, usize),
    /// Zeros around the images: above and below, left and right.
    pub padding: (usize, usize),
    /// The prior of the kernels; none for point estimates.
    pub weight_prior: Option<P>,
    /// The prior of the biases; none for point estimates.
    pub bias_prior: Option<B>,
    /// Where the guide starts.
    pub init: WeightInit,
}

impl Conv2d {
    /// With square kernels of this size, stride 1 and no padding, and standard Normal priors. The
    /// guide starts for ReLU units after it.
    pub fn new(input: Grid, outputs: usize, kernel: usize) -> Self {
        Self {
            input,
            outputs,
            kernel: (kernel, kernel),
            stride: (1, 1),
            padding: (0, 0),
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

with_priors!(Conv2d { input, outputs, kernel, stride, padding, init });

impl<P, B> Conv2d<P, B> {
    /// Moving by so much in both directions.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = (stride, stride);
        self
    }

    /// With so many zeros at every edge.
    pub fn padding(mut self, zeros: usize) -> Self {
        self.padding = (zeros, zeros);
        self
    }

    fn window(&self) -> Window {
        Window { grid: self.input, size: self.kernel, stride: self.stride, padding: self.padding }
    }

    fn convolution(&self) -> Convolution<'_, P, B> {
        let priors = (self.weight_prior.as_ref(), self.bias_prior.as_ref());
        Convolution { window: self.window(), outputs: self.outputs, priors, init: self.init }
    }

    /// What the columns of y are.
    pub fn output(&self) -> Grid {
        let (height, width) = self.window().places();
        Grid { channels: self.outputs, height, width }
    }
}

impl<T: Scalar, P: LayerPrior, B: LayerPrior> Layer<T> for Conv2d<P, B> {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        self.convolution().outputs(inputs)
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        self.convolution().forward(s, name, x)
    }
}
