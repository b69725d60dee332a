//! A multi-layer perceptron.

use super::layer::Layer;
use super::{Dropout, Linear, WeightInit, index_name};
use crate::activation::Activation;
use crate::error::Error;
use crate::prior::Prior;
use crate::priors::{LayerPrior, Pretrained};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Params, Scalar, Var};
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};

/// Linear layers with an activation between them. Sites `0.weight`, `0.bias`, `1.weight`, ...
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mlp<P = Prior, B = Prior> {
    /// The layers, from the input on.
    pub layers: Vec<Linear<P, B>>,
    /// Between two layers.
    pub activation: Activation,
    /// The probability with which [`Dropout`] sets a hidden unit to 0, in fits and in predictions;
    /// 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropout: f64,
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
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
        Self { layers: widths.windows(2).enumerate().map(layer).collect(), activation, dropout: 0.0 }
    }

    /// With the same priors in every layer.
    pub fn priors(mut self, weight: Prior, bias: Prior) -> Self {
        self.layers = self.layers.into_iter().map(|l| l.priors(weight, bias)).collect();
        self
    }

    /// With Normal priors of this standard deviation around the weights of a net of the same widths
    /// that was trained before, where the guide starts as well (MOPED). `params` are the
    /// [parameters](probity_vi::Posterior::params) of its fit, and `name` what it was called in the
    /// model (`net` in those of this crate); of a Bayesian net, the means are taken.
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::heads::GaussianHead;
    /// use probity_nn::{Activation, Mlp, Network};
    /// use probity_vi::Fit;
    ///
    /// let x = DMatrix::from_fn(40, 1, |i, _| i as f64 / 10.0 - 2.0);
    /// let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    /// let mlp = Mlp::new(&[1, 8, 1], Activation::Tanh);
    /// let point = Network::new(mlp.clone().point(), GaussianHead::default());
    /// let trained = point.fit_with(&x, &y, Fit::default().steps(200))?;
    /// let around = mlp.from_pretrained(trained.posterior().params(), "net", 0.5)?;
    /// let fitted = Network::new(around, GaussianHead::default()).fit_with(&x, &y, Fit::default().steps(200))?;
    /// # Ok::<(), probity_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a layer is not there, or of another shape.
    ///
    /// *Source*: see [`Pretrained`].
    pub fn from_pretrained<T: Scalar>(
        &self,
        params: &Params<T>,
        name: &str,
        sd: f64,
    ) -> crate::Result<Mlp<Pretrained, Pretrained>> {
        let find = |what: String, shape: (usize, usize)| {
            let id = params.find(&what).or_else(|| params.find(&format!("{what}.loc")));
            let id = id.ok_or_else(|| Error::Network(format!("the pretrained net has no {what:?}")))?;
            let segment = params.segment(id);
            if (segment.rows, segment.cols) != shape {
                let problem = format!(
                    "{what:?} of the pretrained net is {} × {}, here {} × {}",
                    segment.rows, segment.cols, shape.0, shape.1
                );
                return Err(Error::Network(problem));
            }
            let values = params.as_slice()[segment.range()].iter().map(|w| w.to_f64());
            Ok(Pretrained::new(DMatrix::from_iterator(shape.0, shape.1, values), sd))
        };
        let layer = |(i, layer): (usize, &Linear)| {
            let weight = find(format!("{name}.{i}.weight"), (layer.inputs, layer.outputs))?;
            let bias = find(format!("{name}.{i}.bias"), (1, layer.outputs))?;
            Ok(layer.clone().with_priors(weight, bias))
        };
        let layers = self.layers.iter().enumerate().map(layer).collect::<crate::Result<_>>()?;
        Ok(Mlp { layers, activation: self.activation, dropout: self.dropout })
    }
}

impl<P: LayerPrior, B: LayerPrior> Mlp<P, B> {
    /// With the same start in every layer.
    pub fn init(mut self, init: WeightInit) -> Self {
        self.layers = self.layers.into_iter().map(|l| l.init(init)).collect();
        self
    }

    /// With [`Dropout`] of this rate after every hidden layer.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// With point estimates instead of a posterior.
    pub fn point(mut self) -> Self {
        self.layers = self.layers.into_iter().map(|l| l.point()).collect();
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
        s.within(name, |s| {
            let mut h = x;
            for (i, layer) in self.layers.iter().enumerate() {
                let last = i + 1 == self.layers.len();
                let activation = if last { Activation::Identity } else { self.activation };
                h = layer.forward_to(s, &index_name(i), h, activation)?;
                if !last && self.dropout != 0.0 {
                    h = Layer::forward(&Dropout::new(self.dropout), s, &index_name(i), h)?;
                }
            }
            Ok(h)
        })
    }
}

impl<P, B> Mlp<P, B> {
    /// The number of weights and biases.
    pub fn len(&self) -> usize {
        self.layers.iter().map(Linear::len).sum()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl<T: Scalar, P: LayerPrior, B: LayerPrior> Layer<T> for Mlp<P, B> {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        let next = |width, layer: &Linear<P, B>| Layer::<T>::outputs(layer, width);
        let dropout = Dropout::new(self.dropout);
        self.layers.iter().try_fold(Layer::<T>::outputs(&dropout, inputs)?, next)
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        Mlp::forward(self, s, name, x)
    }

    fn is_random(&self) -> bool {
        self.dropout > 0.0
    }

    fn perceptron(&self) -> Option<Activation> {
        (self.dropout == 0.0).then_some(self.activation)
    }
}
