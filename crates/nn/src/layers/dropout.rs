//! Dropout.

use super::layer::Layer;
use crate::error::{Error, Result};
use probity_autodiff::{Arg, Formula, Real, Scalar, Var};
use probity_vi::Scope;
use serde::{Deserialize, Serialize};

/// Sets every entry to 0 with some probability, and divides the others by what is left of it.
///
/// Every step of a fit and every draw of a prediction has another mask: a net whose weights are
/// parameters then predicts by Monte Carlo dropout. [`only_in_fits`](Dropout::only_in_fits) leaves
/// predictions alone. Where a log joint density is asked for (chains, modes), there is one mask for
/// all points.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::GaussianHead;
/// use probity_nn::{Activation, Dropout, Linear, Network, Sequential};
/// use probity_vi::Fit;
///
/// // Monte Carlo dropout: weights are point estimates, predictions differ by their masks.
/// let net = Sequential::new()
///     .then(Linear::new(1, 20).point())
///     .then(Activation::Relu)
///     .then(Dropout::new(0.1))
///     .then(Linear::new(20, 1).point());
/// let x = DMatrix::from_fn(40, 1, |i, _| i as f64 / 10.0 - 2.0);
/// let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
/// let fitted = Network::new(net, GaussianHead::default()).fit_with(&x, &y, Fit::default().steps(100))?;
/// assert!(fitted.predict(&x, 20)?.epistemic_variance().max() > 0.0);
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// *Source*: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
/// overfitting"; in predictions: Gal, Ghahramani 2016, "Dropout as a Bayesian approximation".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// The probability of a 0.
    pub rate: f64,
    /// Whether predictions have masks too.
    pub predicts: bool,
}

impl Dropout {
    /// With this probability of a 0, also in predictions.
    pub fn new(rate: f64) -> Self {
        Self { rate, predicts: true }
    }

    /// Without masks in predictions.
    pub fn only_in_fits(mut self) -> Self {
        self.predicts = false;
        self
    }
}

#[derive(Clone, Copy, Debug)]
struct Mask {
    rate: f64,
}
impl Formula<2> for Mask {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, u]: [R; 2]) -> R {
        if u < self.rate { x * 0.0 } else { x * (1.0 / (1.0 - self.rate)) }
    }
    fn name(&self) -> &'static str {
        "dropout"
    }
}

impl<T: Scalar> Layer<T> for Dropout {
    fn outputs(&self, inputs: usize) -> Result<usize> {
        if (0.0..1.0).contains(&self.rate) {
            Ok(inputs)
        } else {
            Err(Error::Network(format!("dropout needs a rate in [0, 1), not {}", self.rate)))
        }
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> probity_vi::Result<Var<'t, T>> {
        if self.rate == 0.0 || (s.predicts() && !self.predicts) {
            return Ok(x);
        }
        let mask = Mask { rate: self.rate };
        Ok(s.tape().map_noise(mask, [x.into(), Arg::Uniform(s.random(name))], (1, 1)))
    }

    fn is_random(&self) -> bool {
        self.predicts && self.rate > 0.0
    }
}
