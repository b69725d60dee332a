//! Defaults of a regression, chosen by measurement (`docs/bnn-defaults.md`).

use crate::activation::Activation;
use crate::layers::{Mlp, WeightInit};
use crate::prior::{Prior, PriorFamily, PriorScale};
use crate::regression::Regression;
use probity_vi::optim::{Adam, Schedule};
use probity_vi::{Estimator, Fit, KlWeight};

/// Rows up to which a step uses all of them; more are dealt in minibatches of this size.
const WHOLE: usize = 128;

impl Regression {
    /// With rectified units in hidden layers of these widths, learned noise and the default priors.
    ///
    /// Weights of the first layer have priors Normal(0, 0.5² / inputs), so that many inputs do not make a wild function. A hidden layer
    /// has one learned prior scale for its weights and one for its biases, and every unit that leads to the output has its own
    /// ([`PriorScale::LearnedPerInput`]): a mean-field posterior pays for every weight, and units that the data do not need would fill the
    /// fit with noise if their weights could not shrink. Biases of the first layer have priors Normal(0, 4²) and start spread over the
    /// standardised inputs: kinks may be where the data are, and beyond them, where they make the net uncertain.
    pub fn default_for(inputs: usize, hidden: &[usize]) -> Self {
        let widths: Vec<usize> = [inputs].iter().chain(hidden).chain(&[1]).copied().collect();
        let mut net = Mlp::new(&widths, Activation::Relu);
        let last = net.layers.len() - 1;
        for (i, layer) in net.layers.iter_mut().enumerate() {
            let root = (layer.inputs.max(1) as f64).sqrt();
            let (weight, bias, spread) = match i {
                0 => (PriorScale::FanIn(0.7), PriorScale::Fixed(4.0), root),
                // The scales start at 0.5, whatever the width.
                _ if i == last => (PriorScale::LearnedPerInput(0.5 * root), PriorScale::Fixed(3.0), 1.0),
                _ => (PriorScale::Learned(1.0 / root), PriorScale::Learned(10.0), 1.0),
            };
            let normal = |scale| Some(Prior { family: PriorFamily::Normal, scale });
            (layer.weight_prior, layer.bias_prior) = (normal(weight), normal(bias));
            if let WeightInit::FanIn { bias, scale, .. } = &mut layer.init {
                (*bias, *scale) = (spread, 0.005);
            }
        }
        Regression::new(net)
    }

    /// The fit that goes with [`default_for`](Regression::default_for), for a table of this many rows: 5000 steps with all rows up to
    /// 128 of them, else 10 000 steps with 128 rows each, at a lower rate because the gradient is noisier.
    ///
    /// Outputs of layers are drawn instead of weights; with one draw of the weights per step the noise in the gradient hides the data.
    /// The KL rises from 0 to its full weight over the first 30 % of the steps, so that units find a use before the prior prunes them.
    /// Standard deviations, which start small, move at twice the rate of means.
    pub fn default_fit(rows: usize) -> Fit<f32> {
        let whole = rows <= WHOLE;
        let fit = Fit::<f32>::default()
            .draws(1)
            .estimator(Estimator::LocalReparameterization)
            .optimizer(Adam::new(if whole { 0.05 } else { 0.02 }))
            .schedule(Schedule::HoldThenCosine { hold: 0.5, end: 0.01 })
            .kl_weight(KlWeight::WarmUp(0.3))
            .scale_rate(2.0);
        if whole { fit.steps(5000) } else { fit.steps(10_000).minibatch(WHOLE) }
    }
}
