//! Defaults of a regression, chosen by measurement (`docs/bnn-defaults.md`).

use crate::activation::Activation;
use crate::layers::{Mlp, WeightInit};
use crate::prior::{Prior, PriorFamily, PriorScale};
use crate::regression::Regression;
use probity_vi::optim::{Adam, Schedule};
use probity_vi::{Estimator, Fit, KlWeight};

impl Regression {
    /// With rectified units in hidden layers of these widths, learned noise and the default priors.
    ///
    /// The first layer's weights have priors Normal(0, 0.5² / inputs), so that many inputs do not make a wild function. The weights that
    /// leave a hidden unit have one learned prior scale ([`PriorScale::LearnedPerInput`]): a mean-field posterior pays for every weight,
    /// and units that the data do not need would fill the fit with noise if their weights could not shrink. Biases have standard Normal
    /// priors. Those of the first layer start spread over the standardised inputs, so that the kinks are where the data are.
    pub fn default_for(inputs: usize, hidden: &[usize]) -> Self {
        let widths: Vec<usize> = [inputs].iter().chain(hidden).chain(&[1]).copied().collect();
        let mut net = Mlp::new(&widths, Activation::Relu);
        let last = net.layers.len() - 1;
        for (i, layer) in net.layers.iter_mut().enumerate() {
            let root = (layer.inputs.max(1) as f64).sqrt();
            let (scale, bias) = match i {
                0 => (PriorScale::FanIn(0.5), 2.0 * root),
                // At the output the scales start at 1, elsewhere where they keep the size of signals.
                _ if i == last => (PriorScale::LearnedPerInput(root), 1.0),
                _ => (PriorScale::LearnedPerInput(1.0), 1.0),
            };
            layer.weight_prior = Some(Prior { family: PriorFamily::Normal, scale });
            if let WeightInit::FanIn { bias: most, .. } = &mut layer.init {
                *most = bias;
            }
        }
        Regression::new(net)
    }

    /// The fit that goes with [`default_for`](Regression::default_for), for a table of this many rows: 5000 steps with all rows up to
    /// 128 of them, else 10 000 steps with 128 rows each.
    ///
    /// Outputs of layers are drawn instead of weights; with one draw of the weights per step the noise in the gradient hides the data.
    /// The KL rises from 0 to its full weight over the first half, so that units find a use before the prior prunes them. Standard
    /// deviations, which start small, move at three times the rate of means.
    pub fn default_fit(rows: usize) -> Fit<f32> {
        let fit = Fit::<f32>::default()
            .draws(1)
            .estimator(Estimator::LocalReparameterization)
            .optimizer(Adam::new(0.01))
            .schedule(Schedule::HoldThenCosine { hold: 0.5, end: 0.01 })
            .kl_weight(KlWeight::WarmUp(0.5))
            .scale_rate(3.0);
        if rows <= 128 { fit.steps(5000) } else { fit.steps(10_000).minibatch(128) }
    }
}
