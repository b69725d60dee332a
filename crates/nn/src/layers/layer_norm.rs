//! Layer normalisation.

use super::layer::{Layer, check_columns, takes};
use crate::prior::Prior;
use crate::priors::LayerPrior;
use probity_autodiff::{Axis, Scalar, Var, formula};
use probity_distributions::{Distribution, Support};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// Every row less its mean, over its standard deviation; then times a gain and plus a bias of every
/// column. Sites `gain` and `bias` (1 × columns).
///
/// Gain and bias are parameters, or with a prior latent variables (that of the gain is of its
/// difference from 1).
///
/// ```
/// use probity_nn::{Layer, LayerNorm, Prior};
/// let norm = LayerNorm::new(16).with_prior(Prior::normal(0.1));
/// assert_eq!(Layer::<f32>::outputs(&norm, 16)?, 16);
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// *Source*: Ba, Kiros, Hinton 2016, "Layer normalization".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm<P = Prior> {
    /// Columns.
    pub columns: usize,
    /// What is added to the variance.
    pub epsilon: f64,
    /// The prior of gain and bias; none for point estimates.
    pub prior: Option<P>,
}

impl LayerNorm {
    /// With point estimates of gain and bias.
    pub fn new(columns: usize) -> Self {
        Self { columns, epsilon: 1e-5, prior: None }
    }
}

impl<P> LayerNorm<P> {
    /// With this prior, of any type.
    pub fn with_prior<Q: LayerPrior>(self, prior: Q) -> LayerNorm<Q> {
        LayerNorm { columns: self.columns, epsilon: self.epsilon, prior: Some(prior) }
    }
}

impl<T: Scalar, P: LayerPrior> Layer<T> for LayerNorm<P> {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        takes("layer normalisation", self.columns, inputs).map(|()| inputs)
    }

    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        check_columns("layer normalisation", self.columns, x.ncols())?;
        s.within(name, |s| {
            let shape = (1, self.columns);
            let mut site = |name: &str, prior_name: &str| match &self.prior {
                None => s.param_from(name, shape, Start::Constant(0.0), Support::Real),
                Some(prior) => {
                    let init = || Init { loc: Start::Constant(0.0), scale: ScaleStart::Constant(0.02) };
                    let drawn = prior.weights(s, prior_name, shape)?;
                    let start = || prior.start(shape).unwrap_or_else(init);
                    let w = s.sample_from(name, drawn.family.shaped(1, self.columns), start)?;
                    Ok(drawn.factor.map_or(w, |factor| w * factor))
                }
            };
            let (gain, bias) = (site("gain", "gain_prior")?, site("bias", "bias_prior")?);
            let centred = x - x.mean_axis(Axis::Cols);
            let variance = centred.sq().mean_axis(Axis::Cols) + self.epsilon;
            let scaled = formula!(|c, v, gain, bias| c / v.sqrt() * (gain + 1.0) + bias);
            Ok(Var::map(scaled, [centred, variance, gain, bias]))
        })
    }
}
