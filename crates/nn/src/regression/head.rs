//! The noise of a regression as the head of a network.

use crate::error::Result;
use crate::heads::{Head, Outcome, Parameters, Univariate};
use crate::noise::{Noise, RowNoise, Tails};
use crate::prediction::{Prediction, RegressionPrediction};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Var};
use probity_distributions::{Normal, StudentT};
use probity_vi::Scope;
use std::ops::Range;

/// Noise of any spread and shape around the first output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoiseHead {
    pub(super) noise: Noise,
    pub(super) tails: Tails,
}

/// The distribution of a row's target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoiseRow {
    Gaussian(Univariate<Normal>),
    StudentT(Univariate<StudentT>),
}

impl Outcome for NoiseRow {
    fn log_prob(&self, y: &[f64]) -> f64 {
        match self {
            Self::Gaussian(d) => d.log_prob(y),
            Self::StudentT(d) => d.log_prob(y),
        }
    }
    fn mean(&self, j: usize) -> f64 {
        match self {
            Self::Gaussian(d) => d.mean(j),
            Self::StudentT(d) => d.mean(j),
        }
    }
    fn variance(&self, j: usize) -> f64 {
        match self {
            Self::Gaussian(d) => d.variance(j),
            Self::StudentT(d) => d.variance(j),
        }
    }
    fn sample(&self, key: Key) -> Vec<f64> {
        match self {
            Self::Gaussian(d) => d.sample(key),
            Self::StudentT(d) => d.sample(key),
        }
    }
}

/// As a prediction with exact scores.
pub(super) fn predicted_noise(p: &Prediction<NoiseRow>) -> Result<RegressionPrediction> {
    let mean = p.functional(|row| row.mean(0));
    let predicted = RegressionPrediction::new(mean, p.functional(|row| row.variance(0).sqrt()))?;
    let df = |row: &NoiseRow| match row {
        NoiseRow::StudentT(d) => Some(d.0.df),
        NoiseRow::Gaussian(_) => None,
    };
    let first = if p.inputs() > 0 { p.at(0) } else { &[] };
    match first.iter().map(df).collect() {
        Some(degrees) if !first.is_empty() => Ok(predicted.student_t(degrees)?),
        _ => Ok(predicted),
    }
}

impl Head for NoiseHead {
    type Row = NoiseRow;

    fn outputs(&self) -> usize {
        self.noise.outputs()
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::of(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        units: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>> {
        let RowNoise { mean, scale, df } = RowNoise::new((self.noise, self.tails), s, outputs, units.sd[0])?;
        Ok(match df {
            None => Parameters::of([("mean", mean), ("sd", scale)]),
            Some(df) => Parameters::of([("mean", mean), ("scale", scale), ("df", df)]),
        })
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        let df = (self.tails == Tails::StudentT).then(|| p.get(2));
        RowNoise { mean: p.get(0), scale: p.get(1), df }.observe(s, y)
    }
    fn late_outputs(&self) -> Range<usize> {
        self.noise.late_outputs()
    }
    fn gaussian_noise(&self) -> Option<Noise> {
        (self.tails == Tails::Gaussian).then_some(self.noise)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> NoiseRow {
        let (mean, scale) = (units.mean[0] + units.sd[0] * p[0], units.sd[0] * p[1]);
        match self.tails {
            Tails::Gaussian => NoiseRow::Gaussian(Univariate(Normal::new(mean, scale))),
            Tails::StudentT => NoiseRow::StudentT(Univariate(StudentT::new(p[2], mean, scale))),
        }
    }
}
