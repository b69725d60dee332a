//! Defaults of regression and classification, chosen by measurement (`docs/bnn-defaults.md`).

use crate::activation::Activation;
use crate::classification::Classification;
use crate::layers::{Mlp, WeightInit};
use crate::noise::Noise;
use crate::prior::{Prior, PriorFamily, PriorScale};
use crate::regression::Regression;
use probity_vi::optim::{Adam, Schedule};
use probity_vi::{Estimator, Fit, Steps};

/// Rows up to which a step uses all of them; more are dealt in minibatches of this size.
const WHOLE: usize = 128;

impl Regression {
    /// With ReLU units in hidden layers of these widths, learned noise and the default priors.
    ///
    /// Every unit of the first layer has a learned prior scale for its weights and one for its bias
    /// ([`PriorScale::LearnedPerOutput`]), so that slopes and kinks fit the data. In a hidden layer
    /// there is one for all the weights that leave a unit ([`PriorScale::LearnedPerInput`]) and one
    /// for all biases: a mean-field posterior pays for every weight, and units that the data do not
    /// need would fill the fit with noise if their weights could not shrink. Weights of the output
    /// have fixed priors Normal(0, 0.5²): with learned ones, the units without use inside the data
    /// would be switched off outside them too, where they make the net uncertain.
    ///
    /// Biases of the first layer start spread over the middle of the standardised inputs.
    pub fn default_for(inputs: usize, hidden: &[usize]) -> Self {
        let widths: Vec<usize> = [inputs].iter().chain(hidden).chain(&[1]).copied().collect();
        let mut net = Mlp::new(&widths, Activation::Relu);
        let last = net.layers.len() - 1;
        for (i, layer) in net.layers.iter_mut().enumerate() {
            let root = (layer.inputs.max(1) as f64).sqrt();
            let (weight, bias, spread) = match i {
                0 => (PriorScale::LearnedPerOutput(0.3), PriorScale::LearnedPerOutput(3.0), 0.5 * root),
                _ if i == last => (PriorScale::Fixed(0.5), PriorScale::Fixed(10.0), 1.0),
                _ => (PriorScale::LearnedPerInput(1.0), PriorScale::Learned(10.0), 1.0),
            };
            let normal = |scale| Some(Prior { family: PriorFamily::Normal, scale });
            (layer.weight_prior, layer.bias_prior) = (normal(weight), normal(bias));
            if let WeightInit::FanIn { bias, scale, .. } = &mut layer.init {
                (*bias, *scale) = (spread, 0.005);
            }
        }
        Regression::new(net)
    }

    /// For [`sample`](Regression::sample): ReLU units in hidden layers of these widths, noise that
    /// depends on the inputs, and priors whose scales are unknown. Every input has a scale for its
    /// weights, every other matrix and every output one, and every vector of hidden biases one, so
    /// how wiggly the function is, which inputs matter, and whether the noise changes at all is
    /// inferred.
    ///
    /// *Source* of the priors: Neal 1996, "Bayesian learning for neural networks", chapters 3, 4.
    pub fn sampled_for(inputs: usize, hidden: &[usize]) -> Self {
        Regression::new(sampled_net(inputs, hidden, 2)).noise(Noise::InputDependent)
    }

    /// The fit that goes with [`default_for`](Regression::default_for), for a table of this many
    /// rows: 5000 steps with all rows up to 128 of them, else 10 000 steps with 128 rows each, at a
    /// lower rate because the gradient is noisier.
    ///
    /// Outputs of layers are drawn instead of weights; with one draw of the weights per step the
    /// noise in the gradient hides the data. The KL rises from 0 to its full weight over the first
    /// 30 % of the steps, so that units find a use before the prior prunes them. Standard
    /// deviations, which start small, move at twice the rate of means.
    pub fn default_fit(rows: usize) -> Fit<f32> {
        let whole = rows <= WHOLE;
        let fit = Fit::<f32>::default()
            .draws(1)
            .estimator(Estimator::LocalReparameterization)
            .optimizer(Adam::new(if whole { 0.03 } else { 0.02 }))
            .scale_rate(2.0);
        if whole { fit.steps(steps(5000)) } else { fit.steps(steps(10_000)).minibatch(WHOLE) }
    }

