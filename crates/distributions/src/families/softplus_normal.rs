//! Normal distribution whose standard deviation is the softplus of a free number.
//!
//! Elsewhere: none.

use super::normal::NormalLogProb;
use super::{HALF_LN_TAU, Normal, NormalNormalKl, common_shape, finite_or_nan, not_negative};
use crate::distribution::{Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::gaussian::{GaussianPosterior, GaussianPrior, larger};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::{normal, rand_draws};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, FormulaPair, Key, Real, Terms, Value, formula};

/// `N(loc, ln(1 + e^rho))`: the Gaussian approximation that Bayes by Backprop fits.
///
/// *Event*: entry. *Parameters*: `loc`, `rho` real.
///
/// Where the softplus underflows (`rho < -745`), draws are `loc` and the scale reads 0; the KL
/// divergence and the entropy go on with `ln softplus(rho) = rho`, finite and with the right slope.
///
/// *Source*: Blundell et al. 2015, *Weight Uncertainty in Neural Networks*, §3.2.
#[derive(Clone, Copy, Debug)]
pub struct SoftplusNormal<V = f64> {
    /// Mean.
    pub loc: V,
    /// The standard deviation before the softplus.
    pub rho: V,
}

impl<V: Value> SoftplusNormal<V> {
    /// With this mean and this standard deviation before the softplus.
    pub fn new(loc: impl Into<V>, rho: impl Into<V>) -> Self {
        Self { loc: loc.into(), rho: rho.into() }
    }

    /// The standard deviation.
    fn std(&self) -> V {
        V::apply(formula!(|rho| finite_or_nan(rho).softplus()), [self.rho])
    }

    /// The same distribution by its standard deviation.
    pub fn to_normal(self) -> Normal<V> {
        Normal { loc: self.loc, scale: self.std() }
    }
}

/// A scale above 0 and a number `below <= 0` with `ln softplus(rho) = ln scale + below`.
///
/// `below` is 0 unless the softplus is about to underflow, where it equals `e^rho`.
#[inline(always)]
fn scale_and_below<R: Real>(rho: R) -> (R, R) {
    let rho = finite_or_nan(rho);
    let single = R::is_single();
    let least = rho.max(R::of(if single { -80.0 } else { -700.0 }));
    (least.softplus(), rho - least)
}

#[derive(Clone, Copy, Debug)]
struct SoftplusNormalLogProb;
impl Formula<3> for SoftplusNormalLogProb {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, loc, rho]: [R; 3]) -> R {
        let (scale, below) = scale_and_below(rho);
        NormalLogProb.eval([x, loc, scale]) - below
    }
}

impl<V: Value> Distribution<V> for SoftplusNormal<V> {
    const NAME: &'static str = "SoftplusNormal";

    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.loc, self.rho])
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "loc", self.loc)?;
        finite(Self::NAME, "rho", self.rho)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, SoftplusNormalLogProb, [x, self.loc, self.rho])
    }
    #[track_caller]
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        self.to_normal().kl_from_normal(loc, scale, terms)
    }
    fn as_normal(&self) -> Option<(V, V)> {
        Some((self.loc, self.std()))
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for SoftplusNormal<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.loc), Draw::Value(self.rho), Draw::Normal(key)];
        V::draw(
            cx,
            formula!(|loc, rho, z| finite_or_nan(loc) + finite_or_nan(rho).softplus() * z),
            args,
            least,
        )
    }
}
impl<V: Value> Reparameterized<V> for SoftplusNormal<V> {}
rand_draws!(SoftplusNormal, |d, rng| finite_or_nan(d.loc) + d.std() * normal(rng));

impl<V: Value> Moments<V> for SoftplusNormal<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|loc, rho| finite_or_nan(loc) + finite_or_nan(rho) * 0.0), [self.loc, self.rho])
    }
    fn variance(&self) -> V {
        V::apply(
            formula!(|loc, rho| finite_or_nan(rho).softplus().sq() + finite_or_nan(loc) * 0.0),
            [self.loc, self.rho],
        )
    }
}

impl<V: Value> Entropy<V> for SoftplusNormal<V> {
    fn entropy(&self) -> V {
        let f = formula!(|loc, rho| {
            let (scale, below) = scale_and_below(rho);
            scale.ln() + below + finite_or_nan(loc) * 0.0 + (HALF_LN_TAU + 0.5)
        });
        V::apply(f, [self.loc, self.rho])
    }
}

#[derive(Clone, Copy, Debug)]
struct SoftplusNormalNormalKl;
impl Formula<4> for SoftplusNormalNormalKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, rho, prior_loc, prior_scale]: [R; 4]) -> R {
        let (scale, below) = scale_and_below(rho);
        not_negative(NormalNormalKl.eval([loc, scale, prior_loc, prior_scale]) - below)
    }
}

impl<V: Value> KlDivergence<Normal<V>> for SoftplusNormal<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Normal<V>, terms: Terms) -> V {
        V::apply_as(terms, SoftplusNormalNormalKl, [self.loc, self.rho, p.loc, p.scale])
    }
}

/// A draw and its KL divergence to `N(prior_loc, prior_scale)`, of
/// `loc, rho, prior_loc, prior_scale` and noise.
#[derive(Clone, Copy, Debug)]
struct SoftplusNormalSampleAndKl;
impl FormulaPair<5> for SoftplusNormalSampleAndKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, rho, prior_loc, prior_scale, z]: [R; 5]) -> (R, R) {
        (loc + rho.softplus() * z, SoftplusNormalNormalKl.eval([loc, rho, prior_loc, prior_scale]))
    }
}

impl<V: Value> GaussianPosterior<V> for SoftplusNormal<V> {
    fn loc(&self) -> V {
        self.loc
    }
    fn scale(&self) -> V {
        self.std()
    }
    #[track_caller]
    fn kl_to<P: Distribution<V>>(&self, p: &P, terms: Terms) -> Option<(V, KlMethod)> {
        match p.as_normal() {
            Some((loc, scale)) => Some((self.kl_terms(&Normal { loc, scale }, terms), KlMethod::Closed)),
            None => p.kl_from_normal(self.loc, self.std(), terms),
        }
    }
    #[track_caller]
    fn sample_and_kl(
        &self,
        cx: V::Context,
        key: Key,
        prior: &impl GaussianPrior<V>,
        least: (usize, usize),
    ) -> (V, V) {
        let [loc, rho, p_loc, p_scale] = [self.loc, self.rho, prior.loc(), prior.scale()].map(Draw::Value);
        let least = larger(least, prior.shape());
        V::draw_pair(cx, SoftplusNormalSampleAndKl, [loc, rho, p_loc, p_scale, Draw::Normal(key)], least)
    }
}

crate::family!(SoftplusNormal { loc, rho } at [0.3, -1.0], [-2.0, 1.5]);
