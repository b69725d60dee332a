//! Priors of weights: a family and how wide it is.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Terms, Value, Var};
use probity_distributions::{
    Distribution, InverseGamma, KlMethod, Laplace, Normal, ParameterError, Sample, ScaleMixture, StudentT,
    Support,
};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// The prior of a matrix of weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// The family, at unit scale.
    pub family: PriorFamily,
    /// The scale.
    pub scale: PriorScale,
}

/// A family of priors, centred at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PriorFamily {
    /// Normal; the scale is the standard deviation.
    #[default]
    Normal,
    /// Laplace.
    Laplace,
    /// Student-t with these degrees of freedom.
    StudentT(f64),
    /// A wide and a narrow Normal. Source: Blundell et al. 2015, eq. 7.
    ScaleMixture {
        /// The weight of the wide component.
        mix: f64,
        /// The width of the narrow component, relative to the wide one.
        narrow: f64,
    },
}

/// How wide a prior is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PriorScale {
    /// This scale.
    Fixed(f64),
    /// This scale divided by the root of the number of inputs, so that wide layers are not wild.
    FanIn(f64),
    /// Fitted with the posterior, starting from this scale (empirical Bayes).
    Learned(f64),
    /// A scale for every input of the layer, fitted with the posterior (empirical Bayes), starting
    /// from this scale divided by the root of the number of inputs: the weights of an input that is
    /// not needed shrink together, so that it adds no noise. Source: MacKay 1994, Neal 1996,
    /// "automatic relevance determination".
    LearnedPerInput(f64),
    /// A scale for every output of the layer, fitted with the posterior (empirical Bayes), starting
    /// from this scale: for a bias one per unit, for a weight matrix one for all the weights into a
    /// unit.
    LearnedPerOutput(f64),
    /// An unknown scale with a posterior of its own, around this one: the prior of the inverse of
    /// the scale is half-Normal with scale 1 / this one, so that of the variance is inverse Gamma.
    /// It may become large, and not much smaller than a seventh. Source: Neal 1996, "Bayesian
    /// learning for neural networks", section 3.2.
    Hyper(f64),
    /// As `Hyper`, a scale for every input of the layer.
    HyperPerInput(f64),
    /// As `Hyper`, a scale for every output of the layer.
    HyperPerOutput(f64),
}

impl PriorScale {
    /// The centre of an unknown scale, and how many there are for weights of this shape.
    pub(crate) fn hyper(self, (inputs, outputs): (usize, usize)) -> Option<(f64, (usize, usize))> {
        match self {
            PriorScale::Hyper(centre) => Some((centre, (1, 1))),
            PriorScale::HyperPerInput(centre) => Some((centre, (inputs.max(1), 1))),
            PriorScale::HyperPerOutput(centre) => Some((centre, (1, outputs.max(1)))),
            _ => None,
        }
    }
}

impl Default for Prior {
    /// Standard Normal.
    fn default() -> Self {
        Self::normal(1.0)
    }
}

impl Prior {
    /// Normal with this standard deviation.
    pub fn normal(scale: f64) -> Self {
        Self { family: PriorFamily::Normal, scale: PriorScale::Fixed(scale) }
    }

    /// Normal with this standard deviation divided by the root of the number of inputs.
    pub fn fan_in(scale: f64) -> Self {
        Self { family: PriorFamily::Normal, scale: PriorScale::FanIn(scale) }
    }

    /// Normal with a fitted standard deviation that starts here.
    pub fn learned(start: f64) -> Self {
        Self { family: PriorFamily::Normal, scale: PriorScale::Learned(start) }
    }

    /// As a distribution in this run, for weights of this shape (inputs × outputs). A learned scale
    /// is a parameter site `name`, an unknown one a latent site that ends in `variance` instead of
    /// `scale`: 1 × 1, inputs × 1 or 1 × outputs.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn resolve<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        (inputs, outputs): (usize, usize),
    ) -> Result<WeightPrior<Var<'t, T>>> {
        let scale = match self.scale {
            PriorScale::Fixed(scale) => Var::from(scale),
            PriorScale::FanIn(scale) => Var::from(scale / (inputs.max(1) as f64).sqrt()),
            PriorScale::Learned(start) => {
                s.param(name, &DMatrix::from_element(1, 1, start), Support::Positive)?
            }
            PriorScale::LearnedPerInput(start) => {
                let inputs = inputs.max(1);
                let start = DMatrix::from_element(inputs, 1, start / (inputs as f64).sqrt());
                s.param(name, &start, Support::Positive)?
            }
            PriorScale::LearnedPerOutput(start) => {
                s.param(name, &DMatrix::from_element(1, outputs.max(1), start), Support::Positive)?
            }
            hyper => {
                let (centre, (rows, cols)) = hyper.hyper((inputs, outputs)).unwrap_or((1.0, (1, 1)));
                let prior = InverseGamma::new(0.5, 0.5 * centre * centre).shaped(rows, cols);
                let init =
                    || Init { loc: Start::Constant(2.0 * centre.ln()), scale: ScaleStart::Constant(0.05) };
                let name = name.strip_suffix("scale").map_or(name.into(), |n| format!("{n}variance"));
                s.sample_from(&name, prior, init)?.sqrt()
            }
        };
        Ok(match self.family {
            PriorFamily::Normal => WeightPrior::Normal(Normal::new(0.0, scale)),
            PriorFamily::Laplace => WeightPrior::Laplace(Laplace::new(0.0, scale)),
            PriorFamily::StudentT(df) => WeightPrior::StudentT(StudentT::new(df, 0.0, scale)),
            PriorFamily::ScaleMixture { mix, narrow } => {
                WeightPrior::ScaleMixture(ScaleMixture::new(mix, scale, scale * narrow))
            }
        })
    }
}

/// One of the families that priors of weights come from, as one type.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WeightPrior<V> {
    /// Normal.
    Normal(Normal<V>),
    /// Laplace.
    Laplace(Laplace<V>),
    /// Student-t.
    StudentT(StudentT<V>),
    /// Mixture of two Normals.
    ScaleMixture(ScaleMixture<V>),
}

/// Calls the same method of whichever family it is.
macro_rules! each {
    ($self:ident, $d:ident => $call:expr) => {
        match $self {
            WeightPrior::Normal($d) => $call,
            WeightPrior::Laplace($d) => $call,
            WeightPrior::StudentT($d) => $call,
            WeightPrior::ScaleMixture($d) => $call,
        }
    };
}

impl<V: Value> Distribution<V> for WeightPrior<V>
where
    StudentT<V>: Sample<V>,
{
    const NAME: &'static str = "weight prior";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        each!(self, d => d.shape())
    }
    fn check(&self) -> std::result::Result<(), ParameterError> {
        each!(self, d => d.check())
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        each!(self, d => d.log_prob_terms(x, terms))
    }
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        each!(self, d => d.kl_from_normal(loc, scale, terms))
    }
    #[inline]
    fn as_normal(&self) -> Option<(V, V)> {
        each!(self, d => d.as_normal())
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for WeightPrior<V>
where
    StudentT<V>: Sample<V>,
{
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        each!(self, d => d.sample_shaped(cx, key, least))
    }
}