    /// A fit that continues where [`default_fit`](Regression::default_fit) ended, with other noise:
    /// half of its steps, at a quarter of the rate and without a warm-up. At higher rates noise
    /// that depends on the inputs loses the mean (`docs/bnn-defaults.md`).
    pub fn continued_fit(rows: usize) -> Fit<f32> {
        let (count, rate) = if rows <= WHOLE { (2500, 0.0075) } else { (5000, 0.005) };
        let fit = Self::default_fit(rows).optimizer(Adam::new(rate));
        fit.steps(steps(count).warm_up(0.0))
    }
}

/// So many steps, at a rate that falls in their second half, with a warm-up of the KL.
fn steps(count: usize) -> Steps {
    Steps::new(count).schedule(Schedule::HoldThenCosine { hold: 0.5, end: 0.01 }).warm_up(0.3)
}

/// ReLU units and priors with unknown scales.
fn sampled_net(inputs: usize, hidden: &[usize], outputs: usize) -> Mlp {
    let widths: Vec<usize> = [inputs].iter().chain(hidden).chain(&[outputs]).copied().collect();
    let mut net = Mlp::new(&widths, Activation::Relu);
    let last = net.layers.len() - 1;
    for (i, layer) in net.layers.iter_mut().enumerate() {
        let root = (layer.inputs.max(1) as f64).sqrt();
        let (weight, bias, spread) = match i {
            _ if i == last => (PriorScale::HyperPerOutput(1.0 / root), PriorScale::Fixed(1.0), 0.0),
            0 => (PriorScale::HyperPerInput(1.0), PriorScale::Hyper(1.0), root),
            _ => (PriorScale::Hyper(1.0 / root), PriorScale::Hyper(1.0), 0.5 * root),
        };
        let normal = |scale| Some(Prior { family: PriorFamily::Normal, scale });
        (layer.weight_prior, layer.bias_prior) = (normal(weight), normal(bias));
        if let WeightInit::FanIn { bias, .. } = &mut layer.init {
            *bias = spread;
        }
    }
    net
}

impl Classification {
    /// For [`sample`](Classification::sample): two hidden layers of 16 ReLU units and standard
    /// Normal priors (`docs/bnn.md` has what else was tried).
    pub fn sampled_for(inputs: usize, classes: usize) -> Self {
        let outputs = if classes == 2 { 1 } else { classes };
        Classification::new(Mlp::new(&[inputs, 16, 16, outputs], Activation::Relu), classes)
    }

    /// A fit for a table of this many rows, with a given number of steps: 2000, with all rows up to
    /// 128 of them, else with 128 rows each.
    ///
    /// It always ends: in one to two seconds for a net of two hidden layers of 50 units
    /// (`docs/bnn-defaults.md`). As in [`Regression::default_fit`], outputs of layers are drawn
    /// instead of weights, the KL rises from 0 to its full weight over the first 30 % of the steps,
    /// and standard deviations move at twice the rate of means.
    ///
    /// ```
    /// use probity_nn::{Activation, Classification, Mlp};
    /// use probity_autodiff::nalgebra::DMatrix;
    ///
    /// let x = DMatrix::from_fn(40, 1, |i, _| i as f64 / 10.0 - 2.0);
    /// let labels: Vec<usize> = x.iter().map(|x| usize::from(*x > 0.0)).collect();
    /// let fit = Classification::default_fit(40);
    /// let fitted = Classification::new(Mlp::new(&[1, 8, 1], Activation::Relu), 2).fit(&x, &labels, fit)?;
    /// assert!(fitted.predict(&x, 100)?.accuracy(&labels)?.rate() > 0.9);
    /// # Ok::<(), probity_nn::Error>(())
    /// ```
    pub fn default_fit(rows: usize) -> Fit<f32> {
        let fit = Fit::<f32>::default()
            .steps(steps(2000))
            .draws(1)
            .estimator(Estimator::LocalReparameterization)
            .optimizer(Adam::new(0.03))
            .scale_rate(2.0);
        if rows <= WHOLE { fit } else { fit.minibatch(WHOLE) }
    }
}
