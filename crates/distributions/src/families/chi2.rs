//! Chi-squared distribution on the positive numbers.
//!
//! Elsewhere: torch cer, Pyro cer, NumPyro cqer, TFP cqer, PyMC.

use super::Gamma;
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::rand_draws;
use crate::support::Support;
use probity_autodiff::{Key, Terms, Value};

/// `p(x) = xᵈ⁻¹ e^(-x/2) / (2ᵈ Γ(d))` with `d = df / 2`, `x > 0`: the sum of `df` squared standard
/// normal numbers. It is `Gamma(df / 2, ½)`.
///
/// *Event*: entry. *Parameters*: `df > 0` (degrees of freedom; the mean).
#[derive(Clone, Copy, Debug)]
pub struct Chi2<V = f64> {
    /// Degrees of freedom.
    pub df: V,
}

impl<V: Value> Chi2<V> {
    /// With these degrees of freedom.
    pub fn new(df: impl Into<V>) -> Self {
        Self { df: df.into() }
    }

    /// The Gamma distribution that it is.
    pub fn to_gamma(&self) -> Gamma<V> {
        Gamma { concentration: self.df * 0.5, rate: V::from(0.5) }
    }
}

impl<V: Value> Distribution<V> for Chi2<V> {
    const NAME: &'static str = "Chi2";

    fn support(&self) -> Support<V> {
        Support::StrictlyPositive
    }
    fn shape(&self) -> (usize, usize) {
        self.df.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "df", self.df)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        self.to_gamma().log_prob_terms(x, terms)
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        self.to_gamma().log_prob_unconstrained(u, terms)
    }
    #[track_caller]
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        self.to_gamma().kl_from_unconstrained_normal(loc, scale, terms)
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Chi2<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        self.to_gamma().sample_shaped(cx, key, least)
    }
}
impl<V: Value> Reparameterized<V> for Chi2<V> {}
rand_draws!(Chi2, |d, rng| d.to_gamma().draw(rng));

impl<V: Value> Moments<V> for Chi2<V> {
    fn mean(&self) -> V {
        self.to_gamma().mean()
    }
    fn variance(&self) -> V {
        self.to_gamma().variance()
    }
}

impl<V: Value> Cdf<V> for Chi2<V> {
    fn cdf(&self, x: V) -> V {
        self.to_gamma().cdf(x)
    }
    fn sf(&self, x: V) -> V {
        self.to_gamma().sf(x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.to_gamma().log_cdf(x)
    }
    fn log_sf(&self, x: V) -> V {
        self.to_gamma().log_sf(x)
    }
    fn quantile(&self, p: V) -> V {
        self.to_gamma().quantile(p)
    }
}

impl<V: Value> Entropy<V> for Chi2<V> {
    fn entropy(&self) -> V {
        self.to_gamma().entropy()
    }
}

/// A divergence of a family that is a Gamma distribution.
macro_rules! as_gamma {
    ($q:ident, $p:ident, |$a:ident, $b:ident| $kl:expr) => {
        impl<V: Value> KlDivergence<$p<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                let ($a, $b) = (self, p);
                $kl.0.kl_terms(&$kl.1, terms)
            }
        }
    };
}
as_gamma!(Chi2, Chi2, |q, p| (q.to_gamma(), p.to_gamma()));
as_gamma!(Chi2, Gamma, |q, p| (q.to_gamma(), *p));
as_gamma!(Gamma, Chi2, |q, p| (*q, p.to_gamma()));

crate::family!(Chi2 { df } at [0.7], [2.0], [9.0], [300.0]);
