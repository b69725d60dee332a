//! The nets, and what they are fitted by.

use super::images::Images;
use super::options::Options;
use probity_autodiff::nalgebra::DMatrix;
use probity_nn::heads::CategoricalHead;
use probity_nn::posteriors::named;
use probity_nn::{
    Activation, Classification, ClassificationPrediction, Conv2d, Error, FittedClassification, FittedNetwork,
    Grid, Linear, Mlp, Network, Pool2d, Prior, PriorFamily, PriorScale, Result, Sequential, WeightInit,
};
use probity_vi::Fit;
use std::f64::consts::SQRT_2;
use std::time::Instant;

/// Draws of the weights to predict by, of a posterior that is a Gaussian; one of points.
const DRAWS: usize = 100;

/// Grey in units in which pixels have mean 0 and variance 1 together. Each by itself would have a
/// unit of its own: at the edge, where ink is rare, a very small one.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    mean: f64,
    sd: f64,
}

impl Unit {
    pub fn of(images: &Images) -> Self {
        let n = images.ink.len().max(1) as f64;
        let mean = images.ink.iter().sum::<f64>() / n;
        let variance = images.ink.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        Self { mean, sd: if variance > 0.0 { variance.sqrt() } else { 1.0 } }
    }

    pub fn inputs(self, images: &Images) -> DMatrix<f64> {
        images.ink.map(|x| (x - self.mean) / self.sd)
    }
}

/// A fitted net of either kind.
pub struct Fitted {
    net: Kind,
    unit: Unit,
    pub seconds: f64,
}

enum Kind {
    Linear(FittedClassification),
    Convolutional(FittedNetwork<Sequential, CategoricalHead>),
}

impl Fitted {
    pub fn predict(&self, images: &Images) -> Result<ClassificationPrediction> {
        let x = self.unit.inputs(images);
        let draws = |usual: usize, latent: usize| if latent == 0 { 1 } else { usual.min(DRAWS) };
        match &self.net {
            Kind::Linear(net) => net.predict(&x, draws(net.default_draws(), net.posterior().layout().dim())),
            Kind::Convolutional(net) => {
                let draws = draws(net.default_draws(), net.posterior().layout().dim());
                Ok(net.predict(&x, draws)?.to_classification()?)
            }
        }
    }
}

/// A net of linear layers. Pixels that say nothing, and units that are not needed, have weights
/// that shrink together by a scale of their own, as in [`Regression::default_for`]: with fixed
/// priors the mean field is too wide, and the labels of 2000 images do not outweigh that.
///
/// [`Regression::default_for`]: probity_nn::Regression::default_for
fn linear(options: &Options, pixels: usize) -> Mlp {
    let widths = [&[pixels], options.hidden.as_slice(), &[10]].concat();
    let mut net = Mlp::new(&widths, Activation::Relu);
    let last = net.layers.len() - 1;
    for (i, layer) in net.layers.iter_mut().enumerate() {
        let normal = |scale| Some(Prior { family: PriorFamily::Normal, scale });
        layer.weight_prior = normal(match i {
            _ if i == last => PriorScale::Learned((layer.inputs as f64).sqrt().recip()),
            _ => PriorScale::LearnedPerInput(SQRT_2),
        });
        layer.bias_prior = normal(PriorScale::Learned(1.0));
        if let WeightInit::FanIn { scale, .. } = &mut layer.init {
            *scale = 0.005;
        }
    }
    net
}

/// Two convolutions, each with pooling, and a linear layer; the signals keep their size a priori.
fn convolutional((height, width): (usize, usize), point: bool) -> Sequential {
    let bias = Prior::normal(1.0);
    let mut image = Grid { channels: 1, height, width };
    let mut net = Sequential::new();
    for (channels, kernel) in [(8, 5), (16, 3)] {
        let conv = Conv2d::new(image, channels, kernel).priors(Prior::fan_in(SQRT_2), bias);
        let pool = Pool2d::max(conv.output(), 2);
        if pool.output().is_empty() {
            break;
        }
        image = pool.output();
        net = net.then(if point { conv.point() } else { conv }).then(Activation::Relu).then(pool);
    }
    let last = Linear::new(image.len(), 10).priors(Prior::fan_in(1.0), bias);
    net.then(if point { last.point() } else { last })
}

/// The Bayesian net, or for comparison the same with point weights that nothing regularises, by the
/// same steps.
pub fn fit(images: &Images, options: &Options, point: bool) -> Result<Fitted> {
    let unit = Unit::of(images);
    let x = unit.inputs(images);
    let clock = Instant::now();
    let fit = steps(images.len(), options);
    let method = match options.method.filter(|_| !point) {
        Some(name) => {
            let found = named(name, options.seed);
            Some(found.ok_or_else(|| Error::Network(format!("no method {name}")))?)
        }
        None => None,
    };
    let net = if options.conv {
        let net = Network::new(convolutional(images.size, point), CategoricalHead::new(10));
        let net = net.without_standardizing();
        Kind::Convolutional(match method {
            Some(method) => net.infer(&x, &images.labels, method.as_ref())?,
            None => net.fit_with(&x, &images.labels, fit)?,
        })
    } else {
        let net = linear(options, x.ncols());
        let mut net = Classification::new(if point { net.point() } else { net }, 10);
        net.standardize = false;
        if point {
            net = net.without_residual();
        }
        Kind::Linear(match method {
            Some(method) => net.infer(&x, &images.labels, method.as_ref())?,
            None => net.fit(&x, &images.labels, fit)?,
        })
    };
    Ok(Fitted { net, unit, seconds: clock.elapsed().as_secs_f64() })
}

/// What the library has for so many rows. It tells nothing on the way of what is not asked for
/// here: the ELBO at the end, and a verdict.
fn steps(rows: usize, options: &Options) -> Fit<f32> {
    let fit = Classification::default_fit(rows).seed(options.seed).elbo_draws(0).checked(false);
    match options.steps {
        Some(steps) => fit.steps(steps),
        None => fit,
    }
}
