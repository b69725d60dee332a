//! Layers one after the other.

use super::index_name;
use super::layer::Layer;
use crate::error::{Error, Result};
use probity_autodiff::{Scalar, Var};
use probity_vi::Scope;

/// Layers one after the other, of any types. Sites `0.weight`, `1.weight`, ... by the number of the
/// layer, counting activations.
///
/// ```
/// use probity_nn::{Activation, Conv2d, Grid, Layer, Linear, Pool2d, Sequential};
/// let image = Grid { channels: 1, height: 8, width: 8 };
/// let conv = Conv2d::new(image, 4, 3).padding(1);
/// let pool = Pool2d::max(conv.output(), 2);
/// let net: Sequential<f32> = Sequential::new()
///     .then(conv)
///     .then(Activation::Relu)
///     .then(pool)
///     .then(Linear::new(pool.output().len(), 10));
/// assert_eq!(net.outputs(64)?, 10);
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Sequential<T: Scalar = f32> {
    layers: Vec<Box<dyn Layer<T>>>,
}

impl<T: Scalar> Default for Sequential<T> {
    fn default() -> Self {
        Self { layers: Vec::new() }
    }
}

impl<T: Scalar> Sequential<T> {
    /// Without layers: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// And then this layer.
    pub fn then(mut self, layer: impl Layer<T> + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// The layers.
    pub fn layers(&self) -> &[Box<dyn Layer<T>>] {
        &self.layers
    }
}

impl<T: Scalar> Layer<T> for Sequential<T> {
    fn outputs(&self, inputs: usize) -> Result<usize> {
        let mut width = inputs;
        for (i, layer) in self.layers.iter().enumerate() {
            width = layer.outputs(width).map_err(|e| Error::Network(format!("layer {i}: {e}")))?;
        }
        Ok(width)
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> probity_vi::Result<Var<'t, T>> {
        s.within(name, |s| {
            let mut h = x;
            for (i, layer) in self.layers.iter().enumerate() {
                h = layer.forward(s, &index_name(i), h)?;
            }
            Ok(h)
        })
    }

    fn is_random(&self) -> bool {
        self.layers.iter().any(|layer| layer.is_random())
    }
}
