//! `Transformed`: a distribution behind a bijector.

use crate::bijectors::{Bijector, larger, terms_of};
use crate::distribution::{Distribution, Event, Reparameterized, Sample, broadcasts};
use crate::error::ParameterError;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Key, Terms, Value, formula};

/// The distribution of `f(u)` with `u` from another distribution and `f` a bijector, of entries or
/// of rows (a normalising flow: [`bijectors`](crate::bijectors) has an example).
///
/// *Event*: that of the base or of the bijector, whichever is larger. The divergence of two of them
/// by the same bijector is that of their bases.
///
/// ```
/// use probity_distributions::{Distribution, Laplace, Support, Transformed, bijectors::Exp};
/// // The logarithm has a Laplace distribution.
/// let d = Transformed::new(Laplace::new(0.0, 1.0), Exp, Support::StrictlyPositive);
/// let want: f64 = Laplace::new(0.0, 1.0).log_prob(2f64.ln()) - 2f64.ln();
/// assert_eq!(d.log_prob(2.0), want);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Transformed<D, B, V: Value> {
    base: D,
    bijector: B,
    support: Support<V>,
}

impl<D, B, V: Value> Transformed<D, B, V> {
    /// Of this base by this bijector, whose values are the support.
    pub fn new(base: D, bijector: B, support: Support<V>) -> Self {
        Self { base, bijector, support }
    }

    /// The distribution of what is transformed.
    pub fn base(&self) -> &D {
        &self.base
    }

    /// The bijector.
    pub fn bijector(&self) -> &B {
        &self.bijector
    }
}

impl<V, D, B> Distribution<V> for Transformed<D, B, V>
where
    V: Value,
    D: Distribution<V>,
    B: Bijector<V> + std::fmt::Debug,
{
    const NAME: &'static str = "Transformed";

    fn support(&self) -> Support<V> {
        self.support
    }
    fn event(&self) -> Event {
        larger(self.base.event(), self.bijector.event())
    }
    fn shape(&self) -> (usize, usize) {
        self.base.shape()
    }
    fn fits(&self, value: (usize, usize)) -> bool {
        broadcasts(self.shape(), value, self.event())
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.base.check()
    }
    /// `-∞` where the bijector has no inverse.
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        let u = self.bijector.inverse(x);
        // There the density is taken somewhere else, so that it is NaN only by its parameters.
        let inside = formula!(|u, x| {
            let none = u.re().is_nan() && !x.re().is_nan();
            if none { R::zero() } else { u }
        });
        let at = V::apply(inside, [u, x]);
        let to = self.event();
        // An event has no inverse if one of its entries has none.
        let none = formula!(|u, x| R::of(f64::from(u8::from(u.re().is_nan() && !x.re().is_nan()))));
        let none = terms_of(V::apply(none, [u, x]), Event::Entry, to);
        let log_prob = terms_of(self.base.log_prob(at), self.base.event(), to);
        let log_det = terms_of(self.bijector.log_det(at, Terms::Each), self.bijector.event(), to);
        let f = formula!(|log_prob, log_det, none| {
            let inside = log_prob - log_det;
            if none > 0.0 {
                R::of((log_prob * 0.0).re() - f64::INFINITY)
            } else if log_prob == f64::NEG_INFINITY {
                // At an end the slope may be 0.
                R::of(f64::NEG_INFINITY)
            } else {
                inside
            }
        });
        V::apply_as(terms, f, [log_prob, log_det, none])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.bijector.forward(self.base.try_sample_shaped(cx, key, least)?))
    }
}

impl<V, D, B> Sample<V> for Transformed<D, B, V>
where
    V: Value,
    D: Sample<V>,
    B: Bijector<V> + std::fmt::Debug,
{
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        self.bijector.forward(self.base.sample_shaped(cx, key, least))
    }
}
impl<V, D, B> Reparameterized<V> for Transformed<D, B, V>
where
    V: Value,
    D: Reparameterized<V>,
    B: Bijector<V> + std::fmt::Debug,
{
}

/// That of the bases.
///
/// # Panics
/// If the bijectors differ.
impl<V, Q, P, B> KlDivergence<Transformed<P, B, V>> for Transformed<Q, B, V>
where
    V: Value,
    Q: KlDivergence<P, Value = V>,
    B: PartialEq + std::fmt::Debug,
{
    type Value = V;
    const METHOD: KlMethod = Q::METHOD;
    #[track_caller]
    fn kl_terms(&self, p: &Transformed<P, B, V>, terms: Terms) -> V {
        let (ours, theirs) = (&self.bijector, &p.bijector);
        assert!(ours == theirs, "Transformed: a divergence between {ours:?} and {theirs:?}");
        self.base.kl_terms(&p.base, terms)
    }
}
