//! Gaussian weights: what a Normal prior and a diagonal Gaussian approximation offer beyond any
//! distribution.

use crate::distribution::{Distribution, Reparameterized};
use crate::families::{Normal, NormalNormalKl};
use crate::kl_method::KlMethod;
use crate::shaped::Shaped;
use probity_autodiff::{Draw, Formula, FormulaPair, Key, Real, Terms, Value};

/// A Normal prior on weights.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a Normal prior")]
pub trait GaussianPrior<V: Value>: Distribution<V> {
    /// The mean; it broadcasts.
    fn loc(&self) -> V;
    /// The standard deviation; it broadcasts.
    fn scale(&self) -> V;
}

impl<V: Value> GaussianPrior<V> for Normal<V> {
    fn loc(&self) -> V {
        self.loc
    }
    fn scale(&self) -> V {
        self.scale
    }
}

impl<V: Value, D: GaussianPrior<V>> GaussianPrior<V> for Shaped<D, V> {
    fn loc(&self) -> V {
        self.base().loc()
    }
    fn scale(&self) -> V {
        self.base().scale()
    }
}

/// A diagonal Gaussian approximation to the posterior of weights, with draws by reparameterisation.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a diagonal Gaussian approximation")]
pub trait GaussianPosterior<V: Value>: Reparameterized<V> {
    /// The mean; it broadcasts.
    fn loc(&self) -> V;
    /// The standard deviation; it broadcasts.
    fn scale(&self) -> V;

    /// A draw of at least the shape `least` and the prior's, and the sum over its entries of their
    /// KL divergence to the prior, in one pass over memory. The draw is that of
    /// [`sample_shaped`](crate::Sample::sample_shaped) with the same key.
    ///
    /// A parameter that stretches to several entries counts once for each: they are independent
    /// copies.
    ///
    /// # Panics
    /// If the parameters do not broadcast with the prior's.
    #[track_caller]
    fn sample_and_kl(
        &self,
        cx: V::Context,
        key: Key,
        prior: &impl GaussianPrior<V>,
        least: (usize, usize),
    ) -> (V, V);

    /// `KL(self ‖ p)` without sampling error, and how it was computed; none if `p` does not know
    /// it.
    ///
    /// # Panics
    /// If the parameters do not broadcast with the prior's.
    #[track_caller]
    fn kl_to<P: Distribution<V>>(&self, p: &P, terms: Terms) -> Option<(V, KlMethod)> {
        p.kl_from_normal(self.loc(), self.scale(), terms)
    }
}

/// A draw of `N(loc, scale)` and its KL divergence to `N(prior_loc, prior_scale)`, of
/// `loc, scale, prior_loc, prior_scale` and noise.
#[derive(Clone, Copy, Debug)]
struct NormalSampleAndKl;
impl FormulaPair<5> for NormalSampleAndKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, scale, prior_loc, prior_scale, z]: [R; 5]) -> (R, R) {
        (loc + scale * z, NormalNormalKl.eval([loc, scale, prior_loc, prior_scale]))
    }
}

impl<V: Value> GaussianPosterior<V> for Normal<V> {
    fn loc(&self) -> V {
        self.loc
    }
    fn scale(&self) -> V {
        self.scale
    }
    #[track_caller]
    fn sample_and_kl(
        &self,
        cx: V::Context,
        key: Key,
        prior: &impl GaussianPrior<V>,
        least: (usize, usize),
    ) -> (V, V) {
        let [loc, scale, p_loc, p_scale] =
            [self.loc, self.scale, prior.loc(), prior.scale()].map(Draw::Value);
        let least = larger(least, prior.shape());
        V::draw_pair(cx, NormalSampleAndKl, [loc, scale, p_loc, p_scale, Draw::Normal(key)], least)
    }
}

/// The larger number of rows and of columns.
pub(crate) fn larger(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0.max(b.0), a.1.max(b.1))
}
