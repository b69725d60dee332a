//! A mixture of Gaussians whose weights, means and widths depend on the inputs.

use super::{Head, Outcome, Parameters, Ranked};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{normal_at, uniform_at};
use probity_autodiff::{Key, Real, Scalar, Var, formula};
use probity_distributions::{Distribution, Mixture, Normal};
use probity_vi::diagnostics::log_sum_exp;
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};

/// A mixture of `components` Gaussians: for each an output for the logarithm of its weight, one for
/// its mean and one for its standard deviation, `softplus(a - 1) + 0.001` in the scale of the
/// targets. For targets that may be one of several things at the same input.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::MixtureDensityHead;
/// use probity_nn::{Activation, Mlp, Network};
/// use probity_vi::Fit;
/// let x = DMatrix::from_fn(40, 1, |i, _| i as f64);
/// let y: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
/// let net = Network::new(Mlp::new(&[1, 4, 6], Activation::Tanh), MixtureDensityHead::new(2));
/// let fitted = net.fit_with(&x, &y, Fit::default().steps(50))?;
/// let (low, high) = fitted.predict(&x, 20)?.interval(0.9)[0];
/// assert!(low < high);
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// *Source*: Bishop 1994, "Mixture density networks".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MixtureDensityHead {
    /// The number of Gaussians.
    pub components: usize,
}

impl MixtureDensityHead {
    /// Of so many Gaussians.
    ///
    /// # Panics
    /// Without any.
    #[track_caller]
    pub fn new(components: usize) -> Self {
        assert!(components > 0, "MixtureDensityHead: a mixture needs a component");
        Self { components }
    }
}

impl Head for MixtureDensityHead {
    type Row = NormalMixture;

    fn outputs(&self) -> usize {
        3 * self.components
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::of(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        _: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> Result<Parameters<'t, T>> {
        let k = self.components;
        let sds = Var::map(formula!(|a| (a - 1.0).softplus() + 1e-3), [outputs.cols(2 * k..3 * k)]);
        Ok(Parameters::of([("logits", outputs.cols(0..k)), ("means", outputs.cols(k..2 * k)), ("sds", sds)]))
    }
    fn observe<'t, T: Scalar>(&self, s: &mut Scope<'t, T>, p: &Parameters<'t, T>, y: Var<'t, T>) -> Result {
        s.observe("y", Mixture::new(p.get(0), Normal::new(p.get(1), p.get(2))), y)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        let k = self.components;
        let (mean, sd) = (units.mean[0], units.sd[0]);
        NormalMixture {
            weights: super::Probabilities::of_logits(&p[..k]).0,
            components: (0..k).map(|i| Normal::new(mean + sd * p[k + i], sd * p[2 * k + i])).collect(),
        }
    }
}

/// A mixture of Gaussians as plain numbers.
#[derive(Clone, Debug)]
pub struct NormalMixture {
    /// The weights, which sum to 1.
    pub weights: Vec<f64>,
    /// The Gaussians.
    pub components: Vec<Normal>,
}

impl NormalMixture {
    fn average(&self, f: impl Fn(&Normal) -> f64) -> f64 {
        self.weights.iter().zip(&self.components).map(|(w, c)| w * f(c)).sum()
    }
}

impl Outcome for NormalMixture {
    fn log_prob(&self, y: &[f64]) -> f64 {
        let Some(&y) = y.first() else { return f64::NAN };
        let terms = self.weights.iter().zip(&self.components).map(|(w, c)| w.ln() + c.log_prob(y));
        log_sum_exp(terms)
    }
    fn mean(&self, _: usize) -> f64 {
        self.average(|c| c.loc)
    }
    fn variance(&self, j: usize) -> f64 {
        let mean = self.mean(j);
        self.average(|c| c.scale * c.scale + (c.loc - mean) * (c.loc - mean))
    }
    fn sample(&self, key: Key) -> Vec<f64> {
        let mut left = uniform_at::<f64>(key, 0);
        let at = self.weights.iter().position(|w| {
            left -= w;
            left < 0.0
        });
        let c = &self.components[at.unwrap_or(self.components.len() - 1)];
        vec![c.loc + c.scale * normal_at::<f64>(key, 1)]
    }
}

impl Ranked for NormalMixture {
    fn cdf(&self, y: f64) -> f64 {
        self.average(|c| ((y - c.loc) / c.scale).ndtr())
    }
    fn sf(&self, y: f64) -> f64 {
        self.average(|c| ((c.loc - y) / c.scale).ndtr())
    }
    fn quantile(&self, p: f64) -> f64 {
        let at = |c: &Normal| c.loc + c.scale * p.ndtri();
        let low = self.components.iter().map(at).fold(f64::INFINITY, f64::min);
        let high = self.components.iter().map(at).fold(f64::NEG_INFINITY, f64::max);
        crate::prediction::bisect((low, high), |y| self.cdf(y) >= p)
    }
}
