//! The parts: a layer, a prior of weights and a head. In your own crate this is one file.

use probity::autodiff::{Terms, Value};
use probity::distributions::ParameterError;
use probity::nn::heads::{Head, Parameters, Univariate};
use probity::nn::{Layer, LayerPrior, Standardizer, Weights};
use probity::prelude::*;

/// To one column of x the layer adds waves, `sin(2π x / period + phase)`, whose periods and phases
/// are unknown. n × 1 to n × (1 + waves). What is sampled is named like the weights of any layer,
/// so every inference method finds it.
#[derive(Clone, Debug)]
pub struct Waves {
    /// How many.
    pub waves: usize,
    /// About which period is expected, in the units of x.
    pub period: f64,
}

impl<T: Scalar> Layer<T> for Waves {
    fn outputs(&self, inputs: usize) -> probity::nn::Result<usize> {
        match inputs {
            1 => Ok(1 + self.waves),
            _ => Err(probity::nn::Error::Network(format!("waves run along one column, not {inputs}"))),
        }
    }

    fn forward<'t>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        x: Var<'t, T>,
    ) -> probity::vi::Result<Var<'t, T>> {
        s.within(name, |s| {
            let (mean, k) = (self.period.ln(), self.waves);
            let period = s.sample("period", LogNormal::new(mean, 0.3).shaped(1, k))?;
            let phase = s.sample("phase", Normal::new(0.0, 2.0).shaped(1, k))?;
            let wave = formula!(|x, period, phase| (x / period * std::f64::consts::TAU + phase).sin());
            Ok(Var::concat_cols(&[x, Var::map(wave, [x, period, phase])]))
        })
    }
}

/// The hyperbolic secant distribution, `p(w) = sech(π w / 2 s) / 2 s`: heavier tails than a Normal
/// of the same standard deviation `s`. That is all that a prior needs.
#[derive(Clone, Copy, Debug)]
pub struct HyperbolicSecant<V = f64> {
    /// The standard deviation.
    pub sd: V,
}

impl<V: Value> Distribution<V> for HyperbolicSecant<V> {
    const NAME: &'static str = "HyperbolicSecant";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        self.sd.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        Ok(())
    }
    fn log_prob_terms(&self, w: V, terms: Terms) -> V {
        let density = formula!(|w, sd| {
            let z = (w / sd).abs() * std::f64::consts::FRAC_PI_2;
            // ln sech z = ln 2 - z - ln(1 + e⁻²ᶻ)
            -z - (z * -2.0).exp().ln_1p() - sd.ln()
        });
        V::apply_as(terms, density, [w, self.sd])
    }
}

/// Weights with such a distribution, whose standard deviation is unknown too.
#[derive(Clone, Debug)]
pub struct SecantWeights;

impl LayerPrior for SecantWeights {
    type Family<'t, T: Scalar> = HyperbolicSecant<Var<'t, T>>;

    fn weights<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        _: (usize, usize),
    ) -> probity::vi::Result<Weights<Self::Family<'t, T>, Var<'t, T>>> {
        let sd = s.within(name, |s| s.sample("sd", HalfNormal::new(1.0)))?;
        Ok(HyperbolicSecant { sd }.into())
    }
}

/// Logistic noise around the output, with an unknown scale.
#[derive(Clone, Debug)]
pub struct LogisticNoise;

impl Head for LogisticNoise {
    type Row = Univariate<Logistic>;

    fn outputs(&self) -> usize {
        1
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::of(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> probity::vi::Result<Parameters<'t, T>> {
        let scale = s.sample("noise", HalfNormal::new(0.5))?;
        Ok(Parameters::of([("loc", outputs), ("scale", scale)]))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity::vi::Result {
        s.observe("y", Logistic::new(p.get(0), p.get(1)), y)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        Univariate(Logistic::new(units.mean[0] + units.sd[0] * p[0], units.sd[0] * p[1]))
    }
}
