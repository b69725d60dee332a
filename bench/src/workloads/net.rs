//! A step of Bayes by Backprop: draw, closed-form KL, loss, gradient, Adam.

use super::{MANY, Outcome, key, normal, uniform};
use crate::meter::Meter;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_nn::{Activation, Classification, Mlp, Noise, Regression, WeightInit};
use probity_vi::optim::Adam;
use probity_vi::{Estimator, Fit};
use serde::Deserialize;

/// What the network is trained for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Mean squared error.
    Mse,
    /// Cross-entropy of as many classes as outputs.
    CrossEntropy,
}

/// Rectified units, standard Normal priors, `loss + 0.01 KL / rows`, one draw, in single precision.
#[derive(Clone, Debug, Deserialize)]
pub struct Net {
    /// From the inputs to the outputs.
    pub widths: Vec<usize>,
    /// Rows of the data.
    pub rows: usize,
    /// Rows of a step.
    pub batch: usize,
    /// Whether they come in a random order; or in that of the data, as on the other sides.
    #[serde(default)]
    pub shuffled: bool,
    /// What is minimised, besides the KL.
    pub loss: Loss,
    /// Of Adam.
    pub rate: f64,
    /// Whether outputs are drawn (local reparameterisation) instead of weights.
    pub local: bool,
}

/// The weight of KL / rows in the loss.
const KL: f64 = 0.01;

impl Net {
    fn mlp(&self) -> Mlp {
        Mlp::new(&self.widths, Activation::Relu).init(WeightInit::seed_recipe())
    }

    fn fit(&self) -> Fit<f32> {
        let estimator = if self.local { Estimator::LocalReparameterization } else { Estimator::WeightSpace };
        let fit = Fit::default().steps(MANY).draws(1).elbo_draws(0).estimator(estimator);
        let fit = fit.optimizer(Adam::new(self.rate));
        if self.batch < self.rows { fit.minibatch(self.batch).shuffle(self.shuffled) } else { fit }
    }

    pub(super) fn run(&self, meter: &mut Meter) -> Outcome {
        let (inputs, rows) = (self.widths[0], self.rows as f64);
        match self.loss {
            Loss::Mse => {
                let (x, y) = if inputs == 1 { sine(self.rows) } else { noise(self.rows, inputs) };
                // 2 σ² / rows (KL - log-likelihood) is MSE + 2 σ² KL / rows and a constant.
                let regression = Regression::new(self.mlp())
                    .noise(Noise::Fixed((KL / 2.0).sqrt()))
                    .without_standardizing();
                let fit = self.fit().loss_scale(KL / rows);
                regression.fit_observed(&x, &y, fit, &mut [meter])?;
            }
            Loss::CrossEntropy => {
                let classes = self.widths[self.widths.len() - 1];
                let x = uniform(self.rows, inputs, "x");
                let labels = uniform(self.rows, 1, "labels");
                let labels: Vec<usize> = labels.iter().map(|u| (u * classes as f64) as usize).collect();
                let net = Classification { net: self.mlp(), classes, standardize: false, residual: false };
                let fit = self.fit().loss_scale(1.0 / rows).tempered(KL);
                net.fit_observed(&x, &labels, fit, &mut [meter])?;
            }
        }
        Ok(())
    }
}

/// `rows` noisy points of a sine on [-3, 3].
pub(super) fn sine(rows: usize) -> (DMatrix<f64>, Vec<f64>) {
    let x = DMatrix::from_fn(rows, 1, |i, _| -3.0 + 6.0 * i as f64 / (rows - 1) as f64);
    let mut y = vec![0.0; rows];
    fill_normal(key("noise"), 0, &mut y);
    y.iter_mut().zip(x.iter()).for_each(|(y, x)| *y = x.sin() + 0.1 * *y);
    (x, y)
}

fn noise(rows: usize, columns: usize) -> (DMatrix<f64>, Vec<f64>) {
    (normal(rows, columns, "x"), normal(rows, 1, "y").as_slice().to_vec())
}
