//! A regression with its data, as a model.

use super::Regression;
use super::head::NoiseHead;
use crate::data::standardized;
use crate::error::Result;
use crate::layers::Mlp;
use crate::network::{Network, NetworkModel};
use crate::noise::RowNoise;
use crate::standardize::Standardizer;
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::{Model, Scope};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The units of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scales {
    /// Of the inputs.
    pub x: Standardizer,
    /// Of the target.
    pub y: Standardizer,
}

/// A regression with its data: a model for any inference method.
#[derive(Clone, Debug)]
pub struct RegressionModel<T: Scalar> {
    pub(super) spec: Regression,
    pub(super) scales: Scales,
    x: Arc<DMatrix<T>>,
    y: Arc<DMatrix<T>>,
}

impl<T: Scalar> RegressionModel<T> {
    pub(super) fn new(spec: Regression, scales: Scales, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Self> {
        let (x, y) = (standardized("input", x, &scales.x)?, standardized("target", y, &scales.y)?);
        Ok(Self { spec, scales, x, y })
    }

    /// The units of the data.
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// The same as a network with a head: the same coordinates and density.
    pub(crate) fn as_network(&self) -> NetworkModel<Mlp, NoiseHead, T> {
        let Self { spec, scales, x, y } = self;
        let head = NoiseHead { noise: spec.noise, tails: spec.tails };
        let mut network = Network::new(spec.net.clone(), head);
        if !spec.standardize {
            network = network.without_standardizing();
        }
        NetworkModel::of_parts(network, scales.clone(), x.clone(), y.clone())
    }

    /// The same regression at other inputs, to predict there.
    pub(super) fn at(&self, x: &DMatrix<f64>) -> Result<Self> {
        let target = DMatrix::from_element(x.nrows(), 1, self.scales.y.mean[0]);
        Self::new(self.spec.clone(), self.scales.clone(), x, &target)
    }
}

impl<T: Scalar> Model<T> for RegressionModel<T> {
    fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
        s.plate("data", self.x.nrows(), |s, batch| {
            let out = self.spec.net.forward(s, "net", batch.shared_rows(&self.x))?;
            let noise = (self.spec.noise, self.spec.tails);
            let noise = RowNoise::new(noise, s, out, self.scales.y.sd[0])?;
            s.deterministic("mean", noise.mean)?;
            s.deterministic("sd", noise.sd())?;
            if let Some(df) = noise.df {
                s.deterministic("df", df)?;
            }
            noise.observe(s, batch.shared_rows(&self.y))
        })
    }
}
