//! A residual block.

use super::layer::Layer;
use crate::error::{Error, Result};
use probity_autodiff::{Scalar, Var};
use probity_vi::Scope;

/// `x + f(x)`, or `g(x) + f(x)` with another way round. Sites `f. ...` and `g. ...`.
///
/// ```
/// use probity_nn::{Activation, Layer, Linear, Residual, Sequential};
/// let block = Sequential::new().then(Linear::new(8, 8)).then(Activation::Relu).then(Linear::new(8, 8));
/// let net: Sequential<f32> = Sequential::new().then(Residual::new(block)).then(Linear::new(8, 1));
/// assert_eq!(net.outputs(8)?, 1);
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// *Source*: He, Zhang, Ren, Sun 2016, "Deep residual learning for image recognition", equations 1
/// and 2.
#[derive(Debug)]
pub struct Residual<T: Scalar = f32> {
    f: Box<dyn Layer<T>>,
    g: Option<Box<dyn Layer<T>>>,
}

impl<T: Scalar> Residual<T> {
    /// Around this layer, which has as many outputs as inputs.
    pub fn new(f: impl Layer<T> + 'static) -> Self {
        Self { f: Box::new(f), g: None }
    }

    /// With another layer in the place of the identity, such as a linear map to another width.
    pub fn shortcut(mut self, g: impl Layer<T> + 'static) -> Self {
        self.g = Some(Box::new(g));
        self
    }
}

impl<T: Scalar> Layer<T> for Residual<T> {
    fn outputs(&self, inputs: usize) -> Result<usize> {
        let (through, round) =
            (self.f.outputs(inputs)?, self.g.as_ref().map_or(Ok(inputs), |g| g.outputs(inputs))?);
        if through != round {
            return Err(Error::Network(format!(
                "a residual block adds {through} outputs of its layer to {round} columns"
            )));
        }
        Ok(through)
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> probity_vi::Result<Var<'t, T>> {
        s.within(name, |s| {
            let through = self.f.forward(s, "f", x)?;
            let round = match &self.g {
                Some(g) => g.forward(s, "g", x)?,
                None => x,
            };
            Ok(round + through)
        })
    }

    fn is_random(&self) -> bool {
        self.f.is_random() || self.g.as_ref().is_some_and(|g| g.is_random())
    }
}
